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
use crate::verify::names_after;

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
/// be switched within a transaction, and a table that is rebuilt would take the rows with it that refer to it.
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
        work(connection).map_err(|error| {
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

/// Runs migrations, one after the other, within a [`transaction`]. Rows that then refer to nothing, and did not before,
/// are an error.
///
/// Whether they did is looked at only when there are such rows: the check reads every row that refers to another, and
/// few databases hold any that does so in vain. The migrations then run once more, and are compared.
pub(crate) fn run_all(
    connection: &mut SqliteConnection,
    scripts: &[&Script],
    direction: Direction,
) -> Result<(), Error> {
    let check = "checking foreign keys";
    let run_each = |connection: &mut _| scripts.iter().try_for_each(|script| run(connection, script, direction));
    connection.batch_execute("SAVEPOINT before_migrations")?;
    run_each(connection)?;
    let found = step(check, || foreign_key_violations(connection))?;
    if !found.is_empty() {
        connection.batch_execute("ROLLBACK TO before_migrations")?;
        let mut before = step(check, || foreign_key_violations(connection)).unwrap_or_default();
        let texts = scripts.iter().map(|script| match direction {
            Direction::Up => script.up.as_str(),
            Direction::Down => script.down.as_deref().unwrap_or_default(),
        });
        before.rename(&names_after(connection, &texts.collect::<Vec<_>>())?);
        run_each(connection)?;
        step(check, || foreign_key_violations(connection))?.require_none_but(&before, direction)?;
    }
    connection.batch_execute("RELEASE before_migrations")?;
    Ok(())
}

/// What is wrong with the foreign keys of a database.
#[derive(Default)]
struct Violations {
    /// Table, row and the table that it refers to in vain, and by how many keys it does so.
    rows: BTreeMap<(String, Option<i64>, String), usize>,
    /// What SQLite says of keys that cannot be checked: those to columns that are not unique.
    mismatches: Vec<String>,
}

impl Violations {
    fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.mismatches.is_empty()
    }

    /// Calls the tables by other names.
    fn rename(&mut self, names: &BTreeMap<String, String>) {
        let called = |name: String| names.get(&name).cloned().unwrap_or(name);
        let rows = std::mem::take(&mut self.rows).into_iter();
        self.rows = rows.map(|((table, row, parent), count)| ((called(table), row, called(parent)), count)).collect();
    }

    fn require_none_but(mut self, before: &Self, direction: Direction) -> Result<(), Error> {
        // A downgrade may lead back to a key that could not be checked: nobody could ever mend one otherwise.
        let is_new = |mismatch: &String| direction == Direction::Up && !before.mismatches.contains(mismatch);
        if let Some(mismatch) = self.mismatches.into_iter().find(is_new) {
            return Err(Error::Query(diesel::result::Error::QueryBuilderError(mismatch.into())));
        }
        for (violation, count) in &before.rows {
            if let Some(now) = self.rows.get_mut(violation) {
                *now = now.saturating_sub(*count);
            }
        }
        self.rows.retain(|_, count| *count > 0);
        let Some((table, row, parent)) = self.rows.keys().next() else { return Ok(()) };
        let row = row.map_or_else(|| "a row".to_owned(), |row| format!("row {row}"));
        let example = format!("{row} of {table} refers to nothing in {parent}");
        Err(Error::ForeignKeys { migrations: String::new(), count: self.rows.values().sum(), example })
    }
}

fn foreign_key_violations(connection: &mut SqliteConnection) -> Result<Violations, Error> {
    let tables: Vec<String> = sql::<Text>("SELECT name FROM sqlite_master WHERE type = 'table'").load(connection)?;
    let mut violations = Violations::default();
    for table in tables {
        let query =
            format!("SELECT \"table\", rowid, parent FROM pragma_foreign_key_check({})", crate::sql::literal(&table));
        match sql::<(Text, Nullable<BigInt>, Text)>(&query).load::<(String, Option<i64>, String)>(connection) {
            Ok(rows) => rows.into_iter().for_each(|row| *violations.rows.entry(row).or_default() += 1),
            Err(error) if error.to_string().contains("foreign key mismatch") => {
                violations.mismatches.push(error.to_string());
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(violations)
}

/// Runs one migration and records it, or takes it back and forgets it.
fn run(connection: &mut SqliteConnection, script: &Script, direction: Direction) -> Result<(), Error> {
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
