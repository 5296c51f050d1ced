//! Users.

use std::collections::HashMap;
use std::fmt;

use chrono::{NaiveDateTime, TimeDelta};
use diesel::Connection as _;
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_autogen::Backend;
use diesel_autogen::Connection;

use super::{ModelError, former_nickname};
use crate::schema::{posts, users};

/// The columns with a case-insensitive unique index.
const NAMES: [&str; 2] = ["nickname", "email"];

#[diesel::declare_sql_function]
extern "SQL" {
    /// The text in lower case. SQLite converts only the letters A to Z.
    fn lower(text: Text) -> Text;
}

/// A row of `users`.
#[derive(Clone, PartialEq, Eq, Queryable, Selectable, Identifiable)]
#[diesel(table_name = users)]
pub struct User {
    /// The id.
    pub id: i32,
    /// The name on the site, unique and case-insensitive.
    pub nickname: String,
    /// The e-mail address, unique and case-insensitive.
    pub email: String,
    /// The user's text about themselves.
    pub about_me: Option<String>,
    /// When the user last visited the site, in UTC.
    pub last_seen: Option<NaiveDateTime>,
}

impl User {
    /// The maximum length of a nickname in characters.
    pub const NICKNAME_LENGTH: usize = <users::nickname as diesel::query_source::SizeRestrictedColumn>::MAX_LENGTH;
    /// The maximum length of an e-mail address in characters.
    pub const EMAIL_LENGTH: usize = <users::email as diesel::query_source::SizeRestrictedColumn>::MAX_LENGTH;
    /// The maximum length of the text about the user in grapheme clusters.
    pub const ABOUT_ME_LENGTH: usize = 140;
    /// The length of the column in characters.
    pub const ABOUT_ME_COLUMN_LENGTH: usize =
        <users::about_me as diesel::query_source::SizeRestrictedColumn>::MAX_LENGTH;

    /// All users, in the order of their ids.
    ///
    /// # Errors
    ///
    /// When the query fails.
    pub fn all(connection: &mut Connection) -> QueryResult<Vec<Self>> {
        users::table.order(users::id).select(Self::as_select()).load(connection)
    }

    /// All users with the number of their posts, in the order of their nicknames.
    ///
    /// # Errors
    ///
    /// When a query fails.
    pub fn all_with_post_counts(connection: &mut Connection) -> QueryResult<Vec<(Self, i64)>> {
        let counted: HashMap<i32, i64> = posts::table
            .group_by(posts::user_id)
            .select((posts::user_id, diesel::dsl::count_star()))
            .load(connection)?
            .into_iter()
            .collect();
        let users: Vec<Self> = users::table.order(users::nickname).select(Self::as_select()).load(connection)?;
        let with_count = |user: Self| {
            let count = counted.get(&user.id).copied().unwrap_or(0);
            (user, count)
        };
        Ok(users.into_iter().map(with_count).collect())
    }

    /// The user with that id.
    ///
    /// # Errors
    ///
    /// [`NotFound`](diesel::result::Error::NotFound) when there is none, or when the query fails.
    pub fn find(id: i32, connection: &mut Connection) -> QueryResult<Self> {
        users::table.find(id).select(Self::as_select()).first(connection)
    }

    /// The user with that nickname, case-insensitive.
    ///
    /// # Errors
    ///
    /// [`NotFound`](diesel::result::Error::NotFound) when there is none, or when the query fails.
    pub fn by_nickname(nickname: &str, connection: &mut Connection) -> QueryResult<Self> {
        users::table.filter(lower(users::nickname).eq(lower(nickname))).select(Self::as_select()).first(connection)
    }

    /// The user with that nickname or e-mail address, case-insensitive, and the hash of the password, if there is one.
    ///
    /// # Errors
    ///
    /// When the query fails.
    pub fn by_login(login: &str, connection: &mut Connection) -> QueryResult<Option<(Self, Option<String>)>> {
        // PostgreSQL refuses the character in a text.
        if login.contains('\0') {
            return Ok(None);
        }
        // Nicknames contain no @, so a login matches at most one user.
        users::table
            .filter(lower(users::nickname).eq(lower(login)).or(lower(users::email).eq(lower(login))))
            .select((Self::as_select(), users::password_hash))
            .first(connection)
            .optional()
    }

    /// The hash of the password, if there is one.
    ///
    /// # Errors
    ///
    /// When the query fails.
    pub fn password_hash(&self, connection: &mut Connection) -> QueryResult<Option<String>> {
        users::table.find(self.id).select(users::password_hash).first(connection)
    }

    /// Whether the user still exists, with this hash of the password. Both stay so until the end of the transaction:
    /// PostgreSQL locks the row, and on SQLite nobody else writes meanwhile.
    ///
    /// # Errors
    ///
    /// When the query fails.
    pub fn has_password_hash(&self, hash: Option<&str>, connection: &mut Connection) -> QueryResult<bool> {
        let query = users::table.find(self.id).select(users::password_hash);
        let stored: Option<Option<String>> = match connection {
            Connection::Sqlite(sqlite) => query.get_result(sqlite),
            Connection::Postgres(postgres) => query.for_no_key_update().get_result(postgres),
        }
        .optional()?;
        Ok(stored.is_some_and(|stored| stored.as_deref() == hash))
    }

    /// Changes the hash of the password.
    ///
    /// # Errors
    ///
    /// When the statement fails.
    pub fn set_password_hash(&self, hash: &str, connection: &mut Connection) -> QueryResult<()> {
        let update = diesel::update(users::table.find(self.id)).set(users::password_hash.eq(hash));
        update.execute(connection).map(drop)
    }

    /// Changes the nickname and the text about the user. The nickname that the user gives up is kept from others.
    ///
    /// # Errors
    ///
    /// [`ModelError::Taken`] when another user has the nickname, or had it (case-insensitive); when a text is too long.
    pub fn set_profile(&self, nickname: &str, about_me: &str, connection: &mut Connection) -> Result<(), ModelError> {
        ModelError::check("nickname", nickname, Self::NICKNAME_LENGTH)?;
        let about_me = Some(about_me).filter(|text| !text.is_empty());
        if let Some(text) = about_me {
            ModelError::check_graphemes("about_me", text, Self::ABOUT_ME_LENGTH, Self::ABOUT_ME_COLUMN_LENGTH)?;
        }
        let is_new = !nickname.eq_ignore_ascii_case(&self.nickname);
        if is_new && !former_nickname::is_free(nickname, Some(self.id), connection)? {
            return Err(ModelError::Taken { field: "nickname" });
        }
        connection.transaction(|connection| {
            if is_new {
                former_nickname::keep(&self.nickname, self.id, connection)?;
            }
            diesel::update(users::table.find(self.id))
                .set((users::nickname.eq(nickname), users::about_me.eq(about_me)))
                .execute(connection)
                .map(drop)
                .map_err(|error| ModelError::from_write(error, "users", &NAMES))
        })
    }

    /// Whether `last_seen` is less than a minute ago, so that most page views need no write.
    #[must_use]
    pub fn was_seen_recently(&self, now: NaiveDateTime) -> bool {
        self.last_seen.is_some_and(|seen| now - seen < TimeDelta::minutes(1))
    }

    /// Sets `last_seen`.
    ///
    /// # Errors
    ///
    /// When the statement fails.
    pub fn touch(&mut self, now: NaiveDateTime, connection: &mut Connection) -> QueryResult<()> {
        self.last_seen = Some(now);
        diesel::update(users::table.find(self.id)).set(users::last_seen.eq(now)).execute(connection).map(drop)
    }

    /// The user's posts, as a query to filter, order and load.
    #[must_use]
    pub fn posts(&self) -> posts::BoxedQuery<'static, Backend> {
        posts::table.filter(posts::user_id.eq(self.id)).into_boxed()
    }

    /// Deletes the user, together with the posts, the sessions and the follows. The nickname is kept from others.
    ///
    /// # Errors
    ///
    /// When a statement fails.
    pub fn delete(&self, connection: &mut Connection) -> QueryResult<()> {
        connection.transaction(|connection| {
            former_nickname::keep(&self.nickname, self.id, connection)?;
            diesel::delete(users::table.find(self.id)).execute(connection).map(drop)
        })
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<User '{}'>", self.nickname)
    }
}

/// A user who is not in the database yet.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = users)]
pub struct NewUser<'a> {
    nickname: &'a str,
    email: &'a str,
    password_hash: Option<&'a str>,
}

impl<'a> NewUser<'a> {
    /// Checks the lengths. The values are stored unchanged.
    ///
    /// # Errors
    ///
    /// When one is empty or too long.
    pub fn new(nickname: &'a str, email: &'a str) -> Result<Self, ModelError> {
        ModelError::check("nickname", nickname, User::NICKNAME_LENGTH)?;
        ModelError::check("email", email, User::EMAIL_LENGTH)?;
        Ok(Self { nickname, email, password_hash: None })
    }

    /// Sets the hash of the password.
    #[must_use]
    pub fn password_hash(self, hash: &'a str) -> Self {
        Self { password_hash: Some(hash), ..self }
    }

    /// Stores the user.
    ///
    /// # Errors
    ///
    /// [`ModelError::Taken`] when another user has the nickname or the e-mail address, or had the nickname
    /// (case-insensitive); when a statement fails.
    pub fn insert(&self, connection: &mut Connection) -> Result<User, ModelError> {
        if !former_nickname::is_free(self.nickname, None, connection)? {
            return Err(ModelError::Taken { field: "nickname" });
        }
        let id = diesel::insert_into(users::table)
            .values(self)
            .returning(users::id)
            .get_result(connection)
            .map_err(|error| ModelError::from_write(error, "users", &NAMES))?;
        User::find(id, connection).map_err(ModelError::from)
    }
}
