//! What must hold before a run is committed: nothing is gone but what its SQL takes away.
//!
//! - No table holds fewer rows than before unless the SQL names it, and a table that is rebuilt holds just as many. One
//!   that is made anew in a way that is not followed here holds no fewer, unless a statement picks rows.
//! - A column whose values the SQL does not set holds the values that it held, each in its row. That is looked at in
//!   the tables that are rebuilt, and, where the SQL writes rows that may fire a trigger, in every table: nothing else
//!   could change a value, for foreign keys do not act while migrations run.
//! - A trigger is still there as long as its table is, unless the SQL names it.
//! - What was rebuilt is sound, by SQLite's own `integrity_check`.

use std::collections::BTreeMap;

use diesel::RunQueryDsl;
use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Binary, Integer, Text};
use diesel::sqlite::SqliteConnection;

use crate::Error;
use crate::effect::{Effect, Survivor};
use crate::progress::{counted, step};
use crate::render::sqlite::follows;
use crate::schema::same_name;
use crate::sql::{affinity, literal, mentions, quote};

/// The tables of the application: not SQLite's own, not the bookkeeping of migrations, not the hidden tables that a
/// virtual table keeps its content in and shrinks as it likes.
pub(crate) fn tables(connection: &mut SqliteConnection) -> Result<Vec<String>, Error> {
    Ok(sql::<Text>(&format!("SELECT name {TABLES} ORDER BY name")).load(connection)?)
}

const TABLES: &str = "FROM pragma_table_list WHERE schema = 'main' AND type = 'table' \
     AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT IN ('__diesel_schema_migrations', '__migrate_checksums')";

/// What was there before a run and must be there after it.
pub(crate) struct Invariants<'a> {
    texts: &'a [&'a str],
    counts: BTreeMap<String, i64>,
    /// The tables whose rows no statement adds to or takes from.
    untouched: Vec<String>,
    rebuilt: Vec<Survivor>,
    /// The tables that are made anew by statements of which none picks rows.
    remade: Vec<String>,
    digests: Vec<Digest>,
    /// The triggers, each with the table that it stands on.
    triggers: Vec<(String, String)>,
}

/// The columns of a table that must stay as they are, and what they hold.
struct Digest {
    table: Survivor,
    /// The columns by which a row is known, as positions; none where the whole row is all that it is known by.
    key: Vec<usize>,
    affinities: Vec<&'static str>,
    /// The name of the rowid, and the last one; `None` in a table that has none.
    last: Option<(&'static str, i64)>,
    sums: Vec<u8>,
}

impl<'a> Invariants<'a> {
    /// Looks at the database before those texts run, one after the other.
    pub fn of(connection: &mut SqliteConnection, texts: &'a [&'a str]) -> Result<Self, Error> {
        let shapes = shapes(connection)?;
        let effect = effect_of(texts, &shapes);
        let fires = effect.may_fire && has_triggers(connection, texts)?;
        let (mut untouched, mut rebuilt, mut digests) = (Vec::new(), Vec::new(), Vec::new());
        for table in effect.survivors() {
            if table.is_rebuilt {
                rebuilt.push(table.clone());
            } else if table.before == table.after {
                untouched.push(table.before.clone());
            }
            if let Some(columns) = shapes.get(&table.before)
                && (fires || table.is_rebuilt)
            {
                digests.extend(Digest::of(connection, table, columns)?);
            }
        }
        let counts = counts(connection)?;
        counted(&counts);
        let remade = if effect.picks_rows { Vec::new() } else { effect.remade() };
        let triggers = triggers(connection)?;
        Ok(Self { texts, counts, untouched, rebuilt, remade, digests, triggers })
    }

    /// Looks at the database after they ran.
    pub fn require(&self, connection: &mut SqliteConnection) -> Result<(), Error> {
        let (after, shapes) = (counts(connection)?, shapes(connection)?);
        let now = |name: &str| {
            let count = after.iter().find(|(table, _)| same_name(table, name));
            count.map_or(0, |(_, count)| *count)
        };
        for (table, before) in &self.counts {
            let stays = self.untouched.iter().chain(&self.remade).any(|name| same_name(name, table));
            if now(table) < *before && (stays || !self.texts.iter().any(|text| mentions(text, table))) {
                return Err(Error::RowsLost { table: table.clone(), before: *before, after: now(table) });
            }
        }
        self.require_triggers(connection, &after)?;
        for table in &self.rebuilt {
            let (before, after) = (self.counts[&table.before], now(&table.after));
            if before != after {
                return Err(Error::RowsDiffer { table: table.after.clone(), before, after });
            }
            let query = format!("PRAGMA integrity_check({})", literal(&table.after));
            let found: Vec<String> = sql::<Text>(&query).load(connection)?;
            if let Some(why) = found.into_iter().next().filter(|found| found != "ok") {
                return Err(Error::Damaged { table: table.after.clone(), why });
            }
        }
        for digest in &self.digests {
            let has_grown = now(&digest.table.after) > self.counts[&digest.table.before];
            match digest.first_rows() {
                _ if !has_grown => digest.require(connection, &shapes, "")?,
                // A trigger has added rows: behind the last one, or in place of others.
                Some(first) => digest.require(connection, &shapes, &first)?,
                None => {}
            }
        }
        Ok(())
    }
}

impl Invariants<'_> {
    /// A table that was made anew by hand loses its triggers.
    fn require_triggers(&self, connection: &mut SqliteConnection, tables: &BTreeMap<String, i64>) -> Result<(), Error> {
        let now = triggers(connection)?;
        let is_there = |name: &str| tables.keys().any(|table| same_name(table, name));
        let is_named = |name: &str| self.texts.iter().any(|text| mentions(text, name));
        // One that keeps a side table true may go with that.
        let is_needed = |name: &str| !name.starts_with("_kept_") || tables.keys().any(|side| follows(name, side));
        let is_lost = |(trigger, table): &&(String, String)| {
            let stays = now.iter().any(|(name, _)| same_name(name, trigger));
            !stays && is_there(table) && is_needed(trigger) && !is_named(trigger)
        };
        match self.triggers.iter().find(is_lost) {
            Some((trigger, table)) => Err(Error::TriggerLost { table: table.clone(), trigger: trigger.clone() }),
            None => Ok(()),
        }
    }
}

fn triggers(connection: &mut SqliteConnection) -> Result<Vec<(String, String)>, Error> {
    Ok(sql::<(Text, Text)>("SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'").load(connection)?)
}

impl Digest {
    /// Looks at the columns that must stay; `None` when there is none.
    fn of(connection: &mut SqliteConnection, mut table: Survivor, columns: &[Column]) -> Result<Option<Self>, Error> {
        let find = |name: &str| columns.iter().find(|column| same_name(&column.name, name));
        table.columns.retain(|(before, _)| find(before).is_some_and(|column| !column.is_generated));
        if table.columns.is_empty() {
            return Ok(None);
        }
        let place = |key: &Column| table.columns.iter().position(|(before, _)| same_name(before, &key.name));
        let key: Option<Vec<_>> = columns.iter().filter(|column| column.is_key).map(place).collect();
        let affinities = table.columns.iter().filter_map(|(before, _)| find(before)).map(|column| column.affinity);
        let (affinities, key) = (affinities.collect(), key.unwrap_or_default());
        let rowid = ["rowid", "_rowid_", "oid"].into_iter().find(|name| find(name).is_none());
        let last = rowid.and_then(|rowid| {
            let query = format!("SELECT coalesce(max({rowid}), 0) FROM {}", quote(&table.before));
            Some((rowid, sql::<BigInt>(&query).get_result(connection).ok()?))
        });
        let mut digest = Self { table, key, affinities, last, sums: Vec::new() };
        digest.sums = digest.sums(connection, &digest.table.before, |(before, _)| before, "")?;
        Ok(Some(digest))
    }

    /// The condition that leaves out rows that came later.
    fn first_rows(&self) -> Option<String> {
        self.last.map(|(rowid, last)| format!(" WHERE {rowid} <= {last}"))
    }

    /// One sum of eight bytes for each column, or one for all of them where no key tells the rows apart.
    fn sums(
        &self,
        connection: &mut SqliteConnection,
        table: &str,
        name: fn(&(String, String)) -> &String,
        condition: &str,
    ) -> Result<Vec<u8>, Error> {
        let columns: Vec<_> = self.table.columns.iter().map(|column| quote(name(column))).collect();
        let key: Vec<_> = self.key.iter().map(|at| columns[*at].clone()).collect();
        let (key, values) = if key.is_empty() { (columns, Vec::new()) } else { (key, columns) };
        let mut sums = Vec::new();
        // A function of SQLite takes 127 arguments in older versions.
        for values in if values.is_empty() { vec![&[][..]] } else { values.chunks(100).collect() } {
            let arguments = [&[key.len().to_string()], key.as_slice(), values].concat().join(", ");
            let query = format!("SELECT column_digest({arguments}) FROM {}{condition}", quote(table));
            sums.extend(step(table, || Ok(sql::<Binary>(&query).get_result::<Vec<u8>>(connection)?))?);
        }
        Ok(sums)
    }

    fn require(
        &self,
        connection: &mut SqliteConnection,
        shapes: &BTreeMap<String, Vec<Column>>,
        condition: &str,
    ) -> Result<(), Error> {
        let name = &self.table.after;
        let columns = shapes.iter().find(|(table, _)| same_name(table, name)).map(|(_, columns)| columns.as_slice());
        let converts = |((_, after), affinity): (&(String, String), &&str)| {
            let column = columns.unwrap_or_default().iter().find(|column| same_name(&column.name, after));
            column.is_none_or(|column| column.affinity != *affinity)
        };
        let converted: Vec<_> = self.table.columns.iter().zip(&self.affinities).map(converts).collect();
        // A key that is stored in another way finds no row again.
        if converted.iter().enumerate().any(|(at, is)| *is && (self.key.is_empty() || self.key.contains(&at))) {
            return Ok(());
        }
        let after = self.sums(connection, name, |(_, after)| after, condition)?;
        if after == self.sums {
            return Ok(());
        }
        if self.key.is_empty() {
            return Err(Error::ValuesChanged { what: format!("a row of {name}") });
        }
        let pairs = self.sums.chunks(8).zip(after.chunks(8)).zip(&self.table.columns).zip(converted);
        let changed = pairs.filter(|(((before, after), _), converted)| before != after && !converted);
        let changed: Vec<_> = changed.map(|((_, (_, column)), _)| format!("{name}.{column}")).collect();
        if changed.is_empty() { Ok(()) } else { Err(Error::ValuesChanged { what: changed.join(", ") }) }
    }
}

/// What each table is called after those texts ran, as far as it is still there.
pub(crate) fn names_after(
    connection: &mut SqliteConnection,
    texts: &[&str],
) -> Result<BTreeMap<String, String>, Error> {
    let survivors = effect_of(texts, &shapes(connection)?).survivors();
    Ok(survivors.into_iter().map(|table| (table.before, table.after)).collect())
}

fn effect_of(texts: &[&str], shapes: &BTreeMap<String, Vec<Column>>) -> Effect {
    let names = |(table, columns): (&String, &Vec<Column>)| {
        (table.clone(), columns.iter().map(|column| column.name.clone()).collect())
    };
    Effect::of(texts, &shapes.iter().map(names).collect::<Vec<_>>())
}

/// A column as far as its values may stay.
struct Column {
    name: String,
    affinity: &'static str,
    is_key: bool,
    is_generated: bool,
}

/// The tables with their columns, in order.
fn shapes(connection: &mut SqliteConnection) -> Result<BTreeMap<String, Vec<Column>>, Error> {
    let query = format!(
        "SELECT tables.name, columns.name, columns.type, columns.pk, columns.hidden \
         FROM (SELECT name {TABLES}) AS tables, pragma_table_xinfo(tables.name) AS columns"
    );
    let rows: Vec<(String, String, String, i32, i32)> =
        sql::<(Text, Text, Text, Integer, Integer)>(&query).load(connection)?;
    let mut shapes = BTreeMap::<_, Vec<_>>::new();
    for (table, name, ty, key, hidden) in rows {
        let column = Column { name, affinity: affinity(&ty), is_key: key > 0, is_generated: hidden > 0 };
        shapes.entry(table).or_default().push(column);
    }
    Ok(shapes)
}

/// How many rows each table holds.
pub(crate) fn counts(connection: &mut SqliteConnection) -> Result<BTreeMap<String, i64>, Error> {
    let mut counts = BTreeMap::new();
    for table in tables(connection)? {
        let count = sql::<BigInt>(&format!("SELECT count(*) FROM {}", quote(&table))).get_result(connection)?;
        counts.insert(table, count);
    }
    Ok(counts)
}

/// Whether there is a trigger, or will be one.
fn has_triggers(connection: &mut SqliteConnection, texts: &[&str]) -> Result<bool, Error> {
    let query = sql::<BigInt>("SELECT count(*) FROM sqlite_master WHERE type = 'trigger'");
    Ok(query.get_result::<i64>(connection)? > 0 || texts.iter().any(|text| mentions(text, "TRIGGER")))
}
