//! Compares the rows of a table before and after a migration, by queries that differ between databases in a few words.

use super::driver::{Compared, RowChange, RowChangeKind};
use crate::Error;
use crate::schema::same_name;
use crate::text::{literal, shortened};

/// How a database writes what the queries need.
pub(crate) struct Dialect {
    pub quote: fn(&str) -> String,
    /// A part of the key, as it is compared.
    pub key: fn(&str) -> String,
    /// A text that is different for every value, NULL included.
    pub text: fn(&str) -> String,
    /// The condition that two values differ.
    pub differs: fn(&str, &str) -> String,
}

/// Runs a query of a number and a text.
pub(crate) type Run<'a> = &'a mut dyn FnMut(&str) -> Result<(i64, Option<String>), Error>;

/// A column by its name before and after.
type Pair = (String, String);

/// How the rows of a table differ. `before` and `after` are the tables, as SQL names them.
pub(crate) fn compare(
    compared: &Compared,
    (before, after): (&str, &str),
    dialect: &Dialect,
    run: Run<'_>,
) -> Result<Vec<RowChange>, Error> {
    let look = Look { compared, before, after, dialect };
    match look.key() {
        Some(key) => look.by_key(&key, run),
        None if compared.columns.is_empty() => Ok(Vec::new()),
        None => look.as_a_whole(run),
    }
}

struct Look<'a> {
    compared: &'a Compared,
    before: &'a str,
    after: &'a str,
    dialect: &'a Dialect,
}

impl Look<'_> {
    /// The columns that identify a row: the primary key, where it is compared and never NULL.
    fn key(&self) -> Option<Vec<Pair>> {
        let Compared { before, columns, .. } = self.compared;
        let pair = |name: &String| {
            let is_null = before.find_column(name).is_none_or(|column| column.nullable);
            columns.iter().find(|(old, _)| same_name(old, name) && !is_null).cloned()
        };
        let key: Option<Vec<_>> = before.primary_key.iter().map(pair).collect();
        key.filter(|key| !key.is_empty())
    }

    /// Both values of a column.
    fn values(&self, (old, new): &Pair) -> (String, String) {
        (format!("old.{}", (self.dialect.quote)(old)), format!("new.{}", (self.dialect.quote)(new)))
    }

    fn by_key(&self, key: &[Pair], run: Run<'_>) -> Result<Vec<RowChange>, Error> {
        let Self { compared, before, after, dialect } = self;
        let equal = key.iter().map(|pair| self.values(pair));
        let equal: Vec<_> =
            equal.map(|(old, new)| format!("{} = {}", (dialect.key)(&old), (dialect.key)(&new))).collect();
        let (equal, (old_key, new_key)) = (equal.join(" AND "), self.values(&key[0]));
        let missing = format!("{before} old LEFT JOIN {after} new ON {equal} WHERE {new_key} IS NULL");
        let added = format!("{after} new LEFT JOIN {before} old ON {equal} WHERE {old_key} IS NULL");
        let mut changes = Vec::new();
        changes.extend(self.change(RowChangeKind::Missing, "count(*)", &self.row(key, "old"), &missing, run)?);
        changes.extend(self.change(RowChangeKind::Added, "count(*)", &self.row(key, "new"), &added, run)?);
        let joined = format!("{before} old JOIN {after} new ON {equal}");
        let differs = |pair: &Pair| {
            let (old, new) = self.values(pair);
            (dialect.differs)(&old, &new)
        };
        // One look at all columns first. SQLite limits how deep a condition may be.
        for columns in compared.columns.chunks(100) {
            let any = columns.iter().map(differs).collect::<Vec<_>>().join(" OR ");
            if run(&format!("SELECT count(*), min('') FROM {joined} WHERE {any}"))?.0 == 0 {
                continue;
            }
            for pair in columns {
                let (old, new) = self.values(pair);
                let values = format!("{} || ' to ' || {}", (dialect.text)(&old), (dialect.text)(&new));
                let example = format!("{} || ', from ' || {values}", self.row(key, "old"));
                let from = format!("{joined} WHERE {}", differs(pair));
                let kind = RowChangeKind::Value(pair.0.clone());
                changes.extend(self.change(kind, "count(*)", &example, &from, run)?);
            }
        }
        Ok(changes)
    }

    /// Rows without a key are compared as a whole, in all compared columns. Copies of a row count.
    fn as_a_whole(&self, run: Run<'_>) -> Result<Vec<RowChange>, Error> {
        let rows = |table: &str, name: fn(&Pair) -> &String| {
            let columns =
                self.compared.columns.iter().map(|pair| (self.dialect.text)(&(self.dialect.quote)(name(pair))));
            let line = columns.collect::<Vec<_>>().join(" || ', ' || ");
            format!("(SELECT {line} AS line, count(*) AS copies FROM {table} GROUP BY 1)")
        };
        let (old, new) = (rows(self.before, |pair| &pair.0), rows(self.after, |pair| &pair.1));
        let mut changes = Vec::new();
        for (kind, from, to) in [(RowChangeKind::Missing, &old, &new), (RowChangeKind::Added, &new, &old)] {
            let from = format!("{from} a LEFT JOIN {to} b ON a.line = b.line WHERE a.copies > coalesce(b.copies, 0)");
            let count = "CAST(coalesce(sum(a.copies - coalesce(b.copies, 0)), 0) AS bigint)";
            changes.extend(self.change(kind, count, "'(' || a.line || ')'", &from, run)?);
        }
        Ok(changes)
    }

    fn change(
        &self,
        kind: RowChangeKind,
        count: &str,
        example: &str,
        from: &str,
        run: Run<'_>,
    ) -> Result<Option<RowChange>, Error> {
        let (count, example) = run(&format!("SELECT {count}, min({example}) FROM {from}"))?;
        let (table, count, example) =
            (self.compared.before.name.clone(), count.unsigned_abs(), example.unwrap_or_default());
        Ok((count > 0).then(|| RowChange { table, kind, count, example: shortened(example) }))
    }

    /// An expression for the key of a row: `id = 1`, `(a, b) = (1, 2)`.
    fn row(&self, key: &[Pair], side: &str) -> String {
        let names: Vec<_> = key.iter().map(|(old, _)| old.as_str()).collect();
        let values = key.iter().map(|pair| self.values(pair)).map(|(old, new)| if side == "old" { old } else { new });
        let values: Vec<_> = values.map(|value| (self.dialect.text)(&value)).collect();
        if let ([name], [value]) = (names.as_slice(), values.as_slice()) {
            return format!("{} || {value}", literal(&format!("{name} = ")));
        }
        let begin = literal(&format!("({}) = (", names.join(", ")));
        format!("{begin} || {} || ')'", values.join(" || ', ' || "))
    }
}
