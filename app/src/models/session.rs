//! Where a user is signed in: a browser that holds a token, of which the database knows the hash alone.

use chrono::NaiveDateTime;
use diesel::prelude::*;
use migrate::Connection;

use super::User;
use crate::schema::{sessions, users};

/// A row of `sessions`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Identifiable)]
#[diesel(table_name = sessions)]
pub struct Session {
    /// The key.
    pub id: i32,
    /// Whose it is.
    pub user_id: i32,
    /// When it began, in UTC.
    pub created_at: NaiveDateTime,
    /// When it ends by itself, in UTC.
    pub expires_at: NaiveDateTime,
    /// The browser, as it calls itself.
    pub user_agent: String,
}

/// A session that is not in the database yet.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = sessions)]
pub struct NewSession<'a> {
    /// Whose it is.
    pub user_id: i32,
    /// SHA-256 of the token, in hexadecimal.
    pub token_hash: &'a str,
    /// When it begins, in UTC.
    pub created_at: NaiveDateTime,
    /// When it ends by itself, in UTC.
    pub expires_at: NaiveDateTime,
    /// The browser, as it calls itself; what is too long is cut off.
    pub user_agent: &'a str,
}

impl Session {
    /// How many characters of a browser's name are kept.
    pub const USER_AGENT_LENGTH: usize =
        <sessions::user_agent as diesel::query_source::SizeRestrictedColumn>::MAX_LENGTH;

    /// The session of that token and its user, unless it is over.
    ///
    /// # Errors
    ///
    /// When the query fails.
    pub fn find(
        token_hash: &str,
        now: NaiveDateTime,
        connection: &mut Connection,
    ) -> QueryResult<Option<(Self, User)>> {
        sessions::table
            .inner_join(users::table)
            .filter(sessions::token_hash.eq(token_hash))
            .filter(sessions::expires_at.gt(now))
            .select((Self::as_select(), User::as_select()))
            .first(connection)
            .optional()
    }

    /// The user's sessions that are not over, the newest first.
    ///
    /// # Errors
    ///
    /// When the query fails.
    pub fn of(user: &User, now: NaiveDateTime, connection: &mut Connection) -> QueryResult<Vec<Self>> {
        sessions::table
            .filter(sessions::user_id.eq(user.id))
            .filter(sessions::expires_at.gt(now))
            .order(sessions::id.desc())
            .select(Self::as_select())
            .load(connection)
    }

    /// Ends the session of that token.
    ///
    /// # Errors
    ///
    /// When the statement fails.
    pub fn end(token_hash: &str, connection: &mut Connection) -> QueryResult<()> {
        let session = sessions::table.filter(sessions::token_hash.eq(token_hash));
        diesel::delete(session).execute(connection).map(drop)
    }

    /// Ends all the user's sessions.
    ///
    /// # Errors
    ///
    /// When the statement fails.
    pub fn end_all(user: &User, connection: &mut Connection) -> QueryResult<()> {
        diesel::delete(sessions::table.filter(sessions::user_id.eq(user.id))).execute(connection).map(drop)
    }
}

impl NewSession<'_> {
    /// Stores it, and clears away everybody's sessions that are over.
    ///
    /// # Errors
    ///
    /// When a statement fails.
    pub fn insert(&self, connection: &mut Connection) -> QueryResult<()> {
        diesel::delete(sessions::table.filter(sessions::expires_at.le(self.created_at))).execute(connection)?;
        let end =
            self.user_agent.char_indices().nth(Session::USER_AGENT_LENGTH).map_or(self.user_agent.len(), |at| at.0);
        let row = Self { user_agent: &self.user_agent[..end], ..self.clone() };
        diesel::insert_into(sessions::table).values(row).execute(connection).map(drop)
    }
}
