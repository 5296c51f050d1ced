-- Generated from the models.
-- Rebuilds users, posts. With foreign keys on, a dropped table would take the rows with it that refer to it.
PRAGMA foreign_keys = OFF;
CREATE TEMP TABLE _keys (is_on INTEGER CONSTRAINT "foreign keys must be off while tables are rebuilt"
    CHECK (is_on = 0));
INSERT OR ROLLBACK INTO temp._keys SELECT foreign_keys FROM pragma_foreign_keys;
PRAGMA foreign_keys = OFF;
DROP TABLE IF EXISTS temp._keys;
SAVEPOINT rebuild;
PRAGMA legacy_alter_table = ON;
CREATE TABLE temp._guard (name TEXT, rows_before INTEGER, rows_after INTEGER,
    tables INTEGER CONSTRAINT "a rebuilt table would lose rows" CHECK (tables = 0));

INSERT INTO temp._guard (name, rows_before) SELECT 'users', count(*) FROM users;
CREATE TABLE _new_users (
    id INTEGER NOT NULL PRIMARY KEY,
    nickname VARCHAR(64) NOT NULL,
    email VARCHAR(120) NOT NULL
, about_me VARCHAR(1400), last_seen TIMESTAMP, password_hash VARCHAR(255));
INSERT INTO _new_users (id, nickname, email, about_me, last_seen, password_hash)
    SELECT id, nickname, email, about_me, last_seen, password_hash
    FROM users;
DROP TABLE users;
ALTER TABLE _new_users RENAME TO users;
CREATE UNIQUE INDEX users_nickname_key ON users (nickname);
CREATE UNIQUE INDEX users_email_key ON users (email);
INSERT INTO temp._guard (name, rows_before) SELECT 'posts', count(*) FROM posts;
CREATE TABLE _new_posts (
    id INTEGER NOT NULL PRIMARY KEY,
    body VARCHAR(1400) NOT NULL,
    timestamp TIMESTAMP NOT NULL,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE
);
INSERT INTO _new_posts (id, body, timestamp, user_id)
    SELECT id, body, timestamp, user_id
    FROM posts;
DROP TABLE posts;
ALTER TABLE _new_posts RENAME TO posts;
CREATE INDEX posts_timestamp_idx ON posts (timestamp);
CREATE INDEX posts_user_id_timestamp_idx ON posts (user_id, timestamp);

UPDATE temp._guard SET rows_after = (SELECT count(*) FROM users) WHERE name = 'users';
UPDATE temp._guard SET rows_after = (SELECT count(*) FROM posts) WHERE name = 'posts';
INSERT OR ROLLBACK INTO temp._guard (tables)
    SELECT count(*) FROM temp._guard WHERE rows_before IS NOT rows_after;
DROP TABLE temp._guard;
PRAGMA legacy_alter_table = OFF;
RELEASE rebuild;
PRAGMA foreign_keys = ON;
