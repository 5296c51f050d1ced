//! A person who writes posts.

use std::fmt;

use diesel::prelude::*;
use migrate::Connection;
use migrate::connection::Backend;

use super::ModelError;
use crate::schema::{posts, users};

/// A row of `users`.
#[derive(Clone, PartialEq, Eq, Queryable, Selectable, Identifiable)]
#[diesel(table_name = users)]
pub struct User {
    /// The key.
    pub id: i32,
    /// The name on the site; no two users share one.
    pub nickname: String,
    /// The e-mail address; no two users share one.
    pub email: String,
}

impl User {
    /// How many characters a nickname may have.
    pub const NICKNAME_LENGTH: usize = <users::nickname as diesel::query_source::SizeRestrictedColumn>::MAX_LENGTH;
    /// How many characters an e-mail address may have.
    pub const EMAIL_LENGTH: usize = <users::email as diesel::query_source::SizeRestrictedColumn>::MAX_LENGTH;

    /// Everybody, in the order of their keys.
    ///
    /// # Errors
    ///
    /// When the query fails.
    pub fn all(connection: &mut Connection) -> QueryResult<Vec<Self>> {
        users::table.order(users::id).select(Self::as_select()).load(connection)
    }

    /// The user with that key.
    ///
    /// # Errors
    ///
    /// [`NotFound`](diesel::result::Error::NotFound) when nobody has it, or when the query fails.
    pub fn find(id: i32, connection: &mut Connection) -> QueryResult<Self> {
        users::table.find(id).select(Self::as_select()).first(connection)
    }

    /// The user with that nickname.
    ///
    /// # Errors
    ///
    /// [`NotFound`](diesel::result::Error::NotFound) when nobody has it, or when the query fails.
    pub fn by_nickname(nickname: &str, connection: &mut Connection) -> QueryResult<Self> {
        users::table.filter(users::nickname.eq(nickname)).select(Self::as_select()).first(connection)
    }

    /// The user's posts: a query to filter, order and page further, then to load.
    #[must_use]
    pub fn posts(&self) -> posts::BoxedQuery<'static, Backend> {
        posts::table.filter(posts::user_id.eq(self.id)).into_boxed()
    }

    /// Deletes the user, and the posts with it.
    ///
    /// # Errors
    ///
    /// When the statement fails.
    pub fn delete(&self, connection: &mut Connection) -> QueryResult<()> {
        diesel::delete(users::table.find(self.id)).execute(connection).map(drop)
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
}

impl<'a> NewUser<'a> {
    /// Checks the two names; they are stored as they are given.
    ///
    /// # Errors
    ///
    /// When one is empty or too long.
    pub fn new(nickname: &'a str, email: &'a str) -> Result<Self, ModelError> {
        ModelError::check("nickname", nickname, User::NICKNAME_LENGTH)?;
        ModelError::check("email", email, User::EMAIL_LENGTH)?;
        Ok(Self { nickname, email })
    }

    /// Stores the user.
    ///
    /// # Errors
    ///
    /// [`ModelError::Taken`] when somebody has the nickname or the e-mail address, or when the statement fails.
    pub fn insert(&self, connection: &mut Connection) -> Result<User, ModelError> {
        let id = diesel::insert_into(users::table)
            .values(self)
            .returning(users::id)
            .get_result(connection)
            .map_err(|error| ModelError::from_write(error, "users", &["nickname", "email"]))?;
        Ok(User { id, nickname: self.nickname.to_owned(), email: self.email.to_owned() })
    }
}
