ALTER TABLE sessions DROP COLUMN last_used;
ALTER TABLE sessions DROP COLUMN client_ip;
DROP TABLE former_nicknames;
