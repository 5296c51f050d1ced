-- Generated from the models.
ALTER TABLE users ADD COLUMN about_me VARCHAR(140);
ALTER TABLE users ADD COLUMN last_seen TIMESTAMP;
