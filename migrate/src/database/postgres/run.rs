//! Runs migrations: a statement at a time, so that an error names it, and with a look at what must not be lost.

use std::collections::BTreeMap;

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Text};
use diesel::{PgConnection, QueryResult, RunQueryDsl};

use super::errors::{self, Failure};
use super::history;
use super::introspect::{CHECKSUMS, TABLES, VERSIONS};
use super::sql::quote;
use super::statements::{mentions, statements, why_not};
use crate::error::Error;
use crate::migration::{Direction, Migration};

/// Runs migrations and records them, or reverts and forgets them.
pub(super) fn run(
    connection: &mut PgConnection,
    migrations: &[&Migration],
    direction: Direction,
    verify: bool,
) -> Result<(), Failure> {
    let text = |migration: &Migration| match direction {
        Direction::Up => Ok(migration.up.clone()),
        Direction::Down => migration.down.clone().ok_or_else(|| Error::NoDown(migration.name.clone())),
    };
    let texts = migrations.iter().map(|migration| text(migration)).collect::<Result<Vec<_>, _>>()?;
    let invariants = if verify { Some(Invariants::of(connection, &texts)?) } else { None };
    for (migration, text) in migrations.iter().zip(&texts) {
        execute(connection, &migration.name, text)?;
        match direction {
            Direction::Up => history::add(connection, &migration.version())?,
            Direction::Down => history::remove(connection, &migration.version())?,
        }
    }
    invariants.map_or(Ok(()), |invariants| invariants.require(connection, &texts))
}

/// Runs the statements of a text. The name is that of the migration.
pub(super) fn execute(connection: &mut PgConnection, name: &str, text: &str) -> Result<(), Failure> {
    for statement in statements(text) {
        if let Some(why) = why_not(statement) {
            return Err(errors::statement(name, statement, why.into()).into());
        }
        let failed = |error| errors::statement(name, statement, errors::said(&error));
        connection.batch_execute(statement).map_err(failed)?;
    }
    Ok(())
}

/// What is there before a run and must be there after it: the rows of tables that no statement names, triggers, views
/// and foreign keys. PostgreSQL itself checks the rows of a foreign key, but `DROP … CASCADE` takes the key with it.
struct Invariants {
    counts: BTreeMap<String, i64>,
    dependents: Vec<Dependent>,
}

/// The kind, the name, and the table.
type Dependent = (String, String, String);

impl Invariants {
    fn of(connection: &mut PgConnection, texts: &[String]) -> Result<Self, Failure> {
        let mut counts = BTreeMap::new();
        for table in tables(connection)? {
            if !texts.iter().any(|text| mentions(text, &table)) {
                counts.insert(table.clone(), count(connection, &table)?);
            }
        }
        Ok(Self { counts, dependents: dependents(connection)? })
    }

    fn require(&self, connection: &mut PgConnection, texts: &[String]) -> Result<(), Failure> {
        let (tables, dependents) = (tables(connection)?, dependents(connection)?);
        for (table, before) in &self.counts {
            let after = if tables.contains(table) { count(connection, table)? } else { 0 };
            if after < *before {
                return Err(Error::Invariant(format!(
                    "table {table} would keep {after} of its {before} rows, though no migration of this run names it; \
                     nothing was changed. A trigger or a foreign key may do it"
                ))
                .into());
            }
        }
        let is_named = |name: &String| texts.iter().any(|text| mentions(text, name));
        let is_lost = |dependent: &&Dependent| {
            let (kind, name, table) = dependent;
            let table_stays = kind == "view" || tables.contains(table);
            let is_meant = is_named(name) || kind == "foreign key" && is_named(table);
            table_stays && !is_meant && !dependents.iter().any(|(other, own, _)| other == kind && own == name)
        };
        match self.dependents.iter().find(is_lost) {
            Some((kind, name, table)) => Err(Error::Invariant(format!(
                "{table} would lose the {kind} {name}, though no migration of this run drops it; nothing was changed. \
                 Create it again in the migration"
            ))
            .into()),
            None => Ok(()),
        }
    }
}

fn dependents(connection: &mut PgConnection) -> QueryResult<Vec<Dependent>> {
    let query = format!(
        "SELECT 'trigger', tgname::text, relname::text FROM pg_trigger JOIN (SELECT c.oid, c.relname FROM {TABLES}) t \
             ON t.oid = tgrelid WHERE NOT tgisinternal \
         UNION ALL SELECT 'foreign key', conname::text, relname::text FROM pg_constraint \
             JOIN (SELECT c.oid, c.relname FROM {TABLES}) t ON t.oid = conrelid WHERE contype = 'f' \
         UNION ALL SELECT 'view', viewname::text, viewname::text FROM pg_views WHERE schemaname = current_schema()"
    );
    sql::<(Text, Text, Text)>(&query).load(connection)
}

/// The tables of the schema, without those of the history.
pub(super) fn tables(connection: &mut PgConnection) -> QueryResult<Vec<String>> {
    let query = format!(
        "SELECT c.relname::text FROM {TABLES} AND c.relname NOT IN ('{VERSIONS}', '{CHECKSUMS}') ORDER BY c.relname"
    );
    sql::<Text>(&query).load(connection)
}

pub(super) fn count(connection: &mut PgConnection, table: &str) -> QueryResult<i64> {
    sql::<BigInt>(&format!("SELECT count(*) FROM {}", quote(table))).get_result(connection)
}
