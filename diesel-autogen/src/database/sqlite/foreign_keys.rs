//! What a run may not add: rows that refer to a missing row, and keys that cannot be checked.
//!
//! A reference that dangles after a run may have dangled before it: in its table, or as a kept value in a side table,
//! which stands for its table. A downgrade may restore a key over such references even where no key was declared before
//! it; an upgrade that declares a new key over them is refused.

use std::collections::BTreeMap;

use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::{RunQueryDsl as _, SqliteConnection};

use super::catalog::{number, side_table_names, texts};
use super::ddl::create_table::CreateTable;
use super::ddl::quote;
use super::errors::readable;
use super::introspect;
use crate::Error;
use crate::change::Rename;
use crate::error::{ConsentError, DatabaseErrorKind};
use crate::kept;
use crate::migration::Direction;
use crate::schema::{Schema, Table, same_name, same_names};
use crate::text::{counted, literal};

/// One of the two ends of a foreign key: a table, which a side table stands for, and its columns.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct End(String, Vec<String>);

/// The values of a key that refer to nothing, each with the number of rows and one of them.
type Dangling = BTreeMap<String, (i64, Option<i64>)>;

/// What is wrong with the foreign keys of a database.
#[derive(Default)]
pub(super) struct Violations {
    /// Child and parent of each key, and the names of the tables as a message has them.
    dangling: Vec<(End, End, (String, String), Dangling)>,
    /// The tables with a key that cannot be checked, because it refers to columns that are not unique, each with what
    /// SQLite says.
    mismatches: BTreeMap<String, String>,
    tables: Tables,
}

impl Violations {
    pub fn of(connection: &mut SqliteConnection) -> Result<Self, Error> {
        let (mut all, mut violated) = (Self::default(), Vec::new());
        for table in texts(connection, "SELECT name FROM sqlite_master WHERE type = 'table'")? {
            let query = format!("SELECT EXISTS (SELECT 1 FROM pragma_foreign_key_check({}))", literal(&table));
            match number(connection, &query) {
                Ok(0) => {}
                Ok(_) => violated.push(table),
                Err(error) if error.kind() == Some(DatabaseErrorKind::ForeignKeyMismatch) => {
                    all.mismatches.insert(table, error.cause());
                }
                Err(error) => drop(readable::<()>(Err(error))?),
            }
        }
        if violated.is_empty() && all.mismatches.is_empty() {
            return Ok(all);
        }
        all.tables = Tables::of(connection)?;
        for table in all.tables.schema.tables.iter().filter(|table| violated.contains(&table.name)) {
            for key in &table.foreign_keys {
                let parent = all.tables.schema.table(&key.table);
                // A side table of a table that a later migration has dropped waits until it is restored.
                if parent.is_none() && all.tables.owner(&table.name).is_some() {
                    continue;
                }
                let parents: Vec<_> = parent.into_iter().collect();
                let found = dangling(connection, (table, &key.columns), (&parents, &key.references))?;
                let (child, parent) =
                    (all.tables.end(&table.name, &key.columns), all.tables.end(&key.table, &key.references));
                all.dangling.push((child, parent, (table.name.clone(), key.table.clone()), found));
            }
        }
        Ok(all)
    }

    pub fn is_empty(&self) -> bool {
        self.dangling.is_empty() && self.mismatches.is_empty()
    }

    /// Fails when something is wrong that was not wrong before the run: `connection` is in the state before it. `lost`
    /// is the error for a reason. Returns which rows dangle under a key that was not declared there, in plain words.
    pub fn require_none_since(
        mut self,
        connection: &mut SqliteConnection,
        renames: &[Rename],
        direction: Direction,
        lost: &dyn Fn(String) -> Error,
    ) -> Result<Option<String>, Error> {
        if direction == Direction::Down {
            // A downgrade may lead back to a key that cannot be checked: an upgrade could not mend it otherwise.
            self.mismatches.clear();
            self.dangling.retain(|(_, _, (_, parent), _)| self.tables.schema.table(parent).is_some());
        } else if !self.mismatches.is_empty() {
            let before = Self::of(connection)?.mismatches;
            self.mismatches.retain(|table, _| !before.contains_key(table));
        }
        if let Some((table, why)) = self.mismatches.first_key_value() {
            return Err(match self.tables.owner(table) {
                Some((version, owner)) => ConsentError::Purge { version: version.into(), table: owner.into() }.into(),
                None => lost(format!("{why}: a foreign key must refer to a primary key or to unique columns")),
            });
        }
        let (tables, mut earlier) = (Tables::of(connection)?, BTreeMap::new());
        let (mut new, mut restored) = (Vec::new(), Vec::new());
        for (child, parent, names, values) in &self.dangling {
            let key = (child.clone(), parent.clone());
            if !earlier.contains_key(&key) {
                let ends = (tables.before(child, renames), tables.before(parent, renames));
                earlier.insert(key.clone(), tables.dangling(connection, &ends, direction)?);
            }
            let Some((before, is_declared)) = earlier.get_mut(&key) else { continue };
            for (value, (count, row)) in values {
                let covered = before.get(value).map_or(0, |(rest, _)| *rest).min(*count);
                before.entry(value.clone()).and_modify(|(rest, _)| *rest -= covered);
                new.push((names, *row, count - covered));
                restored.push((names, *row, if *is_declared { 0 } else { covered }));
            }
        }
        match described(&new, "would refer to a missing row of another table") {
            Some(why) => Err(lost(why)),
            None => Ok(described(&restored, "already referred to a missing row of another table before the downgrade")),
        }
    }
}

/// How many rows do so, in a sentence, with the first of them; `None` where none do.
fn described(rows: &[(&(String, String), Option<i64>, i64)], verb: &str) -> Option<String> {
    let ((child, parent), row, _) = rows.iter().filter(|(.., count)| *count > 0).min()?;
    let row = row.map_or_else(String::new, |row| format!(" with rowid {row}"));
    let total = rows.iter().map(|(.., count)| count.unsigned_abs()).sum();
    Some(format!("{} {verb}, such as {child}{row}, to {parent}", counted(total, "row")))
}

/// The tables of a database, side tables included.
#[derive(Default)]
struct Tables {
    schema: Schema,
    side_tables: Vec<String>,
}

impl Tables {
    fn of(connection: &mut SqliteConnection) -> Result<Self, Error> {
        Ok(Self { schema: introspect::read(connection, &[])?, side_tables: side_table_names(connection)? })
    }

    /// The version and the table of a side table.
    fn owner<'a>(&self, name: &'a str) -> Option<(&'a str, &'a str)> {
        kept::parts(name).filter(|_| self.side_tables.iter().any(|side| same_name(side, name)))
    }

    fn end(&self, table: &str, columns: &[String]) -> End {
        let table = self.owner(table).map_or(table, |(_, owner)| owner);
        End(table.to_ascii_lowercase(), columns.iter().map(|column| column.to_ascii_lowercase()).collect())
    }

    /// The names of an end in this database, before these renames; as they are where it has no such table.
    fn before(&self, end: &End, renames: &[Rename]) -> End {
        let mut end = self.renamed(end, renames).unwrap_or_else(|| end.clone());
        // A key that names no columns of a table which is missing now referred to its primary key.
        if let Some(table) = self.schema.table(&end.0).filter(|_| end.1.is_empty()) {
            end.1.extend(table.primary_key.iter().map(|name| name.to_ascii_lowercase()));
        }
        end
    }

    /// A rebuild gives its new table a name that was there already, which is no rename.
    fn renamed(&self, end: &End, renames: &[Rename]) -> Option<End> {
        let Some((last, earlier)) = renames.split_last() else {
            return self.schema.table(&end.0).map(|_| end.clone());
        };
        let mut old = end.clone();
        match last {
            Rename::Table { from, to } if same_name(to, &end.0) => {
                old.0 = from.to_ascii_lowercase();
                return self.renamed(&old, earlier).or_else(|| self.renamed(end, earlier));
            }
            Rename::Column { table, from, to } if same_name(table, &end.0) => {
                for name in old.1.iter_mut().filter(|name| same_name(name, to)) {
                    *name = from.to_ascii_lowercase();
                }
            }
            _ => {}
        }
        self.renamed(&old, earlier)
    }

    /// The table of an end and its side tables, where they have the columns.
    fn all_of(&self, end: &End) -> Vec<&Table> {
        let is_one = |table: &&Table| {
            let owner = self.owner(&table.name).map_or(table.name.as_str(), |(_, owner)| owner);
            same_name(owner, &end.0) && end.1.iter().all(|column| table.find_column(column).is_some())
        };
        self.schema.tables.iter().filter(is_one).collect()
    }

    /// The values of a key that refer to nothing, in its table and its side tables, and whether any of them declares it.
    /// Before an upgrade, one that does not is left out.
    fn dangling(
        &self,
        connection: &mut SqliteConnection,
        (child, parent): &(End, End),
        direction: Direction,
    ) -> Result<(Dangling, bool), Error> {
        let (parents, mut all, mut is_declared) = (self.all_of(parent), Dangling::new(), false);
        for table in self.all_of(child) {
            let declares = table.foreign_keys.iter().any(|key| {
                let End(to, references) = self.end(&key.table, &key.references);
                same_names(&key.columns, &child.1)
                    && to == parent.0
                    && (references.is_empty() || references == parent.1)
            });
            is_declared |= declares;
            if declares || direction == Direction::Down {
                for (value, (count, _)) in dangling(connection, (table, &child.1), (&parents, &parent.1))? {
                    all.entry(value).or_default().0 += count;
                }
            }
        }
        Ok((all, is_declared))
    }
}

/// The values in these columns of a table that refer to a row of none of the parents. As in a foreign key, a value is
/// converted to the type of the parent's column.
fn dangling(
    connection: &mut SqliteConnection,
    (table, columns): (&Table, &[String]),
    (parents, references): (&[&Table], &[String]),
) -> Result<Dangling, Error> {
    let columns: Vec<_> = columns.iter().map(|name| format!("child.{}", quote(name))).collect();
    let mut conditions: Vec<_> = columns.iter().map(|column| format!("{column} IS NOT NULL")).collect();
    for parent in parents {
        let pairs = references.iter().zip(&columns);
        let equal = pairs.map(|(own, column)| format!("parent.{} = +{column}", quote(own))).collect::<Vec<_>>();
        let (parent, equal) = (quote(&parent.name), equal.join(" AND "));
        conditions.push(format!("NOT EXISTS (SELECT 1 FROM {parent} AS parent WHERE {equal})"));
    }
    let has_rowid = !CreateTable::parse(table.stored.as_deref().unwrap_or_default())?.is_without_rowid();
    let query = format!(
        "SELECT {}, count(*), {} FROM {} AS child WHERE {} GROUP BY 1",
        columns.iter().map(|column| format!("hex({column})")).collect::<Vec<_>>().join(" || ' ' || "),
        if has_rowid { "min(child.rowid)" } else { "NULL" },
        quote(&table.name),
        conditions.join(" AND ")
    );
    let found: Vec<(String, i64, Option<i64>)> = sql::<(Text, BigInt, Nullable<BigInt>)>(&query).load(connection)?;
    Ok(found.into_iter().map(|(value, count, row)| (value, (count, row))).collect())
}
