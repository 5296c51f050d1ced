//! What each statement of a script does to those who use the tables: its locks are those that PostgreSQL documents, and
//! whether it rewrites or scans a table is observed on a copy without rows.

use std::collections::BTreeMap;

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::{PgConnection, QueryResult, RunQueryDsl};

use super::errors;
use super::introspect::{TABLES, path_sql};
use super::locks::{checks_foreign_key, locks};
use super::sql::quote_table;
use super::statements::{not_concurrently, renames, statements, why_not};
use super::trial::tried;
use crate::Error;
use crate::change::Rename;
use crate::database::Script;
use crate::impact::{Impact, Work};
use crate::schema::Schema;
use crate::settings::Settings;
use crate::text::literal;

/// What the statements of a script do, in order. A table that is not in `from` is new, and has no users yet.
pub(super) fn impacts(
    connection: &mut PgConnection,
    from: &Schema,
    script: &Script<'_>,
    place: (&Settings, &[String]),
) -> Result<Vec<Impact>, Error> {
    let scripts = [script.clone()];
    let works = tried(connection, from, &scripts, place, &|connection, _, _| works(connection, script))?;
    let mut impacts: Vec<Impact> = Vec::new();
    // The names that tables have had at the beginning.
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for (statement, works) in &works {
        for (table, lock) in locks(statement, from) {
            let name = names.get(&table).unwrap_or(&table);
            let Some(own) = from.table(name) else { continue };
            let least = if checks_foreign_key(statement) { Work::Scan } else { Work::Definition };
            let work = works.get(&table).copied().unwrap_or(Work::Definition).max(least);
            let size = size(connection, &own.name)?;
            impacts.push(Impact { statement: (*statement).to_owned(), table: own.name.clone(), size, lock, work });
        }
        for rename in renames(statement) {
            if let Rename::Table { from, to } = rename {
                let first = names.get(&from).cloned().unwrap_or(from);
                names.insert(to, first);
            }
        }
    }
    Ok(impacts)
}

fn size(connection: &mut PgConnection, table: &str) -> QueryResult<u64> {
    let size = format!("coalesce(pg_total_relation_size(to_regclass({})), 0)", literal(&quote_table(table)));
    diesel::select(sql::<BigInt>(&size)).get_result::<i64>(connection).map(i64::unsigned_abs)
}

/// The statement, and how much of which tables it reads or writes.
type Worked<'a> = (&'a str, BTreeMap<String, Work>);

/// Runs the statements of a script, and looks after each which tables have a new file and which were scanned.
fn works<'a>(connection: &mut PgConnection, script: &Script<'a>) -> Result<Vec<Worked<'a>>, Error> {
    let mut all = Vec::new();
    let mut before = files(connection)?;
    for statement in statements(script.sql) {
        let mut works = BTreeMap::new();
        if why_not(statement).is_none() {
            let run = connection.batch_execute(&not_concurrently(statement));
            run.map_err(|error| errors::statement(script.name, statement, &error))?;
            let after = files(connection)?;
            for (table, (file, scans)) in &after {
                let Some((old_file, old_scans)) = before.get(table) else { continue };
                let is_scanned = if scans > old_scans { Work::Scan } else { Work::Definition };
                works.insert(table.clone(), if file == old_file { is_scanned } else { Work::Rewrite });
            }
            before = after;
        }
        all.push((statement, works));
    }
    Ok(all)
}

/// The file of each table, and how often it was scanned in this transaction.
fn files(connection: &mut PgConnection) -> QueryResult<BTreeMap<String, (Option<i64>, i64)>> {
    let query = format!(
        "SELECT {}, pg_relation_filenode(c.oid)::bigint, pg_stat_get_xact_numscans(c.oid) FROM {TABLES}",
        path_sql("c", "n")
    );
    let rows: Vec<(String, Option<i64>, i64)> = sql::<(Text, Nullable<BigInt>, BigInt)>(&query).load(connection)?;
    Ok(rows.into_iter().map(|(table, file, scans)| (table, (file, scans))).collect())
}
