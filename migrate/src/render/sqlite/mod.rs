//! SQLite's dialect. What ALTER TABLE can do it does; the rest is one rebuild a table.

mod alter;
mod definition;
mod edit;
mod keep;
mod rebuild;

use std::fmt::Write as _;

use super::order::parents_first;
use super::{Options, Sql};
use crate::diff::Alteration;
use crate::schema::{Object, ObjectKind, Schema, Table};
use crate::sql::{literal, quote};
use crate::{Change, Error};

/// Which of a migration's two files is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    /// A value that is missing is an error that the database reports, and nothing happens.
    Up,
    /// A downgrade must always be possible: a value that is missing is filled in.
    Down,
}

pub(super) fn render(from: &Schema, changes: &[Change], options: &Options) -> Result<Sql, Error> {
    let changes = changes.iter().cloned().map(complete).collect::<Result<Vec<_>, _>>()?;
    let reversed: Vec<_> = changes.iter().rev().cloned().map(Change::reverse).collect();
    let goes =
        |object: &Object| changes.iter().any(|change| matches!(change, Change::DropObject(gone) if gone == object));
    let kept: Vec<_> = from.objects().iter().filter(|object| !goes(object)).cloned().collect();
    let up = Writer { direction: Direction::Up, changes: &changes, kept: &kept, options }.write()?;
    let down = Writer { direction: Direction::Down, changes: &reversed, kept: &kept, options }.write()?;
    Ok(Sql { own_transaction: up.1 || down.1, up: up.0, down: down.0 })
}

/// The change with the CREATE TABLE text of what it makes.
fn complete(change: Change) -> Result<Change, Error> {
    Ok(match change {
        Change::CreateTable(mut table) => {
            table.stored = Some(table.stored.take().unwrap_or_else(|| definition::create_table(&table)));
            Change::CreateTable(table)
        }
        Change::AlterTable { from, mut to, alterations } => {
            if to.stored.is_none() {
                to.stored = Some(edit::edited_text(&from, &to, &alterations)?);
            }
            Change::AlterTable { from, to, alterations }
        }
        Change::CreateObject(object) | Change::DropObject(object) if object.kind == ObjectKind::VirtualTable => {
            return Err(cannot(&object.name, "a virtual table is made and dropped by a migration written by hand"));
        }
        other => other,
    })
}

fn cannot(table: &str, why: &str) -> Error {
    Error::CannotExpress { table: table.to_owned(), why: why.to_owned() }
}

fn stored(table: &Table) -> Result<&str, Error> {
    table.stored.as_deref().ok_or_else(|| cannot(&table.name, "the text that made it is not known"))
}

/// Writes one file.
struct Writer<'a> {
    direction: Direction,
    changes: &'a [Change],
    /// Triggers, views and hand-written indexes that are there before and after.
    kept: &'a [Object],
    options: &'a Options,
}

impl Writer<'_> {
    /// The file's text, and whether it brings its own transaction.
    fn write(&self) -> Result<(String, bool), Error> {
        let mut statements = self.dropped_objects();
        statements.extend(self.created_tables()?);
        let mut rebuilt = Vec::new();
        for change in self.changes {
            let Change::AlterTable { from, to, alterations } = change else { continue };
            let side = keep::side_table(self.side_table(from, to)?, self.direction);
            statements.extend(side.before);
            if let Some(altered) = self.alter(from, to, alterations, side.join.is_some())? {
                statements.extend(altered);
            } else {
                statements.extend(self.rebuild(from, to, alterations, side.join.as_ref())?);
                rebuilt.push(to.name.as_str());
            }
            statements.extend(side.after);
        }
        let (dropped, needs_keys_off) = self.dropped_tables()?;
        statements.extend(dropped);
        statements.extend(self.created_indexes());
        statements.extend(self.created_objects());
        let body: Vec<_> = statements.iter().map(|statement| terminated(statement)).collect();
        let own_transaction = needs_keys_off || !rebuilt.is_empty();
        let body = body.join("\n");
        Ok((if own_transaction { protected(&body, &rebuilt) } else { body + "\n" }, own_transaction))
    }

    fn dropped_objects(&self) -> Vec<String> {
        let mut statements = Vec::new();
        for change in self.changes.iter().rev() {
            if let Change::DropObject(object) = change {
                let kind = match object.kind {
                    ObjectKind::Index => "INDEX",
                    ObjectKind::Trigger => "TRIGGER",
                    ObjectKind::View => "VIEW",
                    ObjectKind::VirtualTable => "TABLE",
                };
                statements.push(format!("DROP {kind} {}", quote(&object.name)));
            }
        }
        statements
    }

    fn created_tables(&self) -> Result<Vec<String>, Error> {
        let created = self.changes.iter().filter_map(|change| match change {
            Change::CreateTable(table) => Some(table),
            _ => None,
        });
        let created: Vec<_> = created.collect();
        let ordered = parents_first(&created).0;
        let mut statements =
            ordered.iter().map(|table| Ok(stored(table)?.to_owned())).collect::<Result<Vec<_>, Error>>()?;
        if self.direction == Direction::Down {
            for (at, table) in ordered.iter().enumerate() {
                statements.extend(keep::restored_table(self.options, table, &ordered[at..])?);
            }
        }
        Ok(statements)
    }

    /// The tables that go, children first, and whether foreign keys must be off for it: a parent's rows would take
    /// those with them that refer to it.
    fn dropped_tables(&self) -> Result<(Vec<String>, bool), Error> {
        let dropped = self.changes.iter().filter_map(|change| match change {
            Change::DropTable(table) => Some(table),
            _ => None,
        });
        let dropped: Vec<_> = dropped.collect();
        let (mut ordered, has_cycle) = parents_first(&dropped);
        ordered.reverse();
        let mut statements = Vec::new();
        for table in ordered {
            if self.direction == Direction::Up {
                statements.extend(keep::kept_table(self.options, table)?);
            }
            statements.push(format!("DROP TABLE {}", quote(&table.name)));
        }
        Ok((statements, has_cycle))
    }

    fn created_indexes(&self) -> Vec<String> {
        let mut statements = Vec::new();
        for change in self.changes {
            match change {
                Change::CreateTable(table) => {
                    let indexes = table.indexes.iter().filter(|index| !index.constraint);
                    statements.extend(indexes.map(|index| definition::create_index(&table.name, index)));
                }
                Change::AlterTable { to, alterations, .. } => {
                    statements.extend(alterations.iter().filter_map(|alteration| match alteration {
                        Alteration::AddIndex(index) if !index.constraint => {
                            Some(definition::create_index(&to.name, index))
                        }
                        _ => None,
                    }));
                }
                _ => {}
            }
        }
        statements
    }

    fn created_objects(&self) -> Vec<String> {
        let created = self.changes.iter().filter_map(|change| match change {
            Change::CreateObject(object) => Some(object),
            _ => None,
        });
        let mut objects: Vec<_> = created.collect();
        // A trigger may stand on a view.
        objects.sort_by_key(|object| object.kind == ObjectKind::Trigger);
        objects.into_iter().map(|object| object.sql.clone()).collect()
    }

    /// The side table of a table that changes, told by what the upgrade loses, whichever way this file goes.
    fn side_table(&self, from: &Table, to: &Table) -> Result<Option<keep::SideTable>, Error> {
        match self.direction {
            Direction::Up => keep::SideTable::of(self.options, from, to),
            Direction::Down => keep::SideTable::of(self.options, to, from),
        }
    }
}

fn terminated(statement: &str) -> String {
    format!("{};", statement.trim_end().trim_end_matches(';'))
}

/// The statements within a transaction of their own, with foreign keys off, and with guards that hold in any runner:
/// even the `sqlite3` shell, which goes on after an error, commits nothing that lost a row.
fn protected(body: &str, rebuilt: &[&str]) -> String {
    let tables = if rebuilt.is_empty() { "tables that refer to each other".to_owned() } else { rebuilt.join(", ") };
    let verb = if rebuilt.is_empty() { "Drops" } else { "Rebuilds" };
    let mut counted = String::new();
    for table in rebuilt {
        let (name, table) = (literal(table), quote(table));
        let _ = writeln!(
            counted,
            "UPDATE temp._guard SET rows_after = (SELECT count(*) FROM {table}) WHERE name = {name};"
        );
    }
    format!(
        "-- {verb} {tables}. db_upgrade and db_downgrade keep foreign keys off meanwhile and check the result;\n\
         -- the lines around the rest make every other runner do the same.\n\
         PRAGMA foreign_keys = OFF;\n\
         CREATE TEMP TABLE _keys (is_on INTEGER CONSTRAINT \"foreign keys must be off while tables are rebuilt\"\n    \
         CHECK (is_on = 0));\n\
         INSERT OR ROLLBACK INTO temp._keys SELECT foreign_keys FROM pragma_foreign_keys;\n\
         PRAGMA foreign_keys = OFF;\n\
         DROP TABLE IF EXISTS temp._keys;\n\
         SAVEPOINT rebuild;\n\
         PRAGMA legacy_alter_table = ON;\n\
         CREATE TEMP TABLE _guard (name TEXT, rows_before INTEGER, rows_after INTEGER,\n    \
         tables INTEGER CONSTRAINT \"a rebuilt table would lose rows\" CHECK (tables = 0));\n\n\
         {body}\n\n\
         {counted}\
         INSERT OR ROLLBACK INTO temp._guard (tables)\n    \
         SELECT count(*) FROM temp._guard WHERE rows_before IS NOT rows_after;\n\
         DROP TABLE temp._guard;\n\
         PRAGMA legacy_alter_table = OFF;\n\
         RELEASE rebuild;\n\
         PRAGMA foreign_keys = ON;\n"
    )
}
