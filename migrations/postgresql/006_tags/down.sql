DROP INDEX posts_user_id_timestamp_idx;
DROP TABLE post_tags;
CREATE INDEX posts_user_id_idx ON posts (user_id);
