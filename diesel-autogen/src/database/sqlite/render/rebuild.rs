//! One rebuild of a table for all that ALTER TABLE cannot do.
//!
//! A rebuild creates a new table, copies every row, drops the old table and renames the new one
//! (<https://www.sqlite.org/lang_altertable.html#otheralter>). Indexes and triggers are created again from their stored
//! texts; views, and the foreign keys of other tables, stay as they are, because `legacy_alter_table` keeps the rename
//! from rewriting them.

use super::super::ddl::create_table::{CreateTable, Kind};
use super::super::ddl::types::default_sql;
use super::super::ddl::{mentions, quote};
use super::definition::create_index;
use super::guard;
use super::keep::{self, Join};
use super::values::{self, conversion, filler};
use super::writer::{Writer, stored};
use crate::change::Alteration;
use crate::error::Error;
use crate::kept::SideTable;
use crate::migration::Direction;
use crate::schema::{Column, Index, ObjectKind, Table, same_name};
use crate::text::literal;

impl Writer<'_> {
    /// The statements that rebuild a table. An upgrade fills its side table, a downgrade reads it.
    pub(super) fn rebuild(
        &self,
        from: &Table,
        to: &Table,
        alterations: &[Alteration],
        side: Option<&SideTable>,
    ) -> Result<Vec<String>, Error> {
        let (before, after) = (CreateTable::parse(stored(from)?)?, CreateTable::parse(stored(to)?)?);
        let new_name = self.free_name(&format!("_new_{}", to.name));
        let (old, new) = (quote(&from.name), quote(&new_name));
        let join = side.filter(|_| self.direction == Direction::Down).map(Join);
        let (targets, values) = self.copied_columns((from, &before), (to, &after), join.as_ref());
        let source = join.as_ref().map_or_else(|| old.clone(), |join| format!("{old}\n    {}", join.clause()));
        // A conflict that rolls back would end the transaction in the middle of the file.
        let verb = if mentions(stored(to)?, "ROLLBACK") { "INSERT OR ABORT" } else { "INSERT" };
        let mut statements = vec![
            after.renamed(&new_name),
            format!("{verb} INTO {new} ({})\n    SELECT {} FROM {source}", targets.join(", "), values.join(", ")),
            guard::same_count(&self.guard, &new, &old),
        ];
        if before.is_autoincrement() && after.is_autoincrement() {
            let (old, new) = (literal(&from.name), literal(&new_name));
            statements.push(format!("DELETE FROM sqlite_sequence WHERE name = {new}"));
            statements.push(format!(
                "INSERT INTO sqlite_sequence (name, seq) SELECT {new}, seq FROM sqlite_sequence WHERE name = {old}"
            ));
        }
        if let (Direction::Up, Some(side)) = (self.direction, side) {
            statements.extend(keep::fill(side, Some(&new), &self.guard));
        }
        statements.push(format!("DROP TABLE {old}"));
        statements.push(format!("ALTER TABLE {new} RENAME TO {}", quote(&to.name)));
        let is_new = |index: &&Index| {
            alterations.iter().any(|alteration| matches!(alteration, Alteration::AddIndex(added) if added == *index))
        };
        let is_dropped = |index: &&Index| {
            alterations.iter().any(|alteration| matches!(alteration, Alteration::DropIndex(gone) if gone == *index))
        };
        let before: Vec<_> = from.indexes.iter().filter(|index| !is_dropped(index)).collect();
        let kept = to.indexes.iter().filter(|index| !index.constraint && !is_new(index));
        statements.extend(kept.filter_map(|index| Some(create_index(&to.name, stored_index(&before, index)?))));
        let own = self.kept.iter().filter(|object| same_name(&object.table, &from.name));
        let own = own.filter(|object| matches!(object.kind, ObjectKind::Index | ObjectKind::Trigger));
        statements.extend(own.map(|object| object.sql.clone()));
        Ok(statements)
    }

    /// The columns that a rebuild fills, and the expressions that it fills them with.
    fn copied_columns(
        &self,
        (from, before): (&Table, &CreateTable),
        (to, after): (&Table, &CreateTable),
        join: Option<&Join>,
    ) -> (Vec<String>, Vec<String>) {
        let (mut targets, mut values) = (Vec::new(), Vec::new());
        // With a side table joined, a bare name could mean either.
        let own = |name: &str| if join.is_some() { format!("{}.{name}", quote(&from.name)) } else { name.to_owned() };
        let rowid = values::rowid(from, before).map(|rowid| own(&rowid));
        if let (Some(rowid), Some(new), None) = (&rowid, values::rowid(to, after), after.rowid_column()) {
            targets.push(new);
            values.push(rowid.clone());
        }
        for column in &to.columns {
            if after.column(&column.name).is_some_and(|item| item.find(Kind::Generated).is_some()) {
                continue;
            }
            let is_rowid = after.rowid_column().is_some_and(|own| same_name(&own, &column.name));
            let sole_key = || match from.primary_key.as_slice() {
                [key] => Some(own(&quote(key))),
                _ => None,
            };
            let number = rowid.clone().or_else(sole_key).filter(|_| to.is_unique(&column.name));
            let value = if let Some(old) = from.find_column(&column.name) {
                self.copied(&own(&quote(&old.name)), old, (column, to), number, (is_rowid, join))
            } else {
                let value = if is_rowid { number } else { self.missing(column, to, number) };
                join.map_or(value.clone(), |join| join.dropped(&column.name, value))
            };
            if let Some(value) = value {
                targets.push(quote(&column.name));
                values.push(value);
            }
        }
        if let (true, Some(column)) = (targets.is_empty(), to.columns.iter().find(|column| !column.generated)) {
            // Every column is new: each row still becomes one.
            targets.push(quote(&column.name));
            values.push(column.default.as_ref().map_or("NULL".into(), |default| default_sql(default, &column.ty)));
        }
        (targets, values)
    }

    /// The value of a column that stays.
    fn copied(
        &self,
        current: &str,
        old: &Column,
        (column, table): (&Column, &Table),
        number: Option<String>,
        (is_rowid, join): (bool, Option<&Join>),
    ) -> Option<String> {
        let mut value = self.converted(current, old, column, table, number);
        if is_rowid && old.nullable && self.direction == Direction::Up {
            // SQLite would number a row whose key is NULL; a text in its place is an error.
            value = format!("coalesce({value}, 'NULL in the primary key')");
        }
        match join {
            // A generated value says nothing about the value before the upgrade.
            Some(join) if old.generated => join.dropped(&column.name, Some(value)),
            Some(join) => Some(join.altered(&column.name, current, value)),
            None => Some(value),
        }
    }

    /// What a row gets in a new column; `None` leaves it to the column's default, or to its NOT NULL.
    fn missing(&self, column: &Column, to: &Table, number: Option<String>) -> Option<String> {
        if let Some(fill) = self.fill(&to.name, column) {
            return Some(fill);
        }
        if self.direction == Direction::Up {
            return None;
        }
        match (&column.default, number) {
            (Some(default), None) => Some(default_sql(default, &column.ty)),
            (None, _) if column.nullable => None,
            (_, number) => Some(filler(&column.ty, number)),
        }
    }

    /// A value in the column's new type, and never NULL where that may not be.
    fn converted(&self, current: &str, from: &Column, to: &Column, table: &Table, number: Option<String>) -> String {
        let value = conversion(current, &from.ty, &to.ty);
        if !from.nullable || to.nullable || table.is_sole_key(&to.name) {
            return value;
        }
        if let Some(fill) = self.fill(&table.name, to) {
            return format!("coalesce({value}, {fill})");
        }
        match &to.default {
            Some(default) => format!("coalesce({value}, {})", default_sql(default, &to.ty)),
            None if self.direction == Direction::Down => format!("coalesce({value}, {})", filler(&to.ty, number)),
            None => value,
        }
    }
}

/// The index with the text that made it: its own, or that of the index of the live table that it stands for; `None`
/// where that is a constraint, which the text of the table holds.
fn stored_index<'a>(live: &[&'a Index], index: &'a Index) -> Option<&'a Index> {
    if index.stored.is_some() {
        return Some(index);
    }
    let same = |other: &&&Index| other.columns == index.columns && other.unique == index.unique;
    let (constraints, others): (Vec<&Index>, Vec<&Index>) =
        live.iter().filter(same).partition(|other| other.constraint);
    let named = others.iter().find(|other| same_name(&other.name, &index.name)).or(others.first()).copied();
    named.or_else(|| Some(index).filter(|_| constraints.is_empty()))
}
