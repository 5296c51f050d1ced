//! The counters of AUTOINCREMENT: a restored table must not use an id again that it had used before it was dropped.

use super::super::catalog::SIDE_TABLE;
use super::super::ddl::create_table::CreateTable;
use super::super::ddl::quote;
use super::writer::stored;
use crate::error::Error;
use crate::kept;
use crate::options::RenderOptions;
use crate::schema::Table;
use crate::text::literal;

/// Keeps the counters of tables that are dropped.
pub(super) fn kept(options: &RenderOptions, dropped: &[&Table]) -> Result<Vec<String>, Error> {
    let Some(version) = &options.keep else { return Ok(Vec::new()) };
    let counting = counting(dropped)?;
    if counting.is_empty() {
        return Ok(Vec::new());
    }
    let (side, names) = (side_name(version), counting.join(", "));
    Ok(vec![
        format!("CREATE TABLE {side} {SIDE_TABLE} (name TEXT PRIMARY KEY, seq INTEGER)"),
        format!("INSERT INTO {side} (name, seq)\n    SELECT name, seq FROM sqlite_sequence WHERE name IN ({names})"),
    ])
}

/// Restores the counters. Where they were purged, SQLite counts on from the highest id.
pub(super) fn restored(options: &RenderOptions, created: &[&Table]) -> Result<Vec<String>, Error> {
    let Some(version) = &options.keep else { return Ok(Vec::new()) };
    if counting(created)?.is_empty() {
        return Ok(Vec::new());
    }
    let side = side_name(version);
    Ok(vec![
        format!("CREATE TABLE IF NOT EXISTS {side} {SIDE_TABLE} (name TEXT PRIMARY KEY, seq INTEGER)"),
        format!("DELETE FROM sqlite_sequence WHERE name IN (SELECT name FROM {side})"),
        format!("INSERT INTO sqlite_sequence (name, seq) SELECT name, seq FROM {side}"),
        format!("DROP TABLE {side}"),
    ])
}

fn side_name(version: &str) -> String {
    quote(&kept::name(version, "sqlite_sequence"))
}

/// The names, as literals, of the tables with AUTOINCREMENT.
fn counting(tables: &[&Table]) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    for table in tables {
        if CreateTable::parse(stored(table)?)?.is_autoincrement() {
            names.push(literal(&table.name));
        }
    }
    Ok(names)
}
