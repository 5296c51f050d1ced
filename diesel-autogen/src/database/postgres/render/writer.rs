//! What the parts of the renderer share: one file of a migration, and how it changes constraints.

use super::super::sql::{default_sql, quote, quote_table};
use crate::database::changes::Changes;
use crate::kept::SideTable;
use crate::migration::Direction;
use crate::options::RenderOptions;
use crate::schema::{Column, Object, Table, Type};
use crate::text::literal;

/// A foreign key of a side table that an earlier migration made.
pub(crate) struct SideKey {
    pub side: String,
    pub constraint: String,
    /// The table and the columns that it refers to.
    pub table: String,
    pub columns: Vec<String>,
}

/// Writes one file. `down.sql` fills in a missing value; in `up.sql` it is an error.
pub(super) struct Writer<'a> {
    pub direction: Direction,
    pub changes: Changes<'a>,
    /// The tables before and after this file runs.
    pub before: &'a [Table],
    pub after: &'a [Table],
    /// Views, triggers and other objects of the database.
    pub objects: &'a [Object],
    pub options: &'a RenderOptions,
    pub side_keys: &'a [SideKey],
    /// The schemas that earlier migrations create.
    pub created: &'a [String],
}

impl Writer<'_> {
    /// What the upgrade loses of a table, whichever way this file goes.
    pub fn side_table(&self, from: &Table, to: &Table) -> Option<SideTable> {
        let (from, to) = if self.direction == Direction::Up { (from, to) } else { (to, from) };
        SideTable::of(self.options, from, to, &super::super::convert::loses)
    }

    /// The caller's value for rows that have none in that column.
    pub fn fill(&self, to: &Table, column: &Column) -> Option<String> {
        let fill = self.options.fill(&to.name, &column.name).filter(|_| self.direction == Direction::Up)?;
        Some(match column.ty {
            Type::Binary => format!("convert_to({}, 'UTF8')", literal(&fill.value)),
            _ => default_sql(&fill.as_default(&column.ty), &column.ty),
        })
    }
}

/// Sets the next number of a column that the database numbers, after rows were inserted with their numbers.
pub(super) fn numbers(table: &Table) -> Vec<String> {
    let numbered = table.columns.iter().filter(|column| column.identity);
    let set = |column: &Column| {
        let (name, table) = (quote(&column.name), quote_table(&table.name));
        let (text, own) = (literal(&table), literal(&column.name));
        format!("SELECT setval(pg_get_serial_sequence({text}, {own}), max({name})) FROM {table}")
    };
    numbered.map(set).collect()
}

pub(super) fn drop_constraint(table: &Table, name: &str) -> String {
    format!("ALTER TABLE {} DROP CONSTRAINT {}", quote_table(&table.name), quote(name))
}

pub(super) fn add_constraint(table: &Table, text: &str) -> String {
    format!("ALTER TABLE {} ADD {text}", quote_table(&table.name))
}

/// Whether both tables come from a live database.
pub(super) fn is_exact(from: &Table, to: &Table) -> bool {
    from.clauses.is_some() && to.clauses.is_some()
}

pub(super) fn alter_column(table: &Table, column: &Column, action: &str) -> String {
    format!("ALTER TABLE {} ALTER COLUMN {} {action}", quote_table(&table.name), quote(&column.name))
}
