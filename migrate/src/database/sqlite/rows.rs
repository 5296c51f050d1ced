//! Compares the rows of a copy with what they were before, and names the first value that is not the same.

use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::SqliteConnection;
use diesel::{OptionalExtension as _, RunQueryDsl};

use crate::Error;
use crate::database::sqlite_name;
use crate::progress::step;
use crate::schema::{Table, same_name};
use crate::sql::{literal, quote, quote_all};
use crate::words::counted;

/// That a table holds rows that one held before, with these values in them.
#[derive(Debug, Clone)]
pub(super) struct Claim<'a> {
    pub before: &'a Table,
    /// The table's name after.
    pub after: String,
    /// Each column that holds the same values, by its name before and after.
    pub columns: Vec<(String, String)>,
    /// Which of its rows are there.
    pub rows: Rows,
}

/// Which rows must still be there. Of those that are, the values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rows {
    /// All of them, and no other.
    Same,
    /// All of them.
    All,
    /// Any.
    Any,
}

/// The first value that is not as the claims say, in words. The rows before are in a file of their own.
pub(super) fn difference(
    copy: &mut SqliteConnection,
    before: &Path,
    claims: &[Claim],
) -> Result<Option<String>, Error> {
    with_before(copy, before, |copy| {
        for claim in claims {
            let compared = step(&format!("comparing {}", claim.before.name), || claim.difference(copy));
            if let Some(difference) = compared? {
                return Ok(Some(difference));
            }
        }
        Ok(None)
    })
}

/// How many values of a column are not as before, in the rows that are found again; `None` where none can be found.
pub(super) fn count_changed(copy: &mut SqliteConnection, before: &Path, claim: &Claim) -> Result<Option<u64>, Error> {
    with_before(copy, before, |copy| {
        let Some(key) = claim.key() else { return Ok(None) };
        let differs: Vec<_> = claim.columns.iter().map(differs).collect();
        claim.count(copy, &key, "LEFT JOIN", &differs.join(" OR ")).map(Some)
    })
}

/// A migration must not see the other file, or it would find tables there that it has dropped.
fn with_before<T>(
    copy: &mut SqliteConnection,
    before: &Path,
    work: impl FnOnce(&mut SqliteConnection) -> Result<T, Error>,
) -> Result<T, Error> {
    let name = sqlite_name(before).unwrap_or_default();
    copy.batch_execute(&format!("ATTACH {} AS before", literal(&name)))?;
    let result = work(copy)?;
    copy.batch_execute("DETACH before")?;
    Ok(result)
}

impl Claim<'_> {
    fn difference(&self, copy: &mut SqliteConnection) -> Result<Option<String>, Error> {
        let name = &self.before.name;
        let count = |schema: &str, table: &str| format!("(SELECT count(*) FROM {schema}.{})", quote(table));
        let lost = format!("SELECT {} - {}", count("before", name), count("main", &self.after));
        let lost: i64 = sql::<BigInt>(&lost).get_result(copy)?;
        if lost < 0 && self.rows == Rows::Same {
            return Ok(Some(format!("table {name} would have {} more", rows(lost.unsigned_abs()))));
        }
        if lost > 0 && self.rows != Rows::Any && self.key().is_none() {
            return Ok(Some(format!("table {name} would have {} less", rows(lost.unsigned_abs()))));
        }
        match self.key() {
            Some(key) => self.difference_by_key(copy, &key),
            None if self.rows == Rows::Same && !self.columns.is_empty() => self.row_that_is_missing(copy),
            None => Ok(None),
        }
    }

    /// The columns that find a row again: the primary key, where it is claimed to be the same and is never NULL.
    fn key(&self) -> Option<Vec<&(String, String)>> {
        let pair = |name: &String| {
            let is_null = self.before.find_column(name).is_none_or(|column| column.nullable);
            self.columns.iter().find(|(old, _)| same_name(old, name) && !is_null)
        };
        let key: Option<Vec<_>> = self.before.primary_key.iter().map(pair).collect();
        key.filter(|key| !key.is_empty())
    }

    fn from(&self, key: &[&(String, String)], join: &str) -> String {
        let equal: Vec<_> = key.iter().map(|(old, new)| format!("new.{} = old.{}", quote(new), quote(old))).collect();
        let (before, after) = (quote(&self.before.name), quote(&self.after));
        format!("before.{before} old {join} main.{after} new ON {}", equal.join(" AND "))
    }

    fn count(
        &self,
        copy: &mut SqliteConnection,
        key: &[&(String, String)],
        join: &str,
        condition: &str,
    ) -> Result<u64, Error> {
        let query = format!("SELECT count(*) FROM {} WHERE {condition}", self.from(key, join));
        Ok(sql::<BigInt>(&query).get_result::<i64>(copy)?.unsigned_abs())
    }

    fn difference_by_key(
        &self,
        copy: &mut SqliteConnection,
        key: &[&(String, String)],
    ) -> Result<Option<String>, Error> {
        let name = &self.before.name;
        let names: Vec<_> = key.iter().map(|(old, _)| old.clone()).collect();
        let values: Vec<_> = names.iter().map(|name| format!("quote(old.{})", quote(name))).collect();
        let row = format!(
            "({} || {})",
            literal(&format!("{} = ", tuple(&names))),
            match &values[..] {
                [value] => value.clone(),
                values => format!("'(' || {} || ')'", values.join(" || ', ' || ")),
            }
        );
        let is_gone = format!("new.{} IS NULL", quote(&key[0].1));
        if self.rows != Rows::Any {
            let gone = self.count(copy, key, "LEFT JOIN", &is_gone)?;
            if gone > 0 {
                let query = format!("SELECT {row} FROM {} WHERE {is_gone} LIMIT 1", self.from(key, "LEFT JOIN"));
                let row: String = sql::<Text>(&query).get_result(copy)?;
                return Ok(Some(format!("table {name} would no longer hold the row {row}{}", in_all(gone))));
            }
        }
        // SQLite limits how deep a condition may be.
        for columns in self.columns.chunks(100) {
            let any: Vec<_> = columns.iter().map(differs).collect();
            let count = self.count(copy, key, "JOIN", &any.join(" OR "))?;
            if count == 0 {
                continue;
            }
            for pair in columns {
                let (old, new) = (quote(&pair.0), quote(&pair.1));
                let query = format!(
                    "SELECT {row}, quote(old.{old}), quote(new.{new}) FROM {} WHERE {} LIMIT 1",
                    self.from(key, "JOIN"),
                    differs(pair)
                );
                let found =
                    sql::<(Text, Text, Text)>(&query).get_result::<(String, String, String)>(copy).optional()?;
                if let Some((row, old, new)) = found {
                    let (old, new, column) = (short(&old), short(&new), &pair.0);
                    let count = self.count(copy, key, "JOIN", &differs(pair))?;
                    let all = in_all(count);
                    return Ok(Some(format!("{name}.{column} of the row {row} would be {new} instead of {old}{all}")));
                }
            }
        }
        Ok(None)
    }

    /// Without a key, rows are compared as a whole, in every column that must be as it was.
    fn row_that_is_missing(&self, copy: &mut SqliteConnection) -> Result<Option<String>, Error> {
        let columns = |new: bool| {
            let name = |(old, now): &(String, String)| exact(&quote(if new { now } else { old }));
            let columns = self.columns.iter().map(name).collect::<Vec<_>>().join(" || ', ' || ");
            let (schema, table) = if new { ("main", &self.after) } else { ("before", &self.before.name) };
            format!("SELECT {columns} AS row, count(*) FROM {schema}.{} GROUP BY 1", quote(table))
        };
        let missing = format!("SELECT row FROM ({} EXCEPT {}) LIMIT 1", columns(false), columns(true));
        let missing: Option<String> = sql::<Text>(&missing).get_result(copy).optional()?;
        let names: Vec<_> = self.columns.iter().map(|(old, _)| old.clone()).collect();
        let table = &self.before.name;
        Ok(missing.map(|row| format!("table {table} would no longer hold {} = ({})", tuple(&names), short(&row))))
    }
}

/// The condition that a value is not the same, its storage class and letter case included.
fn differs((old, new): &(String, String)) -> String {
    let (old, new) = (quote(old), quote(new));
    format!("(typeof(old.{old}) <> typeof(new.{new}) OR old.{old} IS NOT new.{new} COLLATE BINARY)")
}

/// The value in words in which no two are the same; `quote()` ends a text where it holds a zero.
fn exact(column: &str) -> String {
    format!(
        "CASE WHEN typeof({column}) = 'text' AND instr({column}, char(0)) \
         THEN 'CAST(x''' || hex({column}) || ''' AS TEXT)' ELSE quote({column}) END"
    )
}

fn tuple(names: &[String]) -> String {
    match names {
        [name] => name.clone(),
        names => format!("({})", quote_all(names)),
    }
}

fn rows(count: u64) -> String {
    counted(count, "row")
}

fn in_all(count: u64) -> String {
    if count > 1 { format!(" ({} in all)", rows(count)) } else { String::new() }
}

/// The beginning of a value that is long.
fn short(value: &str) -> String {
    let line = value.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= 80 {
        return value.to_owned();
    }
    line.chars().take(77).collect::<String>() + "..."
}
