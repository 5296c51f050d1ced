//! Tries a generated migration, up and down, before anyone relies on it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::SqliteConnection;
use diesel::{Connection as _, ConnectionError, OptionalExtension as _, RunQueryDsl};

use crate::introspect::sqlite::introspect;
use crate::progress::{counted, step};
use crate::render::{Options, Sql, render};
use crate::run::{Direction, run, transaction};
use crate::schema::{Column, ObjectKind, Schema, Table};
use crate::script::Script;
use crate::sql::{Token, quote, tokens};
use crate::{Change, Error, backup, diff, rename, verify};

/// Works out the migration from a live schema to another, and tries it, up and down, on an empty copy.
///
/// # Errors
///
/// [`Error::CannotExpress`] on a difference that has no safe SQL, [`Error::Rehearsal`] when the trial fails, because a
/// view or trigger needs what goes, for example.
pub fn compare(from: &Schema, to: &Schema, options: &Options) -> Result<(Vec<Change>, Sql), Error> {
    let mut renames = rename::declared(from, to);
    renames.extend(options.renames.iter().filter(|asked| !renames.contains(asked)).cloned().collect::<Vec<_>>());
    let live = rename::renamed(from, &renames)?;
    let mut changes: Vec<_> = renames.into_iter().map(Change::Rename).collect();
    changes.extend(diff(&live, to));
    let sql = render(&live, &changes, options)?;
    if !changes.is_empty() {
        on_empty_copy(from, to, &sql)?;
    }
    Ok((changes, sql))
}

/// Runs the migration up and down on an empty copy of the schema that it starts from. Up must lead to `target`, down
/// back to `from`, and whatever view or trigger works before must work after both.
fn on_empty_copy(from: &Schema, target: &Schema, sql: &Sql) -> Result<(), Error> {
    let mut copy = empty_copy(from)?;
    let script = Script { number: 1, name: "1_trial".into(), up: sql.up.clone(), down: Some(sql.down.clone()) };
    let was_sound = schema_error(&mut copy).is_none();
    for (direction, goal) in [(Direction::Up, target), (Direction::Down, from)] {
        let file = direction.file();
        let failed = |why: String| Error::Rehearsal { why: format!("{file}: {why}") };
        attempt(&mut copy, &script, direction).map_err(&failed)?;
        if let Some(error) = schema_error(&mut copy).filter(|_| was_sound) {
            return Err(failed(error));
        }
        let reached = introspect(&mut copy)?;
        let differences = diff(&reached, goal);
        if let Some(change) = differences.first() {
            return Err(failed(format!("it does not lead where it should: {}", one_line(change))));
        }
    }
    Ok(())
}

/// Runs the migration up, down and up on a copy of the real data. Values that it does not touch must be there after up;
/// after down every value must be back, when the upgrade keeps aside what it drops.
///
/// A database above a gibibyte is not copied.
pub(crate) fn on_copy_of_data(
    connection: &mut SqliteConnection,
    database: &Path,
    (from, target): (&Schema, &Schema),
    sql: &Sql,
    keeps: bool,
) -> Result<(), Error> {
    let size = fs::metadata(database).map_or(0, |metadata| metadata.len());
    if size > LARGEST_COPY || !backup::is_populated(connection)? {
        return Ok(());
    }
    let stage = Stage::new(database)?;
    let (before, copy) = (stage.folder.join("before.db"), stage.folder.join("copy.db"));
    backup::copy(connection, &before, "copying the database to try the migration")?;
    fs::copy(&before, &copy).map_err(|error| Error::CannotWrite { path: copy.clone(), why: error.to_string() })?;
    up_down_up(&before, &copy, (from, target), sql, keeps)
}

/// The folder of a trial, beside the database. It goes at the end; what a killed program left goes with the next trial,
/// which knows by the lock that nobody is at work in it.
struct Stage {
    folder: PathBuf,
    _lock: fs::File,
}

impl Stage {
    fn new(database: &Path) -> Result<Self, Error> {
        sweep(database);
        let folder = database.with_file_name(format!("{STAGE}{}", std::process::id()));
        let failed = |error: io::Error| Error::CannotWrite { path: folder.clone(), why: error.to_string() };
        fs::create_dir(&folder).map_err(failed)?;
        let lock = fs::File::create(folder.join("lock")).and_then(|file| file.lock().map(|()| file)).map_err(failed)?;
        Ok(Self { folder, _lock: lock })
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

const STAGE: &str = ".rehearsal-";

/// Removes what trials left that were killed.
fn sweep(database: &Path) {
    let folder = database.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_stage = entry.file_name().to_str().is_some_and(|name| name.starts_with(STAGE)) && path.is_dir();
        let is_free = || match fs::File::open(path.join("lock")) {
            Ok(file) => file.try_lock().is_ok(),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        if is_stage && is_free() {
            let _ = fs::remove_dir_all(&path);
        }
    }
}

/// The size above which a database is not copied to try a migration: 1 GiB.
const LARGEST_COPY: u64 = 1 << 30;

fn up_down_up(
    before: &Path,
    copy: &Path,
    (from, target): (&Schema, &Schema),
    sql: &Sql,
    keeps: bool,
) -> Result<(), Error> {
    let mut copy = backup::open(copy)?;
    let script = Script { number: 1, name: "0_trial".into(), up: sql.up.clone(), down: Some(sql.down.clone()) };
    let attach = format!("ATTACH {} AS before", crate::sql::literal(&before.display().to_string()));
    copy.batch_execute(&attach)?;
    counted(&verify::counts(&mut copy)?);
    for (direction, goal) in [(Direction::Up, target), (Direction::Down, from), (Direction::Up, target)] {
        let file = format!("{}, on your rows", direction.file());
        let failed = |why: String| Error::Rehearsal { why: format!("{file}: {why}") };
        step(&format!("trying {} on a copy", direction.file()), || {
            attempt(&mut copy, &script, direction).map_err(&failed)
        })?;
        for table in &from.tables {
            let Some(now) = goal.table(&table.name) else { continue };
            let is_back = direction == Direction::Down && keeps && (has_same_key(table, target) || is_kept(table, sql));
            let stays = |column: &&Column| {
                !column.generated
                    && (is_back
                        || target
                            .table(&table.name)
                            .and_then(|table| table.find_column(&column.name))
                            .is_some_and(|other| other.ty == column.ty && other.nullable == column.nullable))
            };
            let columns = table.columns.iter().filter(stays).filter(|column| now.find_column(&column.name).is_some());
            let compared = step(&format!("comparing {}", table.name), || value_that_differs(&mut copy, table, columns));
            if let Some(difference) = compared? {
                return Err(failed(difference));
            }
        }
    }
    Ok(())
}

/// Whether the rows of a table are found again by the key that they had.
fn has_same_key(table: &Table, target: &Schema) -> bool {
    let other = target.table(&table.name);
    let ty = |table: &Table, name: &String| table.find_column(name).map(|column| column.ty.clone());
    other.is_none_or(|other| table.primary_key.iter().all(|name| ty(table, name) == ty(other, name)))
}

/// Whether the upgrade keeps values of a table aside.
fn is_kept(table: &Table, sql: &Sql) -> bool {
    let ending = format!("_{}", table.name);
    let tokens = tokens(&sql.up).unwrap_or_default();
    tokens.iter().map(Token::name).any(|name| name.starts_with("_kept_") && name.ends_with(&ending))
}

/// Compares a table with what it was before the trial, and names the first value that is not there any more.
fn value_that_differs<'a>(
    copy: &mut SqliteConnection,
    table: &Table,
    columns: impl Iterator<Item = &'a Column>,
) -> Result<Option<String>, Error> {
    let name = quote(&table.name);
    let count = |schema: &str| format!("(SELECT count(*) FROM {schema}.{name})");
    let rows = format!("SELECT {} - {}", count("before"), count("main"));
    let lost: i64 = sql::<BigInt>(&rows).get_result(copy)?;
    if lost != 0 {
        return Ok(Some(format!(
            "table {} would have {} rows {}",
            table.name,
            lost.abs(),
            if lost > 0 { "less" } else { "more" }
        )));
    }
    let columns: Vec<_> = columns.collect();
    if columns.is_empty() {
        return Ok(None);
    }
    let quoted: Vec<_> = columns.iter().map(|column| format!("quote({})", quote(&column.name))).collect();
    let row = format!("SELECT {} FROM", quoted.join(" || ', ' || "));
    // Rows are compared as a whole, in every column that must be as it was.
    let query = format!("{row} before.{name} EXCEPT {row} main.{name} LIMIT 1");
    let missing: Option<String> = sql::<Text>(&query).get_result(copy).optional()?;
    let names: Vec<_> = columns.iter().map(|column| column.name.as_str()).collect();
    Ok(missing.map(|row| format!("table {} would no longer hold ({}) = ({row})", table.name, names.join(", "))))
}

/// Runs one way on a copy; an error in words that fit behind the file's name.
fn attempt(copy: &mut SqliteConnection, script: &Script, direction: Direction) -> Result<(), String> {
    transaction(copy, "the copy", |copy| run(copy, script, direction)).map_err(|error| match error {
        Error::Migration { statement, why, .. } => format!("{why} in: {statement}"),
        Error::ForeignKeys { count, example, .. } => {
            format!("it would leave rows without the row that they refer to; {count} in all, the first: {example}")
        }
        other => other.to_string(),
    })
}

/// A change on one line.
pub(crate) fn one_line(change: &Change) -> String {
    change.to_string().lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

pub(crate) fn empty_copy(schema: &Schema) -> Result<SqliteConnection, Error> {
    let mut copy = in_memory()?;
    // A virtual table whose module this program does not have cannot be copied, nor can a migration touch it.
    for object in schema.objects().iter().filter(|object| object.kind == ObjectKind::VirtualTable) {
        let _ = copy.batch_execute(&object.sql);
    }
    let tables = schema.tables.iter().filter_map(|table| table.stored.as_ref());
    let indexes = schema.tables.iter().flat_map(|table| &table.indexes).filter_map(|index| index.stored.as_ref());
    let objects = schema.objects().iter().filter(|object| object.kind != ObjectKind::VirtualTable);
    for text in tables.chain(indexes).chain(objects.map(|object| &object.sql)) {
        copy.batch_execute(text)?;
    }
    Ok(copy)
}

/// A database that lives as long as its connection, with the bookkeeping of migrations in it.
pub(crate) fn in_memory() -> Result<SqliteConnection, Error> {
    let failed = |error: ConnectionError| Error::Database { what: "a scratch database".into(), why: error.to_string() };
    let mut copy = SqliteConnection::establish(":memory:").map_err(failed)?;
    crate::status::prepare(&mut copy)?;
    Ok(copy)
}

/// What SQLite says of a view or trigger that cannot work. Renaming any table makes it look at all of them.
fn schema_error(connection: &mut SqliteConnection) -> Option<String> {
    let probe = "SAVEPOINT probe; CREATE TABLE _probe (a); ALTER TABLE _probe RENAME TO _probe_2;";
    let error = connection.batch_execute(probe).err().map(|error| error.to_string());
    let _ = connection.batch_execute("ROLLBACK TO probe; RELEASE probe;");
    error
}
