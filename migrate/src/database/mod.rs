//! What the library asks of a database, and the one place that knows which kinds there are.

mod backup;
mod order;
#[cfg(feature = "postgres")]
mod postgres;
mod sqlite;
mod url;

use std::collections::BTreeMap;
use std::fmt;

pub use any::{AnyConnection as Connection, MultiBackend as Backend};
pub use url::DatabaseUrl;

pub(crate) use backup::Backup;

use crate::change::Change;
use crate::error::Error;
use crate::loss::{Found, Probe};
use crate::migration::{Direction, Migration, Sql};
use crate::plan::RenderOptions;
use crate::schema::{Column, Schema, Table};

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

    /// The models as this database would read them back: types, defaults and conditions in its own form.
    fn normalize(&mut self, models: &Schema) -> Result<Schema, Error>;

    /// Writes the changes as SQL. `from` is the schema that they start from; renames among the changes are applied to
    /// it already.
    fn render(&mut self, from: &Schema, changes: &[Change], options: &RenderOptions) -> Result<Sql, Error>;

    /// Whether the conversion between two columns may lose values, so that the old ones are to be kept.
    fn loses(&self, from: &Column, to: &Column) -> bool;

    /// Counts the rows that a change would lose, convert or refuse.
    fn count(&mut self, probe: &Probe) -> Result<Found, Error>;

    /// The schemas after each of the scripts, one after the other, on an empty copy of `from`. The database stays as
    /// it is. Fails when a script does, or leaves a view or trigger that cannot work.
    fn try_scripts(&mut self, from: &Schema, scripts: &[&str]) -> Result<Vec<Schema>, Error>;

    /// Does work in one transaction that holds the write lock from its first moment, and waits for it if necessary.
    /// Nothing stays of it when the work fails.
    fn transaction(&mut self, work: &mut dyn FnMut(&mut dyn Database) -> Result<(), Error>) -> Result<(), Error>;

    /// Runs migrations and records them, or reverts and forgets them, within a [`transaction`](Self::transaction).
    /// Where `verify` is set, fails when rows, triggers or references are lost that no migration names.
    fn run(&mut self, migrations: &[&Migration], direction: Direction, verify: bool) -> Result<(), Error>;

    /// Whether it holds any table or view, those of the migrations' history included.
    fn has_tables(&mut self) -> Result<bool, Error>;

    /// Whether any table holds a row.
    fn has_rows(&mut self) -> Result<bool, Error>;

    /// The applied versions, in order, each with the checksum that was recorded; `None` where the database is not under
    /// version control.
    fn history(&mut self) -> Result<Option<Vec<Applied>>, Error>;

    /// Creates the tables of the history, if they are missing, and records each version as applied with that checksum.
    /// A version that is recorded keeps its checksum unless `replace` is set; checksums of versions that are not applied
    /// are removed.
    fn record(&mut self, applied: &[Applied], replace: bool) -> Result<(), Error>;

    /// The side tables, in order, with the number of their rows.
    fn side_tables(&mut self) -> Result<BTreeMap<String, u64>, Error>;

    /// Drops side tables so that their values are in no file of the database any more.
    fn purge(&mut self, side_tables: &[String]) -> Result<(), Error>;

    /// Copies the database, at that version, before it changes; `None` when it holds no rows.
    fn back_up(&mut self, version: u64) -> Result<Option<Backup>, Error>;

    /// A copy to rehearse migrations on: the database's own rows where `with_rows` allows it, which stay as they are.
    fn sandbox(&mut self) -> Result<Box<dyn Sandbox>, Error>;
}

/// A version that is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Applied {
    pub version: String,
    /// The checksum of its `up.sql`, where one was recorded.
    pub checksum: Option<String>,
}

/// A copy of a database, or a transaction in it that is rolled back, to rehearse migrations on.
pub(crate) trait Sandbox {
    /// What it is, for a message: `a copy of 2,000 rows`.
    fn description(&mut self) -> Result<String, Error>;

    /// The database in it.
    fn database(&mut self) -> &mut dyn Database;

    /// Remembers the rows as they are now.
    fn snapshot(&mut self) -> Result<(), Error>;

    /// How the rows differ from the snapshot, in the tables and columns that both schemas have. Each pair is a table
    /// as it was in the snapshot and as it is now; a column is compared with the column of the same position in
    /// `columns`.
    fn compare_rows(&mut self, tables: &[Compared]) -> Result<Vec<RowChange>, Error>;
}

/// A table whose rows are compared.
#[derive(Debug, Clone)]
pub(crate) struct Compared {
    pub before: Table,
    pub after: Table,
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
        let rows = crate::text::counted(self.count, "row");
        match &self.kind {
            RowChangeKind::Missing => write!(f, "{rows} of {} missing, such as {}", self.table, self.example),
            RowChangeKind::Added => write!(f, "{rows} of {} added, such as {}", self.table, self.example),
            RowChangeKind::Value(column) => {
                write!(f, "{}.{column} changed in {rows}, such as {}", self.table, self.example)
            }
        }
    }
}
