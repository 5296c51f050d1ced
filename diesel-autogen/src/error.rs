//! What can go wrong, each in one line. A message names no program, flag or environment variable: a program that has
//! them adds its hint.

use std::io;
use std::path::{Path, PathBuf};

use crate::url::ParseUrlError;
use crate::version::Version;

/// Why an operation was refused or failed. Where nothing else is said, the database and the files are as they were.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database URL cannot be used.
    #[error("the database URL: {0}")]
    Url(#[from] ParseUrlError),
    /// The database does not exist.
    #[error("{database} does not exist")]
    NoDatabase {
        /// The database.
        database: String,
    },
    /// The database does not exist, and may not be created.
    #[error("{database} does not exist, and {why}; an administrator can create it: {sql}")]
    CannotCreate {
        /// The database.
        database: String,
        /// What stands in the way.
        why: &'static str,
        /// The SQL for an administrator, which names the database and the role of the URL.
        sql: String,
    },
    /// The database has no history of migrations.
    #[error("{database} {}is not under version control", if *.has_tables { "holds tables but " } else { "" })]
    NotControlled {
        /// The database.
        database: String,
        /// Whether it holds tables.
        has_tables: bool,
    },
    /// The database has a history, at another version than the one that was to be recorded.
    #[error("{database} is already under version control, at version {version}")]
    AlreadyControlled {
        /// The database.
        database: String,
        /// Its version.
        version: Version,
    },
    /// The database refused to be opened, read or written.
    #[error("{database}: {source}{}", .kind.advice())]
    Database {
        /// The database.
        database: String,
        /// What kind of refusal it is.
        kind: DatabaseErrorKind,
        /// What the database said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file or folder cannot be read or written.
    #[error("cannot {action} {}: {source}", .path.display())]
    File {
        /// What was tried: `read`, `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The database holds rows, and no backup could be made of them.
    #[error("{database}: no backup was made, so nothing was changed: {why}")]
    NoBackup {
        /// The database.
        database: String,
        /// What stands in the way, and what to do about it.
        why: String,
    },
    /// The migrations folder is missing, or holds no migrations.
    #[error("no migrations {} {}", if *.is_missing { "folder at" } else { "in" }, .path.display())]
    NoMigrations {
        /// The folder.
        path: PathBuf,
        /// Whether it is missing.
        is_missing: bool,
    },
    /// A migration in the folder cannot be used.
    #[error("{}: {why}", .path.display())]
    Migrations {
        /// The migration's folder.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The migrations and the database's history do not fit together, or not with the version that was asked for.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The database differs from the models, from what its migrations make, or from what was to be recorded.
    #[error("{database} differs from {expected}; {differences}")]
    Drift {
        /// The database.
        database: String,
        /// What it was compared with.
        expected: String,
        /// The differences.
        differences: String,
    },
    /// A migration needs a decision: it would lose values, needs some, or may be a rename.
    #[error(transparent)]
    Consent(#[from] ConsentError),
    /// An option that cannot be used: a value to fill in, a rename, a message.
    #[error("{option}: {why}")]
    Option {
        /// The option, as it was given.
        option: String,
        /// What is wrong with it.
        why: String,
    },
    /// A statement of a migration failed.
    #[error("migration {migration} failed, nothing was changed: {source} in: {statement}")]
    Statement {
        /// The migration.
        migration: String,
        /// The statement, or its beginning.
        statement: String,
        /// What the database said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A statement failed of a migration that runs outside a transaction, as its `metadata.toml` asks: the statements
    /// before it stay, and so do the migrations before this one.
    #[error(
        "migration {migration} failed outside a transaction, its earlier statements stay: {source} in: {statement}"
    )]
    Unfinished {
        /// The migration.
        migration: String,
        /// The statement, or its beginning.
        statement: String,
        /// What the database said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A migration would lose rows, references or triggers that it does not name.
    #[error("{migrations} would damage the data, nothing was changed: {why}")]
    Invariant {
        /// The migrations that ran.
        migrations: String,
        /// What would be lost.
        why: String,
    },
    /// A rehearsal found that a migration does not do what it should.
    #[error("the rehearsal of {migration} failed, nothing was changed: {why}")]
    Rehearsal {
        /// The migration.
        migration: String,
        /// What is wrong.
        why: String,
    },
    /// A change that cannot be written as safe SQL.
    #[error("cannot write a migration for {object}: {why}")]
    CannotExpress {
        /// The table, view or other object.
        object: String,
        /// What stands in the way.
        why: String,
    },
    /// A row, a table or a database that cannot be moved to another kind of database. Nothing was moved.
    #[error("cannot move {object}: {why}; nothing was moved")]
    CannotMove {
        /// The value and its row, the table, or the database.
        object: String,
        /// What stands in the way.
        why: String,
    },
    /// A text is not SQL that can be read.
    #[error("cannot read this SQL: {why}: {text}")]
    Sql {
        /// The text, or its beginning.
        text: String,
        /// What is wrong with it.
        why: String,
    },
    /// The operation does not exist for this kind of database.
    #[error("{operation} is not supported on {database}")]
    NotSupported {
        /// The operation.
        operation: &'static str,
        /// The kind of database.
        database: &'static str,
    },
}

/// What kind of refusal a database's message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DatabaseErrorKind {
    /// Another process holds a lock on it.
    Locked,
    /// It is open in another process.
    InUse,
    /// It may only be read.
    ReadOnly,
    /// It cannot be opened.
    CannotOpen,
    /// The server cannot be reached, or refuses the connection.
    Unreachable,
    /// The file is no database of this kind.
    NotADatabase,
    /// It is damaged.
    Damaged,
    /// The disk is full or has failed.
    Full,
    /// A foreign key refers to columns that are not unique.
    ForeignKeyMismatch,
    /// A function, collation or module of the application is missing.
    Missing,
    /// Anything else.
    Other,
}

impl DatabaseErrorKind {
    pub(crate) fn advice(self) -> &'static str {
        match self {
            Self::Locked => ": another process is using it; try again when that has finished",
            Self::ReadOnly => ": check that you may write it, and the folder that it is in",
            Self::CannotOpen => ": check that its folder exists, and that you may read and write both",
            Self::Full => ": check that the disk has room and is sound, then try again",
            Self::ForeignKeyMismatch => ": a foreign key must refer to a primary key or to unique columns",
            Self::Missing => ": only the application has it; make the change in a program that registers it",
            Self::Damaged | Self::InUse | Self::NotADatabase | Self::Unreachable | Self::Other => "",
        }
    }
}

impl Error {
    /// The error with its path as seen from `base`.
    pub(crate) fn relative_to(mut self, base: &Path) -> Self {
        if let Self::File { path, .. } | Self::Migrations { path, .. } | Self::NoMigrations { path, .. } = &mut self
            && let Ok(relative) = path.strip_prefix(base)
        {
            *path = relative.to_owned();
        }
        self
    }

    /// An error of a file, for `map_err`.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File { action, path: path.to_owned(), source }
    }
}

/// A decision that a migration needs before it may be applied. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConsentError {
    /// Values would be lost.
    #[error("this migration would lose data: {0}")]
    Loss(String),
    /// What protects the data would be dropped, because the models do not mention it; and values may be lost.
    #[error("this migration {0}")]
    Unmentioned(String),
    /// More values would be lost than the plan said.
    #[error("the rows have changed since the plan was made, and more would be lost: {0}; plan again")]
    MoreLoss(String),
    /// It is unclear whether a column or table is renamed.
    #[error("this migration may be a rename: {0}")]
    Rename(String),
    /// Rows need a value.
    #[error("this migration needs values: {0}")]
    Fill(String),
    /// Values that an earlier migration keeps refer to a key that this one changes.
    #[error("the values that migration {version} keeps of {table} refer to a key that changes: purge them first")]
    Purge {
        /// The version of the migration that keeps them.
        version: String,
        /// Their table.
        table: String,
    },
    /// The person who was asked has declined.
    #[error("nothing was changed: not confirmed")]
    Declined,
}

/// Why the migrations do not fit the database's history, or the version that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// Migrations are pending that must be applied first.
    #[error(
        "the database is at version {version}, and {} pending: {}",
        if .pending.len() == 1 { "a migration is".to_owned() } else { format!("{} migrations are", .pending.len()) },
        .pending.join(", ")
    )]
    Pending {
        /// The database's version.
        version: Version,
        /// The names of the pending migrations.
        pending: Vec<String>,
    },
    /// The database has migrations that this folder, or this program, does not have.
    #[error("the database has applied {}, which {} not among these migrations (the newest is {newest})",
        .unknown.join(", "), if .unknown.len() == 1 { "is" } else { "are" })]
    Unknown {
        /// The versions that are unknown.
        unknown: Vec<String>,
        /// The version of the newest migration that is known.
        newest: Version,
    },
    /// A migration was added with a version before the database's.
    #[error(
        "migration {name} was never applied, though the database is already at version {version}: give it a version that comes later as text"
    )]
    OutOfOrder {
        /// The migration.
        name: String,
        /// The database's version.
        version: Version,
    },
    /// The file of an applied migration is not what was applied.
    #[error("migration {name} was edited after it was applied")]
    Edited {
        /// The migration.
        name: String,
        /// Its version.
        version: Version,
    },
    /// No migration has that version.
    #[error("no migration has the version {wanted}: they go up to {newest}")]
    NoSuchVersion {
        /// The version that was asked for.
        wanted: Version,
        /// The newest there is.
        newest: Version,
    },
    /// The migration of that version is not applied.
    #[error("migration {wanted} is not applied: the database is at version {version}")]
    NotApplied {
        /// The version that was asked for.
        wanted: Version,
        /// The database's version.
        version: Version,
    },
    /// The version lies in the other direction.
    #[error("the database is at version {version}: {wanted} is {}", if wanted < version { "a downgrade" } else { "an upgrade" })]
    WrongDirection {
        /// The database's version.
        version: Version,
        /// The version that was asked for.
        wanted: Version,
    },
    /// Another process has changed the version since the migration was planned.
    #[error("the database is at version {version}: another process has changed it; try again")]
    Changed {
        /// The database's version.
        version: Version,
    },
    /// The migration was written for a kind of database that it was never run on, and the database holds rows.
    #[error("migration {name} was never run on this kind of database, and this one holds rows: rehearse it first")]
    NotRehearsed {
        /// The migration.
        name: String,
    },
    /// There is no migration to revert.
    #[error("the database is at version 0: there is no migration to revert")]
    AtVersionZero,
    /// A migration has no `down.sql`.
    #[error("migration {name} has no down.sql: it cannot be reverted; write one, or restore a backup")]
    NoDown {
        /// The migration.
        name: String,
    },
}
