//! [`Change`]s → the SQL that makes them and the SQL that takes them back, one dialect a file.

mod order;
pub(crate) mod sqlite;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};

use crate::schema::{Type, same_name};
use crate::sql::literal;
use crate::{Change, Error, Rename, Schema};

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
    /// Renames that the caller asks for, beside those that the models declare.
    pub renames: Vec<Rename>,
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

impl Fill {
    /// Reads `table.column=value` for a column of the models; the value is written as the column's type asks.
    ///
    /// # Errors
    ///
    /// [`Error::BadFill`] when it has another form, there is no such column, or the value is none of its type.
    pub fn parse(text: &str, models: &Schema) -> Result<Self, Error> {
        let bad = |why: String| Error::BadFill { fill: text.to_owned(), why };
        let parts = text.split_once('=').and_then(|(name, value)| Some((name.split_once('.')?, value)));
        let ((table, column), value) = parts.ok_or_else(|| bad("write it as table.column=value".into()))?;
        let found = models.table(table).ok_or_else(|| bad(format!("the models have no table {table}")))?;
        let found = found.find_column(column).ok_or_else(|| bad(format!("table {table} has no column {column}")))?;
        // As Diesel reads them; the seconds may have a fraction.
        let mut times = ["%H:%M", "%H:%M:%S%.f"].into_iter();
        let is_timestamp = |time| NaiveDateTime::parse_from_str(value, &format!("%Y-%m-%d {time}")).is_ok();
        let is_number = value.parse::<f64>().is_ok_and(f64::is_finite);
        let value = match found.ty {
            Type::SmallInt if value.parse::<i16>().is_ok() => value.to_owned(),
            Type::Integer if value.parse::<i32>().is_ok() => value.to_owned(),
            Type::BigInt if value.parse::<i64>().is_ok() => value.to_owned(),
            Type::Float | Type::Double if is_number => value.to_owned(),
            Type::Bool if matches!(value, "true" | "false") => value.to_uppercase(),
            Type::Text { max_length } if max_length.is_none_or(|most| value.chars().count() <= most as usize) => {
                literal(value)
            }
            Type::Date if NaiveDate::parse_from_str(value, "%Y-%m-%d").is_ok() => literal(value),
            Type::Time if times.any(|time| NaiveTime::parse_from_str(value, time).is_ok()) => literal(value),
            Type::Timestamp if times.any(is_timestamp) => literal(value),
            Type::Other(_) => literal(value),
            Type::Binary => format!("CAST({} AS BLOB)", literal(value)),
            _ => return Err(bad(format!("{value:?} is no {} for {table}.{column}", found.ty))),
        };
        Ok(Self { table: table.to_owned(), column: column.to_owned(), value })
    }
}

/// Writes the changes as SQLite's SQL, for SQLite 3.35 and later. `from` is the live schema that they were found in.
///
/// # Errors
///
/// [`Error::CannotExpress`] on a change that has no safe SQL; it names the table.
pub fn render(from: &Schema, changes: &[Change], options: &Options) -> Result<Sql, Error> {
    sqlite::render(from, changes, options)
}
