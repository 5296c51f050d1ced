//! Sessions: a browser holds a token, the database only its hash.

use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Timestamp};
use diesel_autogen::Connection;

use super::User;
use crate::schema::{sessions, users};

#[diesel::declare_sql_function]
extern "SQL" {
    /// The first value unless it is NULL, else the second.
    fn coalesce(one: Nullable<Timestamp>, other: Timestamp) -> Timestamp;
}

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
    /// When it was last used, in UTC.
    pub last_used: Option<NaiveDateTime>,
    /// The client IP of that request.
    pub client_ip: Option<String>,
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
    /// The client IP.
    pub client_ip: &'a str,
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

    /// The user's sessions that have not expired, the one that was used last first.
    ///
    /// # Errors
    ///
    /// When the query fails.
    pub fn of(user: &User, now: NaiveDateTime, connection: &mut Connection) -> QueryResult<Vec<Self>> {
        sessions::table
            .filter(sessions::user_id.eq(user.id))
            .filter(sessions::expires_at.gt(now))
            .order((coalesce(sessions::last_used, sessions::created_at).desc(), sessions::id.desc()))
            .select(Self::as_select())
            .load(connection)
    }

    /// Whether it was used less than a minute ago, so that most page views need no write.
    #[must_use]
    pub fn was_used_recently(&self, now: NaiveDateTime) -> bool {
        self.last_used.is_some_and(|used| now - used < TimeDelta::minutes(1))
    }

    /// Sets when, and from where, it was last used.
    ///
    /// # Errors
    ///
    /// When the statement fails.
    pub fn touch(&mut self, now: NaiveDateTime, client_ip: &str, connection: &mut Connection) -> QueryResult<()> {
        (self.last_used, self.client_ip) = (Some(now), Some(client_ip.to_owned()));
        let used = (sessions::last_used.eq(now), sessions::client_ip.eq(client_ip));
        diesel::update(sessions::table.find(self.id)).set(used).execute(connection).map(drop)
    }

    /// Ends the user's session with that id. Returns whether there was one.
    ///
    /// # Errors
    ///
    /// When the statement fails.
    pub fn end_one(id: i32, user: &User, connection: &mut Connection) -> QueryResult<bool> {
        let session = sessions::table.find(id).filter(sessions::user_id.eq(user.id));
        diesel::delete(session).execute(connection).map(|rows| rows > 0)
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
        let row = (row, sessions::last_used.eq(self.created_at));
        diesel::insert_into(sessions::table).values(row).execute(connection).map(drop)
    }
}
