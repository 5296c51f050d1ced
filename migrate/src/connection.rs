//! One connection type for both databases, opened by URL.

use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::{Connection as _, PgConnection, SqliteConnection};

use crate::Error;

/// A connection to SQLite or to PostgreSQL. Diesel's queries run on it as on either.
#[derive(diesel::MultiConnection)]
pub enum Connection {
    /// A SQLite database file.
    Sqlite(SqliteConnection),
    /// A PostgreSQL server.
    Postgres(PgConnection),
}
