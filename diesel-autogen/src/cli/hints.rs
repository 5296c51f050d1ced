//! What to do about an error, in terms of commands, flags and environment variables.

use std::path::Path;

use super::program::Program;
use crate::Error;
use crate::error::{ConsentError, DatabaseErrorKind, HistoryError};

/// What to do about an error of a program, where a command or a flag helps. `database` is the name of the program's own
/// database: the error may be one of a backup.
pub(super) fn hint(error: &Error, program: &Program, database: &str) -> Option<String> {
    let hint = match error {
        Error::Url(_) => "check DATABASE_URL",
        Error::NoDatabase { database: named } | Error::NotControlled { database: named, .. } if named != database => {
            return None;
        }
        Error::NoDatabase { .. } if program.command() == "init" => "check DATABASE_URL",
        Error::NoDatabase { .. } => "run {init} first, or check DATABASE_URL",
        Error::NotControlled { has_tables: false, .. } => "run {init} first",
        Error::NotControlled { has_tables: true, .. } => {
            "run {init} --stamp N, where N is the number of the newest migration that its tables already have"
        }
        Error::AlreadyControlled { .. } => "run {upgrade} or {downgrade} to change its version",
        Error::NoBackup { .. } => "or run again with --no-backup",
        Error::NoMigrations { is_missing: true, .. } => "check MIGRATIONS_DIR, or run {init} to create it",
        Error::NoMigrations { .. } => "{migrate} writes the first one",
        Error::History(error) => return history_hint(error, program),
        Error::Consent(error) => consent_hint(error)?,
        Error::Invariant { .. } if program.command() != "migrate" => "if that is intended, run again with --no-verify",
        Error::Database { kind, database: named, .. } if named == database => database_hint(*kind)?,
        Error::File { path, .. } => file_hint(path)?,
        _ => return None,
    };
    Some(program.fill(hint))
}

fn database_hint(kind: DatabaseErrorKind) -> Option<&'static str> {
    Some(match kind {
        DatabaseErrorKind::NotADatabase => "check DATABASE_URL",
        DatabaseErrorKind::Unreachable => "check DATABASE_URL, and that the server is running",
        DatabaseErrorKind::InUse => "stop the application first, then try again",
        DatabaseErrorKind::Damaged => "restore a backup with {downgrade} --restore FILE",
        _ => return None,
    })
}

fn file_hint(path: &Path) -> Option<&'static str> {
    let parts = || path.components().map(|part| part.as_os_str().to_string_lossy());
    if parts().any(|part| part.starts_with(crate::database::REHEARSAL_FOLDER)) {
        Some("make room for a copy of the database; {migrate} --no-rehearsal needs none")
    } else if parts().any(|part| part == "backups") {
        Some("the backup needs that folder; --no-backup makes none")
    } else {
        None
    }
}

fn history_hint(error: &HistoryError, program: &Program) -> Option<String> {
    let hint = match error {
        HistoryError::Pending { .. } => "run {upgrade} first".to_owned(),
        HistoryError::Unknown { .. } => "update this program or its migrations folder".to_owned(),
        HistoryError::Edited { version, .. } => format!(
            "restore its up.sql and write a new migration, or accept it as it is with {{upgrade}} --accept-edited {version}"
        ),
        HistoryError::NotRehearsed { .. } => {
            "run {migrate} --rehearse-on URL, with a database for development".to_owned()
        }
        HistoryError::WrongDirection { version, wanted } if wanted < version => {
            format!("run {{downgrade}} --to {wanted}")
        }
        HistoryError::WrongDirection { wanted, .. } => format!("run {{upgrade}} --to {wanted}"),
        _ => return None,
    };
    Some(program.fill(&hint))
}

fn consent_hint(error: &ConsentError) -> Option<&'static str> {
    Some(match error {
        ConsentError::Loss(_) => "run again with --allow-data-loss to apply it",
        ConsentError::Unmentioned(_) => {
            "{print-schema} writes it as models; run again with --allow-data-loss to drop it"
        }
        ConsentError::Rename(_) => "pass it as --rename, or pass --allow-data-loss to drop the one and add the other",
        ConsentError::Fill(_) => "run again with --fill TABLE.COLUMN=VALUE, or give the column a default",
        ConsentError::Purge { .. } => "run {upgrade} --purge-kept",
        _ => return None,
    })
}
