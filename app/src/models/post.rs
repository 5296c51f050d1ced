//! Posts.

use std::fmt;

use chrono::{NaiveDateTime, SubsecRound, Utc};
use diesel::Connection as _;
use diesel::prelude::*;
use diesel_autogen::Connection;

use super::{ModelError, User, markup};
use crate::schema::{post_tags, posts};

/// A row of `posts`.
#[derive(Clone, PartialEq, Eq, Queryable, Selectable, Identifiable, Associations)]
#[diesel(table_name = posts, belongs_to(User))]
pub struct Post {
    /// The id.
    pub id: i32,
    /// The text.
    pub body: String,
    /// When the post was written, in UTC.
    pub timestamp: NaiveDateTime,
    /// The id of the author.
    pub user_id: i32,
}

impl Post {
    /// The maximum length of a post in grapheme clusters: an emoji of a family counts as one.
    pub const BODY_LENGTH: usize = 140;
    /// The length of the column in characters, of which that emoji has seven.
    pub const BODY_COLUMN_LENGTH: usize = <posts::body as diesel::query_source::SizeRestrictedColumn>::MAX_LENGTH;

    /// All posts, in the order of their ids.
    ///
    /// # Errors
    ///
    /// When the query fails.
    pub fn all(connection: &mut Connection) -> QueryResult<Vec<Self>> {
        posts::table.order(posts::id).select(Self::as_select()).load(connection)
    }

    /// The post with that id.
    ///
    /// # Errors
    ///
    /// [`NotFound`](diesel::result::Error::NotFound) when there is none, or when the query fails.
    pub fn find(id: i32, connection: &mut Connection) -> QueryResult<Self> {
        posts::table.find(id).select(Self::as_select()).first(connection)
    }

    /// The author. To list posts with their authors, use [`feed`](super::feed), which needs one query for all.
    ///
    /// # Errors
    ///
    /// When the query fails.
    pub fn author(&self, connection: &mut Connection) -> QueryResult<User> {
        User::find(self.user_id, connection)
    }

    /// Deletes the post.
    ///
    /// # Errors
    ///
    /// When the statement fails.
    pub fn delete(&self, connection: &mut Connection) -> QueryResult<()> {
        diesel::delete(posts::table.find(self.id)).execute(connection).map(drop)
    }
}

impl fmt::Debug for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Post '{}'>", self.body)
    }
}

/// A post that is not in the database yet.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = posts)]
pub struct NewPost<'a> {
    body: &'a str,
    timestamp: NaiveDateTime,
    user_id: i32,
}

impl<'a> NewPost<'a> {
    /// A post with the current time.
    ///
    /// # Errors
    ///
    /// When the body is empty or too long.
    pub fn new(author: &User, body: &'a str) -> Result<Self, ModelError> {
        ModelError::check_graphemes("body", body, Post::BODY_LENGTH, Post::BODY_COLUMN_LENGTH)?;
        Ok(Self { body, user_id: author.id, timestamp: Utc::now().naive_utc().trunc_subsecs(6) })
    }

    /// Sets the time, in UTC. It is stored in microseconds, PostgreSQL's precision.
    #[must_use]
    pub fn at(self, timestamp: NaiveDateTime) -> Self {
        Self { timestamp: timestamp.trunc_subsecs(6), ..self }
    }

    /// Stores the post and its tags.
    ///
    /// # Errors
    ///
    /// When a statement fails, for example because the author was deleted.
    pub fn insert(&self, connection: &mut Connection) -> Result<Post, ModelError> {
        connection.transaction(|connection| {
            let id = diesel::insert_into(posts::table).values(self).returning(posts::id).get_result(connection)?;
            for tag in markup::tags(self.body) {
                let row = (post_tags::tag.eq(tag), post_tags::post_id.eq(id));
                diesel::insert_into(post_tags::table).values(row).execute(connection)?;
            }
            Ok(Post { id, body: self.body.to_owned(), timestamp: self.timestamp, user_id: self.user_id })
        })
    }
}
