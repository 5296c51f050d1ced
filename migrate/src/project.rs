//! A database and its migrations: where they are, how they are opened, and how messages name them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use diesel::sqlite::SqliteConnection;

use crate::Error;
use crate::database::{DatabaseUrl, open_sqlite};
use crate::progress::or_interrupted;
use crate::run::explain;
use crate::script::Scripts;
use crate::status::{has_tables, is_controlled};

/// A database and the migrations that lead through its versions. What can be done with them is in
/// [`versioning`](crate::versioning).
#[derive(Debug, Clone)]
pub struct Project {
    url: DatabaseUrl,
    scripts: Source,
    base: PathBuf,
    pub(crate) settings: Settings,
}

#[derive(Debug, Clone)]
enum Source {
    Folder(PathBuf),
    Embedded(Scripts),
}

/// How careful and how patient a project is.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How many backups stay in the folder `backups` beside the database; 0 makes none.
    pub backups: usize,
    /// Whether a run makes sure, before it is committed, that nothing is gone but what its SQL takes away: it counts the
    /// rows of every table, digests the columns that must stay as they are, and checks the tables that it rebuilt.
    pub verify: bool,
    /// The size in bytes above which a migration is tried on a sample of the rows and not on a copy of them all.
    pub whole_copy: u64,
    /// The most rows of a table that such a sample asks for; those that they refer to come in addition.
    pub sample_rows: u64,
    /// How long a run waits for another program that holds the database.
    pub wait: Duration,
    /// Is called with a line for the person who waits.
    pub tell: fn(&str),
}

impl Settings {
    /// That many backups, and somebody to tell; the rest as by default.
    #[must_use]
    pub fn new(backups: usize, tell: fn(&str)) -> Self {
        Self { backups, tell, ..Self::default() }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            backups: 5,
            verify: true,
            whole_copy: 1 << 30,
            sample_rows: 10_000,
            wait: Duration::from_secs(30),
            tell: |_| {},
        }
    }
}

impl Project {
    /// A database and its migrations folder, which holds one folder a dialect: `sqlite/001_migration/up.sql`.
    /// Messages name files as seen from `base`.
    #[must_use]
    pub fn new(database_url: &DatabaseUrl, migrations: &Path, base: &Path) -> Self {
        let dialect = if database_url.is_postgres() { "postgresql" } else { "sqlite" };
        Self::from_source(database_url, Source::Folder(migrations.join(dialect)), base)
    }

    /// A database and migrations that the program carries within itself.
    #[must_use]
    pub fn embedded(database_url: &DatabaseUrl, scripts: Scripts, base: &Path) -> Self {
        Self::from_source(database_url, Source::Embedded(scripts), base)
    }

    fn from_source(database_url: &DatabaseUrl, scripts: Source, base: &Path) -> Self {
        Self { url: database_url.clone(), scripts, base: base.to_owned(), settings: Settings::default() }
    }

    /// The same project with other settings.
    #[must_use]
    pub fn with(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// The migrations, in order.
    ///
    /// # Errors
    ///
    /// As [`Scripts::read`].
    pub fn scripts(&self) -> Result<Scripts, Error> {
        match &self.scripts {
            Source::Embedded(scripts) => Ok(scripts.clone()),
            Source::Folder(folder) => Scripts::read(folder).map_err(|error| match error {
                Error::NoFolder(path) => Error::NoFolder(self.shown(&path).into()),
                Error::CannotRead { path, why } => Error::CannotRead { path: self.shown(&path).into(), why },
                Error::BadScript { name, why } => Error::BadScript { name: self.shown(&folder.join(name)), why },
                Error::SameNumber { first, second } => Error::SameNumber {
                    first: self.shown(&folder.join(first)),
                    second: self.shown(&folder.join(second)),
                },
                other => other,
            }),
        }
    }

    /// The folder of the migrations, where they are in one.
    pub(crate) fn folder(&self) -> Option<&Path> {
        match &self.scripts {
            Source::Folder(folder) => Some(folder),
            Source::Embedded(_) => None,
        }
    }

    pub(crate) fn scripts_and_connection(&self) -> Result<(Scripts, SqliteConnection), Error> {
        let connection = self.open()?;
        let scripts = self.scripts()?;
        match self.folder() {
            Some(folder) if scripts.newest() == 0 => Err(Error::NoScripts(self.shown(folder).into())),
            _ => Ok((scripts, connection)),
        }
    }

    /// Opens a database that is there and under version control.
    pub(crate) fn open(&self) -> Result<SqliteConnection, Error> {
        let path = self.sqlite_path()?;
        if !path.exists() {
            return Err(Error::NoDatabase(self.shown(&path).into()));
        }
        let mut connection = self.open_file(&path)?;
        // A writer with much to write keeps readers out too, unless the database has a write-ahead log.
        self.tell_of_wait("BEGIN; SELECT 1 FROM sqlite_master")?;
        if is_controlled(&mut connection).map_err(self.explained())? {
            return Ok(connection);
        }
        let database = self.database();
        Err(if has_tables(&mut connection).map_err(self.explained())? {
            Error::NotUnderVersionControl { database }
        } else {
            Error::NotCreated { database }
        })
    }

    /// Opens a file, which SQLite makes if it is not there.
    pub(crate) fn open_file(&self, path: &Path) -> Result<SqliteConnection, Error> {
        sqlite_hooks::install();
        let opened = sqlite_hooks::with_busy_wait(self.settings.wait, || open_sqlite(path));
        opened.map_err(|error| self.explain(error))
    }

    pub(crate) fn sqlite_path(&self) -> Result<PathBuf, Error> {
        self.url.sqlite_path().map(Path::to_owned).ok_or(Error::PostgresNotYet)
    }

    /// The database as messages name it.
    #[must_use]
    pub fn database(&self) -> String {
        self.url.sqlite_path().map_or_else(|| self.url.to_string(), |path| self.shown(path))
    }

    /// A path as messages name it: as seen from the base.
    #[must_use]
    pub fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.base).unwrap_or(path).display().to_string()
    }

    /// A path as seen from the base.
    pub(crate) fn in_base(&self, path: &Path) -> PathBuf {
        self.base.join(path)
    }

    pub(crate) fn explained(&self) -> impl Fn(diesel::result::Error) -> Error + '_ {
        |error| explain(&self.database(), &error)
    }

    pub(crate) fn explain(&self, error: Error) -> Error {
        match or_interrupted(error) {
            Error::Query(error) => explain(&self.database(), &error),
            Error::Database { why, .. } => {
                explain(&self.database(), &diesel::result::Error::QueryBuilderError(why.into()))
            }
            other => self.located(other),
        }
    }

    /// The error with its file as seen from the base.
    pub(crate) fn located(&self, error: Error) -> Error {
        match error {
            Error::CannotWrite { path, why } => Error::CannotWrite { path: self.shown(&path).into(), why },
            other => other,
        }
    }
}
