//! One rebuild of a table for all that ALTER TABLE cannot do.
//!
//! A rebuild makes a new table, copies every row, drops the old one and gives the new one its name
//! (<https://www.sqlite.org/lang_altertable.html#otheralter>). Indexes and triggers are made again from their own texts;
//! views, and the foreign keys of other tables, stay as they are, because `legacy_alter_table` keeps the last step from
//! rewriting them.

use super::definition::create_index;
use super::keep::Join;
use super::{Direction, Writer, stored};
use crate::Error;
use crate::diff::Alteration;
use crate::schema::{Column, Index, ObjectKind, Table, Type, same_name};
use crate::sql::create_table::{CreateTable, Kind};
use crate::sql::{default_sql, literal, quote};

impl Writer<'_> {
    pub(super) fn rebuild(
        &self,
        from: &Table,
        to: &Table,
        alterations: &[Alteration],
        side: Option<&Join>,
    ) -> Result<Vec<String>, Error> {
        let (before, after) = (CreateTable::parse(stored(from)?)?, CreateTable::parse(stored(to)?)?);
        let new_name = self.free_name(&format!("_new_{}", to.name));
        let guard = self.guard();
        let (old, new) = (quote(&from.name), quote(&new_name));
        let (targets, values) = self.copied_columns((from, &before), (to, &after), side);
        let source = side.map_or_else(|| old.clone(), |side| format!("{old}\n    {}", side.clause));
        let mut statements = vec![
            format!("INSERT INTO {guard} (name, rows_before) SELECT {}, count(*) FROM {old}", literal(&to.name)),
            after.renamed(&new_name),
            format!("INSERT INTO {new} ({})\n    SELECT {}\n    FROM {source}", targets.join(", "), values.join(", ")),
        ];
        if before.is_autoincrement() && after.is_autoincrement() {
            let (old, new) = (literal(&from.name), literal(&new_name));
            statements.push(format!("DELETE FROM sqlite_sequence WHERE name = {new}"));
            statements.push(format!(
                "INSERT INTO sqlite_sequence (name, seq) SELECT {new}, seq FROM sqlite_sequence WHERE name = {old}"
            ));
        }
        statements.push(format!("DROP TABLE {old}"));
        statements.push(format!("ALTER TABLE {new} RENAME TO {}", quote(&to.name)));
        let is_new = |index: &&Index| {
            alterations.iter().any(|alteration| matches!(alteration, Alteration::AddIndex(added) if added == *index))
        };
        let kept = to.indexes.iter().filter(|index| !index.constraint && !is_new(index));
        statements.extend(kept.map(|index| create_index(&to.name, stored_index(from, index))));
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
        side: Option<&Join>,
    ) -> (Vec<String>, Vec<String>) {
        let (mut targets, mut values) = (Vec::new(), Vec::new());
        let (number, new_number) = (row_number(from, before), row_number(to, after));
        // Where a side table joins, a bare name could mean either.
        let own = |name: &str| if side.is_some() { format!("{}.{name}", quote(&from.name)) } else { name.to_owned() };
        let number = number.map(|number| own(&number));
        if let (Some(number), Some(new)) = (&number, new_number.filter(|_| after.row_number().is_none())) {
            targets.push(new);
            values.push(number.clone());
        }
        for column in &to.columns {
            if after.column(&column.name).is_some_and(|item| item.find(Kind::Generated).is_some()) {
                continue;
            }
            let is_number = after.row_number().is_some_and(|own| same_name(&own, &column.name));
            let sole_key = || match from.primary_key.as_slice() {
                [key] => Some(own(&quote(key))),
                _ => None,
            };
            let number = number.clone().or_else(sole_key).filter(|_| to.is_unique(&column.name));
            let value = if let Some(old) = from.find_column(&column.name) {
                let current = own(&quote(&old.name));
                let mut value = self.converted(&current, old, column, to, number);
                if is_number && old.nullable && self.direction == Direction::Up {
                    // SQLite would number a row whose key is NULL; a text in its place is an error.
                    value = format!("coalesce({value}, 'NULL in the primary key')");
                }
                match side {
                    // What the column computes in between says nothing of the values that it had.
                    Some(side) if old.generated => side.dropped(&column.name, Some(value)),
                    Some(side) => Some(side.altered(&column.name, &current, value)),
                    None => Some(value),
                }
            } else {
                let value = if is_number { number } else { self.missing(column, to, number) };
                side.map_or(value.clone(), |side| side.dropped(&column.name, value))
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

    /// What a row gets in a column that was not there; `None` leaves it to the column's default, or to its NOT NULL.
    fn missing(&self, column: &Column, to: &Table, number: Option<String>) -> Option<String> {
        if let Some(fill) = self.fill(&to.name, &column.name) {
            return Some(fill.to_owned());
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
        if let Some(fill) = self.fill(&table.name, &to.name) {
            return format!("coalesce({value}, {fill})");
        }
        match &to.default {
            Some(default) => format!("coalesce({value}, {})", default_sql(default, &to.ty)),
            None if self.direction == Direction::Down => format!("coalesce({value}, {})", filler(&to.ty, number)),
            None => value,
        }
    }

    /// What the caller wants in a column where there is no value.
    pub(super) fn fill(&self, table: &str, column: &str) -> Option<&str> {
        self.options.fill(table, column).filter(|_| self.direction == Direction::Up)
    }
}

/// A value in another type. What SQLite converts by itself, as the column's affinity asks, is left to it.
pub(super) fn conversion(value: &str, from: &Type, to: &Type) -> String {
    match (from, to) {
        (Type::Binary, Type::Text { .. }) => format!("CAST({value} AS TEXT)"),
        (Type::Text { .. }, Type::Binary) => format!("CAST({value} AS BLOB)"),
        // What is no date, or no date with a time, stays as it is.
        (Type::Date, Type::Timestamp) => {
            format!("CASE WHEN {value} GLOB '????-??-??' THEN {value} || ' 00:00:00' ELSE {value} END")
        }
        (Type::Timestamp, Type::Date) => {
            format!("CASE WHEN {value} GLOB '????-??-??[ T]*' THEN coalesce(date({value}), {value}) ELSE {value} END")
        }
        _ => value.to_owned(),
    }
}

/// The index with the text that made it: its own, or that of the index of the live table that it stands for.
fn stored_index<'a>(from: &'a Table, index: &'a Index) -> &'a Index {
    if index.stored.is_some() {
        return index;
    }
    let same = |other: &&Index| other.columns == index.columns && other.unique == index.unique && !other.constraint;
    let mut same = from.indexes.iter().filter(same);
    let first = same.clone().next();
    same.find(|other| same_name(&other.name, &index.name)).or(first).unwrap_or(index)
}

/// What a downgrade puts where a value is needed and none is known: zero, nothing, or the row's own number where two
/// rows may not be equal.
fn filler(ty: &Type, number: Option<String>) -> String {
    match (ty, number) {
        (Type::Text { .. }, Some(number)) => format!("CAST({number} AS TEXT)"),
        (Type::Binary, Some(number)) => format!("CAST({number} AS BLOB)"),
        (_, Some(number)) => number,
        (Type::Text { .. }, None) => "''".into(),
        (Type::Binary, None) => "x''".into(),
        (Type::Date, None) => "'1970-01-01'".into(),
        (Type::Time, None) => "'00:00:00'".into(),
        (Type::Timestamp, None) => "'1970-01-01 00:00:00'".into(),
        _ => "0".into(),
    }
}

/// The name by which a table's rows can be told apart by number, quoted: a column of its own, or the hidden rowid, by
/// whichever of its names no column has taken. An outside index (FTS5) may know the rows by it.
fn row_number(table: &Table, text: &CreateTable) -> Option<String> {
    if text.is_without_rowid() {
        return None;
    }
    let is_free = |name: &&str| table.find_column(name).is_none();
    let hidden = || ["rowid", "_rowid_", "oid"].into_iter().find(is_free).map(str::to_owned);
    text.row_number().map(|column| quote(&column)).or_else(hidden)
}

/// The name of the hidden rowid, where a table has one on both sides of a change and no column shows it.
pub(super) fn hidden_rowid(
    (from, before): (&Table, &CreateTable),
    (to, after): (&Table, &CreateTable),
) -> Option<&'static str> {
    let is_hidden = |text: &CreateTable| !text.is_without_rowid() && text.row_number().is_none();
    let is_free = |name: &&str| from.find_column(name).is_none() && to.find_column(name).is_none();
    ["rowid", "_rowid_", "oid"].into_iter().find(is_free).filter(|_| is_hidden(before) && is_hidden(after))
}
