//! The values that a file copies, converts or fills in, and the rowid that identifies a row.

use super::super::ddl::create_table::CreateTable;
use super::super::ddl::quote;
use crate::schema::{Table, Type};

/// A value in another type. SQLite itself converts by the column's affinity.
pub(super) fn conversion(value: &str, from: &Type, to: &Type) -> String {
    match (from, to) {
        (Type::Binary, Type::Text { .. }) => format!("CAST({value} AS TEXT)"),
        (Type::Text { .. }, Type::Binary) => format!("CAST({value} AS BLOB)"),
        // A value that is no date, or no date with a time, stays as it is.
        (Type::Date, Type::Timestamp) => {
            format!("CASE WHEN {value} GLOB '????-??-??' THEN {value} || ' 00:00:00' ELSE {value} END")
        }
        (Type::Timestamp, Type::Date) => {
            format!("CASE WHEN {value} GLOB '????-??-??[ T]*' THEN coalesce(date({value}), {value}) ELSE {value} END")
        }
        _ => value.to_owned(),
    }
}

/// What a downgrade writes where a value is needed and none is known: zero, an empty text, or the rowid where two rows
/// may not be equal.
pub(super) fn filler(ty: &Type, number: Option<String>) -> String {
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

/// The quoted name of a table's rowid: a column, or one of its hidden names that no column has. Another table (FTS5) may
/// refer to the rows by it.
pub(super) fn rowid(table: &Table, text: &CreateTable) -> Option<String> {
    let column = text.rowid_column().map(|column| quote(&column));
    column.or_else(|| hidden_rowid(table, text).map(str::to_owned))
}

/// The name of a rowid that no column shows.
pub(super) fn hidden_rowid(table: &Table, text: &CreateTable) -> Option<&'static str> {
    let is_free = |name: &&str| table.find_column(name).is_none();
    let is_hidden = !text.is_without_rowid() && text.rowid_column().is_none();
    ["rowid", "_rowid_", "oid"].into_iter().find(is_free).filter(|_| is_hidden)
}
