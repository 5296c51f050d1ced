//! A copy of a database with some of its rows: a bounded sample of every table, and each row that those refer to.

use std::collections::BTreeSet;
use std::path::Path;

use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::sqlite::SqliteConnection;

use crate::database::{open_sqlite, sqlite_name};
use crate::introspect::sqlite::introspect;
use crate::schema::{ForeignKey, Schema, Table, same_name};
use crate::sql::create_table::CreateTable;
use crate::sql::{literal, quote, quote_all};
use crate::{Error, backup};

/// How large a sample may become.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// The most rows of a table that are asked for; those that they refer to come in addition.
    pub rows: u64,
    /// The bytes of the whole, of which each table has an equal share.
    pub bytes: u64,
}

/// How many rows were taken, and of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sample {
    pub rows: u64,
    pub of: u64,
}

/// Writes a sample of a database to a file that is not there yet: the same tables, indexes, views and triggers, and of
/// each table its first and last rows and some from between. No row loses one that it refers to, and no trigger fires.
pub(crate) fn sample(
    connection: &mut SqliteConnection,
    database: &Path,
    target: &Path,
    bounds: Bounds,
) -> Result<Sample, Error> {
    let schema = introspect(connection)?;
    let encoding: String = sql::<Text>("PRAGMA encoding").get_result(connection)?;
    let patience = sql::<BigInt>("SELECT timeout FROM pragma_busy_timeout").get_result::<i64>(connection)?;
    backup::create_private(target)?;
    let mut copy = open_sqlite(target)?;
    let original = sqlite_name(database).unwrap_or_default();
    copy.batch_execute(&format!(
        "PRAGMA encoding = {}; PRAGMA busy_timeout = {patience}; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF;
         PRAGMA ignore_check_constraints = ON; ATTACH {} AS original; BEGIN",
        literal(&encoding),
        literal(&original)
    ))?;
    create_tables(&mut copy)?;
    let sampler = Sampler::new(&schema)?;
    let taken = sampler.fill(&mut copy, bounds)?;
    carry_over(&mut copy, bounds)?;
    copy.batch_execute("COMMIT; DETACH original")?;
    Ok(taken)
}

/// Name, text, and kind (`table`, `virtual`) of each table but SQLite's own and those that a virtual table makes.
fn tables(copy: &mut SqliteConnection) -> Result<Vec<(String, String, String)>, Error> {
    let query = "SELECT m.name, m.sql, l.type FROM original.sqlite_master m \
                 JOIN pragma_table_list l ON l.schema = 'original' AND l.name = m.name \
                 WHERE m.type = 'table' AND l.type IN ('table', 'virtual') \
                 AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY m.rowid";
    Ok(sql::<(Text, Text, Text)>(query).load(copy)?)
}

fn create_tables(copy: &mut SqliteConnection) -> Result<(), Error> {
    for (_, text, kind) in tables(copy)? {
        let made = copy.batch_execute(&text);
        // A virtual table whose module this program does not have cannot be copied, nor can a migration touch it.
        if kind == "table" {
            made?;
        }
    }
    Ok(())
}

/// What comes after the rows: the bookkeeping whole, the counters of AUTOINCREMENT, indexes, views, and triggers, which
/// would have fired before. Side tables of migrations that are applied stay empty.
fn carry_over(copy: &mut SqliteConnection, bounds: Bounds) -> Result<(), Error> {
    for (name, _, kind) in tables(copy)? {
        if kind == "virtual" {
            fill_virtual(copy, &quote(&name), bounds.rows);
        } else if matches!(name.as_str(), "__diesel_schema_migrations" | "__migrate_checksums") {
            copy.batch_execute(&format!("INSERT INTO main.{name} SELECT * FROM original.{name}"))?;
        }
    }
    let counts = "SELECT count(*) FROM main.sqlite_master WHERE name = 'sqlite_sequence'";
    if sql::<BigInt>(counts).get_result::<i64>(copy)? > 0 {
        copy.batch_execute(
            "DELETE FROM main.sqlite_sequence; INSERT INTO main.sqlite_sequence SELECT * FROM original.sqlite_sequence",
        )?;
    }
    let rest = "SELECT sql FROM original.sqlite_master WHERE type IN ('index', 'view', 'trigger') \
                AND sql IS NOT NULL ORDER BY rowid";
    for text in sql::<Text>(rest).load::<String>(copy)? {
        copy.batch_execute(&text)?;
    }
    Ok(())
}

/// A full text search gets the rows that it can give, and makes its index of the rows that its table has here. What
/// does not work for a module leaves its table empty.
fn fill_virtual(copy: &mut SqliteConnection, name: &str, rows: u64) {
    let bare = literal(name.trim_matches('"'));
    let columns = format!("SELECT name FROM pragma_table_xinfo({bare}, 'main') WHERE hidden = 0");
    let columns: Vec<String> = sql::<Text>(&columns).load(copy).unwrap_or_default();
    let columns = quote_all(&columns);
    let attempts = [
        format!("INSERT INTO main.{name} (rowid, {columns}) SELECT rowid, {columns} FROM original.{name} LIMIT {rows}"),
        format!("INSERT INTO main.{name} ({name}) VALUES ('rebuild')"),
    ];
    for attempt in attempts {
        let _ = copy.batch_execute("SAVEPOINT attempt");
        if copy.batch_execute(&attempt).is_err() {
            let _ = copy.batch_execute("ROLLBACK TO attempt");
        }
        let _ = copy.batch_execute("RELEASE attempt");
    }
}

/// The tables that rows are taken of, and how they refer to each other.
struct Sampler {
    parts: Vec<Part>,
}

/// One table. All names are quoted.
struct Part {
    name: String,
    /// What finds a row again: its number, or the primary key where rows have no number.
    key: Vec<String>,
    has_row_number: bool,
    /// What is copied: all but what is computed, and the row's number where no column holds it.
    columns: Vec<String>,
    parents: Vec<Parent>,
}

/// A foreign key: the table that it refers to, and each column with the one it equals there.
struct Parent {
    part: usize,
    columns: Vec<(String, String)>,
}

/// How many seeds are taken at once, with all that they refer to; less where that would be too much.
const CHUNK: u64 = 64;

/// The most rows that the seeds of one chunk may bring with them, and in how many steps. Rows that each refer to the one
/// before would else bring their whole table.
const MOST_RELATED: usize = 10_000;
const MOST_STEPS: usize = 1_000;

/// After that many seeds that bring too much, no more of a table is tried.
const MOST_FAILURES: u32 = 3;

/// The most rows of all tables together that are asked for.
const MOST_ROWS: u64 = 200_000;

impl Sampler {
    fn new(schema: &Schema) -> Result<Self, Error> {
        let parts = schema.tables.iter().map(|table| Part::new(table, schema)).collect::<Result<_, _>>()?;
        Ok(Self { parts })
    }

    fn fill(&self, copy: &mut SqliteConnection, bounds: Bounds) -> Result<Sample, Error> {
        for (at, part) in self.parts.iter().enumerate() {
            let keys = part.key_names().join(", ");
            copy.batch_execute(&format!(
                "CREATE TEMP TABLE want_{at} ({keys}, PRIMARY KEY ({keys})) WITHOUT ROWID;
                 CREATE TEMP TABLE now_{at} ({keys}, PRIMARY KEY ({keys})) WITHOUT ROWID;"
            ))?;
        }
        let tables = self.parts.len().max(1) as u64;
        let share = Bounds { rows: bounds.rows.min((MOST_ROWS / tables).max(100)), bytes: bounds.bytes / tables };
        let mut taken = Sample { rows: 0, of: 0 };
        for at in 0..self.parts.len() {
            taken.of += self.seed(copy, at, share)?;
        }
        for part in &self.parts {
            taken.rows += number(copy, &format!("SELECT count(*) FROM main.{}", part.name))?;
        }
        Ok(taken)
    }

    /// Takes rows of a table, chunk by chunk, each with the rows that it refers to, or not at all. Returns how many the
    /// original holds.
    fn seed(&self, copy: &mut SqliteConnection, at: usize, share: Bounds) -> Result<u64, Error> {
        let part = &self.parts[at];
        let all = number(copy, &format!("SELECT count(*) FROM original.{}", part.name))?;
        let seeds = part.find_seeds(copy, all, share)?;
        let (keys, missing) = (part.key_names().join(", "), part.is_missing("s"));
        let (start, mut first, mut chunk, mut failures) = (size(copy)?, 1, CHUNK, 0);
        while first <= seeds && failures < MOST_FAILURES && size(copy)? <= start + share.bytes {
            let last = first + chunk - 1;
            copy.batch_execute(&format!(
                "SAVEPOINT chunk; INSERT INTO temp.want_{at} \
                 SELECT {keys} FROM temp.seed s WHERE n BETWEEN {first} AND {last} AND {missing}"
            ))?;
            let most_bytes = size(copy)? + share.bytes;
            if self.take_wanted(copy, at, most_bytes)? {
                (first, chunk) = (last + 1, (chunk * 2).min(CHUNK));
            } else {
                copy.batch_execute("ROLLBACK TO chunk")?;
                // A seed that alone brings too much is left out.
                let is_alone = chunk == 1;
                (first, failures) = if is_alone { (first + 1, failures + 1) } else { (first, failures) };
                chunk = (chunk / 2).max(1);
            }
            copy.batch_execute("RELEASE chunk")?;
        }
        copy.batch_execute("DROP TABLE temp.seed")?;
        Ok(all)
    }

    /// Copies the rows of a table that are wanted, then those that they refer to, and so on. Each row is looked at
    /// once, by its key. Says whether that came to an end within the bounds.
    fn take_wanted(&self, copy: &mut SqliteConnection, first: usize, most_bytes: u64) -> Result<bool, Error> {
        let (mut waiting, mut taken, mut steps) = (BTreeSet::from([first]), 0, 0);
        while let Some(at) = waiting.pop_first() {
            let part = &self.parts[at];
            copy.batch_execute(&format!(
                "DELETE FROM temp.now_{at}; INSERT INTO temp.now_{at} SELECT * FROM temp.want_{at}; \
                 DELETE FROM temp.want_{at}"
            ))?;
            let (name, columns) = (&part.name, part.columns.join(", "));
            let (row, from) = (part.columns_of("o"), part.joined(at, "original", "o"));
            taken += execute(copy, &format!("INSERT INTO main.{name} ({columns}) SELECT {row} FROM {from}"))?;
            steps += 1;
            if taken > MOST_RELATED || steps > MOST_STEPS || size(copy)? > most_bytes {
                return Ok(false);
            }
            for Parent { part: other, columns } in &part.parents {
                let (parent, from) = (&self.parts[*other], part.joined(at, "main", "c"));
                // As a foreign key compares: with the parent's collation, and its type applied to the child's value.
                let equal: Vec<_> = columns.iter().map(|(own, its)| format!("p.{its} = +c.{own}")).collect();
                let keys: Vec<_> = parent.key.iter().map(|key| format!("p.{key}")).collect();
                let found = execute(
                    copy,
                    &format!(
                        "INSERT OR IGNORE INTO temp.want_{other} SELECT {} FROM {from} \
                         CROSS JOIN original.{} p ON {} WHERE {}",
                        keys.join(", "),
                        parent.name,
                        equal.join(" AND "),
                        parent.is_missing_as(|at| keys[at].clone()),
                    ),
                )?;
                if found > 0 {
                    waiting.insert(*other);
                }
            }
        }
        Ok(true)
    }
}

impl Part {
    fn new(table: &Table, schema: &Schema) -> Result<Self, Error> {
        let text = CreateTable::parse(table.stored.as_deref().unwrap_or_default())?;
        let plain = table.columns.iter().filter(|column| !column.generated);
        let mut columns: Vec<_> = plain.map(|column| quote(&column.name)).collect();
        let key = if text.is_without_rowid() {
            table.primary_key.iter().map(|name| quote(name)).collect()
        } else if let Some(name) = text.row_number() {
            vec![quote(&name)]
        } else {
            let free = ["rowid", "_rowid_", "oid"].into_iter().find(|name| table.find_column(name).is_none());
            let name = free.ok_or_else(|| Error::CannotExpress {
                table: table.name.clone(),
                why: "its columns hide the numbers of its rows, so no sample can be taken".into(),
            })?;
            columns.push(name.to_owned());
            vec![name.to_owned()]
        };
        let parents = table.foreign_keys.iter().filter_map(|key| parent(key, schema)).collect();
        Ok(Self { name: quote(&table.name), has_row_number: !text.is_without_rowid(), key, columns, parents })
    }

    fn key_names(&self) -> Vec<String> {
        (0..self.key.len()).map(|at| format!("k{at}")).collect()
    }

    fn columns_of(&self, alias: &str) -> String {
        self.columns.iter().map(|column| format!("{alias}.{column}")).collect::<Vec<_>>().join(", ")
    }

    /// The rows that are looked at now, each found by its key.
    fn joined(&self, at: usize, schema: &str, alias: &str) -> String {
        let equal = self.key.iter().enumerate().map(|(key, name)| format!("{alias}.{name} = w.k{key}"));
        let equal = equal.collect::<Vec<_>>().join(" AND ");
        format!("temp.now_{at} w CROSS JOIN {schema}.{} {alias} ON {equal}", self.name)
    }

    /// The condition that the row with the key in `alias` was not taken yet.
    fn is_missing(&self, alias: &str) -> String {
        self.is_missing_as(|at| format!("{alias}.k{at}"))
    }

    fn is_missing_as(&self, key: impl Fn(usize) -> String) -> String {
        let equal = self.key.iter().enumerate().map(|(at, name)| format!("m.{name} = {}", key(at)));
        let equal = equal.collect::<Vec<_>>().join(" AND ");
        format!("NOT EXISTS (SELECT 1 FROM main.{} m WHERE {equal})", self.name)
    }

    /// Writes the keys of the rows to begin with into `seed`, and says how many there are: all rows, or the first, the
    /// last, and some at equal distances. Rows so large that few would fill the sample are left out.
    fn find_seeds(&self, copy: &mut SqliteConnection, all: u64, share: Bounds) -> Result<u64, Error> {
        let keys = self.key_names().join(", ");
        let own: Vec<_> = self.key.iter().map(|key| format!("o.{key}")).collect();
        let (own, from) = (own.join(", "), format!("original.{} o", self.name));
        // The length of a text or a blob is known without reading it.
        let small = self
            .columns
            .iter()
            .take(900)
            .map(|column| format!("coalesce(octet_length(o.{column}), 0) <= {}", (share.bytes / 16).max(4096)));
        let small = small.collect::<Vec<_>>().join(" AND ");
        copy.batch_execute(&format!("CREATE TEMP TABLE seed (n INTEGER PRIMARY KEY, {keys}, UNIQUE ({keys}))"))?;
        let insert = format!("INSERT OR IGNORE INTO temp.seed ({keys})");
        if all <= share.rows {
            copy.batch_execute(&format!("{insert} SELECT {own} FROM {from} WHERE {small} ORDER BY {own}"))?;
        } else {
            let quarter = (share.rows / 4).max(1);
            let last: Vec<_> = self.key.iter().map(|key| format!("o.{key} DESC")).collect();
            for order in [own.clone(), last.join(", ")] {
                copy.batch_execute(&format!(
                    "{insert} SELECT {own} FROM {from} WHERE {small} ORDER BY {order} LIMIT {quarter}"
                ))?;
            }
            let between = share.rows - (2 * quarter).min(share.rows);
            match self.steps(copy, between)? {
                Some(steps) => copy.batch_execute(&format!(
                    "{insert} SELECT {own} FROM ({steps}) s CROSS JOIN {from} ON {own} = s.k WHERE {small}"
                ))?,
                None if between > 0 => copy.batch_execute(&format!(
                    "{insert} SELECT {keys} FROM (SELECT {}, row_number() OVER () AS row FROM {from} WHERE {small}) \
                     WHERE row % {} = 0",
                    self.key
                        .iter()
                        .enumerate()
                        .map(|(at, key)| format!("o.{key} AS k{at}"))
                        .collect::<Vec<_>>()
                        .join(", "),
                    all.div_ceil(between)
                ))?,
                None => {}
            }
        }
        number(copy, "SELECT count(*) FROM temp.seed")
    }

    /// A query of row numbers at equal distances, each found without reading those between. `None` where rows have no
    /// numbers, or those lie too far apart to be reckoned with.
    fn steps(&self, copy: &mut SqliteConnection, count: u64) -> Result<Option<String>, Error> {
        let (key, name) = (&self.key[0], &self.name);
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        if !self.has_row_number || count == 0 {
            return Ok(None);
        }
        let limits = format!("SELECT min({key}), max({key}) FROM original.{name}");
        let limits = sql::<(Nullable<BigInt>, Nullable<BigInt>)>(&limits).get_result(copy)?;
        let (Some(first), Some(last)): (Option<i64>, Option<i64>) = limits else { return Ok(None) };
        let Some(distance) = last.checked_sub(first).map(|span| span / (count + 1)) else { return Ok(None) };
        Ok(Some(format!(
            "WITH RECURSIVE step(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM step WHERE i < {count}) \
             SELECT (SELECT o.{key} FROM original.{name} o WHERE o.{key} >= {first} + i * {distance} \
             ORDER BY o.{key} LIMIT 1) AS k FROM step"
        )))
    }
}

/// What a foreign key refers to; `None` when that is not there or not unique, so that SQLite cannot check it either.
fn parent(key: &ForeignKey, schema: &Schema) -> Option<Parent> {
    let part = schema.tables.iter().position(|table| same_name(&table.name, &key.table))?;
    let table = &schema.tables[part];
    let is_key = |columns: &[&String]| {
        let has = |name: &&String| columns.iter().any(|column| same_name(column, name));
        columns.len() == key.references.len() && key.references.iter().all(|name| has(&name))
    };
    let own_key: Vec<_> = table.primary_key.iter().collect();
    let is_unique = is_key(&own_key)
        || table
            .indexes
            .iter()
            .any(|index| index.unique && is_key(&index.columns.iter().map(|column| &column.name).collect::<Vec<_>>()));
    let pairs = key.columns.iter().zip(&key.references).map(|(own, its)| (quote(own), quote(its)));
    is_unique.then(|| Parent { part, columns: pairs.collect() })
}

/// How many bytes the copy has.
fn size(copy: &mut SqliteConnection) -> Result<u64, Error> {
    number(copy, "SELECT page_count * page_size FROM pragma_page_count('main'), pragma_page_size('main')")
}

fn number(copy: &mut SqliteConnection, query: &str) -> Result<u64, Error> {
    Ok(u64::try_from(sql::<BigInt>(query).get_result::<i64>(copy)?).unwrap_or(0))
}

fn execute(copy: &mut SqliteConnection, statement: &str) -> Result<usize, Error> {
    Ok(diesel::sql_query(statement).execute(copy)?)
}

#[cfg(test)]
mod tests;
