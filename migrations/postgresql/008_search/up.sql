-- Full text search over posts and people, by words without diacritics, as FTS5 finds them on SQLite. PostgreSQL's parser
-- would keep addresses and numbers with signs as one word: punctuation is replaced before.
CREATE FUNCTION search_text(text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT regexp_replace(
        regexp_replace(normalize(coalesce($1, ''), NFKD), '[\u0300-\u036F]', '', 'g'), '[!-/:-@\[-`{-~]+', ' ', 'g')
$$;

-- The posts or people that have all terms. Each term is a phrase, with a suffix: `:*` finds prefixes.
CREATE FUNCTION search_query(terms text[], suffix text) RETURNS tsquery LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT string_agg(format('(%s%s)', phrase, suffix), ' & ')::tsquery
    FROM (SELECT phraseto_tsquery('simple', search_text(term)) AS phrase FROM unnest(terms) AS term) AS phrases
    WHERE numnode(phrase) > 0
$$;

CREATE FUNCTION search_words(body text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT to_tsvector('simple', search_text(body))
$$;
CREATE FUNCTION search_words(nickname text, about_me text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT setweight(search_words(nickname), 'A') || setweight(search_words(about_me), 'B')
$$;
CREATE INDEX posts_search ON posts USING gin (search_words(body));
CREATE INDEX users_search ON users USING gin (search_words(nickname, about_me));
