//! The library's own tables in a SQLite database, and what it asks about the others.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Integer, Nullable, Text};
use diesel::{RunQueryDsl as _, SqliteConnection};

use super::ddl::quote;
use super::errors::readable;
use crate::Error;
use crate::database::history::{self, CHECKSUMS, Clock, VERSIONS};
use crate::history::Applied;
use crate::kept;
use crate::text::literal;

/// Diesel's own time has whole seconds, in which a migration can be reverted and applied again.
pub(super) const CLOCK: Clock =
    Clock { now: "strftime('%Y-%m-%d %H:%M:%f', 'now')", text: "coalesce(CAST(run_on AS TEXT), '')" };

/// The comment in the text of a side table, which SQLite stores: an application may have a table of such a name.
pub(super) const SIDE_TABLE: &str = "/* values for a downgrade */";

/// Excludes SQLite's own tables and those of the history from a query of `column`.
pub(super) fn is_application_table(column: &str) -> String {
    format!("{column} NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND {column} NOT IN ('{VERSIONS}', '{CHECKSUMS}')")
}

/// The first column of a query.
pub(super) fn texts(connection: &mut SqliteConnection, query: &str) -> Result<Vec<String>, Error> {
    Ok(sql::<Text>(query).load(connection)?)
}

/// The first value of a query, a number.
pub(super) fn number(connection: &mut SqliteConnection, query: &str) -> Result<i64, Error> {
    Ok(sql::<BigInt>(query).get_result(connection)?)
}

/// The number of rows of each table of the application, side tables included, but for one that only the application can
/// read. The tables in which a virtual table stores its content are no tables of the application.
pub(super) fn row_counts(connection: &mut SqliteConnection) -> Result<BTreeMap<String, u64>, Error> {
    count_each(tables(connection)?, connection)
}

fn tables(connection: &mut SqliteConnection) -> Result<Vec<String>, Error> {
    let own = is_application_table("name");
    let query = format!("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND {own}");
    texts(connection, &query)
}

fn count_each(tables: Vec<String>, connection: &mut SqliteConnection) -> Result<BTreeMap<String, u64>, Error> {
    let mut counts = BTreeMap::new();
    for table in tables {
        if let Some(count) = readable(number(connection, &format!("SELECT count(*) FROM {}", quote(&table))))? {
            counts.insert(table, count.unsigned_abs());
        }
    }
    Ok(counts)
}

pub(super) fn has_tables(connection: &mut SqliteConnection) -> Result<bool, Error> {
    let query = "SELECT count(*) FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
    Ok(number(connection, query)? > 0)
}

pub(super) fn has_rows(connection: &mut SqliteConnection) -> Result<bool, Error> {
    let mut tables = tables(connection)?;
    // A search index may hold the only copy of a text.
    let virtual_tables = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'virtual'";
    tables.extend(texts(connection, virtual_tables)?);
    // A virtual table whose module this program lacks may hold rows.
    let holds = |table: &String| {
        number(connection, &format!("SELECT EXISTS (SELECT 1 FROM {})", quote(table))).unwrap_or(1) > 0
    };
    Ok(tables.iter().any(holds))
}

/// The applied versions; `None` where the database is not under version control.
pub(super) fn history(connection: &mut SqliteConnection) -> Result<Option<Vec<Applied>>, Error> {
    if !exists(connection, VERSIONS)? {
        return Ok(None);
    }
    let query = history::select(has_checksums(connection)?, &CLOCK);
    let rows: Vec<_> = sql::<(Text, Nullable<Text>, Text)>(&query).load(connection)?;
    Ok(Some(rows.into_iter().map(history::applied).collect()))
}

/// Whether checksums were ever recorded: Diesel's own command line records none.
pub(super) fn has_checksums(connection: &mut SqliteConnection) -> Result<bool, Error> {
    exists(connection, CHECKSUMS)
}

fn exists(connection: &mut SqliteConnection, table: &str) -> Result<bool, Error> {
    let query = format!("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = '{table}'");
    Ok(number(connection, &query)? > 0)
}

/// The side tables with the number of their rows.
pub(super) fn side_tables(connection: &mut SqliteConnection) -> Result<BTreeMap<String, u64>, Error> {
    let names = side_table_names(connection)?;
    let mut counts: BTreeMap<_, _> = names.iter().map(|name| (name.clone(), 0)).collect();
    counts.extend(count_each(names, connection)?);
    Ok(counts)
}

pub(super) fn side_table_names(connection: &mut SqliteConnection) -> Result<Vec<String>, Error> {
    let query = format!("SELECT name FROM sqlite_master WHERE type = 'table' AND instr(sql, {})", literal(SIDE_TABLE));
    let mut names = texts(connection, &query)?;
    names.retain(|name| kept::parts(name).is_some());
    Ok(names)
}

/// Drops tables and overwrites the free pages.
pub(super) fn drop_and_overwrite(connection: &mut SqliteConnection, names: &[String]) -> Result<(), Error> {
    for name in names {
        connection.batch_execute(&format!("DROP TABLE {}", quote(name)))?;
    }
    // Free pages may hold what the migration itself took out of a table.
    let free = "SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size";
    let bytes = number(connection, free)?;
    // A value has at most a gigabyte.
    let piece = 100_000_000;
    let name = "_diesel_autogen_zeros";
    let mut statements = format!("CREATE TABLE {name} (zeros BLOB);");
    for at in 0..=bytes / piece {
        let _ = write!(statements, "INSERT INTO {name} VALUES (zeroblob({}));", piece.min(bytes - at * piece));
    }
    Ok(connection.batch_execute(&format!("{statements}DROP TABLE {name};"))?)
}

/// Moves the write-ahead log into the file. Returns false where another process keeps it from doing so.
pub(super) fn empty_journal(connection: &mut SqliteConnection) -> Result<bool, Error> {
    connection.batch_execute("PRAGMA busy_timeout = 1000")?;
    Ok(sql::<Integer>("PRAGMA wal_checkpoint(TRUNCATE)").get_result::<i32>(connection)? == 0)
}
