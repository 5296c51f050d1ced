//! Moves all rows to a database of another kind whose migrations made the same tables, and compares them there.

use std::collections::HashSet;

use sha2::{Digest as _, Sha256};

use crate::Error;
use crate::database::{Database, Moved, Row};
use crate::schema::{Column, ObjectKind, Schema, Table, same_name};
use crate::settings::{Event, Settings};
use crate::text::counted;

/// Rows are inserted when there are so many of them, or when their texts have so many bytes.
const BATCH: (usize, usize) = (1000, 4 << 20);

/// A table by the names of both databases.
struct Pair {
    source: Moved,
    target: Moved,
}

/// Copies the rows of all tables of `source`, which is in a snapshot, to `target`, which is in a transaction and has the
/// same tables without rows. Fails when a row is not the same there.
pub(crate) fn copy(source: &mut dyn Database, target: &mut dyn Database, settings: &Settings) -> Result<(), Error> {
    // A side table without rows may have been purged.
    let kept: Vec<_> = source.side_tables()?.into_iter().filter(|(_, rows)| *rows > 0).map(|(name, _)| name).collect();
    let (from, to) = (with_side_tables(source, &kept)?, with_side_tables(target, &kept)?);
    let pairs = pairs((source, &from), (target, &to))?;
    report_others(source, &from, settings)?;
    let mut digests = Vec::new();
    target.load(&mut |target| {
        for pair in &pairs {
            let task = format!("copying {}", pair.source.table);
            digests.push(settings.step(&task, || copy_table(source, target, pair, settings))?);
        }
        Ok(())
    })?;
    for (pair, expected) in pairs.iter().zip(digests) {
        let task = format!("comparing {}", pair.source.table);
        settings.step(&task, || compare(source, target, pair, &expected))?;
    }
    let last = source.last_numbers()?;
    target.number_after(&last)
}

/// The schema, with these side tables.
fn with_side_tables(db: &mut dyn Database, names: &[String]) -> Result<Schema, Error> {
    let mut schema = db.introspect()?;
    schema.tables.extend(db.introspect_side_tables()?.into_iter().filter(|table| names.contains(&table.name)));
    Ok(schema)
}

/// Pairs the tables, and in each table the columns. One that only one of the databases has is an error, unless it is a
/// generated column.
fn pairs(source: (&dyn Database, &Schema), target: (&dyn Database, &Schema)) -> Result<Vec<Pair>, Error> {
    let ((source_db, from), (target_db, to)) = (source, target);
    let missing = |object: String, db: &dyn Database| {
        let why = format!("{} does not have it: the migrations of both databases must make the same", db.name());
        Error::CannotMove { object, why }
    };
    for (schema, other, db) in [(from, to, target_db), (to, from, source_db)] {
        for table in &schema.tables {
            let Some(same) = other.table(&table.name) else {
                return Err(missing(format!("the table {}", table.name), db));
            };
            let plain = |column: &&Column| !column.generated;
            let lacks = |column: &&Column| same.find_column(&column.name).is_none_or(|other| other.generated);
            if let Some(column) = table.columns.iter().filter(plain).find(lacks) {
                return Err(missing(format!("the column {}.{}", table.name, column.name), db));
            }
        }
    }
    let pair = |table: &Table| {
        let other = to.table(&table.name)?;
        let (mut source, mut target) = (named(table), named(other));
        for column in table.columns.iter().filter(|column| !column.generated) {
            let same = other.find_column(&column.name)?;
            let limits = source_db.limit(column).or_else(|| target_db.limit(same));
            let ty = limits.unwrap_or_else(|| column.ty.clone());
            source.columns.push((column.name.clone(), ty.clone()));
            target.columns.push((same.name.clone(), ty));
        }
        let place = |key: &String| source.columns.iter().position(|(name, _)| same_name(name, key));
        source.key = table.primary_key.iter().filter_map(place).collect();
        target.key.clone_from(&source.key);
        Some(Pair { source, target })
    };
    Ok(from.tables.iter().filter_map(pair).collect())
}

fn named(table: &Table) -> Moved {
    Moved { table: table.name.clone(), columns: Vec::new(), key: Vec::new() }
}

/// Refuses tables whose rows would stay behind, and says which rows are made by the migrations or are of others.
fn report_others(source: &mut dyn Database, schema: &Schema, settings: &Settings) -> Result<(), Error> {
    for object in schema.objects() {
        match object.kind {
            ObjectKind::VirtualTable => settings.emit(&Event::NotMoved(format!(
                "the content of the virtual table {} is not moved: the migrations make what stands for it",
                object.name
            ))),
            ObjectKind::Other(kind @ ("partition" | "partitioned table" | "inheriting table" | "foreign table")) => {
                let why = "only the rows of plain tables can be moved".to_owned();
                return Err(Error::CannotMove { object: format!("the {kind} {}", object.name), why });
            }
            _ => {}
        }
    }
    let beside = source.elsewhere()?.into_iter().filter(|(_, schema)| !schema.tables.is_empty());
    for (name, other) in beside {
        // The tables of schemas that the migrations create are refused by name.
        let is_known = schema.tables.iter().any(|table| table.schema.as_ref() == Some(&name));
        if !is_known {
            let tables = counted(other.tables.len() as u64, "table");
            let what = format!("the schema {name}, {tables}, is not moved: no migration creates it");
            settings.emit(&Event::NotMoved(what));
        }
    }
    Ok(())
}

fn copy_table(
    source: &mut dyn Database,
    target: &mut dyn Database,
    pair: &Pair,
    settings: &Settings,
) -> Result<Digest, Error> {
    let (mut digest, mut batch, mut size) = (Digest::default(), Vec::new(), 0);
    let mut write = |batch: &mut Vec<Row>, rows: u64| {
        let task = counted(rows, "row");
        settings.step(&task, || target.write_rows(&pair.target, batch))?;
        batch.clear();
        Ok::<_, Error>(())
    };
    source.read_rows(&pair.source, &mut |row| {
        digest.add(&row);
        size += row.iter().flatten().map(String::len).sum::<usize>();
        batch.push(row);
        if batch.len() >= BATCH.0 || size >= BATCH.1 {
            size = 0;
            write(&mut batch, digest.rows)?;
        }
        Ok(())
    })?;
    if !batch.is_empty() {
        write(&mut batch, digest.rows)?;
    }
    Ok(digest)
}

/// Fails when the target holds other rows than were read from the source, and names one of them.
fn compare(source: &mut dyn Database, target: &mut dyn Database, pair: &Pair, expected: &Digest) -> Result<(), Error> {
    let mut found = Digest::default();
    target.read_rows(&pair.target, &mut |row| {
        found.add(&row);
        Ok(())
    })?;
    if found == *expected {
        return Ok(());
    }
    let mut arrived = HashSet::new();
    target.read_rows(&pair.target, &mut |row| {
        arrived.insert(hash(&row));
        Ok(())
    })?;
    let mut lost = None;
    source.read_rows(&pair.source, &mut |row| {
        if lost.is_none() && !arrived.contains(&hash(&row)) {
            lost = Some(row);
        }
        Ok(())
    })?;
    let Some(lost) = lost else {
        let object = format!("the table {}", pair.source.table);
        let why = format!("{} were read and {} arrived", counted(expected.rows, "row"), counted(found.rows, "row"));
        return Err(Error::CannotMove { object, why });
    };
    let key = |row: &Row| pair.source.key.iter().map(|at| row[*at].clone()).collect::<Vec<_>>();
    let mut other = None;
    target.read_rows(&pair.target, &mut |row| {
        if !pair.source.key.is_empty() && key(&row) == key(&lost) {
            other = Some(row);
        }
        Ok(())
    })?;
    let at = other.as_ref().and_then(|row| (0..row.len()).find(|at| row[*at] != lost[*at]));
    let text = |row: &Row, at: usize| row[at].clone().unwrap_or_else(|| "NULL".into());
    let why = match (other, at) {
        (Some(other), Some(at)) => format!("{} would become {}", text(&lost, at), text(&other, at)),
        _ => "the row would become another".to_owned(),
    };
    Err(pair.source.refuse(at, &lost, why))
}

/// The rows of a table, in any order.
#[derive(Debug, Default, PartialEq, Eq)]
struct Digest {
    rows: u64,
    sum: u128,
}

impl Digest {
    fn add(&mut self, row: &Row) {
        self.rows += 1;
        self.sum = self.sum.wrapping_add(hash(row));
    }
}

fn hash(row: &Row) -> u128 {
    let mut hasher = Sha256::new();
    for value in row {
        match value {
            None => hasher.update([0]),
            Some(text) => {
                hasher.update([1]);
                hasher.update((text.len() as u64).to_le_bytes());
                hasher.update(text.as_bytes());
            }
        }
    }
    hasher.finalize().iter().take(16).fold(0, |number, byte| number << 8 | u128::from(*byte))
}
