//! Posts with their authors, newest first, one page at a time.
//!
//! A page begins at a key, the time and the id of a post, so that a late page costs what the first one costs, and a
//! new post does not shift what a reader has seen. Nothing is counted.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDateTime};
use diesel::dsl::{InnerJoin, IntoBoxed, sql};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Integer, Timestamp};
use migrate::Connection;
use migrate::Backend;

use super::{Post, User};
use crate::schema::{post_tags, posts, users};

/// Which posts a feed lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Feed {
    /// Everybody's.
    Everybody,
    /// Those of the user with that key.
    Of(i32),
    /// That user's own and those of the people whom the user follows.
    Home(i32),
    /// Those with that tag, in small letters and without its `#`.
    Tagged(String),
}

/// The place of a post in a feed. As text: microseconds since 1970 and the id, `1795342440000000-12`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// When the post was written, in UTC.
    pub timestamp: NaiveDateTime,
    /// Its key, which orders posts of the same moment.
    pub id: i32,
}

impl Cursor {
    /// Newer than any post: the last second that both databases write with four digits of the year.
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

/// The text is no [`Cursor`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no place in a list of posts")]
pub struct NoCursor;

impl FromStr for Cursor {
    type Err = NoCursor;

    fn from_str(text: &str) -> Result<Self, NoCursor> {
        let (micros, id) = text.rsplit_once('-').ok_or(NoCursor)?;
        let time = micros.parse().ok().and_then(DateTime::from_timestamp_micros).ok_or(NoCursor)?;
        Ok(Self { timestamp: time.naive_utc(), id: id.parse().map_err(|_| NoCursor)? })
    }
}

/// Which page of a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// The first one.
    Newest,
    /// The posts that are older than this one.
    Before(Cursor),
    /// The posts that are newer than this one, those next to it.
    After(Cursor),
}

/// One page of a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The posts and their authors, newest first.
    pub posts: Vec<(Post, User)>,
    /// Where the page of newer posts is; `None` on the first page.
    pub newer: Option<Position>,
    /// Where the page of older posts is; `None` on the last page.
    pub older: Option<Position>,
}

impl Page {
    /// Loads the page at that position, with at most `size` posts.
    ///
    /// # Errors
    ///
    /// When the query fails.
    pub fn load(feed: &Feed, position: Position, size: u8, connection: &mut Connection) -> QueryResult<Self> {
        // One more than is shown: it tells whether the feed goes on.
        let limit = i64::from(size) + 1;
        let query = feed.query(position, limit).limit(limit);
        let mut posts: Vec<(Post, User)> = query.select((Post::as_select(), User::as_select())).load(connection)?;

        let goes_on = posts.len() > usize::from(size);
        posts.truncate(usize::from(size));
        if matches!(position, Position::After(_)) {
            if !goes_on {
                // The newest posts are reached: show a full first page rather than a rest.
                return Self::load(feed, Position::Newest, size, connection);
            }
            posts.reverse();
        }
        let newer = match position {
            Position::Newest => None,
            // Where nothing is older, the way back leads to the newest.
            Position::Before(_) | Position::After(_) => {
                Some(posts.first().map_or(Position::Newest, |post| Position::After(Cursor::of(post))))
            }
        };
        let older = (goes_on || matches!(position, Position::After(_)))
            .then(|| posts.last().map(|post| Position::Before(Cursor::of(post))))
            .flatten();
        Ok(Self { posts, newer, older })
    }
}

type Query = IntoBoxed<'static, InnerJoin<posts::table, users::table>, Backend>;

impl Feed {
    /// The posts from that position on, those next to it first. An index leads to them: what a page costs does not depend
    /// on how many posts there are.
    fn query(&self, position: Position, limit: i64) -> Query {
        let all = posts::table.inner_join(users::table).into_boxed();
        match self {
            Self::Everybody => in_order(all, position),
            Self::Of(user) => in_order(all.filter(posts::user_id.eq(*user)), position),
            Self::Home(user) => in_order(of_authors(all, *user, position, limit), position),
            Self::Tagged(tag) => tagged(all, tag.clone(), position, limit),
        }
    }
}

fn in_order(posts: Query, position: Position) -> Query {
    // The first condition of each pair is what the index on the time serves.
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

/// Picks the posts that can be on the page: no more of each author than it has room for, and none that comes after the
/// last of the newest ones of as many authors as it has posts. The index on author and time finds both, so that little
/// is left to be sorted however much the authors have written.
fn of_authors(posts: Query, user: i32, position: Position, limit: i64) -> Query {
    let (place, [next, back, order, end]) = match position {
        Position::Newest => (Cursor::end(), OLDER),
        Position::Before(cursor) => (cursor, OLDER),
        Position::After(cursor) => (cursor, NEWER),
    };
    let from_here = |posts: &str| {
        format!(
            "{posts}.timestamp {next}= (SELECT timestamp FROM place) \
             AND ({posts}.timestamp {next} (SELECT timestamp FROM place) OR {posts}.id {next} (SELECT id FROM place)) \
             ORDER BY {posts}.timestamp {order}, {posts}.id {order}"
        )
    };
    let (first, theirs, skip) = (from_here("first"), from_here("theirs"), limit - 1);
    // A CROSS JOIN keeps its order: the authors come first, then their posts by the key.
    let of_each = format!(
        "bound AS (SELECT newest.timestamp FROM authors CROSS JOIN posts AS newest \
             WHERE newest.id IN (SELECT first.id FROM posts AS first WHERE first.user_id = authors.id AND {first} LIMIT 1) \
             ORDER BY newest.timestamp {order} LIMIT 1 OFFSET {skip}) \
         SELECT candidate.id FROM authors CROSS JOIN posts AS candidate \
             WHERE candidate.id IN (SELECT theirs.id FROM posts AS theirs WHERE theirs.user_id = authors.id \
             AND theirs.timestamp {back}= coalesce((SELECT timestamp FROM bound), '{end}') AND {theirs} LIMIT {limit}))"
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
            .sql(&of_each),
    )
}

/// How SQL goes on towards older posts: what compares a next post, one back, the order, and the end.
const OLDER: [&str; 4] = ["<", ">", "DESC", "0001-01-01 00:00:00"];

/// The same towards newer ones.
const NEWER: [&str; 4] = [">", "<", "ASC", "9999-12-31 23:59:59"];

/// In the order in which they were stored: the index on the tags has it.
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
