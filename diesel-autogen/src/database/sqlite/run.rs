//! Runs migrations within one transaction, a statement at a time, so that an error can name the statement.

use std::collections::BTreeMap;

use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Bool};
use diesel::{RunQueryDsl as _, SqliteConnection};

use super::catalog::{CLOCK, side_table_names};
use super::ddl::{Token, quote, renames, statements, tokens};
use super::errors::readable;
use super::foreign_keys::Violations;
use super::verify::Invariants;
use crate::Error;
use crate::database::history;
use crate::error::DatabaseErrorKind;
use crate::migration::{Direction, Migration};
use crate::schema::same_name;
use crate::settings::Settings;
use crate::text::{counted, excerpt, literal};

/// Switches foreign keys off before a transaction, in which they cannot be switched: a table that is rebuilt would
/// delete the rows that refer to it. Returns whether they were on.
pub(super) fn prepare(connection: &mut SqliteConnection) -> Result<bool, Error> {
    let keys_on = sql::<Bool>("SELECT foreign_keys FROM pragma_foreign_keys").get_result(connection)?;
    // Deleted values are overwritten within a page: it costs no write, and a purge need not look for them.
    let delete = sql::<BigInt>("PRAGMA secure_delete").get_result::<i64>(connection)?;
    let fast = if delete == 0 { "PRAGMA secure_delete = FAST;" } else { "" };
    connection.batch_execute(&format!("PRAGMA foreign_keys = OFF; {fast}"))?;
    Ok(keys_on)
}

/// Commits the work of a transaction, or undoes it, and switches foreign keys back.
pub(super) fn finish(connection: &mut SqliteConnection, worked: Result<(), Error>, keys_on: bool) -> Result<(), Error> {
    let finished = match worked {
        Ok(()) => connection.batch_execute("COMMIT").map_err(Error::from),
        Err(error) => Err(error),
    };
    if finished.is_err() {
        // A guard in a migration may have rolled back already.
        let _ = connection.batch_execute("ROLLBACK");
    }
    let keys = if keys_on { "ON" } else { "OFF" };
    connection.batch_execute(&format!("PRAGMA foreign_keys = {keys}; PRAGMA legacy_alter_table = OFF"))?;
    finished
}

/// Runs migrations one after the other, within a transaction, and verifies what they leave. Returns what a person should
/// know of the rows.
///
/// Rows that refer to a missing row afterwards, and did not before, are an error. Whether they did before is only looked at
/// when there are such rows, since that reads every row that refers to another: the migrations then run once more.
pub(super) fn run(
    connection: &mut SqliteConnection,
    migrations: &[&Migration],
    direction: Direction,
    verify: bool,
    settings: &Settings,
) -> Result<Option<String>, Error> {
    if migrations.is_empty() {
        return Ok(None);
    }
    let names = || migrations.iter().map(|migration| migration.name.as_str()).collect::<Vec<_>>().join(", ");
    let lost = |why: String| Error::Invariant { migrations: names(), why };
    connection.batch_execute("SAVEPOINT before_migrations")?;
    run_each(connection, migrations, direction, verify, settings)?;
    let mut notice = None;
    if verify {
        let found = settings.step("checking foreign keys", || Violations::of(connection))?;
        if !found.is_empty() {
            connection.batch_execute("ROLLBACK TO before_migrations")?;
            let renames: Vec<_> = migrations.iter().flat_map(|migration| renames(migration.sql(direction))).collect();
            notice = settings
                .step("checking foreign keys", || found.require_none_since(connection, &renames, direction, &lost))?;
            run_each(connection, migrations, direction, verify, settings)?;
        }
    }
    connection.batch_execute("RELEASE before_migrations")?;
    Ok(notice)
}

/// Runs migrations one after the other. Each is verified by itself: what one names excuses no loss of another.
fn run_each(
    connection: &mut SqliteConnection,
    migrations: &[&Migration],
    direction: Direction,
    verify: bool,
    settings: &Settings,
) -> Result<(), Error> {
    let mut before = Invariants::of(connection)?;
    for migration in migrations {
        let script = migration.sql(direction);
        let runner = Runner { settings, rows: &before.rows, transactions: Transactions::Refused };
        runner.execute(connection, &migration.name, script)?;
        connection.batch_execute(&history::ran(&migration.version(), direction, &CLOCK))?;
        forget_deleted_rows(connection)?;
        if verify {
            let verified = settings.step("verifying the rows", || before.verify(connection, script))?;
            before = verified.map_err(|why| Error::Invariant { migrations: migration.name.clone(), why })?;
        }
    }
    Ok(())
}

/// Runs a migration that brings its own transactions, or none, and records it.
pub(super) fn run_alone(
    connection: &mut SqliteConnection,
    migration: &Migration,
    direction: Direction,
    settings: &Settings,
) -> Result<(), Error> {
    let runner = Runner { settings, rows: &BTreeMap::new(), transactions: Transactions::Executed };
    let ran = runner
        .execute(connection, &migration.name, migration.sql(direction))
        .and_then(|()| history::record_alone(connection, migration, direction, &CLOCK));
    if ran.is_err() {
        let _ = connection.batch_execute("ROLLBACK");
    }
    ran
}

/// Deletes from side tables the values of rows that a migration deleted: it runs with foreign keys off. Those of a table
/// that was dropped stay, for it may be restored.
fn forget_deleted_rows(connection: &mut SqliteConnection) -> Result<(), Error> {
    for side_table in side_table_names(connection)? {
        let (table, text) = (quote(&side_table), literal(&side_table));
        // The key that refers to the row itself has the columns of the primary key.
        let forgotten = connection.batch_execute(&format!(
            "DELETE FROM {table} WHERE rowid IN (SELECT c.rowid FROM pragma_foreign_key_check({text}) c \
             JOIN sqlite_master m ON m.type = 'table' AND m.name = c.parent COLLATE NOCASE WHERE c.fkid IN \
             (SELECT k.id FROM pragma_foreign_key_list({text}) k JOIN pragma_table_info({text}) t ON t.name = k.\"from\" \
              GROUP BY k.id HAVING min(t.pk) > 0))"
        ));
        // A key that cannot be checked is reported with the others.
        match forgotten.map_err(Error::from) {
            Err(error) if error.kind() == Some(DatabaseErrorKind::ForeignKeyMismatch) => {}
            other => drop(readable(other)?),
        }
    }
    Ok(())
}

/// Runs the statements of scripts, and reports each.
pub(super) struct Runner<'a> {
    pub settings: &'a Settings,
    /// The number of rows of each table, for the report of a long statement.
    pub rows: &'a BTreeMap<String, u64>,
    pub transactions: Transactions,
}

/// What becomes of a statement that begins or ends a transaction, or that none may enclose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transactions {
    /// It is an error: the transaction is not the script's own.
    Refused,
    /// It is executed.
    Executed,
    /// It is left out, where there is nothing to protect.
    LeftOut,
}

impl Runner<'_> {
    pub fn execute(&self, connection: &mut SqliteConnection, name: &str, script: &str) -> Result<(), Error> {
        let unreadable = |error: Error| match error {
            Error::Sql { text, why } => Error::statement(name, &text, why),
            other => other,
        };
        for statement in statements(script).map_err(unreadable)? {
            let (refused, ends) = (refusal(statement), controls_transaction(statement));
            let why = ENDS.filter(|_| ends && self.transactions == Transactions::Refused);
            if let Some(why) = refused.or(why) {
                return Err(Error::statement(name, statement, why));
            }
            if ends && self.transactions == Transactions::LeftOut {
                continue;
            }
            let run = || {
                connection.batch_execute(statement).map_err(|error| match Error::from(error) {
                    error if is_of_the_file(error.kind()) => error,
                    Error::Database { source, .. } => Error::statement(name, statement, source),
                    other => other,
                })
            };
            self.settings.step(&self.task(statement), run)?;
        }
        Ok(())
    }

    /// A statement for a person: `copying users, 1,000,000 rows`, or its beginning.
    fn task(&self, statement: &str) -> String {
        let tokens = tokens(statement).unwrap_or_default();
        match copied_table(&tokens) {
            Some(table) => match self.rows.iter().find(|(name, _)| same_name(name, &table)) {
                Some((_, rows)) => format!("copying {table}, {}", counted(*rows, "row")),
                None => format!("copying {table}"),
            },
            None => format!("running {}", excerpt(statement)),
        }
    }
}

/// Whether a kind of error says something about the database's file, and nothing about the statement.
fn is_of_the_file(kind: Option<DatabaseErrorKind>) -> bool {
    use DatabaseErrorKind::{CannotOpen, Damaged, Full, Locked, ReadOnly};
    kind.is_some_and(|kind| [CannotOpen, Damaged, Full, Locked, ReadOnly].contains(&kind))
}

/// The table whose rows `INSERT INTO … SELECT … FROM table` copies.
fn copied_table(tokens: &[Token]) -> Option<String> {
    tokens.first().filter(|token| token.is("INSERT"))?;
    let mut depth = 0;
    for pair in tokens.windows(2) {
        match pair[0].text {
            "(" => depth += 1,
            ")" => depth -= 1,
            _ if depth == 0 && pair[0].is("FROM") => return Some(pair[1].name()).filter(|name| name != "("),
            _ => {}
        }
    }
    None
}

const ENDS: Option<&str> = Some("the statement would end the transaction that protects the migration: remove it");

/// Whether a script begins or ends transactions, or holds what none may enclose.
pub(super) fn controls_transactions(script: &str) -> bool {
    statements(script).unwrap_or_default().into_iter().any(controls_transaction)
}

fn controls_transaction(statement: &str) -> bool {
    let tokens = tokens(statement).unwrap_or_default();
    tokens.first().is_some_and(|first| {
        first.is_any(&["BEGIN", "COMMIT", "END", "VACUUM"])
            || first.is("ROLLBACK") && !tokens.iter().any(|token| token.is("TO"))
    })
}

/// Why a statement may not be in a migration: it would disable what protects the data.
fn refusal(statement: &str) -> Option<&'static str> {
    let tokens = tokens(statement).unwrap_or_default();
    // SQLite obeys some pragmas that are only to be explained.
    let start = tokens.iter().take_while(|token| token.is_any(&["EXPLAIN", "QUERY", "PLAN"])).count();
    let (first, rest) = tokens[start..].split_first()?;
    let is_set = first.is("PRAGMA") && rest.iter().any(|token| ["=", "("].contains(&token.text));
    let sets = |pragma: &str| is_set && rest.iter().take(3).any(|name| same_name(&name.name(), pragma));
    if sets("journal_mode") {
        Some("without its journal the migration could not be undone: remove the statement")
    } else if sets("writable_schema") {
        Some("SQLite would accept any text as the schema and could lose the tables: remove the statement")
    } else if first.is_any(&["ATTACH", "DETACH"]) {
        Some("a migration changes one database, and nothing protects another one: remove the statement")
    } else {
        None
    }
}
