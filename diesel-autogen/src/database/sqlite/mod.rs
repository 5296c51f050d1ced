//! SQLite, from 3.37.

mod backup;
mod catalog;
mod connection;
mod copy;
mod ddl;
pub(super) mod errors;
mod foreign_keys;
mod introspect;
mod moving;
mod normalize;
mod render;
mod rows;
mod run;
mod scratch;
mod verify;

use std::collections::BTreeMap;
use std::path::Path;

use diesel::connection::SimpleConnection as _;

pub(super) use self::connection::{Sqlite, open};
use super::{Backup, Check, Database, Moved, Numbers, Restored, Row, Sandbox, Script, history};
use crate::Error;
use crate::change::{Change, Rename};
use crate::history::Applied;
use crate::kept;
use crate::loss::{Found, Probe};
use crate::migration::{Direction, Migration, Sql};
use crate::options::RenderOptions;
use crate::schema::{Column, Schema, Table, Type};
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
        normalize::normalize(models, live)
    }

    fn render(&mut self, from: &Schema, changes: &[Change], options: &RenderOptions) -> Result<Sql, Error> {
        render::render(from, changes, options)
    }

    fn render_online(
        &mut self,
        _from: &Schema,
        _changes: &[Change],
        _options: &RenderOptions,
        _rewrites: &[String],
    ) -> Result<Vec<(&'static str, Sql)>, Error> {
        Err(Error::NotSupported { operation: "making a migration online", database: "SQLite" })
    }

    fn loses(&self, from: &Column, to: &Column) -> bool {
        kept::differs_in_kind(from, to)
    }

    fn count(&mut self, probe: &Probe) -> Result<Found, Error> {
        self.with(|connection| rows::found(connection, probe))
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
        self.in_transaction(|database| work(database))
    }

    fn run(&mut self, migrations: &[&Migration], direction: Direction, verify: bool) -> Result<(), Error> {
        let settings = self.settings.clone();
        let notice = self.with(|connection| run::run(connection, migrations, direction, verify, &settings))?;
        if let Some(notice) = notice {
            settings.emit(&Event::Dangling(notice));
        }
        Ok(())
    }

    fn exclusively(&mut self, work: &mut dyn FnMut(&mut dyn Database) -> Result<(), Error>) -> Result<(), Error> {
        self.lock()?;
        let worked = work(self);
        self.lock = None;
        worked
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
        self.with(catalog::has_tables)
    }

    fn has_rows(&mut self) -> Result<bool, Error> {
        self.with(catalog::has_rows)
    }

    fn history(&mut self) -> Result<Option<Vec<Applied>>, Error> {
        self.with(catalog::history)
    }

    fn record(&mut self, applied: &[Applied]) -> Result<(), Error> {
        self.with(|connection| history::record(connection, applied, &catalog::CLOCK))
    }

    fn introspect_side_tables(&mut self) -> Result<Vec<Table>, Error> {
        self.with(|connection| {
            let names = catalog::side_table_names(connection)?;
            let mut tables = introspect::read(connection, &[])?.tables;
            tables.retain(|table| names.contains(&table.name));
            Ok(tables)
        })
    }

    fn side_tables(&mut self) -> Result<BTreeMap<String, u64>, Error> {
        self.with(catalog::side_tables)
    }

    fn purge(&mut self, side_tables: &[String]) -> Result<(), Error> {
        // Without it the values would stay in free pages.
        self.with(|connection| Ok(connection.batch_execute("PRAGMA secure_delete = ON")?))?;
        let purge = |connection: &mut _| catalog::drop_and_overwrite(connection, side_tables);
        self.in_transaction(|database| database.with(purge))?;
        let is_clean = self.with(catalog::empty_journal)?;
        if !is_clean {
            self.settings.emit(&Event::PurgedValuesRemain(self.name()));
        }
        Ok(())
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

    fn limit(&self, _column: &Column) -> Option<Type> {
        None
    }

    fn snapshot(&mut self, work: &mut dyn FnMut(&mut dyn Database) -> Result<(), Error>) -> Result<(), Error> {
        self.with(|connection| Ok(connection.batch_execute("BEGIN; SELECT count(*) FROM sqlite_master")?))?;
        let worked = work(self);
        let ended = self.with(|connection| Ok(connection.batch_execute("ROLLBACK")?));
        worked.and(ended)
    }

    fn read_rows(&mut self, table: &Moved, each: &mut dyn FnMut(Row) -> Result<(), Error>) -> Result<(), Error> {
        self.with(|connection| moving::read(connection, table, each))
    }

    fn load(&mut self, work: &mut dyn FnMut(&mut dyn Database) -> Result<(), Error>) -> Result<(), Error> {
        let triggers = self.with(moving::take_triggers)?;
        work(self)?;
        let empty = self.with(|connection| {
            moving::require_references(connection)?;
            let empty = moving::fill_indexes(connection)?;
            triggers.iter().try_for_each(|trigger| connection.batch_execute(trigger))?;
            Ok(empty)
        })?;
        for table in empty {
            self.settings.emit(&Event::NotMoved(format!("the virtual table {table} is empty: fill it by hand")));
        }
        Ok(())
    }

    fn write_rows(&mut self, table: &Moved, rows: &[Row]) -> Result<(), Error> {
        self.with(|connection| moving::write(connection, table, rows))
    }

    fn last_numbers(&mut self) -> Result<Numbers, Error> {
        self.with(moving::last_numbers)
    }

    fn number_after(&mut self, last: &Numbers) -> Result<(), Error> {
        self.with(|connection| moving::number_after(connection, last))
    }
}
