-- Generated from the models.
ALTER TABLE users ALTER COLUMN about_me TYPE VARCHAR(1400);
ALTER TABLE posts ALTER COLUMN body TYPE VARCHAR(1400);
