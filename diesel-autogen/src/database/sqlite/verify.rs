//! What must hold before a run is committed, for migrations written by hand too:
//!
//! - A table that the SQL does not name holds no fewer rows.
//! - A table that was rebuilt holds no fewer rows, unless the SQL selects rows, and passes `quick_check`.
//! - A trigger exists as long as its table does, unless the SQL names it.
//! - No row has lost the row that it refers to.
//!
//! A table keeps its root page when it is renamed, and gets another one when it is rebuilt, unless it is dropped first:
//! then it may get the same.

use std::collections::{BTreeMap, BTreeSet};

use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::{RunQueryDsl as _, SqliteConnection};

use super::catalog::Catalog as _;
use super::ddl::{Token, mentions, statements, tokens};
use super::errors::readable;
use crate::Error;
use crate::error::{ConsentError, DatabaseErrorKind};
use crate::kept;
use crate::migration::Direction;
use crate::schema::same_name;
use crate::text::{counted, literal};

/// What was there before a run.
pub(super) struct Invariants {
    /// The number of rows of each table.
    pub rows: BTreeMap<String, u64>,
    root_pages: BTreeMap<String, i64>,
    /// Each trigger with its table.
    triggers: Vec<(String, String)>,
}

impl Invariants {
    pub fn of(connection: &mut SqliteConnection) -> Result<Self, Error> {
        let (rows, root_pages) = (connection.row_counts()?, root_pages(connection)?);
        Ok(Self { rows, root_pages, triggers: triggers(connection)? })
    }

    /// Why a run of these texts may not be committed.
    pub fn violated(&self, connection: &mut SqliteConnection, texts: &[&str]) -> Result<Option<String>, Error> {
        let (rows, pages) = (connection.row_counts()?, root_pages(connection)?);
        let is_mentioned = |name: &str| texts.iter().any(|text| mentions(text, name));
        let side_tables = connection.side_table_names()?;
        // A side table follows its table.
        let is_followed = |name: &String| {
            side_tables.contains(name) && kept::parts(name).is_some_and(|(_, owner)| is_mentioned(owner))
        };
        let is_named = |name: &String| is_mentioned(name) || is_followed(name);
        let selects = texts.iter().any(|text| selects_rows(text));
        for (table, before) in &self.rows {
            let after = rows.get(table).copied().unwrap_or(0);
            let is_rebuilt = pages.get(table).is_some_and(|page| {
                Some(page) != self.root_pages.get(table) || texts.iter().any(|text| drops(text, table))
            });
            if after < *before && (!is_named(table) || is_rebuilt && !selects) {
                let how = if is_rebuilt { "after it was rebuilt" } else { "though no migration names it" };
                return Ok(Some(format!("table {table} would hold {after} of its {} {how}", counted(*before, "row"))));
            }
            if is_rebuilt && let Some(why) = damage(connection, table)? {
                return Ok(Some(format!("table {table} is damaged: {why}")));
            }
        }
        let now = triggers(connection)?;
        let is_lost = |(trigger, table): &&(String, String)| {
            !now.iter().any(|(name, _)| same_name(name, trigger)) && pages.contains_key(table) && !is_named(trigger)
        };
        Ok(self.triggers.iter().find(is_lost).map(|(trigger, table)| {
            format!("{table} would lose the trigger {trigger}: create it again after the table is rebuilt")
        }))
    }

    /// The tables that have another name now, by the name before.
    pub fn renamed(&self, connection: &mut SqliteConnection) -> Result<BTreeMap<String, String>, Error> {
        let now = root_pages(connection)?;
        let renamed = self.root_pages.iter().filter(|(name, _)| !now.contains_key(*name)).filter_map(|(old, page)| {
            let (new, _) = now.iter().find(|(new, other)| *other == page && !self.root_pages.contains_key(*new))?;
            Some((old.clone(), new.clone()))
        });
        Ok(renamed.collect())
    }
}

fn root_pages(connection: &mut SqliteConnection) -> Result<BTreeMap<String, i64>, Error> {
    let pages = sql::<(Text, BigInt)>("SELECT name, rootpage FROM sqlite_master WHERE type = 'table'");
    Ok(pages.load::<(String, i64)>(connection)?.into_iter().collect())
}

fn triggers(connection: &mut SqliteConnection) -> Result<Vec<(String, String)>, Error> {
    Ok(sql::<(Text, Text)>("SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'").load(connection)?)
}

/// Whether a script drops the table of that name.
fn drops(script: &str, table: &str) -> bool {
    let is_it = |tokens: &[Token]| {
        tokens.first().is_some_and(|verb| verb.is("DROP")) && tokens.iter().any(|token| same_name(&token.name(), table))
    };
    let statements = statements(script).unwrap_or_default();
    statements.iter().any(|statement| tokens(statement).is_ok_and(|tokens| is_it(&tokens)))
}

/// Whether a script deletes rows, or copies only some.
fn selects_rows(script: &str) -> bool {
    let words = ["DELETE", "WHERE", "DISTINCT", "GROUP", "LIMIT", "JOIN", "EXCEPT", "INTERSECT", "UNION"];
    tokens(script).map_or(true, |tokens| tokens.iter().any(|token| token.is_any(&words)))
}

fn damage(connection: &mut SqliteConnection, table: &str) -> Result<Option<String>, Error> {
    let found: Vec<String> = sql::<Text>(&format!("PRAGMA quick_check({})", literal(table))).load(connection)?;
    Ok(found.into_iter().next().filter(|found| found != "ok"))
}

/// A row that refers to a missing row: its table, its rowid where it has one, and the table it refers to.
type Dangling = (String, Option<i64>, String);

/// What is wrong with the foreign keys of a database.
#[derive(Default)]
pub(super) struct Violations {
    /// The dangling rows, each with the number of its keys that dangle.
    rows: BTreeMap<Dangling, usize>,
    /// The tables with a key that cannot be checked, because it refers to columns that are not unique, each with what
    /// SQLite says.
    mismatches: BTreeMap<String, String>,
    /// The side tables, each with its version and its table.
    side_tables: BTreeMap<String, (String, String)>,
    /// The tables that rows refer to, and that do not exist.
    missing: BTreeSet<String>,
}

impl Violations {
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.mismatches.is_empty()
    }

    /// Tolerates what was wrong in an earlier state, to which a migration may lead back.
    pub fn tolerate(&mut self, earlier: &Self) {
        self.mismatches.retain(|table, _| !earlier.mismatches.contains_key(table));
        for (row, count) in &mut self.rows {
            *count = count.saturating_sub(earlier.rows.get(row).copied().unwrap_or(0));
        }
        self.rows.retain(|_, count| *count > 0);
    }

    /// Fails when something is wrong that was not wrong before. A row that dangled before may be in a side table now, or
    /// the other way round. `lost` is the error for a reason.
    pub fn require_none_since(
        mut self,
        before: Self,
        renamed: &BTreeMap<String, String>,
        direction: Direction,
        lost: &dyn Fn(String) -> Error,
    ) -> Result<(), Error> {
        if direction == Direction::Down {
            // A downgrade may lead back to a key that cannot be checked: an upgrade could not mend it otherwise.
            self.mismatches.clear();
            self.rows.retain(|(_, _, parent), _| !self.missing.contains(parent));
        }
        if let Some((table, why)) = self.mismatches.iter().find(|(table, _)| !before.mismatches.contains_key(*table)) {
            return Err(match self.side_tables.get(table).cloned() {
                Some((version, table)) => ConsentError::Purge { version, table }.into(),
                None => lost(format!("{why}: a foreign key must refer to a primary key or to unique columns")),
            });
        }
        let new_name = |name: String| renamed.get(&name).cloned().unwrap_or(name);
        // A side table stands for its table: rows that dangled in the one may do so in the other.
        let owner = |side_tables: &BTreeMap<String, (String, String)>, name: &String| {
            new_name(side_tables.get(name).map_or(name, |(_, owner)| owner).clone())
        };
        let (mut restored, mut kept) = (BTreeMap::<_, usize>::new(), BTreeMap::<_, usize>::new());
        for ((table, row, parent), count) in before.rows {
            let key = (owner(&before.side_tables, &table), owner(&before.side_tables, &parent));
            let same_row = (new_name(table.clone()), row, new_name(parent));
            if before.side_tables.contains_key(&table) {
                *restored.entry(key).or_default() += count;
            } else if let Some(now) = self.rows.get_mut(&same_row) {
                *now = now.saturating_sub(count);
            } else {
                *kept.entry(key).or_default() += count;
            }
        }
        for ((table, _, parent), count) in &mut self.rows {
            let key = (owner(&self.side_tables, table), owner(&self.side_tables, parent));
            let is_kept = self.side_tables.contains_key(table);
            for budget in [Some(&mut restored), is_kept.then_some(&mut kept)].into_iter().flatten() {
                let rest = budget.entry(key.clone()).or_default();
                let covered = (*count).min(*rest);
                (*count, *rest) = (*count - covered, *rest - covered);
            }
        }
        self.rows.retain(|_, count| *count > 0);
        let Some(((table, row, parent), _)) = self.rows.first_key_value() else { return Ok(()) };
        let row = row.map_or_else(String::new, |row| format!(" with rowid {row}"));
        let total = counted(u64::try_from(self.rows.values().sum::<usize>()).unwrap_or(u64::MAX), "row");
        Err(lost(format!("{total} would refer to a missing row of another table, such as {table}{row}, to {parent}")))
    }
}

pub(super) fn foreign_key_violations(connection: &mut SqliteConnection) -> Result<Violations, Error> {
    let side_tables = connection.side_table_names()?;
    let tables: Vec<String> = sql::<Text>("SELECT name FROM sqlite_master WHERE type = 'table'").load(connection)?;
    let mut violations = Violations::default();
    for table in &tables {
        if let Some((version, owner)) = kept::parts(table).filter(|_| side_tables.contains(table)) {
            violations.side_tables.insert(table.clone(), (version.to_owned(), owner.to_owned()));
        }
        let query = format!("SELECT \"table\", rowid, parent FROM pragma_foreign_key_check({})", literal(table));
        match sql::<(Text, Nullable<BigInt>, Text)>(&query).load::<Dangling>(connection) {
            Ok(rows) => rows.into_iter().for_each(|row| *violations.rows.entry(row).or_default() += 1),
            Err(error) => {
                let message = error.to_string();
                let error = Error::from(error);
                if error.kind() == Some(DatabaseErrorKind::ForeignKeyMismatch) {
                    violations.mismatches.insert(table.clone(), message);
                } else {
                    readable::<()>(Err(error))?;
                }
            }
        }
    }
    let parents = violations.rows.keys().map(|(_, _, parent)| parent);
    let is_missing = |parent: &&String| !tables.iter().any(|table| same_name(table, parent));
    violations.missing = parents.filter(is_missing).cloned().collect();
    // A side table of a table that a later migration has dropped waits until it is restored.
    let Violations { rows, side_tables, missing, .. } = &mut violations;
    rows.retain(|(table, _, parent), _| !(side_tables.contains_key(table) && missing.contains(parent)));
    Ok(violations)
}
