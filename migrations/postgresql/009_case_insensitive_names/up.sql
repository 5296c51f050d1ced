-- Nicknames and e-mail addresses that differ by capitals only are one. Where two people have one already this is
-- refused, and nothing changes: give one of them another name first.
CREATE UNIQUE INDEX users_nickname_lower ON users (lower(nickname));
CREATE UNIQUE INDEX users_email_lower ON users (lower(email));
