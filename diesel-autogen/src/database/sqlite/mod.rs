//! SQLite, from 3.37.

mod backup;
mod catalog;
mod connection;
mod copy;
mod ddl;
pub(super) mod errors;
mod introspect;
mod normalize;
mod probe;
mod render;
mod rows;
mod run;
mod scratch;
mod verify;

use std::collections::BTreeMap;
use std::path::Path;

use diesel::connection::SimpleConnection as _;

use self::catalog::Catalog;
pub(super) use self::connection::{Sqlite, open};
use super::{Backup, Check, Database, Restored, Sandbox, Script};
use crate::Error;
use crate::change::{Change, Rename};
use crate::history::Applied;
use crate::kept;
use crate::loss::{Found, Probe};
use crate::migration::{Direction, Migration, Sql};
use crate::options::RenderOptions;
use crate::schema::{Column, Schema};
use crate::settings::Event;
use crate::version::Version;

impl Database for Sqlite {
    fn dialect(&self) -> &'static str {
        "sqlite"
    }

    fn name(&self) -> String {
        self.shown()
    }

    fn exists(&mut self) -> Result<bool, Error> {
        Ok(self.path.exists())
    }

    fn create(&mut self) -> Result<bool, Error> {
        // An empty file is an empty database to SQLite.
        let created = std::fs::OpenOptions::new().write(true).create_new(true).open(&self.path).is_ok();
        if !created && !self.path.exists() {
            return open(&self.path).map(|_| true).map_err(|error| error.in_database(&self.name()));
        }
        Ok(created)
    }

    fn remove(&mut self) {
        self.connection = None;
        let _ = std::fs::remove_file(&self.path);
    }

    fn introspect(&mut self) -> Result<Schema, Error> {
        self.with(introspect::introspect)
    }

    fn normalize(&mut self, models: &Schema, live: &Schema) -> Result<Schema, Error> {
        Ok(normalize::normalize(models, live))
    }

    fn render(&mut self, from: &Schema, changes: &[Change], options: &RenderOptions) -> Result<Sql, Error> {
        render::render(from, changes, options)
    }

    fn loses(&self, from: &Column, to: &Column) -> bool {
        kept::differs_in_kind(from, to)
    }

    fn count(&mut self, probe: &Probe) -> Result<Found, Error> {
        self.with(|connection| probe::count(connection, probe))
    }

    fn try_scripts(&mut self, from: &Schema, scripts: &[Script<'_>]) -> Result<Vec<Schema>, Error> {
        scratch::try_scripts(from, scripts)
    }

    fn renames(&self, script: &str) -> Vec<Rename> {
        ddl::renames(script)
    }

    fn names_in(&self, script: &str) -> Vec<String> {
        ddl::names(script)
    }

    fn transaction(&mut self, work: &mut dyn FnMut(&mut dyn Database) -> Result<(), Error>) -> Result<(), Error> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.open()?,
        };
        let begun = run::prepare(&mut connection)
            .and_then(|keys_on| self.wait_for(&mut connection, "BEGIN IMMEDIATE").map(|()| keys_on));
        self.connection = Some(connection);
        let keys_on = begun.map_err(|error| error.in_database(&self.name()))?;
        let worked = work(self);
        self.with(|connection| run::finish(connection, worked, keys_on))
    }

    fn run(&mut self, migrations: &[&Migration], direction: Direction, verify: bool) -> Result<(), Error> {
        let settings = self.settings.clone();
        let tolerated = verify.then(verify::Violations::default);
        self.with(|connection| run::run(connection, migrations, direction, tolerated.as_ref(), &settings))
    }

    fn needs_no_transaction(&self, migration: &Migration, direction: Direction) -> bool {
        // Everything else that runs outside a transaction runs within one, too, and is then undone where it fails.
        !migration.run_in_transaction && run::controls_transactions(migration.sql(direction))
    }

    fn run_alone(&mut self, migration: &Migration, direction: Direction) -> Result<(), Error> {
        let settings = self.settings.clone();
        self.with(|connection| run::run_alone(connection, migration, direction, &settings))
    }

    fn has_tables(&mut self) -> Result<bool, Error> {
        self.with(Catalog::has_tables)
    }

    fn has_rows(&mut self) -> Result<bool, Error> {
        self.with(Catalog::has_rows)
    }

    fn history(&mut self) -> Result<Option<Vec<Applied>>, Error> {
        self.with(Catalog::history)
    }

    fn record(&mut self, applied: &[Applied]) -> Result<(), Error> {
        self.with(|connection| connection.record(applied))
    }

    fn side_tables(&mut self) -> Result<BTreeMap<String, u64>, Error> {
        self.with(Catalog::side_tables)
    }

    fn purge(&mut self, side_tables: &[String]) -> Result<(), Error> {
        // Without it the values would stay in free pages.
        self.with(|connection| Ok(connection.batch_execute("PRAGMA secure_delete = ON")?))?;
        self.transaction(&mut |db| db.drop_tables(side_tables))?;
        let is_clean = self.with(Catalog::empty_journal)?;
        if !is_clean {
            self.settings.emit(&Event::PurgedValuesRemain(self.name()));
        }
        Ok(())
    }

    fn drop_tables(&mut self, names: &[String]) -> Result<(), Error> {
        self.with(|connection| connection.drop_and_overwrite(names))
    }

    fn has_backups(&self) -> bool {
        true
    }

    fn back_up(&mut self, version: &Version) -> Result<Option<Backup>, Error> {
        if self.settings.backups == 0 {
            return Ok(None);
        }
        // The write lock is held by this connection's transaction: another one reads what is committed.
        backup::back_up(&mut Self::new(&self.path, &self.settings), version)
    }

    fn restore(&mut self, file: &Path, check: &mut Check<'_>) -> Result<Restored, Error> {
        self.connection = None;
        backup::restore(self, file, check)
    }

    fn sandbox(&mut self) -> Result<Box<dyn Sandbox>, Error> {
        Ok(Box::new(copy::Copy::new(self)?))
    }
}
