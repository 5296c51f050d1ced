DROP INDEX users_search;
DROP INDEX posts_search;
DROP FUNCTION search_words(text, text);
DROP FUNCTION search_words(text);
DROP FUNCTION search_query(text[], text);
DROP FUNCTION search_text(text);
