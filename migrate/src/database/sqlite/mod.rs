//! SQLite, from 3.37.

mod backup;
mod catalog;
mod copy;
mod ddl;
pub(super) mod errors;
mod introspect;
mod names;
mod normalize;
mod probe;
mod render;
mod rows;
mod run;
mod scratch;

mod verify;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};

use self::catalog::Catalog as _;
use super::{Backup, Check, Database, Restored, Sandbox, Script};
use crate::Error;
use crate::change::{Change, Rename};
use crate::error::DatabaseErrorKind;
use crate::history::Applied;
use crate::kept;
use crate::loss::{Found, Probe};
use crate::migration::{Direction, Migration, Sql};
use crate::options::RenderOptions;
use crate::schema::{Column, Schema};
use crate::settings::{Event, Settings};

/// A SQLite file, or a scratch database in memory.
pub(crate) struct Sqlite {
    path: PathBuf,
    settings: Settings,
    connection: Option<SqliteConnection>,
}

impl Sqlite {
    pub fn new(path: &Path, settings: &Settings) -> Self {
        Self { path: path.to_owned(), settings: settings.clone(), connection: None }
    }

    /// The connection, opened at the first call. A file that is missing is not created.
    fn connect(&mut self) -> Result<&mut SqliteConnection, Error> {
        let opened = match self.connection.take() {
            Some(connection) => connection,
            None => self.open()?,
        };
        Ok(self.connection.insert(opened))
    }

    fn open(&self) -> Result<SqliteConnection, Error> {
        let mut connection = open(&self.path).map_err(|error| error.in_database(&self.name()))?;
        // While another process writes without a write-ahead log, nothing can be read.
        self.wait_for(&mut connection, "BEGIN; SELECT 1 FROM sqlite_master; COMMIT")?;
        Ok(connection)
    }

    /// Runs a statement that takes a lock. Where another process holds it, says so and waits.
    fn wait_for(&self, connection: &mut SqliteConnection, statement: &str) -> Result<(), Error> {
        let named = |error: Error| error.in_database(&self.name());
        let tried = connection.batch_execute(&format!("PRAGMA busy_timeout = 0; {statement}")).map_err(Error::from);
        let busy_timeout = format!("PRAGMA busy_timeout = {}", self.settings.wait.as_millis());
        connection.batch_execute(&busy_timeout).map_err(Error::from).map_err(named)?;
        match tried {
            Err(error) if error.kind() == Some(DatabaseErrorKind::Locked) => {
                let _ = connection.batch_execute("ROLLBACK");
                self.settings.emit(&Event::Waiting(self.settings.wait));
                connection.batch_execute(statement).map_err(Error::from).map_err(named)
            }
            other => other.map_err(named),
        }
    }

    /// Does work with the connection; an error gets the database's name.
    fn with<T>(&mut self, work: impl FnOnce(&mut SqliteConnection) -> Result<T, Error>) -> Result<T, Error> {
        let name = self.name();
        self.connect().and_then(work).map_err(|error| error.in_database(&name))
    }
}

/// Opens a SQLite file, which is created if it is missing.
pub(super) fn open(path: &Path) -> Result<SqliteConnection, Error> {
    let shown = path.display().to_string();
    let name = file_name(path)?;
    SqliteConnection::establish(&name).map_err(|error| Error::connecting(&shown, error))
}

/// A path as SQLite takes it: it would read one that begins with `file:` as a URI.
fn file_name(path: &Path) -> Result<String, Error> {
    let not_utf8 =
        || Error::database(&path.display().to_string(), DatabaseErrorKind::CannotOpen, "its path is not UTF-8");
    let name = path.to_str().ok_or_else(not_utf8)?;
    Ok(if name.starts_with("file:") { format!("./{name}") } else { name.to_owned() })
}

impl Database for Sqlite {
    fn dialect(&self) -> &'static str {
        "sqlite"
    }

    fn name(&self) -> String {
        self.settings.shown(&self.path)
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
        names::renames(script)
    }

    fn names_in(&self, script: &str) -> Vec<String> {
        names::names(script)
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
        self.with(|connection| run::run(connection, migrations, direction, verify, &settings))
    }

    fn has_tables(&mut self) -> Result<bool, Error> {
        self.with(|connection| connection.has_tables())
    }

    fn has_rows(&mut self) -> Result<bool, Error> {
        self.with(|connection| connection.has_rows())
    }

    fn history(&mut self) -> Result<Option<Vec<Applied>>, Error> {
        self.with(|connection| connection.history())
    }

    fn record(&mut self, applied: &[Applied], replace: bool) -> Result<(), Error> {
        self.with(|connection| connection.record(applied, replace))
    }

    fn side_tables(&mut self) -> Result<BTreeMap<String, u64>, Error> {
        self.with(|connection| connection.side_tables())
    }

    fn purge(&mut self, side_tables: &[String]) -> Result<(), Error> {
        // Without it the values would stay in free pages.
        self.with(|connection| Ok(connection.batch_execute("PRAGMA secure_delete = ON")?))?;
        self.transaction(&mut |db| db.drop_tables(side_tables))?;
        let is_clean = self.with(|connection| connection.empty_journal())?;
        if !is_clean {
            self.settings.emit(&Event::PurgedValuesRemain(self.name()));
        }
        Ok(())
    }

    fn drop_tables(&mut self, names: &[String]) -> Result<(), Error> {
        self.with(|connection| connection.drop_and_overwrite(names))
    }

    fn back_up(&mut self, version: u64) -> Result<Option<Backup>, Error> {
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
