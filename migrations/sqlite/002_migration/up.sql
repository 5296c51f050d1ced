-- Generated from the models.
CREATE TABLE posts (
    id INTEGER NOT NULL PRIMARY KEY,
    body VARCHAR(140) NOT NULL,
    timestamp TIMESTAMP NOT NULL,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE
);
CREATE INDEX posts_timestamp_idx ON posts (timestamp);
CREATE INDEX posts_user_id_idx ON posts (user_id);
