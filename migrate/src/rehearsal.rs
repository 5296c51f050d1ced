//! Tries migrations on copies, without rows and with them, before anyone relies on them.

mod pending;
mod stage;
mod untouched;
mod values;

use diesel::connection::SimpleConnection;
use diesel::sqlite::SqliteConnection;
use diesel::{Connection as _, ConnectionError};

pub use pending::Rehearsed;

use self::stage::Stage;
use self::values::{Claim, Rows};
use crate::introspect::sqlite::introspect;
use crate::progress::{counted, step};
use crate::render::{Options, Sql, render};
use crate::run::{Direction, run_all, transaction};
use crate::schema::{Column, ObjectKind, Schema, Table};
use crate::script::Script;
use crate::sql::{Token, tokens};
use crate::{Change, Error, Project, backup, diff, rename, verify};

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
        let failed = |why: String| Error::Rehearsal { what: "the migration".into(), why: format!("{file}: {why}") };
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

/// Runs the migration up, down and up on a copy of the real data, or of a sample. Values that it does not touch must be
/// there after up; after down every value must be back, when the upgrade keeps aside what it drops.
pub(crate) fn on_copy_of_data(
    project: &Project,
    connection: &mut SqliteConnection,
    (from, target): (&Schema, &Schema),
    sql: &Sql,
    keeps: bool,
) -> Result<(), Error> {
    if !backup::is_populated(connection)? {
        return Ok(());
    }
    let script = Script { number: 1, name: "0_trial".into(), up: sql.up.clone(), down: Some(sql.down.clone()) };
    let moved = untouched::claims(&sql.up, from, target);
    let survives = |table: &Table| moved.iter().any(|it| it.before.name == table.name && it.rows != Rows::Any);
    let claims = |direction: Direction| {
        let goal = if direction == Direction::Up { target } else { from };
        let both = from.tables.iter().filter_map(|before| Some((before, goal.table(&before.name)?)));
        let mut claims: Vec<_> =
            both.map(|(before, after)| claim(before, (after, target), direction, sql, keeps)).collect();
        match direction {
            // What only changes its name is known by the SQL.
            Direction::Up => claims.extend(moved.clone()),
            Direction::Down => claims.retain(|it| survives(it.before) || is_kept(it.before, sql)),
        }
        claims
    };
    Stage::new(project, connection)
        .and_then(|stage| try_script(&stage, &script, "the migration", |_, way, _| Ok(Ok(claims(way)))))
        .map_err(|error| match error {
            Error::CannotWrite { path, why } => Error::CannotWrite {
                path,
                why: format!("{why}; make room, or go without the trial with --no-rehearsal"),
            },
            other => other,
        })
}

/// What must be as it was in a table that is there before and after a generated migration.
fn claim<'a>(
    before: &'a Table,
    (after, target): (&Table, &Schema),
    direction: Direction,
    sql: &Sql,
    keeps: bool,
) -> Claim<'a> {
    let is_back = direction == Direction::Down && keeps && (has_same_key(before, target) || is_kept(before, sql));
    let is_same = |column: &Column| {
        let other = target.table(&before.name).and_then(|table| table.find_column(&column.name));
        other.is_some_and(|other| {
            other.ty == column.ty && other.nullable == column.nullable && other.generated == column.generated
        })
    };
    let stays = |column: &&Column| !column.generated && (is_back || is_same(column));
    let columns = before.columns.iter().filter(stays);
    let columns =
        columns.filter_map(|column| Some((column.name.clone(), after.find_column(&column.name)?.name.clone())));
    Claim { before, after: after.name.clone(), columns: columns.collect(), rows: Rows::Same }
}

/// Runs a migration up, down and up again on a copy, or up alone where it has no way down. After each way, `claims` says
/// what must be as it was before, or what is wrong already.
fn try_script<'a>(
    stage: &Stage,
    script: &Script,
    what: &str,
    mut claims: impl FnMut(&mut SqliteConnection, Direction, usize) -> Result<Result<Vec<Claim<'a>>, String>, Error>,
) -> Result<(), Error> {
    let mut copy = stage.open_copy()?;
    counted(&verify::counts(&mut copy)?);
    let ways = [Direction::Up, Direction::Down, Direction::Up];
    let ways = if script.down.is_some() { &ways[..] } else { &ways[..1] };
    for (at, way) in ways.iter().enumerate() {
        let again = if at == 2 { " once more" } else { "" };
        let failed = |why: String| Error::Rehearsal {
            what: what.to_owned(),
            why: format!("{}{again}, on your rows: {why}", way.file()),
        };
        step(&format!("trying {} on a copy", way.file()), || {
            attempt(&mut copy, script, *way).map_err(|why| if is_full(&why) { stage.full(&why) } else { failed(why) })
        })?;
        let mut claims = claims(&mut copy, *way, at)?.map_err(failed)?;
        if !stage.verify {
            claims.clear();
        }
        if let Some(difference) = values::difference(&mut copy, &stage.before(), &claims)? {
            return Err(failed(difference));
        }
    }
    Ok(())
}

fn is_full(why: &str) -> bool {
    why.contains("disk is full") || why.contains("disk I/O error")
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

/// Runs one way on a copy; an error in words that fit behind the file's name.
fn attempt(copy: &mut SqliteConnection, script: &Script, direction: Direction) -> Result<(), String> {
    transaction(copy, "the copy", |copy| run_all(copy, &[script], direction)).map_err(|error| match error {
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
    for text in schema.side_tables.iter().chain(tables).chain(indexes).chain(objects.map(|object| &object.sql)) {
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

/// A database in memory to which these migrations were applied, one after the other.
pub(crate) fn replayed(scripts: &[&Script]) -> Result<SqliteConnection, Error> {
    let mut scratch = in_memory()?;
    transaction(&mut scratch, "a scratch database", |scratch| run_all(scratch, scripts, Direction::Up))?;
    Ok(scratch)
}

/// What SQLite says of a view or trigger that cannot work. Renaming any table makes it look at all of them.
fn schema_error(connection: &mut SqliteConnection) -> Option<String> {
    let probe = "SAVEPOINT probe; CREATE TABLE _probe (a); ALTER TABLE _probe RENAME TO _probe_2;";
    let error = connection.batch_execute(probe).err().map(|error| error.to_string());
    let _ = connection.batch_execute("ROLLBACK TO probe; RELEASE probe;");
    error
}
