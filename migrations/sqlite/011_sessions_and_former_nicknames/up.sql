-- Generated from the models.
SAVEPOINT migration;
CREATE TEMP TABLE _guard (done INTEGER CONSTRAINT "a statement of this file failed" CHECK (done));

CREATE TABLE former_nicknames (
    nickname VARCHAR(64) NOT NULL PRIMARY KEY,
    user_id INTEGER REFERENCES users (id) ON DELETE SET NULL,
    given_up TIMESTAMP NOT NULL
);
ALTER TABLE sessions ADD COLUMN last_used TIMESTAMP;
ALTER TABLE sessions ADD COLUMN client_ip VARCHAR(45);
CREATE INDEX former_nicknames_user_id_idx ON former_nicknames (user_id);

-- Undo everything where a statement failed.
INSERT OR ROLLBACK INTO temp._guard SELECT 0 WHERE (SELECT count(*) FROM sqlite_master WHERE type || ' ' || name IN ('index former_nicknames_user_id_idx', 'table former_nicknames')) <> 2
    OR (SELECT count(*) FROM pragma_table_info('sessions') WHERE name IN ('client_ip', 'last_used')) <> 2;
DROP TABLE temp._guard;
RELEASE migration;
