//! What to do about an error, in terms of commands, flags and environment variables.

use std::path::Path;

use crate::Error;
use crate::error::{ConsentError, DatabaseErrorKind, HistoryError};

/// What to do about an error of a program, where a command or a flag helps. `database` is the name of the program's own
/// database: the error may be one of a backup.
pub(super) fn hint(error: &Error, program: &str, database: &str) -> Option<String> {
    let hint = match error {
        Error::Url(_) => "check DATABASE_URL",
        Error::NoDatabase { database: named } if named != database => return None,
        Error::NoDatabase { .. } if program == "db_create" => "check DATABASE_URL",
        Error::NoDatabase { .. } => "run db_create first, or check DATABASE_URL",
        Error::NotControlled { has_tables: false, .. } => "run db_create first",
        Error::NotControlled { has_tables: true, .. } => {
            "run db_create --stamp N, where N is the number of the newest migration that its tables already have"
        }
        Error::AlreadyControlled { .. } => "run db_upgrade or db_downgrade to change its version",
        Error::NoMigrations { is_missing: true, .. } => "check MIGRATIONS_DIR, or run db_create to create it",
        Error::NoMigrations { .. } => "db_migrate writes the first one",
        Error::History(error) => return history_hint(error),
        Error::Consent(error) => consent_hint(error)?,
        Error::Invariant { .. } if program != "db_migrate" => "if that is intended, run again with --no-verify",
        Error::Database { kind, database: named, .. } if named == database => database_hint(*kind)?,
        Error::File { path, .. } => file_hint(path)?,
        _ => return None,
    };
    Some(hint.to_owned())
}

fn database_hint(kind: DatabaseErrorKind) -> Option<&'static str> {
    Some(match kind {
        DatabaseErrorKind::NotADatabase => "check DATABASE_URL",
        DatabaseErrorKind::Unreachable => "check DATABASE_URL, and that the server is running",
        DatabaseErrorKind::InUse => "stop the site first, then try again",
        DatabaseErrorKind::Damaged => "restore a backup with db_downgrade --restore FILE",
        _ => return None,
    })
}

fn file_hint(path: &Path) -> Option<&'static str> {
    let is_in = |folder: &str| path.components().any(|part| part.as_os_str().to_string_lossy().starts_with(folder));
    if is_in(".rehearsal-") {
        Some("make room for a copy of the database; db_migrate --no-rehearsal needs none")
    } else if is_in("backups") {
        Some("the backup needs that folder; backups can be switched off in the settings")
    } else {
        None
    }
}

fn history_hint(error: &HistoryError) -> Option<String> {
    Some(match error {
        HistoryError::Pending { .. } => "run db_upgrade first".into(),
        HistoryError::Unknown { .. } => "update this program or its migrations folder".into(),
        HistoryError::Edited { version, .. } => format!(
            "restore its up.sql and write a new migration, or accept it as it is with db_upgrade --accept-edited {version}"
        ),
        HistoryError::WrongDirection { version, wanted } if wanted < version => {
            format!("run db_downgrade --to {wanted}")
        }
        HistoryError::WrongDirection { wanted, .. } => format!("run db_upgrade --to {wanted}"),
        _ => return None,
    })
}

fn consent_hint(error: &ConsentError) -> Option<&'static str> {
    Some(match error {
        ConsentError::Loss(_) => "run again with --allow-data-loss to apply it",
        ConsentError::Rename(_) => "pass it as --rename, or pass --allow-data-loss to drop the one and add the other",
        ConsentError::Fill(_) => "run again with --fill TABLE.COLUMN=VALUE, or give the column a default",
        ConsentError::Purge { .. } => "run db_upgrade --purge-kept",
        _ => return None,
    })
}
