//! Full text search for posts and people, by the migration `search`: FTS5 on SQLite, `tsvector` on PostgreSQL.
//!
//! Both find words without their diacritics. A term that contains punctuation is a phrase.

use std::collections::HashMap;
use std::ops::Range;

use diesel::prelude::*;
use diesel::sql_types::{Array, Integer, Nullable, Text};
use diesel_autogen::Connection;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::{Post, User};
use crate::schema::{posts, users};

/// The maximum length of a query in characters; the rest is ignored.
pub const MAX_QUERY_LENGTH: usize = 200;

/// Only this number of newest matching posts is ranked, which bounds the cost of a search.
pub const RANKED_POSTS: usize = 200;

/// The database puts these characters around each match. Posts do not contain them; see [`marks`].
const OPEN: char = '\u{2}';
const CLOSE: char = '\u{3}';

/// The byte ranges of the matches in a text.
pub type Marks = Vec<Range<usize>>;

/// The terms of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchTerms(Vec<String>);

impl SearchTerms {
    /// The terms of a query as a user typed it. There are no operators.
    #[must_use]
    pub fn new(query: &str) -> Self {
        let query: String = query.chars().take(MAX_QUERY_LENGTH).collect();
        let terms = query.split(|char: char| char.is_whitespace() || char.is_control());
        Self(terms.filter(|term| term.chars().any(char::is_alphanumeric)).map(str::to_owned).collect())
    }

    /// Whether there are no terms.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The terms as strings of FTS5, each followed by `suffix`.
    fn quoted(&self, suffix: &str) -> String {
        let quoted = self.0.iter().map(|term| format!("\"{}\"{suffix}", term.replace('"', "\"\"")));
        quoted.collect::<Vec<_>>().join(" ")
    }
}

/// A post that matches, and the matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundPost {
    /// The post and its author.
    pub post: (Post, User),
    /// The matches in the text.
    pub marks: Marks,
}

/// A user who matches, and the matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundUser {
    /// The user.
    pub user: User,
    /// The matches in the nickname.
    pub in_nickname: Marks,
    /// The matches in the text about the user.
    pub in_about_me: Marks,
}

/// The posts that match all terms, of the newest [`RANKED_POSTS`]. A post ranks by the share of its text that matches;
/// among equal posts the newer is first. Skips the first `skip` posts and returns at most `limit`.
///
/// # Errors
///
/// When a query fails.
pub fn posts(
    terms: &SearchTerms,
    skip: usize,
    limit: usize,
    connection: &mut Connection,
) -> QueryResult<Vec<FoundPost>> {
    if terms.is_empty() {
        return Ok(Vec::new());
    }
    let mut hits = matching_posts(terms, connection)?;
    hits.sort_by(|one, other| other.weight().total_cmp(&one.weight()).then(other.id.cmp(&one.id)));
    let hits: Vec<PostHit> = hits.into_iter().skip(skip).take(limit).collect();
    let posts = posts::table
        .inner_join(users::table)
        .filter(posts::id.eq_any(hits.iter().map(|hit| hit.id)))
        .select((Post::as_select(), User::as_select()))
        .load::<(Post, User)>(connection)?;
    let mut posts: HashMap<i32, _> = posts.into_iter().map(|post| (post.0.id, post)).collect();
    let found = |hit: PostHit| {
        let post = posts.remove(&hit.id)?;
        let marks = marks(&hit.marked, &post.0.body);
        Some(FoundPost { post, marks })
    };
    Ok(hits.into_iter().filter_map(found).collect())
}

/// The people who match all terms as prefixes, the best match first. A match in the nickname has more weight than one in
/// the text about the user.
///
/// # Errors
///
/// When a query fails.
pub fn people(terms: &SearchTerms, limit: u8, connection: &mut Connection) -> QueryResult<Vec<FoundUser>> {
    if terms.is_empty() {
        return Ok(Vec::new());
    }
    let hits = matching_people(terms, limit, connection)?;
    let users = users::table
        .filter(users::id.eq_any(hits.iter().map(|hit| hit.id)))
        .select(User::as_select())
        .load::<User>(connection)?;
    let mut users: HashMap<i32, _> = users.into_iter().map(|user| (user.id, user)).collect();
    let found = |hit: UserHit| {
        let user = users.remove(&hit.id)?;
        let in_nickname = marks(&hit.nickname, &user.nickname);
        let about_me = user.about_me.as_deref().unwrap_or_default();
        let in_about_me = marks(hit.about_me.as_deref().unwrap_or_default(), about_me);
        Some(FoundUser { user, in_nickname, in_about_me })
    };
    Ok(hits.into_iter().filter_map(found).collect())
}

#[derive(QueryableByName)]
struct PostHit {
    #[diesel(sql_type = Integer)]
    id: i32,
    #[diesel(sql_type = Text)]
    marked: String,
}

impl PostHit {
    /// The share of the text that matches. The constant keeps short texts from always ranking first.
    fn weight(&self) -> f64 {
        let (mut inside, mut all, mut is_inside) = (0_u16, 20_u16, false);
        for char in self.marked.chars() {
            match char {
                OPEN => is_inside = true,
                CLOSE => is_inside = false,
                _ => {
                    all = all.saturating_add(1);
                    inside = inside.saturating_add(is_inside.into());
                }
            }
        }
        f64::from(inside) / f64::from(all)
    }
}

#[derive(QueryableByName)]
struct UserHit {
    #[diesel(sql_type = Integer)]
    id: i32,
    #[diesel(sql_type = Text)]
    nickname: String,
    #[diesel(sql_type = Nullable<Text>)]
    about_me: Option<String>,
}

/// The newest matching posts, not ranked yet. FTS5's own rank would read every match.
fn matching_posts(terms: &SearchTerms, connection: &mut Connection) -> QueryResult<Vec<PostHit>> {
    match connection {
        Connection::Sqlite(sqlite) => diesel::sql_query(format!(
            "SELECT CAST(rowid AS INTEGER) AS id, highlight(posts_search, 0, char(2), char(3)) AS marked \
             FROM posts_search WHERE posts_search MATCH ? ORDER BY rowid DESC LIMIT {RANKED_POSTS}"
        ))
        .bind::<Text, _>(terms.quoted(""))
        .load(sqlite),
        Connection::Postgres(postgres) => {
            let query = format!(
                "SELECT id, body AS marked FROM posts WHERE search_words(body) @@ search_query($1, '') \
                 ORDER BY id DESC LIMIT {RANKED_POSTS}"
            );
            let mut hits: Vec<PostHit> = diesel::sql_query(query).bind::<Array<Text>, _>(&terms.0).load(postgres)?;
            for hit in &mut hits {
                hit.marked = highlighted(&hit.marked, terms, false);
            }
            Ok(hits)
        }
    }
}

fn matching_people(terms: &SearchTerms, limit: u8, connection: &mut Connection) -> QueryResult<Vec<UserHit>> {
    match connection {
        Connection::Sqlite(sqlite) => diesel::sql_query(format!(
            "SELECT CAST(rowid AS INTEGER) AS id, highlight(users_search, 0, char(2), char(3)) AS nickname, \
             highlight(users_search, 1, char(2), char(3)) AS about_me \
             FROM users_search WHERE users_search MATCH ? ORDER BY bm25(users_search, 10.0, 1.0), rowid LIMIT {limit}"
        ))
        .bind::<Text, _>(terms.quoted(" *"))
        .load(sqlite),
        Connection::Postgres(postgres) => {
            // The weights of the classes D to A, of which the nickname is A and the text about the user is B. A short
            // nickname matches a larger share.
            let query = format!(
                "SELECT id, nickname, about_me FROM users, search_query($1, ':*') AS query \
                 WHERE search_words(nickname, about_me) @@ query \
                 ORDER BY ts_rank('{{0, 0, 0.1, 1}}', search_words(nickname, about_me), query) DESC, \
                 length(nickname), id LIMIT {limit}"
            );
            let mut hits: Vec<UserHit> = diesel::sql_query(query).bind::<Array<Text>, _>(&terms.0).load(postgres)?;
            for hit in &mut hits {
                hit.nickname = highlighted(&hit.nickname, terms, true);
                hit.about_me = hit.about_me.take().map(|text| highlighted(&text, terms, true));
            }
            Ok(hits)
        }
    }
}

/// The text with the matches marked, as FTS5's `highlight`. PostgreSQL's `ts_headline` knows no word without its
/// diacritics.
fn highlighted(text: &str, terms: &SearchTerms, as_prefix: bool) -> String {
    let words = words(text);
    let phrases: Vec<_> = terms.0.iter().map(|term| self::words(term)).filter(|phrase| !phrase.is_empty()).collect();
    let (mut marked, mut copied, mut at) = (String::with_capacity(text.len() + 8), 0, 0);
    while at < words.len() {
        let is_match = |phrase: &&Vec<Word>| {
            let (Some(found), Some((last, first))) = (words.get(at..at + phrase.len()), phrase.split_last()) else {
                return false;
            };
            let is_last = |word: &Word| {
                if as_prefix { word.folded.starts_with(&last.folded) } else { word.folded == last.folded }
            };
            found.last().is_some_and(is_last) && found.iter().zip(first).all(|(one, other)| one.folded == other.folded)
        };
        // The longest phrase that begins here.
        let Some(length) = phrases.iter().filter(is_match).map(Vec::len).max() else {
            at += 1;
            continue;
        };
        let (start, end) = (words[at].range.start, words[at + length - 1].range.end);
        marked.push_str(&text[copied..start]);
        marked.push(OPEN);
        marked.push_str(&text[start..end]);
        marked.push(CLOSE);
        (copied, at) = (end, at + length);
    }
    marked.push_str(&text[copied..]);
    marked
}

/// A word of a text, and the word as it is searched for: decomposed, without diacritics, in lower case.
struct Word {
    range: Range<usize>,
    folded: String,
}

fn words(text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut is_inside = false;
    for (at, char) in text.char_indices() {
        let is_mark = is_combining_mark(char);
        is_inside = char.is_alphanumeric() || is_inside && is_mark;
        if !is_inside {
            continue;
        }
        let end = at + char.len_utf8();
        let folded = char.nfkd().filter(|char| !is_combining_mark(*char)).flat_map(char::to_lowercase);
        match words.last_mut() {
            Some(word) if word.range.end == at => {
                word.range.end = end;
                word.folded.extend(folded);
            }
            _ => words.push(Word { range: at..end, folded: folded.collect() }),
        }
    }
    words
}

/// The byte ranges in the text that the database marked. Empty if the text itself contains the marker characters.
fn marks(marked: &str, text: &str) -> Marks {
    let (mut marks, mut plain, mut open) = (Marks::new(), String::with_capacity(text.len()), 0);
    for char in marked.chars() {
        match char {
            OPEN => open = plain.len(),
            CLOSE => marks.push(open..plain.len()),
            char => plain.push(char),
        }
    }
    if plain == text { marks } else { Marks::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_has_no_operators() {
        assert_eq!(SearchTerms::new("a OR \"b\" NEAR(c*").quoted(""), r#""a" "OR" """b""" "NEAR(c*""#);
        assert!(SearchTerms::new(" \0 \" * --").is_empty());
        assert_eq!(SearchTerms::new(&"x".repeat(10_000)).0, ["x".repeat(MAX_QUERY_LENGTH)]);
    }

    #[test]
    fn highlights_words_without_their_diacritics() {
        let marked = |text: &str, typed: &str, as_prefix| {
            highlighted(text, &SearchTerms::new(typed), as_prefix).replace(OPEN, "[").replace(CLOSE, "]")
        };
        assert_eq!(marked("Grüße, Gru\u{308}ße! x", "gruße", false), "[Grüße], [Gru\u{308}ße]! x");
        assert_eq!(marked("foo bar, foo-bar, foo", "foo-bar x", false), "[foo bar], [foo-bar], foo");
        assert_eq!(marked("susan sus asus", "sus", true), "[susan] [sus] asus");
        assert_eq!(marked("@susan_b", "susan", false), "@[susan]_b");
        assert_eq!(marked("日本語 text", "日本", true), "[日本語] text");
        assert_eq!(marked("", "a", true), "");
    }

    #[test]
    fn marks_are_ranges_of_the_text() {
        assert_eq!(marks("a \u{2}ü\u{3} \u{2}c\u{3}", "a ü c"), [2..4, 5..6]);
        assert_eq!(marks("a \u{2}b\u{3}", "a \u{2}b"), [], "the text contains a marker");
    }
}
