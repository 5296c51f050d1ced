//! Full text search for posts and people: FTS5 on SQLite, with the tables of the migration `search`.

use std::collections::HashMap;
use std::ops::Range;

use diesel::prelude::*;
use diesel::sql_types::{Integer, Nullable, Text};
use diesel_autogen::Connection;

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
        Connection::Postgres(postgres) => diesel::sql_query(format!(
            "SELECT id, ts_headline('simple', body, words, 'HighlightAll=true, StartSel=\u{2}, StopSel=\u{3}') AS marked \
             FROM posts, plainto_tsquery('simple', $1) AS words WHERE to_tsvector('simple', body) @@ words \
             ORDER BY id DESC LIMIT {RANKED_POSTS}"
        ))
        .bind::<Text, _>(terms.0.join(" "))
        .load(postgres),
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
        Connection::Postgres(postgres) => diesel::sql_query(format!(
            "SELECT id, nickname, about_me FROM users, plainto_tsquery('simple', $1) AS words \
             WHERE to_tsvector('simple', nickname || ' ' || coalesce(about_me, '')) @@ words \
             ORDER BY nickname LIMIT {limit}"
        ))
        .bind::<Text, _>(terms.0.join(" "))
        .load(postgres),
    }
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
    fn marks_are_ranges_of_the_text() {
        assert_eq!(marks("a \u{2}ü\u{3} \u{2}c\u{3}", "a ü c"), [2..4, 5..6]);
        assert_eq!(marks("a \u{2}b\u{3}", "a \u{2}b"), [], "the text contains a marker");
    }
}
