-- Generated from the models.
CREATE TABLE former_nicknames (
    nickname VARCHAR(64) PRIMARY KEY,
    user_id INTEGER REFERENCES users (id) ON DELETE SET NULL,
    given_up TIMESTAMP NOT NULL
);
ALTER TABLE sessions ADD COLUMN last_used TIMESTAMP;
ALTER TABLE sessions ADD COLUMN client_ip VARCHAR(45);
CREATE INDEX former_nicknames_user_id_idx ON former_nicknames (user_id);
