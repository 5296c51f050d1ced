//! Reads and writes the history of migrations.

use diesel::dsl::sql;
use diesel::sql_types::{Bool, Nullable, Text};
use diesel::{PgConnection, QueryResult, RunQueryDsl};

use super::introspect::TABLES;
use crate::database::history::{self, CHECKSUMS, VERSIONS};
use crate::history::Applied;

/// The applied versions with their checksums; `None` where Diesel's table is missing.
pub(super) fn applied(connection: &mut PgConnection) -> QueryResult<Option<Vec<Applied>>> {
    let exists = |connection: &mut PgConnection, table: &str| {
        sql::<Bool>(&format!("SELECT EXISTS (SELECT FROM {TABLES} AND c.relname = '{table}')")).get_result(connection)
    };
    if !exists(connection, VERSIONS)? {
        return Ok(None);
    }
    let query = history::select(exists(connection, CHECKSUMS)?);
    let rows: Vec<(String, Option<String>)> = sql::<(Text, Nullable<Text>)>(&query).load(connection)?;
    Ok(Some(rows.into_iter().map(|(version, checksum)| Applied { version, checksum }).collect()))
}

/// The applied versions; none where there is no history.
pub(super) fn versions(connection: &mut PgConnection) -> QueryResult<Vec<String>> {
    let applied = applied(connection)?.unwrap_or_default();
    Ok(applied.into_iter().map(|applied| applied.version).collect())
}
