//! Following between users.

use std::collections::HashSet;

use diesel::prelude::*;
use diesel_autogen::Connection;

use super::User;
use crate::schema::{followers, posts, users};

impl User {
    /// Follows another user. Returns whether that is new.
    ///
    /// # Errors
    ///
    /// When the statement fails, for example because one of the users was deleted.
    pub fn follow(&self, other: &Self, connection: &mut Connection) -> QueryResult<bool> {
        let row = (followers::follower_id.eq(self.id), followers::followed_id.eq(other.id));
        let insert = diesel::insert_into(followers::table).values(row).on_conflict_do_nothing();
        let rows = match connection {
            Connection::Sqlite(sqlite) => insert.execute(sqlite),
            Connection::Postgres(postgres) => insert.execute(postgres),
        };
        rows.map(|rows| rows > 0)
    }

    /// Unfollows another user. Returns whether that is new.
    ///
    /// # Errors
    ///
    /// When the statement fails.
    pub fn unfollow(&self, other: &Self, connection: &mut Connection) -> QueryResult<bool> {
        diesel::delete(followers::table.find((self.id, other.id))).execute(connection).map(|rows| rows > 0)
    }

    /// Whether the user follows another user.
    ///
    /// # Errors
    ///
    /// When the query fails.
    pub fn follows(&self, other: &Self, connection: &mut Connection) -> QueryResult<bool> {
        diesel::select(diesel::dsl::exists(followers::table.find((self.id, other.id)))).get_result(connection)
    }

    /// Whether the user follows anyone.
    ///
    /// # Errors
    ///
    /// When the query fails.
    pub fn follows_anyone(&self, connection: &mut Connection) -> QueryResult<bool> {
        let followed = followers::table.filter(followers::follower_id.eq(self.id));
        diesel::select(diesel::dsl::exists(followed)).get_result(connection)
    }

    /// At most `limit` people to follow, for a user who follows nobody: the authors of the newest posts.
    ///
    /// # Errors
    ///
    /// When a query fails.
    pub fn suggested(&self, limit: usize, connection: &mut Connection) -> QueryResult<Vec<Self>> {
        let newest: Vec<i32> =
            posts::table.order(posts::timestamp.desc()).limit(100).select(posts::user_id).load(connection)?;
        let mut authors: Vec<i32> = Vec::new();
        for author in newest {
            if author != self.id && !authors.contains(&author) && authors.len() < limit {
                authors.push(author);
            }
        }
        let found = users::table.filter(users::id.eq_any(&authors)).select(Self::as_select());
        let mut found: Vec<Self> = found.load(connection)?;
        found.sort_by_key(|user| authors.iter().position(|author| *author == user.id));
        Ok(found)
    }

    /// The ids of those people whom the user follows, by one query.
    ///
    /// # Errors
    ///
    /// When the query fails.
    pub fn followed_among<'a>(
        &self,
        people: impl IntoIterator<Item = &'a Self>,
        connection: &mut Connection,
    ) -> QueryResult<HashSet<i32>> {
        let ids: Vec<i32> = people.into_iter().map(|person| person.id).collect();
        let followed = followers::table
            .filter(followers::follower_id.eq(self.id))
            .filter(followers::followed_id.eq_any(ids))
            .select(followers::followed_id)
            .load(connection)?;
        Ok(followed.into_iter().collect())
    }

    /// At most `limit` followers of the user whose nicknames sort after `after`, in the order of their nicknames.
    ///
    /// # Errors
    ///
    /// When the query fails.
    pub fn followers(&self, after: &str, limit: u8, connection: &mut Connection) -> QueryResult<Vec<Self>> {
        followers::table
            .inner_join(users::table.on(users::id.eq(followers::follower_id)))
            .filter(followers::followed_id.eq(self.id))
            .filter(users::nickname.gt(after))
            .order(users::nickname)
            .limit(limit.into())
            .select(Self::as_select())
            .load(connection)
    }

    /// The people whom the user follows, as [`followers`](Self::followers).
    ///
    /// # Errors
    ///
    /// When the query fails.
    pub fn following(&self, after: &str, limit: u8, connection: &mut Connection) -> QueryResult<Vec<Self>> {
        followers::table
            .inner_join(users::table.on(users::id.eq(followers::followed_id)))
            .filter(followers::follower_id.eq(self.id))
            .filter(users::nickname.gt(after))
            .order(users::nickname)
            .limit(limit.into())
            .select(Self::as_select())
            .load(connection)
    }
}
