-- Full text search (FTS5) over posts and people. The indexes hold no text of their own: triggers keep them in step with
-- the tables that they are made from, deletions by a foreign key included.
CREATE VIRTUAL TABLE posts_search USING fts5 (
    body, content = posts, content_rowid = id, tokenize = 'unicode61 remove_diacritics 2'
);
INSERT INTO posts_search (posts_search) VALUES ('rebuild');
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

CREATE VIRTUAL TABLE users_search USING fts5 (
    nickname, about_me, content = users, content_rowid = id, tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3'
);
INSERT INTO users_search (users_search) VALUES ('rebuild');
CREATE TRIGGER users_search_insert AFTER INSERT ON users BEGIN
    INSERT INTO users_search (rowid, nickname, about_me) VALUES (new.id, new.nickname, new.about_me);
END;
CREATE TRIGGER users_search_delete AFTER DELETE ON users BEGIN
    INSERT INTO users_search (users_search, rowid, nickname, about_me)
        VALUES ('delete', old.id, old.nickname, old.about_me);
END;
CREATE TRIGGER users_search_update AFTER UPDATE OF id, nickname, about_me ON users BEGIN
    INSERT INTO users_search (users_search, rowid, nickname, about_me)
        VALUES ('delete', old.id, old.nickname, old.about_me);
    INSERT INTO users_search (rowid, nickname, about_me) VALUES (new.id, new.nickname, new.about_me);
END;
