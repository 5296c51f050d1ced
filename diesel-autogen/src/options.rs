//! How a migration is planned and written.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};

use crate::Error;
use crate::change::Rename;
use crate::schema::{DefaultValue, Schema, Type, same_name};
use crate::url::DatabaseUrl;

/// How a migration is planned.
///
/// ```
/// let mut options = diesel_autogen::PlanOptions::default();
/// options.message = Some("count likes".into());
/// options.fills.push("posts.likes=0".into());
/// options.renames.push("posts.text=body".into());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
#[non_exhaustive]
pub struct PlanOptions {
    /// What the migration does, in words that name its folder.
    pub message: Option<String>,
    /// Values for rows that have none where one is needed, as `table.column=value`.
    pub fills: Vec<String>,
    /// Columns and tables that are renamed, as `table.column=new_name` and `table=new_name`.
    pub renames: Vec<String>,
    /// Renames, in the same form, that were rejected: the one is dropped and the other added.
    pub not_renames: Vec<String>,
    /// Accepts that values are lost, that what the models do not mention is dropped, and that no similar column or table
    /// is a rename.
    pub allow_data_loss: bool,
    /// Keeps no values that the upgrade drops or converts.
    pub no_keep: bool,
    /// Skips the rehearsal on the rows.
    pub no_rehearsal: bool,
    /// Where the migration for the other kind of database is rehearsed, in a scratch database of its own: any database of
    /// a PostgreSQL server, or a SQLite file, which need not exist. Only a program with a folder for each kind needs it.
    pub rehearse_on: Option<DatabaseUrl>,
    /// PostgreSQL: writes several migrations, none of which keeps others from reading or writing a table for longer than
    /// a moment. They are not rehearsed on the rows, and a drop whose values would be kept needs [`no_keep`](Self::no_keep).
    pub online: bool,
}

/// What a migration's SQL does beside its changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RenderOptions {
    /// The version under which the values that the upgrade drops or converts are kept, as the folder spells it (`003`);
    /// `None` keeps nothing.
    pub keep: Option<String>,
    /// Renames that the caller asks for, beside those that the models declare.
    pub renames: Vec<Rename>,
    /// Values for columns that may not be NULL, in rows that have none.
    pub fills: Vec<Fill>,
}

impl RenderOptions {
    pub(crate) fn fill(&self, table: &str, column: &str) -> Option<&Fill> {
        let is_meant = |fill: &&Fill| same_name(&fill.table, table) && same_name(&fill.column, column);
        self.fills.iter().find(is_meant)
    }
}

/// A value for rows that have none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fill {
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// The value without quotes, as a person types it.
    pub value: String,
}

impl Fill {
    /// Reads `table.column=value` for a column of the models.
    ///
    /// # Errors
    ///
    /// [`Error::Option`] when it has another form, there is no such column, or the value is none of its type.
    pub(crate) fn parse(text: &str, models: &Schema) -> Result<Self, Error> {
        let bad = |why: String| Error::Option { option: text.to_owned(), why };
        let parts = text.split_once('=').and_then(|(name, value)| Some((split_column(name, models)?, value)));
        let ((table, column), value) = parts.ok_or_else(|| bad("write it as table.column=value".into()))?;
        let found = models.table(table).ok_or_else(|| bad(format!("the models have no table {table}")))?;
        let found = found.find_column(column).ok_or_else(|| bad(format!("table {table} has no column {column}")))?;
        // The forms that Diesel reads; the seconds may have a fraction.
        let mut times = ["%H:%M", "%H:%M:%S%.f"].into_iter();
        let is_timestamp = |time| NaiveDateTime::parse_from_str(value, &format!("%Y-%m-%d {time}")).is_ok();
        let is_number = value.parse::<f64>().is_ok_and(f64::is_finite);
        let is_valid = match found.ty {
            Type::SmallInt => value.parse::<i16>().is_ok(),
            Type::Integer => value.parse::<i32>().is_ok(),
            Type::BigInt => value.parse::<i64>().is_ok(),
            Type::Float | Type::Double => is_number,
            Type::Bool => matches!(value, "true" | "false"),
            Type::Text { max_length } => max_length.is_none_or(|most| value.chars().count() <= most as usize),
            Type::Date => NaiveDate::parse_from_str(value, "%Y-%m-%d").is_ok(),
            Type::Time => times.any(|time| NaiveTime::parse_from_str(value, time).is_ok()),
            Type::Timestamp => times.any(is_timestamp),
            Type::Binary | Type::Diesel(_) | Type::Array(_) | Type::Custom { .. } | Type::Other(_) => true,
        };
        if !is_valid {
            return Err(bad(format!("{value:?} is no {} for {table}.{column}", found.ty)));
        }
        Ok(Self { table: table.to_owned(), column: column.to_owned(), value: value.to_owned() })
    }

    /// The value as a default of that type, which each database writes in its own way.
    pub(crate) fn as_default(&self, ty: &Type) -> DefaultValue {
        match (ty, self.value.parse::<f64>(), self.value.parse::<bool>()) {
            (Type::SmallInt | Type::Integer | Type::BigInt | Type::Float | Type::Double, Ok(_), _) => {
                DefaultValue::Number(self.value.clone())
            }
            (Type::Bool, _, Ok(value)) => DefaultValue::Bool(value),
            _ => DefaultValue::Text(self.value.clone()),
        }
    }
}

/// The table and the column in `table.column`. A table of another schema has a dot in its name, too.
fn split_column<'a>(name: &'a str, models: &Schema) -> Option<(&'a str, &'a str)> {
    let mut splits = name.match_indices('.').map(|(at, _)| (&name[..at], &name[at + 1..]));
    splits.clone().find(|(table, _)| models.table(table).is_some()).or_else(|| splits.next())
}
