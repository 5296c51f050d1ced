//! How careful and how patient a [`Migrator`](crate::Migrator) is, and what it reports while it works.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::text::{Bytes, counted};

/// How careful and how patient a [`Migrator`](crate::Migrator) is, and who is told what it does.
///
/// ```
/// use diesel_autogen::{Migrator, Settings};
///
/// let mut settings = Settings::default();
/// settings.backups = 20;
/// let settings = settings.on_event(|event| eprintln!("{event}"));
/// let migrator = Migrator::new("sqlite:app.db", "migrations")?.with(settings);
/// # Ok::<(), diesel_autogen::Error>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// How many backups are kept of a database that holds rows, one for each run that changed it; 0 makes none. Those of
    /// SQLite are in a folder `backups` beside the file. Those of PostgreSQL are in one below [`base`](Self::base), and need
    /// PostgreSQL's client programs on the `PATH`: without these nothing is changed.
    pub backups: usize,
    /// Whether a run verifies, before it is committed, that it lost no rows, references or triggers that its SQL does
    /// not name.
    pub verify: bool,
    /// SQLite: the size in bytes above which a migration is rehearsed on an empty copy instead of on a copy with all rows.
    pub rehearsal_limit: u64,
    /// How long an operation waits for another process that has locked the database.
    pub wait: Duration,
    /// PostgreSQL: how long a statement of a migration waits for a lock before the migration is rolled back, and tried
    /// again after a pause. Every later statement on the table waits behind that statement. A migration's own
    /// `SET lock_timeout` counts.
    pub lock_timeout: Duration,
    /// Whether an empty migrations folder gets a folder for each kind of database, `sqlite` and `postgresql`, because the
    /// program writes migrations for both. A folder that holds migrations is used as it is.
    pub per_database_folders: bool,
    /// Messages name files as seen from this folder, and backups of PostgreSQL are in its folder `backups`.
    pub base: PathBuf,
    listener: Option<Listener>,
}

#[derive(Clone)]
struct Listener(Arc<dyn Fn(&Event<'_>) + Send + Sync>);

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a listener")
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            backups: 5,
            verify: true,
            rehearsal_limit: 4 << 30,
            wait: Duration::from_secs(30),
            lock_timeout: Duration::from_secs(3),
            per_database_folders: false,
            base: PathBuf::new(),
            listener: None,
        }
    }
}

impl Settings {
    /// The same settings, with a function that is called with every [`Event`].
    #[must_use]
    pub fn on_event(mut self, listener: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Self {
        self.listener = Some(Listener(Arc::new(listener)));
        self
    }

    pub(crate) fn emit(&self, event: &Event<'_>) {
        if let Some(Listener(listener)) = &self.listener {
            listener(event);
        }
    }

    /// Does work that may take long, between [`Event::Started`] and [`Event::Finished`].
    pub(crate) fn step<T>(&self, task: &str, work: impl FnOnce() -> T) -> T {
        self.emit(&Event::Started(task));
        let result = work();
        self.emit(&Event::Finished);
        result
    }

    /// The path as seen from the base.
    pub(crate) fn shown(&self, path: &Path) -> String {
        let relative = path.strip_prefix(&self.base).ok().filter(|relative| !relative.as_os_str().is_empty());
        relative.unwrap_or(path).display().to_string()
    }
}

/// Something that an operation reports while it works. All but [`Started`](Self::Started) and
/// [`Finished`](Self::Finished) print as one line for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A task has started that may take long: `copying users, 1,000,000 rows`.
    Started(&'a str),
    /// The task that was started last has finished.
    Finished,
    /// Another process uses the database; the operation waits for up to that time.
    Waiting(Duration),
    /// Another process holds a lock that a migration needs. It was rolled back, and is tried again after a pause.
    Blocked {
        /// The process: `process 4711 (psql)`.
        by: &'a str,
        /// The pause.
        pause: Duration,
    },
    /// An index is invalid, because `CREATE INDEX CONCURRENTLY` failed: no query uses it. A migration that creates it again
    /// replaces it.
    InvalidIndex {
        /// The index.
        index: &'a str,
        /// Its table.
        table: &'a str,
    },
    /// A backup was saved.
    BackupSaved(String),
    /// A backup that is no longer needed could not be removed.
    BackupNotRemoved(String),
    /// A backup was made by copying pages, because the database needs something that only the application has.
    BackupByPages(String),
    /// A migration is rehearsed on an empty copy, because a copy of the rows would be too large.
    RehearsedWithoutRows {
        /// The size of the database in bytes.
        size: u64,
        /// The limit, or the free space, in bytes.
        limit: u64,
    },
    /// Scripts are tried in the database itself, in a transaction that is rolled back, because no copy of its schema
    /// could be made or they failed on the copy: its tables are locked meanwhile.
    TriedInPlace,
    /// The checksums of so many applied migrations were recorded, because another program applied them, such as Diesel's
    /// command line.
    ChecksumsRecorded(u64),
    /// The kept values of a table were purged: the downgrade does not restore them.
    Purged {
        /// The migration.
        migration: &'a str,
        /// The table.
        table: &'a str,
    },
    /// Purged values stay in the database's files until other processes have closed it.
    PurgedValuesRemain(String),
    /// A restored backup has replaced a damaged database, which was renamed to that file.
    DamagedKept(String),
    /// A downgrade has restored a foreign key over rows that referred to a missing row before it.
    Dangling(String),
    /// Something that was not moved to another kind of database.
    NotMoved(String),
    /// A migration was written for a kind of database that it was never run on.
    NotRehearsed(String),
    /// The database is what it should be, but something could not be checked.
    NotChecked(String),
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started(task) => f.write_str(task),
            Self::Finished => f.write_str("done"),
            Self::Waiting(time) => {
                write!(f, "another process is using the database; waiting up to {} s", time.as_secs())
            }
            Self::Blocked { by, pause } => {
                write!(f, "waiting for {by}, which holds a lock; trying again in {:.1} s", pause.as_secs_f64())
            }
            Self::InvalidIndex { index, table } => write!(
                f,
                "index {index} on {table} is invalid, because its creation failed: the migration that creates it \
                 replaces it"
            ),
            Self::BackupSaved(file) => write!(f, "backup saved as {file}"),
            Self::BackupNotRemoved(why) => write!(f, "an old backup was not removed: {why}"),
            Self::BackupByPages(why) => write!(f, "the backup is a copy of the pages, free ones included: {why}"),
            Self::RehearsedWithoutRows { size, limit } => write!(
                f,
                "the database holds {}, more than the {} that a rehearsal may copy: rehearsing without rows",
                Bytes(*size),
                Bytes(*limit)
            ),
            Self::TriedInPlace => f.write_str(
                "trying the migration in the database itself, where its tables are locked until that is rolled back: \
                 it does not run on a copy of the schema",
            ),
            Self::ChecksumsRecorded(count) => {
                write!(f, "checksums recorded of {} that another program applied", counted(*count, "migration"))
            }
            Self::Purged { migration, table } => {
                write!(f, "the values that {migration} kept of {table} were purged: they are not restored")
            }
            Self::PurgedValuesRemain(database) => {
                write!(f, "another process has {database} open: the purged values stay in its files until it is closed")
            }
            Self::DamagedKept(file) => write!(f, "the damaged database is kept as {file}"),
            Self::NotRehearsed(migration) => {
                write!(f, "migration {migration} was written without a database of its kind, and was not rehearsed yet")
            }
            Self::Dangling(why) | Self::NotMoved(why) | Self::NotChecked(why) => f.write_str(why),
        }
    }
}
