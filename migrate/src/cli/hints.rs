//! What to do about an error, in terms of commands, flags and environment variables.

use crate::Error;
use crate::error::{ConsentError, DatabaseErrorKind, HistoryError};

/// What to do about an error, where a command or a flag helps.
pub(super) fn hint(error: &Error) -> Option<String> {
    let hint = match error {
        Error::Url(_) => "check DATABASE_URL",
        Error::NoDatabase { .. } => "run db_create first, or check DATABASE_URL",
        Error::NotControlled { has_tables: false, .. } => "run db_create first",
        Error::NotControlled { has_tables: true, .. } => {
            "run db_create --stamp N, where N is the number of the newest migration that its tables already have"
        }
        Error::Migrations { why, .. } if why.contains("no such folder") => {
            "check MIGRATIONS_DIR, or run db_create to create it"
        }
        Error::Migrations { why, .. } if why.contains("no migrations") => "db_migrate writes the first one",
        Error::History(error) => return history_hint(error),
        Error::Consent(error) => consent_hint(error)?,
        Error::Invariant { .. } => "if that is intended, run again with --no-verify",
        Error::Database { kind: DatabaseErrorKind::NotADatabase, .. } => "check DATABASE_URL",
        Error::Database { kind: DatabaseErrorKind::InUse, .. } => "stop the site first",
        Error::File { path, .. } if path.to_string_lossy().contains(".rehearsal-") => {
            "make room, or run again with --no-rehearsal"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

fn history_hint(error: &HistoryError) -> Option<String> {
    Some(match error {
        HistoryError::Pending { .. } => "run db_upgrade first".into(),
        HistoryError::Unknown { .. } => "update this program or its migrations folder".into(),
        HistoryError::Edited { number, .. } => format!(
            "restore its up.sql and write a new migration, or accept it as it is with db_upgrade --accept-edited {number}"
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
        ConsentError::Rename(_) => {
            "run again with --rename OLD=NEW, or with --allow-data-loss to drop the one and add the other"
        }
        ConsentError::Fill(_) => "run again with --fill TABLE.COLUMN=VALUE, or give the column a default",
        _ => return None,
    })
}
