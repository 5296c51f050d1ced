//! [`Change`]s → the SQL that makes them and the SQL that takes them back, one dialect a file.

mod order;
pub(crate) mod sqlite;

use crate::{Change, Error, Schema};

/// What a migration's two files hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sql {
    /// The SQL that makes the changes.
    pub up: String,
    /// The SQL that takes them back.
    pub down: String,
    /// Whether the two bring their own transaction, because they rebuild tables, which SQLite can only do safely while
    /// foreign keys are off, and those cannot be switched within a transaction. A runner that is not this library's
    /// learns it from the `metadata.toml` beside the files.
    pub own_transaction: bool,
}

/// Writes the changes as SQLite's SQL, for SQLite 3.35 and later. `from` is the live schema that they were found in.
///
/// # Errors
///
/// [`Error::CannotExpress`] on a change that has no safe SQL; it names the table.
pub fn render(from: &Schema, changes: &[Change]) -> Result<Sql, Error> {
    sqlite::render(from, changes)
}
