//! What must hold after each migration before a run is committed, for migrations written by hand too:
//!
//! - A table that the SQL does not name holds no fewer rows.
//! - A table that was rebuilt holds no fewer rows, unless the SQL selects rows, and passes `quick_check`.
//! - A trigger exists as long as its table does, unless the SQL names it.
//!
//! What foreign keys demand is in [`super::foreign_keys`].
//!
//! A table keeps its root page when it is renamed, and gets another one when it is rebuilt, unless it is dropped first:
//! then it may get the same.

use std::collections::BTreeMap;

use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Text};
use diesel::{RunQueryDsl as _, SqliteConnection};

use super::catalog::{row_counts, side_table_names, texts};
use super::ddl::{Token, mentions, statements, tokens};
use crate::Error;
use crate::kept;
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
        let (rows, root_pages) = (row_counts(connection)?, root_pages(connection)?);
        Ok(Self { rows, root_pages, triggers: triggers(connection)? })
    }

    /// What is there after this script ran, or why it may not be committed.
    pub fn verify(&self, connection: &mut SqliteConnection, script: &str) -> Result<Result<Self, String>, Error> {
        let after = Self::of(connection)?;
        Ok(self.violated(&after, connection, script)?.map_or(Ok(after), Err))
    }

    fn violated(&self, after: &Self, connection: &mut SqliteConnection, script: &str) -> Result<Option<String>, Error> {
        let (rows, pages) = (&after.rows, &after.root_pages);
        let is_mentioned = |name: &str| mentions(script, name);
        let side_tables = side_table_names(connection)?;
        // A side table follows its table.
        let is_followed = |name: &String| {
            side_tables.contains(name) && kept::parts(name).is_some_and(|(_, owner)| is_mentioned(owner))
        };
        let is_named = |name: &String| is_mentioned(name) || is_followed(name);
        let selects = selects_rows(script);
        for (table, before) in &self.rows {
            let after = rows.get(table).copied().unwrap_or(0);
            let is_rebuilt =
                pages.get(table).is_some_and(|page| Some(page) != self.root_pages.get(table) || drops(script, table));
            if after < *before && (!is_named(table) || is_rebuilt && !selects) {
                let how = if is_rebuilt { "after it was rebuilt" } else { "though the migration does not name it" };
                return Ok(Some(format!("table {table} would hold {after} of its {} {how}", counted(*before, "row"))));
            }
            if is_rebuilt && let Some(why) = damage(connection, table)? {
                return Ok(Some(format!("table {table} is damaged: {why}")));
            }
        }
        let is_lost = |(trigger, table): &&(String, String)| {
            !after.triggers.iter().any(|(name, _)| same_name(name, trigger))
                && pages.contains_key(table)
                && !is_named(trigger)
        };
        Ok(self.triggers.iter().find(is_lost).map(|(trigger, table)| {
            format!("{table} would lose the trigger {trigger}: create it again after the table is rebuilt")
        }))
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
    let is_it = |statement: &&str| tokens(statement).map_or(true, |tokens| selects(&tokens));
    statements(script).map_or(true, |statements| statements.iter().any(is_it))
}

fn selects(tokens: &[Token]) -> bool {
    const WORDS: [&str; 9] = ["DELETE", "WHERE", "DISTINCT", "GROUP", "LIMIT", "JOIN", "EXCEPT", "INTERSECT", "UNION"];
    let has = |word: &str| tokens.iter().any(|token| token.is(word));
    let mut depth = 0;
    // A step of a generated file inserts a value where a condition on other tables holds.
    let reads_a_table = tokens.iter().any(|token| {
        depth += i32::from(token.text == "(") - i32::from(token.text == ")");
        depth == 0 && token.is("FROM")
    });
    // An index, view, trigger or foreign key may have the words too, and copies nothing.
    let copies = match tokens.first() {
        Some(verb) if verb.is("CREATE") => tokens.iter().take(3).any(|word| word.is("TABLE")) && has("SELECT"),
        Some(verb) if verb.is("WITH") => has("INSERT") || has("REPLACE") || has("DELETE"),
        Some(verb) => verb.is_any(&["INSERT", "REPLACE", "DELETE"]),
        None => false,
    };
    copies && reads_a_table && tokens.iter().any(|token| token.is_any(&WORDS))
}

fn damage(connection: &mut SqliteConnection, table: &str) -> Result<Option<String>, Error> {
    let found = texts(connection, &format!("PRAGMA quick_check({})", literal(table)))?;
    Ok(found.into_iter().next().filter(|found| found != "ok"))
}
