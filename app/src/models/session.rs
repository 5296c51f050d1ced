//! Sessions: a browser holds a token, the database only its hash.

use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel_autogen::Connection;

use super::User;
use crate::schema::{sessions, users};

/// A row of `sessions`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Identifiable)]
#[diesel(table_name = sessions)]
pub struct Session {
    /// The id.
    pub id: i32,
    /// The id of the user.
    pub user_id: i32,
    /// When it started, in UTC.
    pub created_at: NaiveDateTime,
    /// When it expires, in UTC.
    pub expires_at: NaiveDateTime,
    /// The `User-Agent` of the browser.
    pub user_agent: String,
}

/// A session that is not in the database yet.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = sessions)]
pub struct NewSession<'a> {
    /// The id of the user.
    pub user_id: i32,
    /// SHA-256 of the token, in hexadecimal.
    pub token_hash: &'a str,
    /// When it starts, in UTC.
    pub created_at: NaiveDateTime,
    /// When it expires, in UTC.
    pub expires_at: NaiveDateTime,
    /// The `User-Agent` of the browser; it is truncated to the length of the column.
    pub user_agent: &'a str,
}

impl Session {
    /// The maximum length of the stored `User-Agent` in characters.
    pub const USER_AGENT_LENGTH: usize =
        <sessions::user_agent as diesel::query_source::SizeRestrictedColumn>::MAX_LENGTH;

    /// The session of that token and its user, unless it has expired.
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

    /// The user's sessions that have not expired, the newest first.
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
    /// Stores the session, and deletes the expired sessions of all users.
    ///
    /// # Errors
    ///
    /// When a statement fails.
    pub fn insert(&self, connection: &mut Connection) -> QueryResult<()> {
        let expired = sessions::table.filter(sessions::expires_at.le(self.created_at));
        match connection {
            Connection::Sqlite(sqlite) => diesel::delete(expired).execute(sqlite)?,
            // Two transactions that each have ended one session would wait for each other here.
            Connection::Postgres(postgres) => {
                let unlocked: Vec<i32> = expired.select(sessions::id).for_update().skip_locked().load(postgres)?;
                diesel::delete(sessions::table.filter(sessions::id.eq_any(unlocked))).execute(postgres)?
            }
        };
        let end =
            self.user_agent.char_indices().nth(Session::USER_AGENT_LENGTH).map_or(self.user_agent.len(), |at| at.0);
        let row = Self { user_agent: &self.user_agent[..end], ..self.clone() };
        diesel::insert_into(sessions::table).values(row).execute(connection).map(drop)
    }
}
