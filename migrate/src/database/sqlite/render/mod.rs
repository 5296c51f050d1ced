//! SQLite's dialect. What ALTER TABLE can do it does; the rest is one rebuild a table.

mod alter;
mod dangling;
mod definition;
mod edit;
mod keep;
mod rebuild;
mod sequence;

use std::fmt::Write as _;

use super::order::parents_first;
use super::{Options, Sql};
use crate::diff::Alteration;
use crate::schema::{Object, ObjectKind, Schema, Table, same_name};
use crate::sql::{literal, quote, tokens};
use crate::{Change, Error};

pub(crate) use self::keep::follows;

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
    dangling::refuse(&changes, &kept)?;
    let tables = from.tables.iter().chain(changes.iter().filter_map(made));
    let tables: Vec<_> = tables.collect();
    let writer = |direction, changes| Writer {
        direction,
        changes,
        tables: &tables,
        objects: from.objects(),
        kept: &kept,
        options,
    };
    let up = writer(Direction::Up, &changes).write()?;
    let down = writer(Direction::Down, &reversed).write()?;
    Ok(Sql { own_transaction: up.1 || down.1, up: up.0, down: down.0 })
}

/// The table that a change makes.
fn made(change: &Change) -> Option<&Table> {
    match change {
        Change::CreateTable(table) | Change::AlterTable { to: table, .. } => Some(table),
        _ => None,
    }
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
    /// Every table as it is on either side of the migration.
    tables: &'a [&'a Table],
    /// Triggers, views and hand-written indexes that are there before the upgrade.
    objects: &'a [Object],
    /// Triggers, views and hand-written indexes that are there before and after.
    kept: &'a [Object],
    options: &'a Options,
}

impl Writer<'_> {
    /// The file's text, and whether it brings its own transaction.
    fn write(&self) -> Result<(String, bool), Error> {
        let mut statements = self.dropped_objects();
        statements.extend(self.dropped_indexes());
        let (created, restores_keys) = self.created_tables()?;
        statements.extend(created);
        let (mut rebuilt, mut at_end) = (Vec::new(), Vec::new());
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
            at_end.extend(side.at_end);
        }
        let (dropped, loses_parents) = self.dropped_tables()?;
        statements.extend(dropped);
        statements.extend(self.created_indexes());
        statements.extend(self.created_objects());
        let goes = |name: &str| {
            self.changes.iter().any(|change| matches!(change, Change::DropTable(table) if quote(&table.name) == name))
        };
        statements.extend(at_end.into_iter().filter(|(table, _)| !goes(table)).map(|(_, statement)| statement));
        let lines =
            |statements: &[String]| statements.iter().map(|statement| terminated(statement) + "\n").collect::<String>();
        let (renames, body) = (lines(&self.renames()), lines(&statements));
        // All other statements use the names after the upgrade.
        let (first, last) = match self.direction {
            Direction::Up => (renames.as_str(), ""),
            Direction::Down => ("", renames.as_str()),
        };
        let own_transaction = restores_keys || loses_parents || !rebuilt.is_empty();
        let text = if own_transaction {
            self.protected(&body, &rebuilt, (first, last))
        } else {
            format!("{first}{body}{last}")
        };
        Ok((text, own_transaction))
    }

    fn renames(&self) -> Vec<String> {
        let renames = self.changes.iter().filter_map(|change| match change {
            Change::Rename(rename) => Some(rename.sql()),
            _ => None,
        });
        renames.collect()
    }

    fn dropped_objects(&self) -> Vec<String> {
        let dropped = self.changes.iter().rev().filter_map(|change| match change {
            Change::DropObject(object) => Some(object),
            _ => None,
        });
        let mut objects: Vec<_> = dropped.collect();
        // A view takes its triggers with it.
        objects.sort_by_key(|object| object.kind != ObjectKind::Trigger);
        let drop = |object: &Object| {
            let kind = match object.kind {
                ObjectKind::Index => "INDEX",
                ObjectKind::Trigger => "TRIGGER",
                ObjectKind::View => "VIEW",
                ObjectKind::VirtualTable => "TABLE",
            };
            format!("DROP {kind} {}", quote(&object.name))
        };
        objects.into_iter().map(drop).collect()
    }

    /// Indexes go first: another table, or another index, may take the name.
    fn dropped_indexes(&self) -> Vec<String> {
        let mut statements = Vec::new();
        for change in self.changes {
            let Change::AlterTable { alterations, .. } = change else { continue };
            statements.extend(alterations.iter().filter_map(|alteration| match alteration {
                Alteration::DropIndex(index) if !index.constraint => Some(format!("DROP INDEX {}", quote(&index.name))),
                _ => None,
            }));
        }
        statements
    }

    /// The new tables, parents first, with the rows that come back, and whether foreign keys must be off for those: rows
    /// of tables that refer to each other come one after the other.
    fn created_tables(&self) -> Result<(Vec<String>, bool), Error> {
        let created = self.changes.iter().filter_map(|change| match change {
            Change::CreateTable(table) => Some(table),
            _ => None,
        });
        let created: Vec<_> = created.collect();
        let ordered = parents_first(&created).0;
        let mut statements =
            ordered.iter().map(|table| Ok(stored(table)?.to_owned())).collect::<Result<Vec<_>, Error>>()?;
        let made = statements.len();
        if self.direction == Direction::Down {
            for (at, table) in ordered.iter().enumerate() {
                statements.extend(keep::restored_table(self.options, table, &ordered[at..])?);
            }
            statements.extend(sequence::restored(self.options, &ordered)?);
        }
        let restores_keys = statements.len() > made && ordered.iter().any(|table| !table.foreign_keys.is_empty());
        Ok((statements, restores_keys))
    }

    /// The tables that go, children first, and whether foreign keys must be off for it: the rows of a table that is
    /// dropped would take those with them that still refer to it.
    fn dropped_tables(&self) -> Result<(Vec<String>, bool), Error> {
        let dropped = self.changes.iter().filter_map(|change| match change {
            Change::DropTable(table) => Some(table),
            _ => None,
        });
        let dropped: Vec<_> = dropped.collect();
        let (mut ordered, has_cycle) = parents_first(&dropped);
        ordered.reverse();
        let goes = |name: &str| dropped.iter().any(|table| same_name(&table.name, name));
        let stays_behind = |table: &&&Table| {
            table
                .foreign_keys
                .iter()
                .any(|key| goes(&key.table) && (!goes(&table.name) || same_name(&key.table, &table.name)))
        };
        let loses_parents = has_cycle || self.tables.iter().find(stays_behind).is_some();
        let mut statements = Vec::new();
        if self.direction == Direction::Up {
            statements.extend(sequence::kept(self.options, &ordered)?);
        }
        for table in ordered {
            if self.direction == Direction::Up {
                statements.extend(keep::kept_table(self.options, table, goes)?);
            }
            statements.push(format!("DROP TABLE {}", quote(&table.name)));
        }
        Ok((statements, loses_parents))
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
        let is_remade =
            |name: &str| objects.iter().any(|view| view.kind == ObjectKind::View && same_name(&view.name, name));
        let own: Vec<_> =
            self.kept.iter().filter(|object| object.kind == ObjectKind::Trigger && is_remade(&object.table)).collect();
        objects.extend(own);
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

    /// The name, or one like it that nothing in the database has.
    fn free_name(&self, name: &str) -> String {
        let mut name = name.to_owned();
        while self.is_taken(&name) {
            name.push('_');
        }
        name
    }

    /// Whether a table, an index, a view or a trigger has that name.
    fn is_taken(&self, name: &str) -> bool {
        let tables = self.tables.iter().map(|table| &table.name);
        let indexes = self.tables.iter().flat_map(|table| &table.indexes).map(|index| &index.name);
        let objects = self.objects.iter().map(|object| &object.name);
        tables.chain(indexes).chain(objects).any(|taken| same_name(taken, name))
    }

    /// The table that counts the rows of rebuilt tables.
    fn guard(&self) -> String {
        format!("temp.{}", quote(&self.free_name("_guard")))
    }

    /// The statements within a transaction of their own, with foreign keys off, and with guards that hold in any runner:
    /// even the `sqlite3` shell, which goes on after an error, commits nothing that lost a row.
    /// Renames stand before and behind the rest, where `legacy_alter_table` is off and SQLite mends what uses the names.
    fn protected(&self, body: &str, rebuilt: &[&str], (first, last): (&str, &str)) -> String {
        let tables = if rebuilt.is_empty() { "tables that refer to each other".to_owned() } else { rebuilt.join(", ") };
        let verb = if rebuilt.is_empty() { "Drops" } else { "Rebuilds" };
        let (mut counted, guard) = (String::new(), self.guard());
        for table in rebuilt {
            let (name, table) = (literal(table), quote(table));
            let _ = writeln!(
                counted,
                "UPDATE {guard} SET rows_after = (SELECT count(*) FROM {table}) WHERE name = {name};"
            );
        }
        format!(
            "-- {verb} {tables}. The lines around it keep foreign keys off meanwhile, and every row, whoever runs\n\
         -- this; db_upgrade and db_downgrade also check the foreign keys at the end.\n\
         PRAGMA foreign_keys = OFF;\n\
         CREATE TEMP TABLE _keys (is_on INTEGER CONSTRAINT \"foreign keys must be off while tables are rebuilt\"\n    \
         CHECK (is_on = 0));\n\
         INSERT OR ROLLBACK INTO temp._keys SELECT foreign_keys FROM pragma_foreign_keys;\n\
         PRAGMA foreign_keys = OFF;\n\
         DROP TABLE IF EXISTS temp._keys;\n\
         SAVEPOINT rebuild;\n\
         {first}\
         PRAGMA legacy_alter_table = ON;\n\
         CREATE TABLE {guard} (name TEXT, rows_before INTEGER, rows_after INTEGER,\n    \
         tables INTEGER CONSTRAINT \"a rebuilt table would lose rows\" CHECK (tables = 0));\n\n\
         {body}\n\
         {counted}\
         INSERT OR ROLLBACK INTO {guard} (tables)\n    \
         SELECT count(*) FROM {guard} WHERE rows_before IS NOT rows_after;\n\
         DROP TABLE {guard};\n\
         PRAGMA legacy_alter_table = OFF;\n\
         {last}\
         RELEASE rebuild;\n\
         PRAGMA foreign_keys = ON;\n"
        )
    }
}

/// The statement with its semicolon, on a line of its own where a comment would swallow it.
fn terminated(statement: &str) -> String {
    let statement = statement.trim_end().trim_end_matches(';');
    let end = tokens(statement).ok().and_then(|tokens| tokens.last().map(|token| token.end)).unwrap_or(statement.len());
    let comment = statement[end..].trim();
    if comment.is_empty() {
        format!("{statement};")
    } else if comment.rfind("/*") > comment.rfind("*/") {
        // A comment may end with the text that it stands in; in a script it would swallow the rest.
        format!("{};", &statement[..end])
    } else {
        format!("{statement}\n;")
    }
}
