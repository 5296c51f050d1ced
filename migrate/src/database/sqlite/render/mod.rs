//! Changes as SQL for SQLite 3.35 and later. What ALTER TABLE cannot do is one rebuild per table.

mod alter;
mod dangling;
mod definition;
mod edit;
mod guard;
mod keep;
mod rebuild;
mod sequence;

use self::guard::Protection;
use super::ddl::quote;
use crate::change::{Alteration, Change, Rename};
use crate::database::order::parents_first;
use crate::error::Error;
use crate::kept::{self, SideTable};
use crate::migration::Sql;
use crate::options::RenderOptions;
use crate::schema::{Column, Object, ObjectKind, Schema, Table, same_name};

/// Which of a migration's two files is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    /// A missing value is an error that SQLite reports, and nothing changes.
    Up,
    /// A downgrade must always be possible: a missing value is filled in.
    Down,
}

/// Writes the changes as SQL. `from` is the live schema that they start from, with the renames among them applied.
pub(crate) fn render(from: &Schema, changes: &[Change], options: &RenderOptions) -> Result<Sql, Error> {
    let changes = changes.iter().cloned().map(complete).collect::<Result<Vec<_>, _>>()?;
    let reversed: Vec<_> = changes.iter().rev().cloned().map(Change::reverse).collect();
    let is_dropped =
        |object: &Object| changes.iter().any(|change| matches!(change, Change::DropObject(gone) if gone == object));
    let kept: Vec<_> = from.objects().iter().filter(|object| !is_dropped(object)).cloned().collect();
    dangling::refuse(&changes, &kept)?;
    let tables: Vec<_> = from.tables.iter().chain(changes.iter().filter_map(made)).collect();
    let writer = |direction, changes| {
        let mut writer = Writer {
            direction,
            changes,
            tables: &tables,
            objects: from.objects(),
            kept: &kept,
            options,
            guard: String::new(),
        };
        writer.guard = format!("temp.{}", quote(&writer.free_name("_guard")));
        writer
    };
    let up = writer(Direction::Up, &changes).write()?;
    let down = writer(Direction::Down, &reversed).write()?;
    Ok(Sql { own_transaction: up.1 || down.1, up: up.0, down: down.0 })
}

/// Whether the conversion between two columns may lose values.
pub(crate) fn loses(from: &Column, to: &Column) -> bool {
    kept::differs_in_kind(from, to)
}

/// The statement of a rename. SQLite also rewrites each view, trigger, index, check and foreign key that uses the name.
fn rename_sql(rename: &Rename) -> String {
    match rename {
        Rename::Table { from, to } => format!("ALTER TABLE {} RENAME TO {}", quote(from), quote(to)),
        Rename::Column { table, from, to } => {
            format!("ALTER TABLE {} RENAME COLUMN {} TO {}", quote(table), quote(from), quote(to))
        }
    }
}

/// The table that a change makes.
fn made(change: &Change) -> Option<&Table> {
    match change {
        Change::CreateTable(table) | Change::AlterTable { to: table, .. } => Some(table),
        _ => None,
    }
}

/// The change with the CREATE TABLE text of its table.
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
            return Err(cannot(&object.name, "a virtual table is created and dropped by a migration written by hand"));
        }
        other => other,
    })
}

fn cannot(table: &str, why: &str) -> Error {
    Error::CannotExpress { object: table.to_owned(), why: why.to_owned() }
}

fn stored(table: &Table) -> Result<&str, Error> {
    table.stored.as_deref().ok_or_else(|| cannot(&table.name, "its CREATE TABLE text is not known"))
}

/// Writes one file.
struct Writer<'a> {
    direction: Direction,
    changes: &'a [Change],
    /// Every table as it is on either side of the migration.
    tables: &'a [&'a Table],
    /// The triggers, views and hand-written indexes before the upgrade.
    objects: &'a [Object],
    /// Those of them that stay.
    kept: &'a [Object],
    options: &'a RenderOptions,
    /// The temporary table that counts the file's steps.
    guard: String,
}

impl Writer<'_> {
    /// The file's text, and whether a transaction around it would keep its foreign keys on.
    fn write(&self) -> Result<(String, bool), Error> {
        let mut statements = self.dropped_objects();
        statements.extend(self.dropped_indexes());
        let (created, restores_keys) = self.created_tables()?;
        statements.extend(created);
        let (altered, rebuilds) = self.altered_tables()?;
        statements.extend(altered);
        let (dropped, loses_parents) = self.dropped_tables()?;
        statements.extend(dropped);
        statements.extend(self.created_indexes());
        statements.extend(self.created_objects());
        if rebuilds {
            statements.insert(0, "PRAGMA legacy_alter_table = ON".to_owned());
            statements.push("PRAGMA legacy_alter_table = OFF".to_owned());
        }
        // All other statements use the names after the upgrade.
        let at = if self.direction == Direction::Up { 0 } else { statements.len() };
        statements.splice(at..at, self.renames());
        let keys_off = restores_keys || loses_parents || rebuilds;
        let protection = if keys_off { Protection::KeysOff } else { Protection::Transaction };
        Ok((guard::file(&statements, protection, &self.guard), keys_off))
    }

    /// The statements for the tables that change, and whether any is rebuilt.
    fn altered_tables(&self) -> Result<(Vec<String>, bool), Error> {
        let (mut statements, mut rebuilds) = (Vec::new(), false);
        for change in self.changes {
            let Change::AlterTable { from, to, alterations } = change else { continue };
            // Both files use the side table of what the upgrade loses.
            let (before, after) = if self.direction == Direction::Up { (from, to) } else { (to, from) };
            let side = SideTable::of(self.options, before, after, &loses);
            let restores = self.direction == Direction::Down && side.is_some();
            if let Some(side) = &side {
                statements.push(self.create_side(side, before, restores)?);
            }
            // Values are restored by a rebuild: an UPDATE would fire triggers.
            let altered = if restores { None } else { self.alter(from, to, alterations)? };
            if let Some(altered) = altered {
                statements.extend(side.iter().flat_map(|side| keep::fill(side, None, &self.guard)));
                statements.extend(altered);
            } else {
                statements.extend(self.rebuild(from, to, alterations, side.as_ref())?);
                rebuilds = true;
            }
            statements.extend(side.filter(|_| restores).map(|side| format!("DROP TABLE {}", quote(&side.name))));
        }
        Ok((statements, rebuilds))
    }

    fn renames(&self) -> Vec<String> {
        let renames = self.changes.iter().filter_map(|change| match change {
            Change::Rename(rename) => Some(rename_sql(rename)),
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
                ObjectKind::VirtualTable | ObjectKind::Other(_) => "TABLE",
            };
            format!("DROP {kind} {}", quote(&object.name))
        };
        objects.into_iter().map(drop).collect()
    }

    /// Indexes are dropped first: another table, or another index, may take the name.
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

    /// The new tables, parents first, with the restored rows, and whether foreign keys must be off for those: tables may
    /// refer to each other, and a row that referred to nothing is restored as it was.
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
            for table in &ordered {
                statements.extend(self.restore_table(table)?);
            }
            statements.extend(sequence::restored(self.options, &ordered)?);
        }
        let restores_keys = statements.len() > made && ordered.iter().any(|table| !table.foreign_keys.is_empty());
        Ok((statements, restores_keys))
    }

    /// The dropped tables, children first, and whether foreign keys must be off: the rows that still refer to a dropped
    /// table, and those of its earlier side tables, would be deleted with it.
    fn dropped_tables(&self) -> Result<(Vec<String>, bool), Error> {
        let dropped = self.changes.iter().filter_map(|change| match change {
            Change::DropTable(table) => Some(table),
            _ => None,
        });
        let dropped: Vec<_> = dropped.collect();
        let (mut ordered, has_cycle) = parents_first(&dropped);
        ordered.reverse();
        let keeps = self.direction == Direction::Up && self.options.keep.is_some() && !ordered.is_empty();
        let loses_parents = keeps || has_cycle || self.tables.iter().any(|table| self.refers_to_dropped(table));
        let mut statements = Vec::new();
        if self.direction == Direction::Up {
            statements.extend(sequence::kept(self.options, &ordered)?);
        }
        for table in ordered {
            if self.direction == Direction::Up {
                statements.extend(self.keep_table(table)?);
            }
            statements.push(format!("DROP TABLE {}", quote(&table.name)));
        }
        Ok((statements, loses_parents))
    }

    /// Whether the rows of a table refer to a dropped one, other than a dropped table's to its parents.
    fn refers_to_dropped(&self, table: &Table) -> bool {
        table.foreign_keys.iter().any(|key| {
            self.is_dropped(&key.table) && (!self.is_dropped(&table.name) || same_name(&key.table, &table.name))
        })
    }

    fn is_dropped(&self, name: &str) -> bool {
        let is_it = |change: &Change| matches!(change, Change::DropTable(table) if same_name(&table.name, name));
        self.changes.iter().any(is_it)
    }

    /// The table of that name after this file, or before it where the file drops it.
    fn latest(&self, name: &str) -> Option<&Table> {
        let mut tables = self.changes.iter().filter_map(made).chain(self.tables.iter().copied());
        tables.find(|table| same_name(&table.name, name))
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
        let is_recreated =
            |name: &str| objects.iter().any(|view| view.kind == ObjectKind::View && same_name(&view.name, name));
        let own: Vec<_> = self
            .kept
            .iter()
            .filter(|object| object.kind == ObjectKind::Trigger && is_recreated(&object.table))
            .collect();
        objects.extend(own);
        // A trigger may stand on a view.
        objects.sort_by_key(|object| object.kind == ObjectKind::Trigger);
        objects.into_iter().map(|object| object.sql.clone()).collect()
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
}
