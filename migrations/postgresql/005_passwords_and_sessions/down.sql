ALTER TABLE users DROP COLUMN password_hash;
DROP TABLE sessions;
