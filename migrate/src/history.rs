//! What was applied, by content: a checksum of each migration beside Diesel's table of versions.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::SqliteConnection;
use sha2::{Digest, Sha256};

use crate::Error;
use crate::script::{Script, Scripts};

const TABLE: &str = "__migrate_checksums";

/// The checksum of a migration: SHA-256 of what its `up.sql` says, whichever way its lines end.
pub(crate) fn checksum(script: &Script) -> String {
    let text = script.up.replace("\r\n", "\n");
    let mut hexadecimal = String::new();
    for byte in Sha256::digest(text.as_bytes()) {
        let _ = write!(hexadecimal, "{byte:02x}");
    }
    hexadecimal
}

/// The applied migrations whose file is not what was applied.
pub(crate) fn edited<'a>(connection: &mut SqliteConnection, scripts: &'a Scripts) -> Result<Vec<&'a Script>, Error> {
    let recorded = recorded(connection)?;
    let is_edited = |script: &&Script| recorded.get(&script.version()).is_some_and(|sum| *sum != checksum(script));
    Ok(scripts.iter().filter(is_edited).collect())
}

/// Whether this library has recorded what was applied, be it nothing yet.
pub(crate) fn is_recorded(connection: &mut SqliteConnection) -> Result<bool, Error> {
    let query = format!("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = '{TABLE}'");
    Ok(sql::<BigInt>(&query).get_result::<i64>(connection)? > 0)
}

/// Records the checksums of these migrations, which are applied, where none is recorded yet: one that Diesel's own
/// program applied is taken as it stands.
pub(crate) fn adopt(connection: &mut SqliteConnection, applied: &[&Script]) -> Result<(), Error> {
    connection.batch_execute(&format!(
        "CREATE TABLE IF NOT EXISTS {TABLE} (version VARCHAR(50) PRIMARY KEY NOT NULL, checksum TEXT NOT NULL)"
    ))?;
    for script in applied {
        record(connection, "INSERT OR IGNORE", script)?;
    }
    // A version that Diesel's own program took back is no longer anybody's.
    connection.batch_execute(&format!(
        "DELETE FROM {TABLE} WHERE version NOT IN (SELECT version FROM __diesel_schema_migrations)"
    ))?;
    Ok(())
}

/// Takes a migration's file as it is now for what was applied.
pub(crate) fn accept(connection: &mut SqliteConnection, script: &Script) -> Result<(), Error> {
    record(connection, "INSERT OR REPLACE", script)
}

fn record(connection: &mut SqliteConnection, verb: &str, script: &Script) -> Result<(), Error> {
    diesel::sql_query(format!("{verb} INTO {TABLE} (version, checksum) VALUES ($1, $2)"))
        .bind::<Text, _>(script.version())
        .bind::<Text, _>(checksum(script))
        .execute(connection)?;
    Ok(())
}

fn recorded(connection: &mut SqliteConnection) -> Result<BTreeMap<String, String>, Error> {
    if !is_recorded(connection)? {
        return Ok(BTreeMap::new());
    }
    // A row of a version that is not applied says nothing.
    let query = format!(
        "SELECT version, checksum FROM {TABLE} WHERE version IN (SELECT version FROM __diesel_schema_migrations)"
    );
    let rows: Vec<(String, String)> = sql::<(Text, Text)>(&query).load(connection)?;
    Ok(rows.into_iter().collect())
}
