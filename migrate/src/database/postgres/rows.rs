//! Looks at rows: those that a change would lose, and those that differ after a rehearsal.

use std::collections::BTreeMap;

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::{PgConnection, QueryResult, RunQueryDsl};

use super::convert::fits;
use super::run::tables;
use super::sql::quote;
use crate::database::{Compared, RowChange, RowChangeKind};
use crate::loss::{Condition, Found, Probe};
use crate::schema::same_name;

/// Counts the rows that a change would lose, convert or refuse, with some of their values.
pub(super) fn found(connection: &mut PgConnection, probe: &Probe) -> QueryResult<Found> {
    let (column, table) = (quote(&probe.column), quote(&probe.table));
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
        connection.batch_execute(&format!("CREATE TABLE {copy} AS SELECT * FROM {}", quote(&table)))?;
        copies.insert(table, copy);
    }
    Ok(copies)
}

/// How the rows of a table differ from its copy.
pub(super) fn differences(
    connection: &mut PgConnection,
    copy: &str,
    compared: &Compared,
) -> QueryResult<Vec<RowChange>> {
    let pair = |name: &String| compared.columns.iter().find(|(before, _)| same_name(before, name));
    let key: Option<Vec<_>> = compared.before.primary_key.iter().map(pair).collect();
    let sides = format!("{copy} old FULL JOIN {} new", quote(&compared.after));
    let Some(key) = key.filter(|key| !key.is_empty()) else {
        return whole_rows(connection, copy, compared);
    };
    let equal: Vec<_> =
        key.iter().map(|(before, after)| format!("old.{}::text = new.{}::text", quote(before), quote(after))).collect();
    let row = |side: &str| {
        let value = |(before, after): &&(String, String)| {
            let column = if side == "old" { before } else { after };
            format!("'{} = ' || quote_nullable({side}.{}::text)", before.replace('\'', "''"), quote(column))
        };
        key.iter().map(value).collect::<Vec<_>>().join(" || ', ' || ")
    };
    let (old_key, new_key) = (quote(&key[0].0), quote(&key[0].1));
    let mut queries = vec![
        (RowChangeKind::Missing, row("old"), format!("new.{new_key} IS NULL")),
        (RowChangeKind::Added, row("new"), format!("old.{old_key} IS NULL")),
    ];
    for (before, after) in &compared.columns {
        let (old, new) = (format!("old.{}::text", quote(before)), format!("new.{}::text", quote(after)));
        let example =
            format!("{} || ', from ' || quote_nullable({old}) || ' to ' || quote_nullable({new})", row("old"));
        let both = format!("old.{old_key} IS NOT NULL AND new.{new_key} IS NOT NULL");
        let condition = format!("{both} AND {old} IS DISTINCT FROM {new}");
        queries.push((RowChangeKind::Value(before.clone()), example, condition));
    }
    let mut changes = Vec::new();
    for (kind, example, condition) in queries {
        let from = format!("{sides} ON {} WHERE {condition}", equal.join(" AND "));
        changes.extend(change(connection, compared, kind, &example, &from)?);
    }
    Ok(changes)
}

/// Without a key, rows are compared as a whole.
fn whole_rows(connection: &mut PgConnection, copy: &str, compared: &Compared) -> QueryResult<Vec<RowChange>> {
    let rows = |table: &str, name: fn(&(String, String)) -> &String| {
        let columns: Vec<_> = compared.columns.iter().map(|pair| format!("{}::text", quote(name(pair)))).collect();
        format!("SELECT {} FROM {table}", columns.join(", "))
    };
    let (old, new) = (rows(copy, |pair| &pair.0), rows(&quote(&compared.after), |pair| &pair.1));
    let mut changes = Vec::new();
    for (kind, from) in [
        (RowChangeKind::Missing, format!("({old} EXCEPT ALL {new}) AS row")),
        (RowChangeKind::Added, format!("({new} EXCEPT ALL {old}) AS row")),
    ] {
        changes.extend(change(connection, compared, kind, "row::text", &from)?);
    }
    Ok(changes)
}

fn change(
    connection: &mut PgConnection,
    compared: &Compared,
    kind: RowChangeKind,
    example: &str,
    from: &str,
) -> QueryResult<Option<RowChange>> {
    let query = format!("SELECT count(*), min({example}) FROM {from}");
    let (count, example): (i64, Option<String>) = sql::<(BigInt, Nullable<Text>)>(&query).get_result(connection)?;
    let example = example.unwrap_or_default();
    Ok((count > 0).then(|| RowChange::new(&compared.before.name, kind, count.unsigned_abs(), example)))
}
