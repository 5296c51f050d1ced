//! Full text search over posts and people: FTS5 on SQLite, by the tables of the migration `search`.

use std::collections::HashMap;
use std::ops::Range;

use diesel::prelude::*;
use diesel::sql_types::{Integer, Nullable, Text};
use migrate::Connection;

use super::{Post, User};
use crate::schema::{posts, users};

/// How many characters of what is searched for are looked at.
pub const LONGEST: usize = 200;

/// How many of the newest posts with the words are ranked. It bounds what a search costs, however many there are.
pub const RANKED: usize = 200;

/// Stands before and behind a word that was found, in what the database hands back. No post has them: see [`marks`].
const OPEN: char = '\u{2}';
const CLOSE: char = '\u{3}';

/// Where the words are in a text, in bytes.
pub type Marks = Vec<Range<usize>>;

/// What is searched for, as the index takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words(Vec<String>);

impl Words {
    /// Takes the words from whatever somebody typed. Nothing in it is an operator.
    #[must_use]
    pub fn new(typed: &str) -> Self {
        let typed: String = typed.chars().take(LONGEST).collect();
        let words = typed.split(|char: char| char.is_whitespace() || char.is_control());
        Self(words.filter(|word| word.chars().any(char::is_alphanumeric)).map(str::to_owned).collect())
    }

    /// Whether there is nothing to search for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All the words, each as a string of FTS5, with that behind it.
    fn quoted(&self, behind: &str) -> String {
        let quoted = self.0.iter().map(|word| format!("\"{}\"{behind}", word.replace('"', "\"\"")));
        quoted.collect::<Vec<_>>().join(" ")
    }
}

/// A post with the words, and where they are in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundPost {
    /// The post and its author.
    pub post: (Post, User),
    /// Where the words are.
    pub marks: Marks,
}

/// Somebody whose name or words about themselves have the words, and where they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundUser {
    /// The user.
    pub user: User,
    /// Where the words are in the nickname.
    pub in_nickname: Marks,
    /// Where they are in what the user says of themselves.
    pub in_about_me: Marks,
}

/// The posts with all the words, at most [`RANKED`]; first those of which the words are the greater part, and of two
/// alike the newer. Leaves out the first `skip` and returns at most `limit`.
///
/// # Errors
///
/// When a query fails.
pub fn posts(words: &Words, skip: usize, limit: usize, connection: &mut Connection) -> QueryResult<Vec<FoundPost>> {
    if words.is_empty() {
        return Ok(Vec::new());
    }
    let mut hits = matching_posts(words, connection)?;
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

/// The people with all the words, a beginning of each being enough, the best first: a nickname counts more than what
/// they say of themselves.
///
/// # Errors
///
/// When a query fails.
pub fn people(words: &Words, limit: u8, connection: &mut Connection) -> QueryResult<Vec<FoundUser>> {
    if words.is_empty() {
        return Ok(Vec::new());
    }
    let hits = matching_people(words, limit, connection)?;
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
    /// How much of the text the words are. A long text is not worth less for its length alone, hence the addition.
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

/// The newest posts with the words, not yet ranked. FTS5's own rank would read every match before the first one.
fn matching_posts(words: &Words, connection: &mut Connection) -> QueryResult<Vec<PostHit>> {
    match connection {
        Connection::Sqlite(sqlite) => diesel::sql_query(format!(
            "SELECT CAST(rowid AS INTEGER) AS id, highlight(posts_search, 0, char(2), char(3)) AS marked \
             FROM posts_search WHERE posts_search MATCH ? ORDER BY rowid DESC LIMIT {RANKED}"
        ))
        .bind::<Text, _>(words.quoted(""))
        .load(sqlite),
        Connection::Postgres(postgres) => diesel::sql_query(format!(
            "SELECT id, ts_headline('simple', body, words, 'HighlightAll=true, StartSel=\u{2}, StopSel=\u{3}') AS marked \
             FROM posts, plainto_tsquery('simple', $1) AS words WHERE to_tsvector('simple', body) @@ words \
             ORDER BY id DESC LIMIT {RANKED}"
        ))
        .bind::<Text, _>(words.0.join(" "))
        .load(postgres),
    }
}

fn matching_people(words: &Words, limit: u8, connection: &mut Connection) -> QueryResult<Vec<UserHit>> {
    match connection {
        Connection::Sqlite(sqlite) => diesel::sql_query(format!(
            "SELECT CAST(rowid AS INTEGER) AS id, highlight(users_search, 0, char(2), char(3)) AS nickname, \
             highlight(users_search, 1, char(2), char(3)) AS about_me \
             FROM users_search WHERE users_search MATCH ? ORDER BY bm25(users_search, 10.0, 1.0), rowid LIMIT {limit}"
        ))
        .bind::<Text, _>(words.quoted(" *"))
        .load(sqlite),
        Connection::Postgres(postgres) => diesel::sql_query(format!(
            "SELECT id, nickname, about_me FROM users, plainto_tsquery('simple', $1) AS words \
             WHERE to_tsvector('simple', nickname || ' ' || coalesce(about_me, '')) @@ words \
             ORDER BY nickname LIMIT {limit}"
        ))
        .bind::<Text, _>(words.0.join(" "))
        .load(postgres),
    }
}

/// Where the marks of the database are in the text. None, when the text itself has such characters in it.
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
    fn nothing_that_is_typed_is_an_operator() {
        assert_eq!(Words::new("a OR \"b\" NEAR(c*").quoted(""), r#""a" "OR" """b""" "NEAR(c*""#);
        assert!(Words::new(" \0 \" * --").is_empty());
        assert_eq!(Words::new(&"x".repeat(10_000)).0, ["x".repeat(LONGEST)]);
    }

    #[test]
    fn marks_are_places_in_the_text_itself() {
        assert_eq!(marks("a \u{2}ü\u{3} \u{2}c\u{3}", "a ü c"), [2..4, 5..6]);
        assert_eq!(marks("a \u{2}b\u{3}", "a \u{2}b"), [], "a text that has such a character");
    }
}
