//! Runs migrations on SQLite: all of them in one transaction, with their bookkeeping, or none.

use std::collections::BTreeMap;

use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use diesel::sqlite::SqliteConnection;
use diesel_migrations::MigrationHarness;

use crate::Error;
use crate::progress::step;
use crate::script::{Runnable, Script, StatementError};

/// Which way a migration runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Up,
    Down,
}

impl Direction {
    /// The file of a migration that runs that way.
    pub fn file(self) -> &'static str {
        match self {
            Self::Up => "up.sql",
            Self::Down => "down.sql",
        }
    }
}

/// Does some work in one transaction that has the write lock from its first moment, with foreign keys off: they cannot
/// be switched within a transaction, and a table that is rebuilt would take the rows with it that refer to it. New
/// rows without the row they refer to undo everything.
pub(crate) fn transaction<T>(
    connection: &mut SqliteConnection,
    database: &str,
    work: impl FnOnce(&mut SqliteConnection) -> Result<T, Error>,
) -> Result<T, Error> {
    let explained = |error| explain(database, &error);
    let keys_on =
        sql::<Bool>("SELECT foreign_keys FROM pragma_foreign_keys").get_result(connection).map_err(explained)?;
    // What is deleted within a page is overwritten: that costs no writing, and a purge need not look for it.
    let delete = sql::<BigInt>("PRAGMA secure_delete").get_result::<i64>(connection).map_err(explained)?;
    let fast = if delete == 0 { "PRAGMA secure_delete = FAST;" } else { "" };
    connection.batch_execute(&format!("PRAGMA foreign_keys = OFF; {fast}")).map_err(explained)?;
    // A guard in a migration may have rolled back already; then Diesel has only that to say, so our error goes around it.
    let mut failure = None;
    let outcome = connection.immediate_transaction(|connection| {
        guarded(connection, work).map_err(|error| {
            failure = Some(error);
            diesel::result::Error::RollbackTransaction
        })
    });
    let restore =
        format!("PRAGMA foreign_keys = {}; PRAGMA legacy_alter_table = OFF", if keys_on { "ON" } else { "OFF" });
    connection.batch_execute(&restore).map_err(explained)?;
    outcome.map_err(|error| match failure {
        Some(Error::Query(error)) => explain(database, &error),
        Some(Error::Migration { name, why, .. } | Error::BadScript { name, why }) if advice(&why).is_some() => {
            let why =
                format!("{why}: {}; nothing was changed, migration {name} did not run", advice(&why).unwrap_or(""));
            Error::Database { what: database.to_owned(), why }
        }
        Some(error) => error,
        None => explain(database, &error),
    })
}

fn guarded<T>(
    connection: &mut SqliteConnection,
    work: impl FnOnce(&mut SqliteConnection) -> Result<T, Error>,
) -> Result<T, Error> {
    let check = "checking foreign keys";
    let (before, mismatched_before) = step(check, || foreign_key_violations(connection)).unwrap_or_default();
    let applied_before = count_applied(connection);
    let result = work(connection)?;
    let (mut after, mismatched) = step(check, || foreign_key_violations(connection))?;
    // A downgrade may lead back to a key that could not be checked: nobody could ever mend one otherwise.
    let goes_back = count_applied(connection) < applied_before;
    let is_new = |mismatch: &String| !goes_back && !mismatched_before.contains(mismatch);
    if let Some(mismatch) = mismatched.into_iter().find(is_new) {
        return Err(Error::Query(diesel::result::Error::QueryBuilderError(mismatch.into())));
    }
    for (violation, count) in before {
        if let Some(now) = after.get_mut(&violation) {
            *now = now.saturating_sub(count);
        }
    }
    after.retain(|_, count| *count > 0);
    match after.keys().next() {
        None => Ok(result),
        Some((table, row, parent)) => {
            let row = row.map_or_else(|| "a row".to_owned(), |row| format!("row {row}"));
            let example = format!("{row} of {table} refers to nothing in {parent}");
            Err(Error::ForeignKeys { migrations: String::new(), count: after.values().sum(), example })
        }
    }
}

/// How many migrations are recorded; none where there is no record.
fn count_applied(connection: &mut SqliteConnection) -> i64 {
    sql::<BigInt>("SELECT count(*) FROM __diesel_schema_migrations").get_result(connection).unwrap_or_default()
}

/// Table, row and the table that it refers to in vain; a row can do so by more than one key.
type Violations = BTreeMap<(String, Option<i64>, String), usize>;

/// The rows that refer to nothing, and what SQLite says of keys that cannot be checked: those to columns that are not
/// unique.
fn foreign_key_violations(connection: &mut SqliteConnection) -> Result<(Violations, Vec<String>), Error> {
    let tables: Vec<String> = sql::<Text>("SELECT name FROM sqlite_master WHERE type = 'table'").load(connection)?;
    let (mut violations, mut mismatches) = (Violations::new(), Vec::new());
    for table in tables {
        let query =
            format!("SELECT \"table\", rowid, parent FROM pragma_foreign_key_check({})", crate::sql::literal(&table));
        match sql::<(Text, Nullable<BigInt>, Text)>(&query).load::<(String, Option<i64>, String)>(connection) {
            Ok(rows) => rows.into_iter().for_each(|row| *violations.entry(row).or_default() += 1),
            Err(error) if error.to_string().contains("foreign key mismatch") => mismatches.push(error.to_string()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok((violations, mismatches))
}

/// Runs one migration and records it, or takes it back and forgets it.
pub(crate) fn run(connection: &mut SqliteConnection, script: &Script, direction: Direction) -> Result<(), Error> {
    if direction == Direction::Down && script.down.is_none() {
        return Err(Error::NoDown { name: script.name.clone() });
    }
    let result = match direction {
        Direction::Up => connection.run_migration(&Runnable(script)),
        Direction::Down => connection.revert_migration(&Runnable(script)),
    };
    result.map(drop).map_err(|error| match error.downcast::<StatementError>() {
        Ok(error) => Error::Migration { name: script.name.clone(), statement: error.statement, why: error.why },
        Err(error) => Error::BadScript { name: script.name.clone(), why: error.to_string() },
    })
}

/// The error of a query in words that say what to do.
pub(crate) fn explain(database: &str, error: &diesel::result::Error) -> Error {
    let said = error.to_string();
    match advice(&said) {
        Some(advice) => Error::Database { what: database.to_owned(), why: format!("{said}: {advice}") },
        None => Error::Database { what: database.to_owned(), why: said },
    }
}

/// What to do about an error that lies in the file and not in what was asked of it.
fn advice(said: &str) -> Option<&'static str> {
    let advice = [
        ("file is not a database", "it is not a SQLite database; check DATABASE_URL"),
        ("database is locked", "another program is using it; try again when that has finished"),
        ("readonly database", "it is read-only; check the permissions of the file and of its folder"),
        ("unable to open database file", "check that its folder is there, and that you may read and write both"),
        ("disk is full", "there is no room left; free some and try again"),
        ("disk image is malformed", "it is damaged; restore a backup"),
        ("foreign key mismatch", "a foreign key must refer to a primary key or to unique columns; nothing was changed"),
        ("disk I/O error", "check that the disk has room and is sound, and try again"),
    ];
    advice.iter().find(|(words, _)| said.contains(words)).map(|(_, advice)| *advice)
}
