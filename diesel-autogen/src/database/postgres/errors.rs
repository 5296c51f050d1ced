//! PostgreSQL's messages, as kinds of error.

use crate::Error;
use crate::error::DatabaseErrorKind;

/// The kind of error that PostgreSQL's message means.
pub(crate) fn kind(message: &str) -> Option<DatabaseErrorKind> {
    let kinds = [
        ("due to lock timeout", DatabaseErrorKind::Locked),
        ("is being accessed by other users", DatabaseErrorKind::InUse),
        ("in a read-only transaction", DatabaseErrorKind::ReadOnly),
    ];
    kinds.iter().find(|(words, _)| message.contains(words)).map(|(_, kind)| *kind)
}

/// What a statement of a migration failed with.
pub(super) fn statement(migration: &str, statement: &str, error: &diesel::result::Error) -> Error {
    Error::statement(migration, statement, said(error))
}

/// The message and its detail, which names the object that is in the way.
pub(super) fn said(error: &diesel::result::Error) -> String {
    let detail = match error {
        diesel::result::Error::DatabaseError(_, information) => information.details().unwrap_or_default(),
        _ => "",
    };
    if detail.is_empty() {
        return error.to_string();
    }
    format!("{error}: {}", detail.trim().trim_end_matches('.').replace('\n', "; "))
}
