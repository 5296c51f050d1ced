//! What a run may not add: rows that refer to a missing row, and keys that cannot be checked.
//!
//! A reference that dangles after a run may have dangled before it: in its table, or as a kept value in a side table,
//! which stands for its table. A downgrade may restore a key over such references even where no key was declared before
//! it; an upgrade that declares a new key over them is refused.

use std::collections::BTreeMap;

use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text};
use diesel::{RunQueryDsl as _, SqliteConnection};

use super::catalog::side_table_names;
use super::ddl::quote;
use super::errors::readable;
use crate::Error;
use crate::change::Rename;
use crate::error::{ConsentError, DatabaseErrorKind};
use crate::kept;
use crate::migration::Direction;
use crate::schema::{same_name, same_names};
use crate::text::{counted, literal};

/// A table and some of its columns: one of the two ends of a foreign key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct End {
    table: String,
    columns: Vec<String>,
}

/// The child's end of a key, and the parent's.
type Key = (End, End);

/// The values of a key that refer to nothing, each with the number of rows and one of them.
type Dangling = BTreeMap<String, (i64, Option<i64>)>;

/// What is wrong with the foreign keys of a database.
pub(super) struct Violations {
    dangling: Vec<(Key, Dangling)>,
    /// The tables with a key that cannot be checked, because it refers to columns that are not unique, each with what
    /// SQLite says.
    mismatches: BTreeMap<String, String>,
    tables: Tables,
}

impl Violations {
    pub fn of(connection: &mut SqliteConnection) -> Result<Self, Error> {
        let tables = Tables::of(connection)?;
        let (mut dangling, mut mismatches) = (Vec::new(), BTreeMap::new());
        for table in tables.all.keys() {
            let query = format!("SELECT DISTINCT fkid FROM pragma_foreign_key_check({})", literal(table));
            match sql::<Integer>(&query).load::<i32>(connection) {
                Ok(violated) if violated.is_empty() => {}
                Ok(violated) => {
                    let keys = keys(connection, table)?.into_iter().filter(|(id, _)| violated.contains(id));
                    for (_, (child, parent)) in keys {
                        let values = tables.dangling(connection, &child, std::slice::from_ref(&parent))?;
                        dangling.push(((child, parent), values));
                    }
                }
                Err(error) => match (error.to_string(), Error::from(error)) {
                    (why, error) if error.kind() == Some(DatabaseErrorKind::ForeignKeyMismatch) => {
                        mismatches.insert(table.clone(), why);
                    }
                    (_, error) => drop(readable::<()>(Err(error))?),
                },
            }
        }
        // A side table of a table that a later migration has dropped waits until it is restored.
        dangling.retain(|((child, parent), _)| {
            tables.owner(&child.table).is_none() || tables.find(&parent.table).is_some()
        });
        Ok(Self { dangling, mismatches, tables })
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
        let tables = Tables::of(connection)?;
        if direction == Direction::Down {
            // A downgrade may lead back to a key that cannot be checked: an upgrade could not mend it otherwise.
            self.mismatches.clear();
            self.dangling.retain(|((_, parent), _)| self.tables.find(&parent.table).is_some());
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
        let mut earlier: BTreeMap<Key, (Dangling, bool)> = BTreeMap::new();
        let (mut new, mut restored) = (Vec::new(), Vec::new());
        for (key, values) in &self.dangling {
            let family = (self.tables.family(&key.0), self.tables.family(&key.1));
            if !earlier.contains_key(&family) {
                let before = (tables.before(&family.0, renames), tables.before(&family.1, renames));
                earlier.insert(family.clone(), tables.earlier(connection, &before, direction)?);
            }
            let Some((before, is_declared)) = earlier.get_mut(&family) else { continue };
            for (value, (count, row)) in values {
                let rest = before.get(value).map_or(0, |(rest, _)| *rest);
                let covered = rest.min(*count);
                before.insert(value.clone(), (rest - covered, None));
                new.push((count - covered, key, *row));
                restored.push((if *is_declared { 0 } else { covered }, key, *row));
            }
        }
        match described(&new, "would refer to a missing row of another table") {
            Some(why) => Err(lost(why)),
            None => Ok(described(&restored, "already referred to a missing row of another table before the downgrade")),
        }
    }
}

/// The rows in a sentence, with one of them; `None` where there are none.
fn described(rows: &[(i64, &Key, Option<i64>)], verb: &str) -> Option<String> {
    let first = |(_, (child, _), row): &&(i64, &Key, Option<i64>)| (child.table.clone(), *row);
    let (_, (child, parent), row) = rows.iter().filter(|(count, ..)| *count > 0).min_by_key(first)?;
    let row = row.map_or_else(String::new, |row| format!(" with rowid {row}"));
    let total = rows.iter().map(|(count, ..)| count.unsigned_abs()).sum();
    Some(format!("{} {verb}, such as {}{row}, to {}", counted(total, "row"), child.table, parent.table))
}

/// The foreign keys of a table, each with its number.
fn keys(connection: &mut SqliteConnection, table: &str) -> Result<Vec<(i32, Key)>, Error> {
    let query = format!(
        "SELECT id, \"table\", \"from\", coalesce(\"to\", (SELECT name FROM pragma_table_info(k.\"table\") WHERE pk = seq + 1)) \
         FROM pragma_foreign_key_list({}) k ORDER BY id, seq",
        literal(table)
    );
    let rows: Vec<(i32, String, String, Option<String>)> =
        sql::<(Integer, Text, Text, Nullable<Text>)>(&query).load(connection)?;
    let end = |table: &str| End { table: table.to_owned(), columns: Vec::new() };
    let mut keys: Vec<(i32, Key)> = Vec::new();
    for (id, parent, column, referenced) in rows {
        if keys.last().is_none_or(|(last, _)| *last != id) {
            keys.push((id, (end(table), end(&parent))));
        }
        if let Some((_, (child, parent))) = keys.last_mut() {
            child.columns.push(column);
            parent.columns.extend(referenced);
        }
    }
    Ok(keys)
}

/// The tables of a database.
struct Tables {
    /// The columns of each, and whether it has no rowid.
    all: BTreeMap<String, (Vec<String>, bool)>,
    side_tables: Vec<String>,
}

impl Tables {
    fn of(connection: &mut SqliteConnection) -> Result<Self, Error> {
        let query = "SELECT t.name, c.name, t.wr FROM pragma_table_list t, pragma_table_xinfo(t.name) c \
             WHERE t.schema = 'main' AND t.type = 'table'";
        let mut all: BTreeMap<String, (Vec<String>, bool)> = BTreeMap::new();
        for (table, column, has_no_rowid) in
            sql::<(Text, Text, Bool)>(query).load::<(String, String, bool)>(connection)?
        {
            let table = all.entry(table).or_default();
            table.0.push(column);
            table.1 = has_no_rowid;
        }
        Ok(Self { all, side_tables: side_table_names(connection)? })
    }

    fn find(&self, name: &str) -> Option<&(Vec<String>, bool)> {
        self.all.iter().find(|(table, _)| same_name(table, name)).map(|(_, found)| found)
    }

    /// The version and the table of a side table.
    fn owner<'a>(&self, name: &'a str) -> Option<(&'a str, &'a str)> {
        kept::parts(name).filter(|_| self.side_tables.iter().any(|side| same_name(side, name)))
    }

    /// The end in lower case, a side table as the table that it stands for.
    fn family(&self, end: &End) -> End {
        let table = self.owner(&end.table).map_or(end.table.as_str(), |(_, owner)| owner).to_ascii_lowercase();
        End { table, columns: end.columns.iter().map(|column| column.to_ascii_lowercase()).collect() }
    }

    /// The end in this database, before these renames; as it is where no table has such a name.
    fn before(&self, end: &End, renames: &[Rename]) -> End {
        self.renamed(end, renames).unwrap_or_else(|| end.clone())
    }

    /// A rebuild gives a new table a name that was there already: then the rename is none.
    fn renamed(&self, end: &End, renames: &[Rename]) -> Option<End> {
        let Some((last, earlier)) = renames.split_last() else { return self.find(&end.table).map(|_| end.clone()) };
        let mut old = end.clone();
        match last {
            Rename::Table { from, to } if same_name(to, &end.table) => {
                old.table = from.to_ascii_lowercase();
                return self.renamed(&old, earlier).or_else(|| self.renamed(end, earlier));
            }
            Rename::Column { table, from, to } if same_name(table, &end.table) => {
                old.columns
                    .iter_mut()
                    .filter(|name| same_name(name, to))
                    .for_each(|name| *name = from.to_ascii_lowercase());
            }
            _ => {}
        }
        self.renamed(&old, earlier)
    }

    /// The table of an end and its side tables, where they have its columns.
    fn all_of(&self, end: &End) -> Vec<End> {
        let is_own = |name: &&String| {
            same_name(name, &end.table) || self.owner(name).is_some_and(|(_, own)| same_name(own, &end.table))
        };
        let ends =
            self.all.keys().filter(is_own).map(|table| End { table: table.clone(), columns: end.columns.clone() });
        ends.filter(|end| self.has_columns(end)).collect()
    }

    fn has_columns(&self, end: &End) -> bool {
        let has = |(columns, _): &(Vec<String>, bool)| {
            end.columns.iter().all(|name| columns.iter().any(|own| same_name(own, name)))
        };
        self.find(&end.table).is_some_and(has)
    }

    /// The values of a key that refer to nothing, side tables included, and whether the key is declared. Before an
    /// upgrade, only a key that is declared counts.
    fn earlier(
        &self,
        connection: &mut SqliteConnection,
        (child, parent): &Key,
        direction: Direction,
    ) -> Result<(Dangling, bool), Error> {
        let (parents, mut all, mut any_declared) = (self.all_of(parent), Dangling::new(), false);
        for end in self.all_of(child) {
            let is_same = |(_, (from, to)): &(i32, Key)| {
                let to = self.family(to);
                same_names(&from.columns, &child.columns)
                    && to.table == parent.table
                    && (to.columns.is_empty() || to.columns == parent.columns)
            };
            let is_declared = keys(connection, &end.table)?.iter().any(is_same);
            any_declared |= is_declared;
            if is_declared || direction == Direction::Down {
                for (value, (count, _)) in self.dangling(connection, &end, &parents)? {
                    all.entry(value).or_default().0 += count;
                }
            }
        }
        Ok((all, any_declared))
    }

    /// The values that refer to a row of none of the parents. As a foreign key does, the comparison converts a value to
    /// the type of the parent's column.
    fn dangling(&self, connection: &mut SqliteConnection, child: &End, parents: &[End]) -> Result<Dangling, Error> {
        let has_no_rowid = self.find(&child.table).is_none_or(|(_, has_no_rowid)| *has_no_rowid);
        let column = |name: &String| format!("child.{}", quote(name));
        let columns: Vec<_> = child.columns.iter().map(column).collect();
        let mut conditions: Vec<_> = columns.iter().map(|column| format!("{column} IS NOT NULL")).collect();
        for parent in parents.iter().filter(|parent| self.has_columns(parent)) {
            let equal =
                parent.columns.iter().zip(&columns).map(|(own, column)| format!("parent.{} = +{column}", quote(own)));
            let equal = equal.collect::<Vec<_>>().join(" AND ");
            conditions.push(format!("NOT EXISTS (SELECT 1 FROM {} AS parent WHERE {equal})", quote(&parent.table)));
        }
        let values: Vec<_> = columns.iter().map(|column| format!("hex({column})")).collect();
        let query = format!(
            "SELECT {}, count(*), {} FROM {} AS child WHERE {} GROUP BY 1",
            values.join(" || ' ' || "),
            if has_no_rowid { "CAST(NULL AS BIGINT)" } else { "min(child.rowid)" },
            quote(&child.table),
            conditions.join(" AND ")
        );
        let found: Vec<(String, i64, Option<i64>)> =
            sql::<(Text, BigInt, Nullable<BigInt>)>(&query).load(connection)?;
        Ok(found.into_iter().map(|(value, count, row)| (value, (count, row))).collect())
    }
}
