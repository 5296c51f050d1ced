//! A SQLite file and its connection.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};

use super::run;
use crate::Error;
use crate::database::Lock;
use crate::database::poll::poll;
use crate::error::DatabaseErrorKind;
use crate::settings::{Event, Settings};

/// A SQLite file, or a scratch database in memory.
pub(crate) struct Sqlite {
    pub path: PathBuf,
    pub settings: Settings,
    pub connection: Option<SqliteConnection>,
    /// Whether a wait for another process was reported: an operation does so once.
    has_waited: Cell<bool>,
    /// The lock that keeps out transactions of other processes while a migration runs outside of one.
    pub lock: Option<Lock>,
}

impl Sqlite {
    pub fn new(path: &Path, settings: &Settings) -> Self {
        let (path, settings, has_waited) = (path.to_owned(), settings.clone(), Cell::new(false));
        Self { path, settings, connection: None, has_waited, lock: None }
    }

    /// The file as messages name it.
    pub fn shown(&self) -> String {
        self.settings.shown(&self.path)
    }

    /// The connection, opened at the first call. A file that is missing is not created.
    fn connect(&mut self) -> Result<&mut SqliteConnection, Error> {
        let opened = match self.connection.take() {
            Some(connection) => connection,
            None => self.open()?,
        };
        Ok(self.connection.insert(opened))
    }

    pub fn open(&self) -> Result<SqliteConnection, Error> {
        let mut connection = open(&self.path).map_err(|error| error.in_database(&self.shown()))?;
        // While another process writes without a write-ahead log, nothing can be read.
        self.wait_for(&mut connection, "BEGIN; SELECT 1 FROM sqlite_master; COMMIT")?;
        Ok(connection)
    }

    /// Runs a statement that takes a lock. Where another process holds it, says so and waits.
    pub fn wait_for(&self, connection: &mut SqliteConnection, statement: &str) -> Result<(), Error> {
        let named = |error: Error| error.in_database(&self.shown());
        let tried = connection.batch_execute(&format!("PRAGMA busy_timeout = 0; {statement}")).map_err(Error::from);
        let busy_timeout = format!("PRAGMA busy_timeout = {}", self.settings.wait.as_millis());
        connection.batch_execute(&busy_timeout).map_err(Error::from).map_err(named)?;
        match tried {
            Err(error) if error.kind() == Some(DatabaseErrorKind::Locked) => {
                let _ = connection.batch_execute("ROLLBACK");
                if !self.has_waited.replace(true) {
                    self.settings.emit(&Event::Waiting(self.settings.wait));
                }
                connection.batch_execute(statement).map_err(Error::from).map_err(named)
            }
            other => other.map_err(named),
        }
    }

    /// Does work in a transaction that holds the write lock, with foreign keys off.
    pub fn in_transaction(&mut self, work: impl FnOnce(&mut Self) -> Result<(), Error>) -> Result<(), Error> {
        let keys_on = self.with(run::prepare)?;
        if let Some(mut connection) = self.connection.take() {
            let begun = self.begin(&mut connection);
            self.connection = Some(connection);
            begun.map_err(|error| error.in_database(&self.shown()))?;
        }
        let worked = work(self);
        self.with(|connection| run::finish(connection, worked, keys_on))
    }

    /// Begins a transaction that holds the write lock, once no other process runs a migration outside of one.
    fn begin(&self, connection: &mut SqliteConnection) -> Result<(), Error> {
        let file = Lock::beside(&self.path);
        poll(&self.settings, || {
            self.wait_for(connection, "BEGIN IMMEDIATE")?;
            let is_free = self.lock.is_some() || !Lock::is_held(&file);
            if !is_free {
                connection.batch_execute("ROLLBACK")?;
            }
            Ok(is_free)
        })
    }

    /// Takes the lock that keeps out transactions of other processes.
    pub fn lock(&mut self) -> Result<(), Error> {
        let file = Lock::beside(&self.path);
        let taken = poll(&self.settings, || {
            self.lock = Lock::try_take(&file).map_err(Error::file("write", &file))?;
            Ok(self.lock.is_some())
        });
        taken.map_err(|error| error.in_database(&self.shown()))
    }

    /// Does work with the connection; an error gets the database's name.
    pub fn with<T>(&mut self, work: impl FnOnce(&mut SqliteConnection) -> Result<T, Error>) -> Result<T, Error> {
        let name = self.shown();
        self.connect().and_then(work).map_err(|error| error.in_database(&name))
    }
}

/// Opens a SQLite file, which is created if it is missing. An error does not name it yet.
pub(crate) fn open(path: &Path) -> Result<SqliteConnection, Error> {
    SqliteConnection::establish(&file_name(path)?).map_err(Error::connecting)
}

/// A path as SQLite takes it: it would read one that begins with `file:` as a URI.
pub(super) fn file_name(path: &Path) -> Result<String, Error> {
    let not_utf8 =
        || Error::database(&path.display().to_string(), DatabaseErrorKind::CannotOpen, "its path is not UTF-8");
    let name = path.to_str().ok_or_else(not_utf8)?;
    Ok(if name.starts_with("file:") { format!("./{name}") } else { name.to_owned() })
}
