//! The tables of the history, Diesel's versions and this library's checksums, in SQL that is the same on each database.
//!
//! Diesel's own command line reverts a migration and applies it again without a look at the checksums. A checksum
//! therefore ends with the time at which its migration was applied: where the version has another time by now, the
//! checksum says nothing.

use std::fmt::Write as _;

use diesel::backend::Backend;
use diesel::connection::SimpleConnection;
use diesel_migrations::MigrationHarness;

use crate::Error;
use crate::error::DatabaseErrorKind;
use crate::history::Applied;
use crate::migration::{Direction, Migration};
use crate::text::literal;
use crate::version::Version;

pub(crate) const VERSIONS: &str = "__diesel_schema_migrations";
pub(crate) const CHECKSUMS: &str = "__migrate_checksums";

/// How a database writes the time at which a version was applied.
pub(crate) struct Clock {
    /// The time now, as precise as the column takes it.
    pub now: &'static str,
    /// The column `run_on` as a text that depends on no setting.
    pub text: &'static str,
}

/// Creates both tables, if they are missing: Diesel's through Diesel itself.
pub(crate) fn create<DB: Backend, C: MigrationHarness<DB> + SimpleConnection>(connection: &mut C) -> Result<(), Error> {
    let refused = |error: Box<dyn std::error::Error + Send + Sync>| {
        Error::database("", DatabaseErrorKind::Other, error.to_string())
    };
    connection.applied_migrations().map_err(refused)?;
    Ok(connection.batch_execute(&format!(
        "CREATE TABLE IF NOT EXISTS {CHECKSUMS} (version VARCHAR(50) PRIMARY KEY NOT NULL, checksum TEXT NOT NULL)"
    ))?)
}

/// Selects the applied versions, their checksums and their times.
pub(crate) fn select(has_checksums: bool, clock: &Clock) -> String {
    let text = clock.text;
    if has_checksums {
        return format!("SELECT version, checksum, {text} FROM {VERSIONS} LEFT JOIN {CHECKSUMS} USING (version)");
    }
    format!("SELECT version, NULL, {text} FROM {VERSIONS}")
}

/// A row of [`select`].
pub(crate) fn applied((version, checksum, time): (String, Option<String>, String)) -> Applied {
    let checksum = checksum.and_then(|checksum| match checksum.split_once(' ') {
        Some((checksum, recorded)) => (recorded == time).then(|| checksum.to_owned()),
        None => Some(checksum),
    });
    Applied { version: Version::recorded(version), checksum }
}

/// Records versions as applied, and creates the tables if they are missing. Checksums of versions that are not applied
/// are removed: Diesel's own command line may have reverted them.
pub(crate) fn record<DB: Backend, C: MigrationHarness<DB> + SimpleConnection>(
    connection: &mut C,
    applied: &[Applied],
    clock: &Clock,
) -> Result<(), Error> {
    create(connection)?;
    let mut script = String::new();
    for Applied { version, checksum } in applied {
        script += &ran(version, Direction::Up, clock);
        if let Some(checksum) = checksum {
            let (version, checksum) = (literal(version.as_str()), literal(&format!("{checksum} ")));
            let _ = write!(
                script,
                "INSERT INTO {CHECKSUMS} (version, checksum) SELECT version, {checksum} || {} FROM {VERSIONS} \
                 WHERE version = {version} ON CONFLICT (version) DO UPDATE SET checksum = excluded.checksum;",
                clock.text
            );
        }
    }
    let _ = write!(script, "DELETE FROM {CHECKSUMS} WHERE version NOT IN (SELECT version FROM {VERSIONS})");
    Ok(connection.batch_execute(&script)?)
}

/// Records a migration that ran outside a transaction, with its checksum.
pub(crate) fn record_alone<DB: Backend, C: MigrationHarness<DB> + SimpleConnection>(
    connection: &mut C,
    migration: &Migration,
    direction: Direction,
    clock: &Clock,
) -> Result<(), Error> {
    connection.batch_execute(&ran(&migration.version(), direction, clock))?;
    match direction {
        Direction::Up => record(connection, &[Applied::of(migration)], clock),
        Direction::Down => record(connection, &[], clock),
    }
}

/// Records that a migration ran in that direction.
pub(crate) fn ran(version: &Version, direction: Direction, clock: &Clock) -> String {
    let (version, now) = (literal(version.as_str()), clock.now);
    match direction {
        Direction::Up => {
            format!(
                "INSERT INTO {VERSIONS} (version, run_on) VALUES ({version}, {now}) ON CONFLICT (version) DO NOTHING;"
            )
        }
        Direction::Down => format!("DELETE FROM {VERSIONS} WHERE version = {version};"),
    }
}
