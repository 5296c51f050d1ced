-- The id of a deleted post is not given to another post: links and feeds would lead to the wrong one. The tables in Rust
-- cannot declare AUTOINCREMENT; this was written by `cargo run -p diesel-autogen --example diff`.
-- Rebuilds posts. With foreign keys on, a dropped table would take the rows with it that refer to it.
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

INSERT INTO temp._guard (name, rows_before) SELECT 'posts', count(*) FROM posts;
CREATE TABLE _new_posts (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
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
CREATE TRIGGER posts_search_insert AFTER INSERT ON posts BEGIN
    INSERT INTO posts_search (rowid, body) VALUES (new.id, new.body);
END;
CREATE TRIGGER posts_search_delete AFTER DELETE ON posts BEGIN
    INSERT INTO posts_search (posts_search, rowid, body) VALUES ('delete', old.id, old.body);
END;
CREATE TRIGGER posts_search_update AFTER UPDATE OF id, body ON posts BEGIN
    INSERT INTO posts_search (posts_search, rowid, body) VALUES ('delete', old.id, old.body);
    INSERT INTO posts_search (rowid, body) VALUES (new.id, new.body);
END;

UPDATE temp._guard SET rows_after = (SELECT count(*) FROM posts) WHERE name = 'posts';
INSERT OR ROLLBACK INTO temp._guard (tables)
    SELECT count(*) FROM temp._guard WHERE rows_before IS NOT rows_after;
DROP TABLE temp._guard;
PRAGMA legacy_alter_table = OFF;
RELEASE rebuild;
PRAGMA foreign_keys = ON;
