//! Full text search for posts and people, by the migration `search`: FTS5 on SQLite, `tsvector` on PostgreSQL.
//!
//! Both find words without their diacritics. A term that contains punctuation is a phrase.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use diesel::Connection as _;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::{Array, Integer, Text};
use diesel_autogen::Connection;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::user::lower;
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

/// Only this number of words of a query is searched for. Each costs time, also where no row has all of them.
pub const MAX_WORDS: usize = 8;

/// Only this number of the newest matching people is ranked.
const RANKED_PEOPLE: usize = 200;

/// The terms of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchTerms(Vec<String>);

impl SearchTerms {
    /// The terms of a query as a user typed it, each once, with at most [`MAX_WORDS`] words. There are no operators.
    #[must_use]
    pub fn new(query: &str) -> Self {
        let query: String = query.chars().take(MAX_QUERY_LENGTH).collect();
        let (mut terms, mut known, mut count) = (Vec::new(), HashSet::new(), 0);
        for term in query.split(|char: char| char.is_whitespace() || char.is_control()) {
            let words = words(term);
            let folded: Vec<String> = words.iter().map(|word| word.folded.clone()).collect();
            if words.is_empty() || count == MAX_WORDS || !known.insert(folded) {
                continue;
            }
            // A phrase of many words is cut.
            let end = words.get(MAX_WORDS - count).map_or(term.len(), |word| word.range.start);
            count = MAX_WORDS.min(count + words.len());
            terms.push(term[..end].to_owned());
        }
        Self(terms)
    }

    /// Whether there are no terms.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a term is in a script without spaces between words, of which only the start of a run of characters is found.
    #[must_use]
    pub fn has_unspaced_script(&self) -> bool {
        self.0.iter().any(|term| term.chars().any(is_unspaced))
    }

    /// The terms, and whether each is found as a prefix too.
    fn with_prefixes(&self, is_wanted: bool) -> impl Iterator<Item = (&String, bool)> {
        // Every second row has a word that begins with a given letter: no index bounds such a search.
        let is_long = |term: &str| words(term).last().is_some_and(|word| word.folded.len() > 1);
        self.0.iter().map(move |term| (term, is_long(term) && (is_wanted || term.chars().any(is_unspaced))))
    }

    /// The terms as an expression of FTS5.
    fn fts5(&self, as_prefixes: bool) -> String {
        let quoted = self
            .with_prefixes(as_prefixes)
            .map(|(term, is_prefix)| format!("\"{}\"{}", term.replace('"', "\"\""), if is_prefix { " *" } else { "" }));
        quoted.collect::<Vec<_>>().join(" ")
    }

    /// The terms that are words, and those that are prefixes: the parameters of PostgreSQL's [`QUERY`].
    fn split(&self, as_prefixes: bool) -> (Vec<String>, Vec<String>) {
        let (prefixes, words): (Vec<_>, Vec<_>) =
            self.with_prefixes(as_prefixes).partition(|(_, is_prefix)| *is_prefix);
        let terms = |terms: Vec<(&String, bool)>| terms.into_iter().map(|(term, _)| term.clone()).collect();
        (terms(words), terms(prefixes))
    }
}

/// A query of PostgreSQL for all words of `$1` and all prefixes of `$2`.
const QUERY: &str =
    "coalesce(search_query($1, '') && search_query($2, ':*'), search_query($1, ''), search_query($2, ':*'))";

/// Whether the character is of a script without spaces between words: Thai, Lao, Khmer, Burmese, Japanese, Chinese.
fn is_unspaced(char: char) -> bool {
    matches!(char, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// Runs a search, which PostgreSQL ends after three seconds. On SQLite the numbers of words and of rows bound it.
///
/// # Errors
///
/// The error of `work`; when the time is over.
pub fn bounded<T, E: From<DieselError>>(
    connection: &mut Connection,
    work: impl FnOnce(&mut Connection) -> Result<T, E>,
) -> Result<T, E> {
    if let Connection::Sqlite(_) = connection {
        return work(connection);
    }
    connection.transaction(|connection| {
        connection.batch_execute("SET LOCAL statement_timeout = '3s'")?;
        work(connection)
    })
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
    hits.sort_by(|one, other| share(&other.marked).total_cmp(&share(&one.marked)).then(other.id.cmp(&one.id)));
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

/// The people who match all terms as prefixes, the best match first: of the newest 200, and who has the
/// nickname. A match in the nickname has more weight than one in the text about the user, and a match of more of the text.
///
/// # Errors
///
/// When a query fails.
pub fn people(terms: &SearchTerms, limit: u8, connection: &mut Connection) -> QueryResult<Vec<FoundUser>> {
    if terms.is_empty() {
        return Ok(Vec::new());
    }
    let hits = matching_people(terms, connection)?;
    let nickname = terms.0.first().filter(|_| terms.0.len() == 1).map_or("", String::as_str);
    let is_named = lower(users::nickname).eq(lower(nickname));
    let users: Vec<User> = users::table
        .filter(users::id.eq_any(hits.iter().map(|hit| hit.id)).or(is_named))
        .select(User::as_select())
        .load(connection)?;
    // How much of a text was typed, if it matches at all. A prefix is less of a long word than of a short one.
    let typed = f64::from(terms.0.iter().map(|term| length(term)).sum::<u16>());
    let typed_share = |marks: &Marks, text: &str| {
        if marks.is_empty() { 0.0 } else { typed / f64::from(length(text).saturating_add(20)) }
    };
    let found = |user: User| {
        let nickname = highlighted(&user.nickname, terms, true);
        let about_me = highlighted(user.about_me.as_deref().unwrap_or_default(), terms, true);
        let in_nickname = marks(&nickname, &user.nickname);
        let in_about_me = marks(&about_me, user.about_me.as_deref().unwrap_or_default());
        let weight = 10.0 * typed_share(&in_nickname, &nickname) + typed_share(&in_about_me, &about_me);
        (weight, FoundUser { user, in_nickname, in_about_me })
    };
    let mut found: Vec<_> = users.into_iter().map(found).collect();
    found.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.user.id.cmp(&other.1.user.id)));
    Ok(found.into_iter().take(limit.into()).map(|(_, found)| found).collect())
}

#[derive(QueryableByName)]
struct PostHit {
    #[diesel(sql_type = Integer)]
    id: i32,
    #[diesel(sql_type = Text)]
    marked: String,
}

/// The share of a marked text that matches. The constant keeps short texts from always ranking first.
fn share(marked: &str) -> f64 {
    let (mut inside, mut all, mut is_inside) = (0_u16, 20_u16, false);
    for char in marked.chars() {
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

fn length(text: &str) -> u16 {
    u16::try_from(text.chars().count()).unwrap_or(u16::MAX)
}

#[derive(QueryableByName)]
struct UserHit {
    #[diesel(sql_type = Integer)]
    id: i32,
}

/// The newest matching posts, not ranked yet. FTS5's own rank would read every match.
fn matching_posts(terms: &SearchTerms, connection: &mut Connection) -> QueryResult<Vec<PostHit>> {
    match connection {
        Connection::Sqlite(sqlite) => diesel::sql_query(format!(
            "SELECT CAST(rowid AS INTEGER) AS id, highlight(posts_search, 0, char(2), char(3)) AS marked \
             FROM posts_search WHERE posts_search MATCH ? ORDER BY rowid DESC LIMIT {RANKED_POSTS}"
        ))
        .bind::<Text, _>(terms.fts5(false))
        .load(sqlite),
        Connection::Postgres(postgres) => {
            let query = format!(
                "SELECT id, body AS marked FROM posts WHERE search_words(body) @@ {QUERY} \
                 ORDER BY id DESC LIMIT {RANKED_POSTS}"
            );
            let (words, prefixes) = terms.split(false);
            let query = diesel::sql_query(query).bind::<Array<Text>, _>(words).bind::<Array<Text>, _>(prefixes);
            let mut hits: Vec<PostHit> = query.load(postgres)?;
            for hit in &mut hits {
                hit.marked = highlighted(&hit.marked, terms, false);
            }
            Ok(hits)
        }
    }
}

/// The newest matching people, not ranked yet.
fn matching_people(terms: &SearchTerms, connection: &mut Connection) -> QueryResult<Vec<UserHit>> {
    match connection {
        Connection::Sqlite(sqlite) => diesel::sql_query(format!(
            "SELECT CAST(rowid AS INTEGER) AS id FROM users_search WHERE users_search MATCH ? \
             ORDER BY rowid DESC LIMIT {RANKED_PEOPLE}"
        ))
        .bind::<Text, _>(terms.fts5(true))
        .load(sqlite),
        Connection::Postgres(postgres) => {
            let query = format!(
                "SELECT id FROM users WHERE search_words(nickname, about_me) @@ {QUERY} \
                 ORDER BY id DESC LIMIT {RANKED_PEOPLE}"
            );
            let (words, prefixes) = terms.split(true);
            diesel::sql_query(query).bind::<Array<Text>, _>(words).bind::<Array<Text>, _>(prefixes).load(postgres)
        }
    }
}

/// The text with the matches marked, as FTS5's `highlight`. PostgreSQL's `ts_headline` knows no word without its
/// diacritics.
fn highlighted(text: &str, terms: &SearchTerms, as_prefix: bool) -> String {
    let words = words(text);
    let phrases: Vec<_> =
        terms.with_prefixes(as_prefix).map(|(term, is_prefix)| (self::words(term), is_prefix)).collect();
    let (mut marked, mut copied, mut at) = (String::with_capacity(text.len() + 8), 0, 0);
    while at < words.len() {
        let is_match = |(phrase, is_prefix): &&(Vec<Word>, bool)| {
            let (Some(found), Some((last, first))) = (words.get(at..at + phrase.len()), phrase.split_last()) else {
                return false;
            };
            let is_last = |word: &Word| {
                if *is_prefix { word.folded.starts_with(&last.folded) } else { word.folded == last.folded }
            };
            found.last().is_some_and(is_last) && found.iter().zip(first).all(|(one, other)| one.folded == other.folded)
        };
        // The longest phrase that begins here.
        let Some(length) = phrases.iter().filter(is_match).map(|(phrase, _)| phrase.len()).max() else {
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
        assert_eq!(SearchTerms::new("a OR \"b\" NEAR(c*").fts5(false), r#""a" "OR" """b""" "NEAR(c*""#);
        assert!(SearchTerms::new(" \0 \" * --").is_empty());
        assert_eq!(SearchTerms::new(&"x".repeat(10_000)).0, ["x".repeat(MAX_QUERY_LENGTH)]);
    }

    #[test]
    fn a_query_has_few_words_each_once() {
        assert_eq!(SearchTerms::new(&"m ".repeat(100)).0, ["m"]);
        assert_eq!(SearchTerms::new("Café cafe\u{301} CAFE x").0, ["Café", "x"]);
        assert_eq!(SearchTerms::new("1 2 3 4 5 6 7 8 9 10").0.len(), MAX_WORDS);
        assert_eq!(SearchTerms::new("0 a.b.c.d.e.f.g.h.i.j k").0, ["0", "a.b.c.d.e.f.g."]);
    }

    #[test]
    fn single_letters_are_no_prefixes() {
        assert_eq!(SearchTerms::new("m ma a.b a.bc 日 é").fts5(true), r#""m" "ma" * "a.b" "a.bc" * "日" * "é""#);
        assert_eq!(SearchTerms::new("ma 日本").fts5(false), r#""ma" "日本" *"#);
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
