//! Everything that can go wrong, each in one line for the person who reads it.

use std::path::PathBuf;

/// Why a step of a database's life was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no database file.
    #[error("no database at {}: run db_create first", .0.display())]
    NoDatabase(PathBuf),
    /// The database cannot be opened.
    #[error("cannot open {what}: {why}")]
    Connect {
        /// The file or the server.
        what: String,
        /// What the database said.
        why: String,
    },
}
