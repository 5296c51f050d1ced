-- Generated from the models.
DROP INDEX posts_user_id_idx;
CREATE TABLE post_tags (
    tag VARCHAR(140) NOT NULL,
    post_id INTEGER NOT NULL,
    PRIMARY KEY (tag, post_id)
);
CREATE INDEX post_tags_post_id_idx ON post_tags (post_id);
CREATE INDEX posts_user_id_timestamp_idx ON posts (user_id, "timestamp");
ALTER TABLE post_tags ADD FOREIGN KEY (post_id) REFERENCES posts (id) ON DELETE CASCADE;
