//! Posts with their authors, newest first, one page at a time.
//!
//! A page begins at a key, the time and the id of a post, so that a late page costs what the first one costs, and a
//! new post does not shift what a reader has seen. Nothing is counted.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDateTime};
use diesel::dsl::{InnerJoin, IntoBoxed};
use diesel::prelude::*;
use migrate::Connection;
use migrate::connection::Backend;

use super::{Post, User};
use crate::schema::{posts, users};

/// A query for posts and their authors, still to be paged.
pub type Feed = IntoBoxed<'static, InnerJoin<posts::table, users::table>, Backend>;

/// Everybody's posts.
#[must_use]
pub fn everybody() -> Feed {
    posts::table.inner_join(users::table).into_boxed()
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
    pub fn load(
        feed: impl Fn() -> Feed,
        position: Position,
        size: u8,
        connection: &mut Connection,
    ) -> QueryResult<Self> {
        // One more than is shown: it tells whether the feed goes on.
        let limit = i64::from(size) + 1;
        let newest_first = |feed: Feed| feed.order((posts::timestamp.desc(), posts::id.desc()));
        // The first condition of each pair is what the index on the time serves.
        let query = match position {
            Position::Newest => newest_first(feed()),
            Position::Before(Cursor { timestamp, id }) => newest_first(feed())
                .filter(posts::timestamp.le(timestamp))
                .filter(posts::timestamp.lt(timestamp).or(posts::id.lt(id))),
            Position::After(Cursor { timestamp, id }) => feed()
                .filter(posts::timestamp.ge(timestamp))
                .filter(posts::timestamp.gt(timestamp).or(posts::id.gt(id)))
                .order((posts::timestamp.asc(), posts::id.asc())),
        };
        let mut posts: Vec<(Post, User)> =
            query.limit(limit).select((Post::as_select(), User::as_select())).load(connection)?;

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
            Position::Before(_) | Position::After(_) => posts.first().map(|post| Position::After(Cursor::of(post))),
        };
        let older = (goes_on || matches!(position, Position::After(_)))
            .then(|| posts.last().map(|post| Position::Before(Cursor::of(post))))
            .flatten();
        Ok(Self { posts, newer, older })
    }
}
