-- Generated from the models.
CREATE TABLE users (
    id INTEGER NOT NULL PRIMARY KEY,
    nickname VARCHAR(64) NOT NULL,
    email VARCHAR(120) NOT NULL
);
CREATE UNIQUE INDEX users_nickname_key ON users (nickname);
CREATE UNIQUE INDEX users_email_key ON users (email);
