//! Compares the rows of a copy with those of a snapshot.

use diesel::dsl::sql;
use diesel::sql_types::Text;
use diesel::{RunQueryDsl as _, SqliteConnection};

use super::catalog::Catalog as _;
use super::ddl::{quote, quote_all};
use crate::Error;
use crate::database::{Compared, RowChange, RowChangeKind};
use crate::schema::same_name;
use crate::text::{literal, shortened};

/// How the rows of the main database differ from those of the attached database `before`.
pub(super) fn compare(connection: &mut SqliteConnection, compared: &Compared) -> Result<Vec<RowChange>, Error> {
    match compared.key() {
        Some(key) => by_key(connection, compared, &key),
        None if compared.columns.is_empty() => Ok(Vec::new()),
        None => as_a_whole(connection, compared),
    }
}

type Pair = (String, String);

impl Compared {
    /// The columns that identify a row, before and after: the primary key, where it is compared and never NULL.
    fn key(&self) -> Option<Vec<Pair>> {
        let pair = |name: &String| {
            let is_null = self.before.find_column(name).is_none_or(|column| column.nullable);
            self.columns.iter().find(|(old, _)| same_name(old, name) && !is_null).cloned()
        };
        let key: Option<Vec<_>> = self.before.primary_key.iter().map(pair).collect();
        key.filter(|key| !key.is_empty())
    }

    fn tables(&self) -> (String, String) {
        (format!("before.{}", quote(&self.before.name)), format!("main.{}", quote(&self.after)))
    }

    fn change(&self, kind: RowChangeKind, count: u64, example: &str) -> RowChange {
        RowChange::new(&self.before.name, kind, count, shortened(example.to_owned()))
    }
}

fn by_key(connection: &mut SqliteConnection, compared: &Compared, key: &[Pair]) -> Result<Vec<RowChange>, Error> {
    let equal: Vec<_> = key.iter().map(|(old, new)| format!("new.{} = old.{}", quote(new), quote(old))).collect();
    let (equal, (before, after)) = (equal.join(" AND "), compared.tables());
    let mut changes = Vec::new();
    let missing = format!("{before} old LEFT JOIN {after} new ON {equal} WHERE new.{} IS NULL", quote(&key[0].1));
    let added = format!("{after} new LEFT JOIN {before} old ON {equal} WHERE old.{} IS NULL", quote(&key[0].0));
    let sides = [(RowChangeKind::Missing, missing, "old"), (RowChangeKind::Added, added, "new")];
    for (kind, from, side) in sides {
        let count = connection.number(&format!("SELECT count(*) FROM {from}"))?.unsigned_abs();
        if count > 0 {
            let row = format!("SELECT {} FROM {from} LIMIT 1", row(key, side));
            changes.push(compared.change(kind, count, &example(connection, &row)));
        }
    }
    let joined = format!("{before} old JOIN {after} new ON {equal}");
    // SQLite limits how deep a condition may be.
    for columns in compared.columns.chunks(100) {
        let any: Vec<_> = columns.iter().map(differs).collect();
        if connection.number(&format!("SELECT EXISTS (SELECT 1 FROM {joined} WHERE {})", any.join(" OR ")))? == 0 {
            continue;
        }
        for pair in columns {
            let found = format!("FROM {joined} WHERE {}", differs(pair));
            let count = connection.number(&format!("SELECT count(*) {found}"))?.unsigned_abs();
            if count > 0 {
                let values = format!("quote(old.{}) || ' to ' || quote(new.{})", quote(&pair.0), quote(&pair.1));
                let query = format!("SELECT {} || ', from ' || {values} {found} LIMIT 1", row(key, "old"));
                let example = example(connection, &query);
                changes.push(compared.change(RowChangeKind::Value(pair.0.clone()), count, &example));
            }
        }
    }
    Ok(changes)
}

/// Rows without a key are compared as a whole, in all compared columns.
fn as_a_whole(connection: &mut SqliteConnection, compared: &Compared) -> Result<Vec<RowChange>, Error> {
    let (before, after) = compared.tables();
    let rows = |table: &str, name: &dyn Fn(&Pair) -> String| {
        let columns: Vec<_> = compared.columns.iter().map(|pair| exact(&quote(&name(pair)))).collect();
        format!("SELECT {} AS row, count(*) AS copies FROM {table} GROUP BY 1", columns.join(" || ', ' || "))
    };
    let (old, new) = (rows(&before, &|pair| pair.0.clone()), rows(&after, &|pair| pair.1.clone()));
    let mut changes = Vec::new();
    for (kind, from, to) in [(RowChangeKind::Missing, &old, &new), (RowChangeKind::Added, &new, &old)] {
        // Other copies of a row may exist.
        let query =
            format!("FROM ({from}) a LEFT JOIN ({to}) b ON a.row = b.row WHERE a.copies > coalesce(b.copies, 0)");
        let sum = format!("SELECT coalesce(sum(a.copies - coalesce(b.copies, 0)), 0) {query}");
        let count = connection.number(&sum)?.unsigned_abs();
        if count > 0 {
            let example = example(connection, &format!("SELECT '(' || a.row || ')' {query} LIMIT 1"));
            changes.push(compared.change(kind, count, &example));
        }
    }
    Ok(changes)
}

/// The text that a query finds. SQLite stores any bytes as a text.
fn example(connection: &mut SqliteConnection, query: &str) -> String {
    sql::<Text>(query).get_result(connection).unwrap_or_else(|_| "a text that is not UTF-8".into())
}

/// An expression for the key of a row: `id = 1`, `(a, b) = (1, 2)`.
fn row(key: &[Pair], side: &str) -> String {
    let names: Vec<_> = key.iter().map(|(old, _)| old.clone()).collect();
    let name = |(old, new): &Pair| quote(if side == "old" { old } else { new });
    let values: Vec<_> = key.iter().map(|pair| format!("quote({side}.{})", name(pair))).collect();
    if let ([name], [value]) = (names.as_slice(), values.as_slice()) {
        return format!("{} || {value}", literal(&format!("{name} = ")));
    }
    let begin = literal(&format!("({}) = (", quote_all(&names)));
    format!("{begin} || {} || ')'", values.join(" || ', ' || "))
}

/// The condition that a value differs, in its storage class and letter case too.
fn differs((old, new): &Pair) -> String {
    let (old, new) = (quote(old), quote(new));
    format!("(typeof(old.{old}) <> typeof(new.{new}) OR old.{old} IS NOT new.{new} COLLATE BINARY)")
}

/// A text that is different for every value; `quote()` stops at a zero.
fn exact(column: &str) -> String {
    format!(
        "CASE WHEN typeof({column}) = 'text' AND instr({column}, char(0)) \
         THEN 'CAST(x''' || hex({column}) || ''' AS TEXT)' ELSE quote({column}) END"
    )
}
