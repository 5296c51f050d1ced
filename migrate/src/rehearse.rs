//! Tries a generated migration, up and down, before anyone relies on it.

use diesel::connection::SimpleConnection;
use diesel::sqlite::SqliteConnection;
use diesel::{Connection as _, ConnectionError};

use crate::introspect::sqlite::introspect;
use crate::render::{Options, Sql, render};
use crate::run::{Direction, run, transaction};
use crate::schema::{ObjectKind, Schema};
use crate::script::Script;
use crate::{Change, Error, diff};

/// Works out the migration from a live schema to another, and tries it, up and down, on an empty copy.
///
/// # Errors
///
/// [`Error::CannotExpress`] on a difference that has no safe SQL, [`Error::Rehearsal`] when the trial fails, because a
/// view or trigger needs what goes, for example.
pub fn compare(from: &Schema, to: &Schema, options: &Options) -> Result<(Vec<Change>, Sql), Error> {
    let changes = diff(from, to);
    let sql = render(from, &changes, options)?;
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
        let word = if direction == Direction::Up { "up.sql" } else { "down.sql" };
        let failed = |why: String| Error::Rehearsal { why: format!("{word}: {why}") };
        transaction(&mut copy, "the copy", |copy| run(copy, &script, direction)).map_err(|error| match error {
            Error::Migration { statement, why, .. } => failed(format!("{why} in: {statement}")),
            other => failed(other.to_string()),
        })?;
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

/// A change on one line.
pub(crate) fn one_line(change: &Change) -> String {
    change.to_string().lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

fn empty_copy(schema: &Schema) -> Result<SqliteConnection, Error> {
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
    crate::versioning::prepare(&mut copy)?;
    Ok(copy)
}

/// What SQLite says of a view or trigger that cannot work. Renaming any table makes it look at all of them.
fn schema_error(connection: &mut SqliteConnection) -> Option<String> {
    let probe = "SAVEPOINT probe; CREATE TABLE _probe (a); ALTER TABLE _probe RENAME TO _probe_2;";
    let error = connection.batch_execute(probe).err().map(|error| error.to_string());
    let _ = connection.batch_execute("ROLLBACK TO probe; RELEASE probe;");
    error
}
