SAVEPOINT migration;
CREATE TEMP TABLE _guard (done INTEGER CONSTRAINT "a statement of this file failed" CHECK (done));

ALTER TABLE sessions DROP COLUMN last_used;
ALTER TABLE sessions DROP COLUMN client_ip;
DROP TABLE former_nicknames;

-- Undo everything where a statement failed.
INSERT OR ROLLBACK INTO temp._guard SELECT 0 WHERE EXISTS (SELECT 1 FROM sqlite_master WHERE type || ' ' || name IN ('table former_nicknames'))
    OR EXISTS (SELECT 1 FROM pragma_table_info('sessions') WHERE name IN ('client_ip', 'last_used'));
DROP TABLE temp._guard;
RELEASE migration;
