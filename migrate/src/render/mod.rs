//! [`Change`]s → the SQL that makes them and the SQL that takes them back, one dialect a file.

mod order;
pub(crate) mod sqlite;

use crate::schema::same_name;
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

/// What a migration shall do beside its changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// The revision, as its folder spells it (`003`), under which the values that the upgrade drops or converts are
    /// kept aside for the downgrade, in tables `_kept_003_users`; `None` keeps nothing.
    pub keep: Option<String>,
    /// What goes into columns that may not be NULL where there is no value.
    pub fills: Vec<Fill>,
}

impl Options {
    pub(crate) fn fill(&self, table: &str, column: &str) -> Option<&str> {
        let is_meant = |fill: &&Fill| same_name(&fill.table, table) && same_name(&fill.column, column);
        self.fills.iter().find(is_meant).map(|fill| fill.value.as_str())
    }
}

/// A value for the rows that have none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fill {
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// The value, as SQL writes it.
    pub value: String,
}

/// Writes the changes as SQLite's SQL, for SQLite 3.35 and later. `from` is the live schema that they were found in.
///
/// # Errors
///
/// [`Error::CannotExpress`] on a change that has no safe SQL; it names the table.
pub fn render(from: &Schema, changes: &[Change], options: &Options) -> Result<Sql, Error> {
    sqlite::render(from, changes, options)
}
