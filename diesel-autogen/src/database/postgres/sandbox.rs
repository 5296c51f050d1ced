//! A rehearsal takes place in the database itself, in a transaction of a second connection that is never committed.

use std::collections::BTreeMap;

use diesel::connection::{SimpleConnection, TransactionManager};

use super::connection::{Manager, Postgres};
use super::patience::set_timeout;
use super::{introspect, rows, run, trial};
use crate::Error;
use crate::database::{Compared, Database, RowChange, Sandbox};
use crate::migration::{Direction, Migration};
use crate::schema::Schema;
use crate::settings::Settings;
use crate::text::counted;
use crate::url::DatabaseUrl;

/// The transaction. It is rolled back when its connection is closed.
pub(super) struct Transaction {
    database: Postgres,
    /// The temporary table of each table.
    copies: BTreeMap<String, String>,
}

impl Transaction {
    pub fn begin(url: &DatabaseUrl, settings: &Settings, schemas: &[String]) -> Result<Self, Error> {
        let mut database = Postgres::new(url, settings);
        database.on(|connection| introspect::include(connection, schemas))?;
        database.on(|connection| {
            Manager::begin_transaction(connection)?;
            connection.batch_execute(&set_timeout(settings, "LOCAL"))
        })?;
        Ok(Self { database, copies: BTreeMap::new() })
    }
}

impl Sandbox for Transaction {
    fn description(&mut self) -> Result<String, Error> {
        let rows = self.database.on(|connection| {
            let mut rows = 0;
            for table in run::tables(connection)? {
                rows += run::count(connection, &table)?.unsigned_abs();
            }
            Ok::<_, Error>(rows)
        })?;
        Ok(format!("the {} of the database, in a transaction that was rolled back", counted(rows, "row")))
    }

    fn introspect(&mut self) -> Result<Schema, Error> {
        self.database.introspect()
    }

    fn run(&mut self, migration: &Migration, direction: Direction) -> Result<(), Error> {
        if trial::sets_sequences(migration.sql(direction)) {
            self.database.on(trial::guard_sequences)?;
        }
        self.database.transaction(&mut |database| database.run(&[migration], direction, true))
    }

    fn snapshot(&mut self) -> Result<(), Error> {
        let old = std::mem::take(&mut self.copies);
        self.copies = self.database.on(|connection| rows::snapshot(connection, &old))?;
        Ok(())
    }

    fn compare_rows(&mut self, tables: &[Compared]) -> Result<Vec<RowChange>, Error> {
        let mut changes = Vec::new();
        for compared in tables {
            let Some(copy) = self.copies.get(&compared.before.name) else { continue };
            changes.extend(self.database.on(|connection| rows::differences(connection, copy, compared))?);
        }
        Ok(changes)
    }
}
