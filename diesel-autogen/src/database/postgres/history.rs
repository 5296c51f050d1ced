//! Reads and writes the history of migrations.

use diesel::dsl::sql;
use diesel::sql_types::{Bool, Nullable, Text};
use diesel::{PgConnection, QueryResult, RunQueryDsl};

use super::introspect::TABLES;
use crate::database::history::{self, CHECKSUMS, Clock, VERSIONS};
use crate::history::Applied;
use crate::version::Version;

pub(super) const CLOCK: Clock =
    Clock { now: "CURRENT_TIMESTAMP", text: "coalesce(to_char(run_on, 'YYYY-MM-DD HH24:MI:SS.US'), '')" };

/// The applied versions with their checksums; `None` where Diesel's table is missing.
pub(super) fn applied(connection: &mut PgConnection) -> QueryResult<Option<Vec<Applied>>> {
    let exists = |connection: &mut PgConnection, table: &str| {
        sql::<Bool>(&format!("SELECT EXISTS (SELECT FROM {TABLES} AND c.relname = '{table}')")).get_result(connection)
    };
    if !exists(connection, VERSIONS)? {
        return Ok(None);
    }
    let query = history::select(exists(connection, CHECKSUMS)?, &CLOCK);
    let rows: Vec<_> = sql::<(Text, Nullable<Text>, Text)>(&query).load(connection)?;
    Ok(Some(rows.into_iter().map(history::applied).collect()))
}

/// The applied versions; none where there is no history.
pub(super) fn versions(connection: &mut PgConnection) -> QueryResult<Vec<Version>> {
    let applied = applied(connection)?.unwrap_or_default();
    Ok(applied.into_iter().map(|applied| applied.version).collect())
}
