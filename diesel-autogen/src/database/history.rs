//! The tables of the history, Diesel's versions and this library's checksums, in SQL that is the same on each database.

use std::fmt::Write as _;

use diesel::backend::Backend;
use diesel::connection::SimpleConnection;
use diesel_migrations::MigrationHarness;

use crate::Error;
use crate::error::DatabaseErrorKind;
use crate::history::Applied;
use crate::migration::Direction;
use crate::text::literal;

pub(crate) const VERSIONS: &str = "__diesel_schema_migrations";
pub(crate) const CHECKSUMS: &str = "__migrate_checksums";

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

/// Selects the applied versions with their checksums, in order.
pub(crate) fn select(has_checksums: bool) -> String {
    if has_checksums {
        return format!(
            "SELECT version, checksum FROM {VERSIONS} LEFT JOIN {CHECKSUMS} USING (version) ORDER BY version"
        );
    }
    format!("SELECT version, NULL FROM {VERSIONS} ORDER BY version")
}

/// Records versions as applied, and creates the tables if they are missing. Checksums of versions that are not applied
/// are removed: Diesel's own command line may have reverted them.
pub(crate) fn record<DB: Backend, C: MigrationHarness<DB> + SimpleConnection>(
    connection: &mut C,
    applied: &[Applied],
    replace: bool,
) -> Result<(), Error> {
    create(connection)?;
    let conflict = if replace { "DO UPDATE SET checksum = excluded.checksum" } else { "DO NOTHING" };
    let mut script = String::new();
    for Applied { version, checksum } in applied {
        script += &ran(version, Direction::Up);
        if let Some(checksum) = checksum {
            let values = format!("{}, {}", literal(version), literal(checksum));
            let insert = format!("INSERT INTO {CHECKSUMS} (version, checksum) VALUES ({values})");
            let _ = write!(script, "{insert} ON CONFLICT (version) {conflict};");
        }
    }
    let _ = write!(script, "DELETE FROM {CHECKSUMS} WHERE version NOT IN (SELECT version FROM {VERSIONS})");
    Ok(connection.batch_execute(&script)?)
}

/// Records that a migration ran in that direction.
pub(crate) fn ran(version: &str, direction: Direction) -> String {
    let version = literal(version);
    match direction {
        Direction::Up => {
            format!("INSERT INTO {VERSIONS} (version) VALUES ({version}) ON CONFLICT (version) DO NOTHING;")
        }
        Direction::Down => format!("DELETE FROM {VERSIONS} WHERE version = {version};"),
    }
}
