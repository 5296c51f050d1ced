//! Runs migrations and reads their history: a statement at a time, so that an error names it, and with a look at what
//! must not be lost.

use std::collections::BTreeMap;

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use diesel::{PgConnection, QueryResult, RunQueryDsl};

use super::errors;
use super::introspect::{TABLES, invalid_indexes, path_sql, tables_sql};
use super::patience::Patience;
use super::sql::quote_table;
use super::statements::{created_index, mentions, not_concurrently, statements, why_not};
use crate::Error;
use crate::database::history::{self, CHECKSUMS, Clock, VERSIONS, ran};
use crate::history::Applied;
use crate::kept;
use crate::migration::{Direction, Migration};
use crate::table_path::{bare, beside};
use crate::text::literal;
use crate::version::Version;

pub(super) const CLOCK: Clock =
    Clock { now: "CURRENT_TIMESTAMP", text: "coalesce(to_char(run_on, 'YYYY-MM-DD HH24:MI:SS.US'), '')" };

/// Runs migrations and records them, or reverts and forgets them.
pub(super) fn run(
    connection: &mut PgConnection,
    migrations: &[&Migration],
    direction: Direction,
    verify: bool,
) -> Result<(), Error> {
    if migrations.is_empty() {
        return Ok(());
    }
    let texts: Vec<_> = migrations.iter().map(|migration| migration.sql(direction)).collect();
    let invariants = if verify { Some(Invariants::of(connection, &texts)?) } else { None };
    for (migration, text) in migrations.iter().zip(&texts) {
        execute(connection, &migration.name, text)?;
        // Deferred foreign keys are checked now: a table with rows that are not checked yet cannot be altered.
        execute(connection, &migration.name, "SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")?;
        connection.batch_execute(&ran(&migration.version(), direction, &CLOCK))?;
    }
    let violated = match invariants {
        Some(invariants) => invariants.violated(connection, &texts)?,
        None => None,
    };
    let names = migrations.iter().map(|migration| migration.name.as_str()).collect::<Vec<_>>().join(", ");
    violated.map_or(Ok(()), |why| Err(Error::Invariant { migrations: names, why }))
}

/// Runs a migration outside a transaction, and records it.
pub(super) fn run_alone(
    connection: &mut PgConnection,
    migration: &Migration,
    direction: Direction,
    patience: &Patience,
) -> Result<(), Error> {
    let statements = statements(migration.sql(direction));
    // CREATE INDEX CONCURRENTLY waits for every older transaction, and blocks no other statement meanwhile.
    if !statements.iter().any(|statement| mentions(statement, "concurrently")) {
        connection.batch_execute(&patience.set_timeout())?;
    }
    // What a script does in a transaction of its own cannot be done again from its middle.
    let is_plain = statements.iter().all(|statement| why_not(statement).is_none());
    let ran = statements.iter().try_for_each(|statement| {
        let mut run = || {
            drop_invalid(connection, statement)?;
            let failed = |error| errors::statement(&migration.name, statement, &error);
            connection.batch_execute(statement).map_err(failed)
        };
        if is_plain { patience.retried(&mut run) } else { run() }
    });
    if ran.is_err() {
        // The script may have begun a transaction of its own.
        let _ = connection.batch_execute("ROLLBACK");
    }
    connection.batch_execute("RESET lock_timeout")?;
    ran?;
    history::record_alone(connection, migration, direction, &CLOCK)
}

/// Runs the statements of a text within a transaction that is rolled back, without rows: those that need to be outside
/// of one are changed or left out.
pub(super) fn try_out(connection: &mut PgConnection, name: &str, text: &str) -> Result<(), Error> {
    let text = statements(text).into_iter().filter(|statement| why_not(statement).is_none()).map(not_concurrently);
    execute(connection, name, &text.collect::<Vec<_>>().join(";\n"))
}

/// Runs the statements of a text. The name is that of the migration.
pub(super) fn execute(connection: &mut PgConnection, name: &str, text: &str) -> Result<(), Error> {
    for statement in statements(text) {
        if let Some(why) = why_not(statement) {
            return Err(Error::statement(name, statement, why));
        }
        drop_invalid(connection, statement)?;
        connection.batch_execute(statement).map_err(|error| errors::statement(name, statement, &error))?;
    }
    Ok(())
}

/// Drops the index that a statement creates, where an earlier run of it has left it invalid.
fn drop_invalid(connection: &mut PgConnection, statement: &str) -> QueryResult<()> {
    let Some((name, concurrently)) = created_index(statement) else { return Ok(()) };
    let invalid = invalid_indexes(connection)?;
    let is_meant = |(index, table): &&(String, String)| *index == name && mentions(statement, &bare(table));
    if let Some((_, table)) = invalid.iter().find(is_meant) {
        let concurrently = if concurrently { "CONCURRENTLY " } else { "" };
        connection.batch_execute(&format!("DROP INDEX {concurrently}{}", quote_table(&beside(table, &name))))?;
    }
    Ok(())
}

/// What is there before a run and must be there after it: the rows of tables that no statement names, triggers, views
/// and foreign keys. PostgreSQL itself checks the rows of a foreign key, but `DROP … CASCADE` takes the key with it.
struct Invariants {
    /// The rows of each table, and what this transaction changed of it.
    counts: BTreeMap<String, (i64, String)>,
    dependents: Vec<Dependent>,
}

/// The kind, the name, and the table.
type Dependent = (String, String, String);

impl Invariants {
    fn of(connection: &mut PgConnection, texts: &[&str]) -> Result<Self, Error> {
        let (mut counts, applied) = (BTreeMap::new(), versions(connection)?);
        let is_named = |table: &str| texts.iter().any(|text| mentions(text, &bare(table)));
        for table in tables(connection)? {
            // A side table follows its table.
            let is_meant = is_named(&table) || kept::owner(&table, &applied).is_some_and(|(_, owner)| is_named(owner));
            if !is_meant {
                let before = (count(connection, &table)?, own_changes(connection, &table)?);
                counts.insert(table, before);
            }
        }
        Ok(Self { counts, dependents: dependents(connection)? })
    }

    /// What is lost, in plain words.
    fn violated(&self, connection: &mut PgConnection, texts: &[&str]) -> QueryResult<Option<String>> {
        let (tables, dependents) = (tables(connection)?, dependents(connection)?);
        for (table, (before, changes)) in &self.counts {
            let after = if tables.contains(table) { count(connection, table)? } else { 0 };
            // Others may delete rows meanwhile.
            if after < *before && (!tables.contains(table) || own_changes(connection, table)? != *changes) {
                return Ok(Some(format!(
                    "table {table}, which no statement names, would keep {after} of {before} rows"
                )));
            }
        }
        let is_named = |name: &String| texts.iter().any(|text| mentions(text, name));
        let is_table_named = |table: &String| is_named(&bare(table));
        let is_lost = |dependent: &&Dependent| {
            let (kind, name, table) = dependent;
            let table_stays = kind == "view" || tables.contains(table);
            let is_meant = is_named(name) || kind == "foreign key" && is_table_named(table);
            table_stays && !is_meant && !dependents.iter().any(|(other, own, _)| other == kind && own == name)
        };
        let lost = self.dependents.iter().find(is_lost);
        Ok(lost.map(|(kind, name, table)| {
            format!("the {kind} {name} on {table} would be lost, though no statement drops it")
        }))
    }
}

fn dependents(connection: &mut PgConnection) -> QueryResult<Vec<Dependent>> {
    let tables = tables_sql();
    let query = format!(
        "SELECT 'trigger', tgname::text, path FROM pg_trigger JOIN {tables} ON t.oid = tgrelid WHERE NOT tgisinternal \
         UNION ALL SELECT 'foreign key', conname::text, path FROM pg_constraint JOIN {tables} ON t.oid = conrelid WHERE contype = 'f' \
         UNION ALL SELECT 'view', viewname::text, viewname::text FROM pg_views WHERE schemaname = current_schema()"
    );
    sql::<(Text, Text, Text)>(&query).load(connection)
}

/// The paths of the tables, without those of the history.
pub(super) fn tables(connection: &mut PgConnection) -> QueryResult<Vec<String>> {
    let query = format!(
        "SELECT {} FROM {TABLES} AND c.relname NOT IN ('{VERSIONS}', '{CHECKSUMS}') ORDER BY 1",
        path_sql("c", "n")
    );
    sql::<Text>(&query).load(connection)
}

pub(super) fn count(connection: &mut PgConnection, table: &str) -> QueryResult<i64> {
    sql::<BigInt>(&format!("SELECT count(*) FROM {}", quote_table(table))).get_result(connection)
}

/// What only this transaction changes of a table: its file, which `TRUNCATE` replaces, and how many rows it has deleted. No
/// two are equal where the server does not count.
fn own_changes(connection: &mut PgConnection, table: &str) -> QueryResult<String> {
    let name = literal(&quote_table(table));
    let query = format!(
        "SELECT concat_ws(' ', pg_relation_filenode({name}::regclass), pg_stat_get_xact_tuples_deleted({name}::regclass), \
         CASE WHEN NOT current_setting('track_counts')::boolean THEN clock_timestamp() END)"
    );
    sql::<Text>(&query).get_result(connection)
}

/// The applied versions with their checksums; `None` where Diesel's table is missing.
pub(super) fn applied(connection: &mut PgConnection) -> QueryResult<Option<Vec<Applied>>> {
    let exists = |connection: &mut PgConnection, table: &str| {
        sql::<Bool>(&format!(
            "SELECT EXISTS (SELECT FROM {TABLES} AND n.nspname = current_schema() AND c.relname = '{table}')"
        ))
        .get_result(connection)
    };
    if !exists(connection, VERSIONS)? {
        return Ok(None);
    }
    let query = history::select(exists(connection, CHECKSUMS)?, &CLOCK);
    let rows: Vec<_> = sql::<(Text, Nullable<Text>, Text)>(&query).load(connection)?;
    Ok(Some(rows.into_iter().map(history::applied).collect()))
}

/// The applied versions; none where there is no history.
pub(super) fn versions(connection: &mut PgConnection) -> QueryResult<Vec<Version>> {
    let applied = applied(connection)?.unwrap_or_default();
    Ok(applied.into_iter().map(|applied| applied.version).collect())
}
