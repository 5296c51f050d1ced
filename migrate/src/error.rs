//! Everything that can go wrong, each in one line for the person who reads it.

use std::path::PathBuf;

/// Why a step of a database's life was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no database file.
    #[error("no database at {}: run db_create first", .0.display())]
    NoDatabase(PathBuf),
    /// A text that is not SQL.
    #[error("cannot read this SQL: {why}: {what}")]
    Sql {
        /// The text, or its beginning.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// What is asked for is there for SQLite only.
    #[error("PostgreSQL is not supported yet: set DATABASE_URL to sqlite:PATH")]
    PostgresNotYet,
    /// A query on the database failed.
    #[error("{0}")]
    Query(#[from] diesel::result::Error),
    /// The database cannot be opened.
    #[error("cannot open {what}: {why}")]
    Connect {
        /// The file or the server.
        what: String,
        /// What the database said.
        why: String,
    },
}
