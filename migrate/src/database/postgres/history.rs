//! The tables of the history: Diesel's versions, and this library's checksums.

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::sql_types::{Bool, Nullable, Text};
use diesel::{PgConnection, QueryResult, RunQueryDsl};

use super::introspect::{CHECKSUMS, TABLES, VERSIONS};
use crate::history::Applied;

/// Creates both tables, if they are missing.
pub(super) fn prepare(connection: &mut PgConnection) -> QueryResult<()> {
    connection.batch_execute(&format!(
        "CREATE TABLE IF NOT EXISTS {VERSIONS} (version VARCHAR(50) PRIMARY KEY NOT NULL, \
             run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP); \
         CREATE TABLE IF NOT EXISTS {CHECKSUMS} (version VARCHAR(50) PRIMARY KEY NOT NULL, checksum TEXT NOT NULL)"
    ))
}

/// The applied versions with their checksums; `None` where Diesel's table is missing.
pub(super) fn applied(connection: &mut PgConnection) -> QueryResult<Option<Vec<Applied>>> {
    if !exists(connection, VERSIONS)? {
        return Ok(None);
    }
    let query = if exists(connection, CHECKSUMS)? {
        format!("SELECT version, checksum FROM {VERSIONS} LEFT JOIN {CHECKSUMS} USING (version) ORDER BY version")
    } else {
        format!("SELECT version, NULL FROM {VERSIONS} ORDER BY version")
    };
    let rows: Vec<(String, Option<String>)> = sql::<(Text, Nullable<Text>)>(&query).load(connection)?;
    Ok(Some(rows.into_iter().map(|(version, checksum)| Applied { version, checksum }).collect()))
}

/// The applied versions; none where there is no history.
pub(super) fn versions(connection: &mut PgConnection) -> QueryResult<Vec<String>> {
    let applied = applied(connection)?.unwrap_or_default();
    Ok(applied.into_iter().map(|applied| applied.version).collect())
}

/// Records versions as applied. Checksums of versions that are not applied are removed.
pub(super) fn record(connection: &mut PgConnection, applied: &[Applied], replace: bool) -> QueryResult<()> {
    prepare(connection)?;
    let conflict = if replace { "DO UPDATE SET checksum = excluded.checksum" } else { "DO NOTHING" };
    for Applied { version, checksum } in applied {
        add(connection, version)?;
        let query = format!(
            "INSERT INTO {CHECKSUMS} (version, checksum) SELECT $1, $2 WHERE $2 IS NOT NULL ON CONFLICT (version) {conflict}"
        );
        diesel::sql_query(query).bind::<Text, _>(version).bind::<Nullable<Text>, _>(checksum).execute(connection)?;
    }
    connection.batch_execute(&format!("DELETE FROM {CHECKSUMS} WHERE version NOT IN (SELECT version FROM {VERSIONS})"))
}

pub(super) fn add(connection: &mut PgConnection, version: &str) -> QueryResult<()> {
    let query = format!("INSERT INTO {VERSIONS} (version) VALUES ($1) ON CONFLICT (version) DO NOTHING");
    diesel::sql_query(query).bind::<Text, _>(version).execute(connection).map(drop)
}

pub(super) fn remove(connection: &mut PgConnection, version: &str) -> QueryResult<()> {
    let query = format!("DELETE FROM {VERSIONS} WHERE version = $1");
    diesel::sql_query(query).bind::<Text, _>(version).execute(connection).map(drop)
}

fn exists(connection: &mut PgConnection, table: &str) -> QueryResult<bool> {
    sql::<Bool>(&format!("SELECT EXISTS (SELECT FROM {TABLES} AND c.relname = '{table}')")).get_result(connection)
}
