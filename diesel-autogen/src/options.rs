//! How a migration is planned and written.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};

use crate::Error;
use crate::change::Rename;
use crate::schema::{Schema, Type, same_name};
use crate::text::literal;

/// How a migration is planned.
///
/// ```
/// let mut options = diesel_autogen::PlanOptions::default();
/// options.message = Some("count likes".into());
/// options.fills.push("posts.likes=0".into());
/// options.renames.push("posts.text=body".into());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
    pub(crate) fn fill(&self, table: &str, column: &str) -> Option<&str> {
        let is_meant = |fill: &&Fill| same_name(&fill.table, table) && same_name(&fill.column, column);
        self.fills.iter().find(is_meant).map(|fill| fill.value.as_str())
    }
}

/// A value for rows that have none.
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
    /// [`Error::Option`] when it has another form, there is no such column, or the value is none of its type.
    pub(crate) fn parse(text: &str, models: &Schema) -> Result<Self, Error> {
        let bad = |why: String| Error::Option { option: text.to_owned(), why };
        let parts = text.split_once('=').and_then(|(name, value)| Some((name.split_once('.')?, value)));
        let ((table, column), value) = parts.ok_or_else(|| bad("write it as table.column=value".into()))?;
        let found = models.table(table).ok_or_else(|| bad(format!("the models have no table {table}")))?;
        let found = found.find_column(column).ok_or_else(|| bad(format!("table {table} has no column {column}")))?;
        // The forms that Diesel reads; the seconds may have a fraction.
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
            Type::Diesel(_) | Type::Array(_) | Type::Custom { .. } | Type::Other(_) => literal(value),
            Type::Binary => format!("CAST({} AS BLOB)", literal(value)),
            _ => return Err(bad(format!("{value:?} is no {} for {table}.{column}", found.ty))),
        };
        Ok(Self { table: table.to_owned(), column: column.to_owned(), value })
    }
}
