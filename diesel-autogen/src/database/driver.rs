//! What the library asks of a database.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use super::backup::Backup;
use crate::Error;
use crate::change::{Change, Rename};
use crate::error::DatabaseErrorKind;
use crate::history::{Applied, newest};
use crate::impact::Impact;
use crate::loss::{Found, Probe};
use crate::migration::{Direction, Migration, Migrations, Sql};
use crate::options::RenderOptions;
use crate::schema::{Column, Schema, Table, Type};
use crate::text::{counted, shortened};
use crate::version::Version;

/// A kind of database. It connects when it is first asked for something.
///
/// What decides which changes there are and what they lose is plain data above this trait; everything that is SQL, and
/// everything that only one engine knows, is below it.
pub(crate) trait Database {
    /// The name of the folder of its migrations: `sqlite`, `postgresql`.
    fn dialect(&self) -> &'static str;

    /// The database as messages name it.
    fn name(&self) -> String;

    /// Whether it exists.
    fn exists(&mut self) -> Result<bool, Error>;

    /// Creates it, empty, if it is missing. Returns whether this call created it: of several programs that start at
    /// once only one may remove it again.
    fn create(&mut self) -> Result<bool, Error>;

    /// Removes the database that [`create`](Self::create) made.
    fn remove(&mut self);

    /// Reads the schema, without the library's own tables and without side tables.
    fn introspect(&mut self) -> Result<Schema, Error>;

    /// Reads the schemas that the models name and the migrations create from now on, beside the current one. Returns the
    /// models with the names that their tables have in this database.
    fn include(&mut self, models: &Schema, _migrations: &Migrations) -> Result<Schema, Error> {
        Ok(models.clone())
    }

    /// What the database holds beside the current schema, which this is compared with to know that no difference is missed:
    /// each other schema as if it were the current one, and as objects that are no table what the schemas themselves have.
    fn elsewhere(&mut self) -> Result<BTreeMap<String, Schema>, Error> {
        Ok(BTreeMap::new())
    }

    /// The models as this database would read them back into `live`: types, defaults and conditions in its own form.
    fn normalize(&mut self, models: &Schema, live: &Schema) -> Result<Schema, Error>;

    /// Writes the changes as SQL. `from` is the schema that they start from; renames among the changes are applied to
    /// it already.
    fn render(&mut self, from: &Schema, changes: &[Change], options: &RenderOptions) -> Result<Sql, Error>;

    /// Writes the changes as migrations that let others use the tables meanwhile, each with a word for its name. A type
    /// that one of the statements `rewrites` a table for gets there by way of a second column.
    fn render_online(
        &mut self,
        from: &Schema,
        changes: &[Change],
        options: &RenderOptions,
        rewrites: &[String],
    ) -> Result<Vec<(&'static str, Sql)>, Error>;

    /// Whether the conversion between two columns may lose values, so that the old ones are to be kept.
    fn loses(&self, from: &Column, to: &Column) -> bool;

    /// Counts the rows that a change would lose, convert or refuse.
    fn count(&mut self, probe: &Probe) -> Result<Found, Error>;

    /// The schemas after each of the scripts, one after the other, on an empty copy of `from`. The database stays as
    /// it is, and its tables are free for others wherever a copy can be made. Fails when a script does, or leaves a view
    /// or trigger that cannot work.
    fn try_scripts(&mut self, from: &Schema, scripts: &[Script<'_>]) -> Result<Vec<Schema>, Error>;

    /// What a generated script does to those who use the tables of `from` meanwhile, statement by statement, in a
    /// database that others can use meanwhile.
    fn impacts(&mut self, _from: &Schema, _script: &Script<'_>) -> Result<Vec<Impact>, Error> {
        Ok(Vec::new())
    }

    /// The renames that a script's statements make, in order.
    fn renames(&self, script: &str) -> Vec<Rename>;

    /// The names in a script, each once.
    fn names_in(&self, script: &str) -> Vec<String>;

    /// Does work in one transaction that holds the write lock from its first moment, and waits for it if necessary.
    /// Nothing stays of it when the work fails. The work may be done again, when it failed at a lock of others.
    fn transaction(&mut self, work: &mut dyn FnMut(&mut dyn Database) -> Result<(), Error>) -> Result<(), Error>;

    /// Does work outside a transaction, or in several, while no other process is in a [`transaction`](Self::transaction)
    /// or in work of this kind, and waits for it if necessary.
    fn exclusively(&mut self, work: &mut dyn FnMut(&mut dyn Database) -> Result<(), Error>) -> Result<(), Error>;

    /// Whether a migration that asks to run outside a transaction cannot run within one here.
    fn needs_no_transaction(&self, migration: &Migration, direction: Direction) -> bool;

    /// Runs such a migration, a statement at a time, and records it, or reverts and forgets it. The statements before
    /// one that fails stay.
    fn run_alone(&mut self, migration: &Migration, direction: Direction) -> Result<(), Error>;

    /// Runs migrations and records them, or reverts and forgets them, within a [`transaction`](Self::transaction).
    /// Where `verify` is set, fails when rows, triggers or references are lost that no migration names.
    fn run(&mut self, migrations: &[&Migration], direction: Direction, verify: bool) -> Result<(), Error>;

    /// Whether it holds any table or view, those of the migrations' history included.
    fn has_tables(&mut self) -> Result<bool, Error>;

    /// Whether any table holds a row.
    fn has_rows(&mut self) -> Result<bool, Error>;

    /// The applied versions, each with the checksum that was recorded since it was applied; `None` where the database is
    /// not under version control.
    fn history(&mut self) -> Result<Option<Vec<Applied>>, Error>;

    /// Creates the tables of the history, if they are missing, and records each version as applied with that checksum.
    /// Checksums of versions that are not applied any more are removed.
    fn record(&mut self, applied: &[Applied]) -> Result<(), Error>;

    /// Reads the side tables.
    fn introspect_side_tables(&mut self) -> Result<Vec<Table>, Error>;

    /// The side tables, in order, with the number of their rows.
    fn side_tables(&mut self) -> Result<BTreeMap<String, u64>, Error>;

    /// Drops side tables so that their values are in no file of the database any more.
    fn purge(&mut self, side_tables: &[String]) -> Result<(), Error>;

    /// Copies the database, at that version, before it changes; `None` when it holds no rows, or when backups are switched
    /// off.
    fn back_up(&mut self, version: &Version) -> Result<Option<Backup>, Error>;

    /// Backs up a database that a restored one is to replace.
    fn back_up_replaced(&mut self) -> Result<Option<Backup>, Error> {
        match self.history()? {
            Some(applied) => self.back_up(&newest(&applied)),
            None if self.has_rows()? => {
                let why = "it holds rows and is not under version control: move it away first";
                Err(Error::database(&self.name(), DatabaseErrorKind::Other, why))
            }
            None => Ok(None),
        }
    }

    /// Puts a backup in the database's place, after checking that it is one of this project, and returns its version.
    /// What is in its place is backed up first. `check` returns the version of a backup, or why it is foreign.
    fn restore(&mut self, file: &Path, check: &mut Check<'_>) -> Result<Restored, Error>;

    /// A copy to rehearse migrations on, which the database does not notice: with its rows, or without where they are
    /// too many to copy.
    fn sandbox(&mut self) -> Result<Box<dyn Sandbox>, Error>;

    /// The type that the values of a column must have, without its precision; `None` where a declared type limits no
    /// value.
    fn limit(&self, column: &Column) -> Option<Type>;

    /// Does work that reads the database in one state, whatever others write meanwhile.
    fn snapshot(&mut self, work: &mut dyn FnMut(&mut dyn Database) -> Result<(), Error>) -> Result<(), Error>;

    /// Reads every row of a table. Fails at a value that has no [canonical text](super::values::canonical).
    fn read_rows(&mut self, table: &Moved, each: &mut dyn FnMut(Row) -> Result<(), Error>) -> Result<(), Error>;

    /// Does work within a [`transaction`](Self::transaction) in which an inserted row fires no trigger and may refer to
    /// a row that is inserted later. Afterwards no reference may dangle.
    fn load(&mut self, work: &mut dyn FnMut(&mut dyn Database) -> Result<(), Error>) -> Result<(), Error>;

    /// Inserts rows, within [`load`](Self::load).
    fn write_rows(&mut self, table: &Moved, rows: &[Row]) -> Result<(), Error>;

    /// The number that the newest row got in each column that the database numbers, where it is remembered.
    fn last_numbers(&mut self) -> Result<Numbers, Error>;

    /// Numbers new rows after these, and after those of the rows that exist.
    fn number_after(&mut self, last: &Numbers) -> Result<(), Error>;
}

/// A row: each value as its [canonical text](super::values::canonical), `None` for NULL.
pub(crate) type Row = Vec<Option<String>>;

/// A number for a table and a column, both in lower case.
pub(crate) type Numbers = BTreeMap<(String, String), i64>;

/// A table whose rows are moved, by the names of one database.
#[derive(Debug, Clone)]
pub(crate) struct Moved {
    pub table: String,
    /// The columns, each with the type of its values.
    pub columns: Vec<(String, Type)>,
    /// The places of the primary key's columns.
    pub key: Vec<usize>,
}

impl Moved {
    /// The error for a value, or for a whole row.
    pub fn refuse(&self, column: Option<usize>, row: &[Option<String>], why: impl Into<String>) -> Error {
        let column = column.map(|at| format!(".{}", self.columns[at].0)).unwrap_or_default();
        // A row without a key is known by its values.
        let all: Vec<_> = (0..self.columns.len()).collect();
        let places = if self.key.is_empty() { &all } else { &self.key };
        let text = |at: &usize| row[*at].clone().unwrap_or_else(|| "NULL".into());
        let pairs: Vec<_> = places.iter().map(|at| format!("{} = {}", self.columns[*at].0, text(at))).collect();
        let row = shortened(pairs.join(", "));
        Error::CannotMove { object: format!("{}{column} where {row}", self.table), why: why.into() }
    }
}

/// A script to try, with the name that an error has for it.
#[derive(Debug, Clone)]
pub(crate) struct Script<'a> {
    pub name: &'a str,
    pub sql: &'a str,
    /// The version whose side tables it creates or drops; empty where there are none.
    #[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "SQLite marks its side tables in their text"))]
    pub version: Version,
}

/// What tells whether a backup is one of this project.
pub(crate) struct Content<'a> {
    pub history: Option<Vec<Applied>>,
    /// Whether it has this library's table of checksums.
    pub has_checksums: bool,
    /// The names of its tables, without those of the history, where it cannot be opened as a database.
    pub tables: Option<Vec<String>>,
    /// The backup as a database, or one of the same kind.
    pub database: &'a mut dyn Database,
}

/// Returns the version of a backup of this project, or why it is another project's. The first argument is its name.
pub(crate) type Check<'a> = dyn FnMut(&str, Content<'_>) -> Result<Version, Error> + 'a;

/// What [`Database::restore`] did.
pub(crate) struct Restored {
    pub version: Version,
    /// The backup of what was replaced.
    pub replaced: Option<Backup>,
}

/// A copy of a database, or a transaction in it that is rolled back, to rehearse migrations on.
pub(crate) trait Sandbox {
    /// What it is, for a message: `a copy of 2,000 rows`.
    fn description(&mut self) -> Result<String, Error>;

    /// Reads the schema, as [`Database::introspect`].
    fn introspect(&mut self) -> Result<Schema, Error>;

    /// Remembers the rows as they are now.
    fn snapshot(&mut self) -> Result<(), Error>;

    /// Runs one migration in one direction.
    fn run(&mut self, migration: &Migration, direction: Direction) -> Result<(), Error>;

    /// How the rows differ from the snapshot.
    fn compare_rows(&mut self, tables: &[Compared]) -> Result<Vec<RowChange>, Error>;
}

/// A table whose rows are compared.
#[derive(Debug, Clone)]
pub(crate) struct Compared {
    pub before: Table,
    /// Its name after.
    pub after: String,
    /// Each column that is compared, by its name before and after.
    pub columns: Vec<(String, String)>,
}

/// How the rows of a table differ after a migration.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RowChange {
    /// The table, by its name before.
    pub table: String,
    /// What differs.
    pub kind: RowChangeKind,
    /// How many rows.
    pub count: u64,
    /// One of them: its key, and the value before and after.
    pub example: String,
}

/// What differs in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RowChangeKind {
    /// It is missing.
    Missing,
    /// It was added.
    Added,
    /// Its value in that column.
    Value(String),
}

impl fmt::Display for RowChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = counted(self.count, "row");
        match &self.kind {
            RowChangeKind::Missing => write!(f, "{rows} of {} missing, such as {}", self.table, self.example),
            RowChangeKind::Added => write!(f, "{rows} of {} added, such as {}", self.table, self.example),
            RowChangeKind::Value(column) => {
                write!(f, "{}.{column} changed in {rows}, such as {}", self.table, self.example)
            }
        }
    }
}
