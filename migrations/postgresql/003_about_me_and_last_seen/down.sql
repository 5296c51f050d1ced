ALTER TABLE users DROP COLUMN about_me;
ALTER TABLE users DROP COLUMN last_seen;
