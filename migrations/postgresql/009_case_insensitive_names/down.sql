DROP INDEX users_nickname_lower;
DROP INDEX users_email_lower;
