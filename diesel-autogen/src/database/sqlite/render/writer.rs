//! What the parts of the renderer share: one file of a migration, and what it may look up.

use super::super::ddl::types::default_sql;
use crate::database::changes::Changes;
use crate::error::Error;
use crate::migration::Direction;
use crate::options::RenderOptions;
use crate::schema::{Column, Object, Table, Type, same_name};
use crate::text::literal;

/// Writes one file. A missing value is an error of up.sql, which SQLite reports, and nothing changes. In down.sql it is
/// filled in: a downgrade must always be possible.
pub(super) struct Writer<'a> {
    pub direction: Direction,
    pub changes: Changes<'a>,
    /// Every table as it is on either side of the migration.
    pub tables: &'a [&'a Table],
    /// The triggers, views and hand-written indexes before the upgrade.
    pub objects: &'a [Object],
    /// Those of them that stay.
    pub kept: &'a [Object],
    pub options: &'a RenderOptions,
    /// The temporary table that counts the file's steps.
    pub guard: String,
}

impl Writer<'_> {
    /// The table of that name after this file, or before it where the file drops it.
    pub fn latest(&self, name: &str) -> Option<&Table> {
        let after = self.changes.created().into_iter().chain(self.changes.altered().map(|(_, to, _)| to));
        after.chain(self.tables.iter().copied()).find(|table| same_name(&table.name, name))
    }

    /// The name, or one like it that nothing in the database has.
    pub fn free_name(&self, name: &str) -> String {
        let mut name = name.to_owned();
        while self.is_taken(&name) {
            name.push('_');
        }
        name
    }

    /// Whether a table, an index, a view or a trigger has that name.
    pub fn is_taken(&self, name: &str) -> bool {
        let tables = self.tables.iter().map(|table| &table.name);
        let indexes = self.tables.iter().flat_map(|table| &table.indexes).map(|index| &index.name);
        let objects = self.objects.iter().map(|object| &object.name);
        tables.chain(indexes).chain(objects).any(|taken| same_name(taken, name))
    }

    /// The caller's value for rows that have none in that column.
    pub fn fill(&self, table: &str, column: &Column) -> Option<String> {
        let fill = self.options.fill(table, &column.name).filter(|_| self.direction == Direction::Up)?;
        Some(match column.ty {
            Type::Binary => format!("CAST({} AS BLOB)", literal(&fill.value)),
            _ => default_sql(&fill.as_default(&column.ty), &column.ty),
        })
    }
}

/// The CREATE TABLE text of a table.
pub(super) fn stored(table: &Table) -> Result<&str, Error> {
    table.stored.as_deref().ok_or_else(|| Error::cannot_express(&table.name, "its CREATE TABLE text is not known"))
}
