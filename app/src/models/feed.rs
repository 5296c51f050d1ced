//! Posts with their authors, newest first, in pages.
//!
//! A page begins at a cursor, the time and id of a post, not at an offset: every page costs the same, and a new post does
//! not shift the other pages. Nothing is counted.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike as _, NaiveDateTime};
use diesel::dsl::{InnerJoin, IntoBoxed, sql};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Integer, Timestamp};
use diesel_autogen::Backend;
use diesel_autogen::Connection;

use super::{Mentioned, Post, User};
use crate::schema::{post_tags, posts, users};

/// Which posts a feed lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Feed {
    /// All posts.
    All,
    /// The posts of the user with that id.
    Of(i32),
    /// The posts of the user with that id, and of the people whom the user follows.
    Home(i32),
    /// The posts with that tag, in lower case and without its `#`.
    Tagged(String),
}

/// The place of a post in a feed. As text: microseconds since 1970 and the id, for example `1795342440000000-12`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// When the post was written, in UTC.
    pub timestamp: NaiveDateTime,
    /// Its id, which orders posts of the same time.
    pub id: i32,
}

impl Cursor {
    /// After every post: the last second of the year 9999, which both databases can store.
    fn end() -> Self {
        Self { timestamp: DateTime::from_timestamp(253_402_300_799, 0).unwrap_or_default().naive_utc(), id: i32::MAX }
    }

    fn of((post, _): &(Post, User)) -> Self {
        Self { timestamp: post.timestamp, id: post.id }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.timestamp.and_utc().timestamp_micros(), self.id)
    }
}

/// The text is not a [`Cursor`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of a feed")]
pub struct InvalidCursor;

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let (micros, id) = text.rsplit_once('-').ok_or(InvalidCursor)?;
        let time = micros.parse().ok().and_then(DateTime::from_timestamp_micros);
        // Both databases can store and compare these years.
        let time = time.filter(|time| (1..=9999).contains(&time.year())).ok_or(InvalidCursor)?;
        Ok(Self { timestamp: time.naive_utc(), id: id.parse().map_err(|_| InvalidCursor)? })
    }
}

/// Which page of a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// The first one.
    Newest,
    /// The posts that are older than this one.
    Before(Cursor),
    /// The oldest posts that are newer than this one.
    After(Cursor),
}

/// One page of a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The posts and their authors, newest first.
    pub posts: Vec<(Post, User)>,
    /// The people whom they mention.
    pub mentioned: Mentioned,
    /// The position of the page with newer posts; `None` on the first page.
    pub newer: Option<Position>,
    /// The position of the page with older posts; `None` on the last page.
    pub older: Option<Position>,
}

impl Page {
    /// Loads the page at that position, with at most `size` posts.
    ///
    /// # Errors
    ///
    /// When the query fails.
    pub fn load(feed: &Feed, position: Position, size: u8, connection: &mut Connection) -> QueryResult<Self> {
        // One more than a page shows: whether there is a next page.
        let limit = i64::from(size) + 1;
        let query = feed.query(position, limit, matches!(connection, Connection::Postgres(_))).limit(limit);
        let mut posts: Vec<(Post, User)> = query.select((Post::as_select(), User::as_select())).load(connection)?;

        let has_more = posts.len() > usize::from(size);
        posts.truncate(usize::from(size));
        if matches!(position, Position::After(_)) {
            if !has_more {
                // The newest posts are reached: return a full first page rather than the remaining posts.
                return Self::load(feed, Position::Newest, size, connection);
            }
            posts.reverse();
        }
        let newer = match position {
            Position::Newest => None,
            // If the page is empty, the link to newer posts leads to the first page.
            Position::Before(_) | Position::After(_) => {
                Some(posts.first().map_or(Position::Newest, |post| Position::After(Cursor::of(post))))
            }
        };
        let older = (has_more || matches!(position, Position::After(_)))
            .then(|| posts.last().map(|post| Position::Before(Cursor::of(post))))
            .flatten();
        let mentioned = Mentioned::load(posts.iter().map(|(post, _)| post.body.as_str()), connection)?;
        Ok(Self { posts, mentioned, newer, older })
    }
}

type Query = IntoBoxed<'static, InnerJoin<posts::table, users::table>, Backend>;

impl Feed {
    /// The posts from that position on, the nearest first. An index serves the query, so its cost does not depend on the
    /// number of posts.
    fn query(&self, position: Position, limit: i64, has_lateral: bool) -> Query {
        let all = posts::table.inner_join(users::table).into_boxed();
        match self {
            Self::All => in_order(all, position),
            Self::Of(user) => in_order(all.filter(posts::user_id.eq(*user)), position),
            Self::Home(user) => in_order(of_authors(all, *user, position, limit, has_lateral), position),
            Self::Tagged(tag) => tagged(all, tag.clone(), position, limit),
        }
    }
}

fn in_order(posts: Query, position: Position) -> Query {
    // The index on the time serves the first condition of each pair.
    match position {
        Position::Newest => posts.order((posts::timestamp.desc(), posts::id.desc())),
        Position::Before(Cursor { timestamp, id }) => posts
            .filter(posts::timestamp.le(timestamp))
            .filter(posts::timestamp.lt(timestamp).or(posts::id.lt(id)))
            .order((posts::timestamp.desc(), posts::id.desc())),
        Position::After(Cursor { timestamp, id }) => posts
            .filter(posts::timestamp.ge(timestamp))
            .filter(posts::timestamp.gt(timestamp).or(posts::id.gt(id)))
            .order((posts::timestamp.asc(), posts::id.asc())),
    }
}

/// Selects the posts of the page, from at most `limit` of each author and none beyond the `limit`th author's nearest
/// post. The index on author and time serves both conditions, so that few posts are left to sort, however many
/// posts the authors have.
fn of_authors(posts: Query, user: i32, position: Position, limit: i64, has_lateral: bool) -> Query {
    let (place, [next, back, order, end]) = match position {
        Position::Newest => (Cursor::end(), OLDER),
        Position::Before(cursor) => (cursor, OLDER),
        Position::After(cursor) => (cursor, NEWER),
    };
    // The nearest posts of each author. SQLite has no LATERAL, and keeps the order of a CROSS JOIN: first the authors, then
    // their posts by id, which end the keys of the index too. PostgreSQL would run that subquery for every post, and
    // sort all posts of the author by their ids.
    let of_each = |authors: &str, condition: &str, limit: i64| {
        let near = format!(
            "FROM posts AS near WHERE near.user_id = authors.id {condition} \
             AND near.timestamp {next}= (SELECT timestamp FROM place) \
             AND (near.timestamp {next} (SELECT timestamp FROM place) OR near.id {next} (SELECT id FROM place)) \
             ORDER BY near.timestamp {order}"
        );
        if has_lateral {
            let near = format!("SELECT near.id, near.timestamp {near} FETCH FIRST {limit} ROWS WITH TIES");
            format!("{authors} CROSS JOIN LATERAL ({near}) AS post")
        } else {
            let near = format!("SELECT near.id {near}, near.id {order} LIMIT {limit}");
            format!("{authors} CROSS JOIN posts AS post WHERE post.id IN ({near})")
        }
    };
    let (first, skip) = (of_each("authors", "", 1), limit - 1);
    let nearest = of_each("bound CROSS JOIN authors", &format!("AND near.timestamp {back}= bound.timestamp"), limit);
    let nearest = format!(
        "bound AS MATERIALIZED (SELECT coalesce((SELECT post.timestamp FROM {first} ORDER BY post.timestamp {order} \
             LIMIT 1 OFFSET {skip}), '{end}') AS timestamp) \
         SELECT post.id FROM {nearest} ORDER BY post.timestamp {order}, post.id {order} LIMIT {limit})"
    );
    posts.filter(
        sql::<Bool>("posts.id IN (WITH authors AS (SELECT followed_id AS id FROM followers WHERE follower_id = ")
            .bind::<Integer, _>(user)
            .sql(" UNION SELECT ")
            .bind::<Integer, _>(user)
            .sql("), place AS (SELECT ")
            .bind::<Timestamp, _>(place.timestamp)
            .sql(" AS timestamp, ")
            .bind::<Integer, _>(place.id)
            .sql(" AS id), ")
            .sql(&nearest),
    )
}

/// SQL towards older posts: the comparison forwards, the comparison backwards, the order, and the end.
const OLDER: [&str; 4] = ["<", ">", "DESC", "0001-01-01 00:00:00"];

/// The same towards newer posts.
const NEWER: [&str; 4] = [">", "<", "ASC", "9999-12-31 23:59:59"];

/// The posts with a tag in the order of their ids, which is the order of the index on tags.
fn tagged(posts: Query, tag: String, position: Position, limit: i64) -> Query {
    let tagged = post_tags::table.filter(post_tags::tag.eq(tag)).select(post_tags::post_id).limit(limit);
    match position {
        Position::Newest => {
            posts.filter(posts::id.eq_any(tagged.order(post_tags::post_id.desc()))).order(posts::id.desc())
        }
        Position::Before(cursor) => posts
            .filter(posts::id.eq_any(tagged.filter(post_tags::post_id.lt(cursor.id)).order(post_tags::post_id.desc())))
            .order(posts::id.desc()),
        Position::After(cursor) => posts
            .filter(posts::id.eq_any(tagged.filter(post_tags::post_id.gt(cursor.id)).order(post_tags::post_id.asc())))
            .order(posts::id.asc()),
    }
}
