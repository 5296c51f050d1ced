//! The counters of AUTOINCREMENT: a table that comes back shall not use a number again that was used before it went.

use super::keep::side_name;
use super::stored;
use crate::Error;
use crate::render::Options;
use crate::schema::Table;
use crate::sql::create_table::CreateTable;
use crate::sql::literal;

/// Keeps aside the counters of tables that are dropped.
pub(super) fn kept(options: &Options, dropped: &[&Table]) -> Result<Vec<String>, Error> {
    let Some(revision) = &options.keep else { return Ok(Vec::new()) };
    let counting = counting(dropped)?;
    if counting.is_empty() {
        return Ok(Vec::new());
    }
    let (side, names) = (side_name(revision, "sqlite_sequence"), counting.join(", "));
    Ok(vec![
        format!("CREATE TABLE {side} (name TEXT PRIMARY KEY, seq INTEGER)"),
        format!("INSERT INTO {side} (name, seq)\n    SELECT name, seq FROM sqlite_sequence WHERE name IN ({names})"),
    ])
}

/// Puts the counters back that were kept aside. Where they are gone, SQLite counts on from the highest row.
pub(super) fn restored(options: &Options, created: &[&Table]) -> Result<Vec<String>, Error> {
    let Some(revision) = &options.keep else { return Ok(Vec::new()) };
    if counting(created)?.is_empty() {
        return Ok(Vec::new());
    }
    let side = side_name(revision, "sqlite_sequence");
    Ok(vec![
        format!("CREATE TABLE IF NOT EXISTS {side} (name TEXT PRIMARY KEY, seq INTEGER)"),
        format!("DELETE FROM sqlite_sequence WHERE name IN (SELECT name FROM {side})"),
        format!("INSERT INTO sqlite_sequence (name, seq) SELECT name, seq FROM {side}"),
        format!("DROP TABLE {side}"),
    ])
}

/// The names of the tables that count, as SQL writes a text.
fn counting(tables: &[&Table]) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    for table in tables {
        if CreateTable::parse(stored(table)?)?.is_autoincrement() {
            names.push(literal(&table.name));
        }
    }
    Ok(names)
}
