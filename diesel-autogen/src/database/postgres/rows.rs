//! Looks at rows: those that a change would lose, and those that differ after a rehearsal.

use std::collections::BTreeMap;

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::{PgConnection, QueryResult, RunQueryDsl};

use super::convert::fits;
use super::run::tables;
use super::sql::{quote, quote_table};
use crate::Error;
use crate::database::rows::{self, Dialect};
use crate::database::{Compared, RowChange};
use crate::loss::{Condition, Found, Probe};

/// Counts the rows that a change would lose, convert or refuse, with some of their values.
pub(super) fn found(connection: &mut PgConnection, probe: &Probe) -> QueryResult<Found> {
    let (column, table) = (quote(&probe.column), quote_table(&probe.table));
    let condition = match &probe.condition {
        Condition::Any => "TRUE".to_owned(),
        Condition::Held => format!("{column} IS NOT NULL"),
        Condition::Null => format!("{column} IS NULL"),
        Condition::Longer(length) => format!("length({column}::text) > {length}"),
        Condition::Misfit(from, to) => match fits(&column, &from.ty, &to.ty) {
            Some(fits) => format!("{column} IS NOT NULL AND NOT ({fits})"),
            None => return Ok(Found::default()),
        },
    };
    let query = format!("SELECT count(*) FROM {table} WHERE {condition}");
    let rows = sql::<BigInt>(&query).get_result::<i64>(connection)?.unsigned_abs();
    let mut examples = Vec::new();
    if rows > 0 && matches!(probe.condition, Condition::Misfit(..)) {
        let text = format!("{column}::text");
        let query = format!(
            "SELECT DISTINCT quote_literal(CASE WHEN length({text}) > 20 THEN left({text}, 20) || '…' ELSE {text} END) \
             FROM {table} WHERE {condition} LIMIT 3"
        );
        examples = sql::<Text>(&query).load(connection)?;
    }
    Ok(Found { rows, examples })
}

/// Copies every table into a temporary table, which is returned by the name of its table.
pub(super) fn snapshot(
    connection: &mut PgConnection,
    old: &BTreeMap<String, String>,
) -> QueryResult<BTreeMap<String, String>> {
    for copy in old.values() {
        connection.batch_execute(&format!("DROP TABLE {copy}"))?;
    }
    let mut copies = BTreeMap::new();
    for (number, table) in tables(connection)?.into_iter().enumerate() {
        let copy = format!("pg_temp._before_{number}");
        // A copy of an enum as a text does not hinder a migration that replaces the type.
        let columns = sql::<Nullable<Text>>(
            "SELECT string_agg(format(CASE typnamespace WHEN 'pg_catalog'::regnamespace THEN '%1$I' ELSE '%1$I::text AS %1$I' END, \
                 attname), ', ' ORDER BY attnum) \
             FROM pg_attribute JOIN pg_type y ON y.oid = atttypid \
             WHERE attnum > 0 AND NOT attisdropped AND attrelid = to_regclass(",
        );
        let columns: Option<String> = columns.bind::<Text, _>(quote_table(&table)).sql(")").get_result(connection)?;
        let columns = columns.unwrap_or_default();
        connection.batch_execute(&format!("CREATE TABLE {copy} AS SELECT {columns} FROM {}", quote_table(&table)))?;
        copies.insert(table, copy);
    }
    Ok(copies)
}

/// How the rows of a table differ from its copy. Not every type can be compared, but every value has a text.
pub(super) fn differences(
    connection: &mut PgConnection,
    copy: &str,
    compared: &Compared,
) -> Result<Vec<RowChange>, Error> {
    let dialect = Dialect {
        quote,
        key: |value| format!("{value}::text"),
        text: |value| format!("quote_nullable({value}::text)"),
        differs: |old, new| format!("{old}::text IS DISTINCT FROM {new}::text"),
    };
    let mut run = |query: &str| Ok(sql::<(BigInt, Nullable<Text>)>(query).get_result(connection)?);
    rows::compare(compared, (copy, &quote_table(&compared.after)), &dialect, &mut run)
}
