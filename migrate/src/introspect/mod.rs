//! A live database → [`Schema`].

pub(crate) mod sqlite;

use crate::{Connection, Error, Schema};

/// Reads what the connected database holds: tables, keys, indexes and checks, and the text of what
/// [`schema!`](crate::schema!) cannot say. The bookkeeping of migrations and of SQLite itself is left out.
///
/// # Errors
///
/// When the database cannot be read, or keeps a CREATE TABLE text that cannot be understood.
pub fn introspect(connection: &mut Connection) -> Result<Schema, Error> {
    match connection {
        Connection::Sqlite(connection) => sqlite::introspect(connection),
        Connection::Postgres(_) => Err(Error::PostgresNotYet),
    }
}
