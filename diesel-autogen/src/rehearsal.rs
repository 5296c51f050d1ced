//! Rehearsal: runs migrations up, down and up again where they can do no harm, and compares schemas and rows.

use std::fmt;

use crate::Error;
use crate::change::{Change, Rename};
use crate::database::{Compared, Database, RowChange, Sandbox, Script};
use crate::diff::diff;
use crate::kept::{self, IsLossy};
use crate::migration::{Direction, Migration, Sql};
use crate::options::RenderOptions;
use crate::schema::{Column, Schema, Table, same_name};
use crate::version::Version;

/// The migrations that were rehearsed, and on what. It prints a line for each, and a line for each change in the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rehearsal {
    /// The migrations.
    pub migrations: Vec<Rehearsed>,
    /// What they were rehearsed on: `a copy of 2,000 rows`.
    pub on: String,
}

/// A migration that was rehearsed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rehearsed {
    /// Its name.
    pub name: String,
    /// Whether it was reverted and applied again: it has a `down.sql`.
    pub is_reversible: bool,
    /// What `up.sql` changed in the rows, in the tables and columns that exist before and after.
    pub changed: Vec<RowChange>,
    /// What differed in the rows after `down.sql`.
    pub not_restored: Vec<RowChange>,
}

impl fmt::Display for Rehearsal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.migrations.is_empty() {
            return f.write_str("No migration is pending: there is nothing to rehearse");
        }
        for (at, migration) in self.migrations.iter().enumerate() {
            let (end, on) = (if at == 0 { "" } else { "\n" }, &self.on);
            let (both, one) = ("up, down and up again", "up only, because it has no down.sql");
            let ways = if migration.is_reversible { both } else { one };
            write!(f, "{end}Rehearsed {}: {ways}, on {on}", migration.name)?;
            migration.changed.iter().try_for_each(|change| write!(f, "\n  up.sql: {change}"))?;
            migration.not_restored.iter().try_for_each(|change| write!(f, "\n  not restored by down.sql: {change}"))?;
        }
        Ok(())
    }
}

/// Runs a generated migration up and down on an empty copy of the schema that it starts from. Up must lead to `target`,
/// down back to `from`, and every view and trigger must still work.
pub(crate) fn on_schema(
    db: &mut dyn Database,
    (from, target): (&Schema, &Schema),
    sql: &Sql,
    options: &RenderOptions,
) -> Result<(), Error> {
    let version = options.keep.clone().map(Version::recorded).unwrap_or_default();
    let script = |name, sql| Script { name, sql, version: version.clone() };
    let scripts = [script("up.sql", sql.up.as_str()), script("down.sql", sql.down.as_str())];
    let reached = db.try_scripts(from, &scripts).map_err(|error| match error {
        Error::Statement { migration: file, statement, source } => {
            Error::Rehearsal { migration: PLANNED.into(), why: format!("{file}: {source} in: {statement}") }
        }
        other => other,
    })?;
    for ((script, reached), goal) in scripts.iter().zip(&reached).zip([target, from]) {
        if let Some(change) = diff(reached, goal).first() {
            let why = format!(
                "after {} the schema is not as expected; a migration between them {}",
                script.name,
                change.summary()
            );
            return Err(Error::Rehearsal { migration: PLANNED.into(), why });
        }
    }
    Ok(())
}

pub(crate) const PLANNED: &str = "the migration";

/// Runs a generated migration up, down and up again in a sandbox. Values that it does not change must be there after
/// up; after down every value must be restored where the upgrade keeps what it drops and converts.
pub(crate) fn on_rows(
    sandbox: &mut dyn Sandbox,
    migration: &Migration,
    (from, target): (&Schema, &Schema),
    changes: &[Change],
    keeps: Option<IsLossy<'_>>,
) -> Result<(), Error> {
    sandbox.snapshot()?;
    let renames: Vec<_> = changes.iter().filter_map(Change::rename).collect();
    for direction in [Direction::Up, Direction::Down, Direction::Up] {
        sandbox.run(migration, direction).map_err(|error| in_sandbox(PLANNED, direction, error))?;
        let compared = from.tables.iter().filter_map(|table| expected(table, direction, target, &renames, keeps));
        let compared: Vec<_> = compared.collect();
        if let Some(change) = sandbox.compare_rows(&compared)?.first() {
            let why = format!("after {}, {change}", direction.file());
            return Err(Error::Rehearsal { migration: PLANNED.into(), why });
        }
    }
    Ok(())
}

fn in_sandbox(migration: &str, direction: Direction, error: Error) -> Error {
    let on_rows = |why: String| Error::Rehearsal {
        migration: migration.to_owned(),
        why: format!("{}, on the rows: {why}", direction.file()),
    };
    match error {
        Error::Statement { statement, source, .. } => on_rows(format!("{source} in: {statement}")),
        Error::Invariant { why, .. } => on_rows(why),
        other => other,
    }
}

/// What must be equal in a table before a generated migration and after one of its directions.
fn expected(
    before: &Table,
    direction: Direction,
    target: &Schema,
    renames: &[&Rename],
    keeps: Option<IsLossy<'_>>,
) -> Option<Compared> {
    let new_table = renames.iter().find_map(|rename| match rename {
        Rename::Table { from, to } if same_name(from, &before.name) => Some(to),
        _ => None,
    });
    let name = new_table.unwrap_or(&before.name);
    let new_column = |column: &str| {
        let found = renames.iter().find_map(|rename| match rename {
            Rename::Column { table, from, to } if same_name(table, name) && same_name(from, column) => Some(to.clone()),
            _ => None,
        });
        found.unwrap_or_else(|| column.to_owned())
    };
    let after = target.table(name);
    let is_same = |column: &Column| {
        let other = after.and_then(|table| table.find_column(&new_column(&column.name)));
        other.is_some_and(|other| {
            other.ty == column.ty
                && other.nullable == column.nullable
                && other.generated == column.generated
                && other.storage.zip(column.storage).is_none_or(|(new, old)| new == old)
        })
    };
    let is_restored = match (keeps, after) {
        _ if direction == Direction::Up => false,
        (None, _) => false,
        (Some(_), None) => true,
        (Some(is_lossy), Some(after)) => kept::key(&in_new_names(before, &new_column), after, is_lossy).is_some(),
    };
    if direction == Direction::Down && after.is_none() && !is_restored {
        return None;
    }
    let stays = |column: &&Column| !column.generated && (is_restored || is_same(column));
    let columns = before.columns.iter().filter(stays).map(|column| &column.name);
    if direction == Direction::Down {
        let columns = columns.map(|name| (name.clone(), name.clone())).collect();
        return Some(Compared { before: before.clone(), after: before.name.clone(), columns });
    }
    let after = after?;
    let columns = columns.map(|name| (name.clone(), new_column(name))).collect();
    Some(Compared { before: before.clone(), after: after.name.clone(), columns })
}

fn in_new_names(table: &Table, new_column: &dyn Fn(&str) -> String) -> Table {
    let mut table = table.clone();
    table.columns.iter_mut().for_each(|column| column.name = new_column(&column.name));
    table.primary_key.iter_mut().for_each(|name| *name = new_column(name));
    let columns = table.indexes.iter_mut().flat_map(|index| &mut index.columns);
    columns.for_each(|column| column.name = new_column(&column.name));
    table
}

/// Runs a generated or hand-written migration up, down and up again in a sandbox, and reports what it changes in the rows.
/// Down must lead back to the schema before, and up to the same schema each time.
pub(crate) fn report(sandbox: &mut dyn Sandbox, migration: &Migration) -> Result<Rehearsed, Error> {
    let name = &migration.name;
    sandbox.snapshot()?;
    let before = sandbox.introspect()?;
    let run = |sandbox: &mut dyn Sandbox, direction| {
        sandbox.run(migration, direction).map_err(|error| in_sandbox(name, direction, error))?;
        sandbox.introspect()
    };
    let compare = |sandbox: &mut dyn Sandbox, after: &Schema| {
        let both = before.tables.iter().filter_map(|table| common(table, after.table(&table.name)?));
        sandbox.compare_rows(&both.collect::<Vec<_>>())
    };
    let require = |reached: &Schema, goal: &Schema, which: &str| match diff(reached, goal).first() {
        None => Ok(()),
        Some(change) => {
            let why = format!("after {which}; a migration between them {}", change.summary());
            Err(Error::Rehearsal { migration: name.clone(), why })
        }
    };
    let reached = run(sandbox, Direction::Up)?;
    let changed = compare(sandbox, &reached)?;
    let is_reversible = migration.down.is_some();
    let mut not_restored = Vec::new();
    if is_reversible {
        let back = run(sandbox, Direction::Down)?;
        require(&back, &before, "down.sql the schema is not the one before up.sql")?;
        not_restored = compare(sandbox, &back)?;
        let again = run(sandbox, Direction::Up)?;
        require(&again, &reached, "the second up.sql the schema is not the one after the first")?;
    }
    Ok(Rehearsed { name: name.clone(), is_reversible, changed, not_restored })
}

/// All columns that a table has before and after.
fn common(before: &Table, after: &Table) -> Option<Compared> {
    let both = before.columns.iter().filter(|column| !column.generated);
    let both = both.filter_map(|column| Some((column.name.clone(), after.find_column(&column.name)?.name.clone())));
    let columns: Vec<_> = both.collect();
    (!columns.is_empty()).then(|| Compared { before: before.clone(), after: after.name.clone(), columns })
}
