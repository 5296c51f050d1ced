//! SQLite's messages, as kinds of error. Diesel passes on the message and no code.

use crate::Error;
use crate::error::DatabaseErrorKind;

/// `None` where only the application can do it, with its collation, function or module.
pub(super) fn readable<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Err(error) if error.kind() == Some(DatabaseErrorKind::Missing) => Ok(None),
        other => other.map(Some),
    }
}

/// The kind of error that SQLite's message means.
pub(crate) fn kind(message: &str) -> Option<DatabaseErrorKind> {
    use DatabaseErrorKind::{CannotOpen, Damaged, ForeignKeyMismatch, Full, Locked, Missing, NotADatabase, ReadOnly};
    let kinds = [
        ("file is not a database", NotADatabase),
        ("database is locked", Locked),
        ("database table is locked", Locked),
        ("readonly database", ReadOnly),
        ("unable to open database file", CannotOpen),
        ("disk is full", Full),
        ("disk I/O error", Full),
        ("disk image is malformed", Damaged),
        ("malformed database schema", Damaged),
        ("foreign key mismatch", ForeignKeyMismatch),
        ("no such module", Missing),
        ("no such function", Missing),
        ("no such collation sequence", Missing),
        ("unknown function", Missing),
    ];
    kinds.iter().find(|(words, _)| message.contains(words)).map(|(_, kind)| *kind)
}
