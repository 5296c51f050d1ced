//! Changes as SQL. What ALTER TABLE cannot do is one rebuild per table. The files also run on SQLite 3.35 and 3.36.

mod alter;
mod dangling;
mod definition;
mod edit;
mod guard;
mod keep;
mod rebuild;
mod values;
mod writer;

use self::writer::{Writer, stored};
use super::ddl::quote;
use crate::change::{Alteration, Change};
use crate::database::changes::Changes;
use crate::error::Error;
use crate::kept::{self, SideTable};
use crate::migration::{Direction, Sql};
use crate::options::RenderOptions;
use crate::schema::{Object, ObjectKind, Schema, Table, same_name};

/// Writes the changes as SQL. `from` is the live schema that they start from, with the renames among them applied.
pub(crate) fn render(from: &Schema, changes: &[Change], options: &RenderOptions) -> Result<Sql, Error> {
    let changes = changes.iter().cloned().map(complete).collect::<Result<Vec<_>, _>>()?;
    let reversed: Vec<_> = changes.iter().rev().cloned().map(Change::reverse).collect();
    let is_dropped =
        |object: &Object| changes.iter().any(|change| matches!(change, Change::DropObject(gone) if gone == object));
    let kept: Vec<_> = from.objects().iter().filter(|object| !is_dropped(object)).cloned().collect();
    dangling::refuse(&changes, &kept)?;
    let after = changes.iter().filter_map(|change| change.created().or(Some(change.altered()?.1)));
    let tables: Vec<_> = from.tables.iter().chain(after).collect();
    let writer = |direction, changes| {
        let (changes, objects, tables, kept) = (Changes(changes), from.objects(), &tables, &kept);
        let mut writer = Writer { direction, changes, tables, objects, kept, options, guard: String::new() };
        writer.guard = format!("temp.{}", quote(&writer.free_name("_guard")));
        writer
    };
    let up = writer(Direction::Up, &changes).write()?;
    let down = writer(Direction::Down, &reversed).write()?;
    Ok(Sql { own_transaction: up.1 || down.1, up: up.0, down: down.0 })
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
            return Err(Error::cannot_express(
                &object.name,
                "a virtual table is created and dropped by a migration written by hand",
            ));
        }
        other => other,
    })
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
        statements.splice(at..at, self.changes.renames(quote, quote, quote));
        let keys_off = restores_keys || loses_parents || rebuilds;
        Ok((guard::file(&statements, keys_off, &self.guard), keys_off))
    }

    /// The statements for the tables that change, and whether any is rebuilt.
    fn altered_tables(&self) -> Result<(Vec<String>, bool), Error> {
        let (mut statements, mut rebuilds) = (Vec::new(), false);
        for (from, to, alterations) in self.changes.altered() {
            // Both files use the side table of what the upgrade loses.
            let (before, after) = if self.direction == Direction::Up { (from, to) } else { (to, from) };
            let side = SideTable::of(self.options, before, after, &kept::differs_in_kind);
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

    fn dropped_objects(&self) -> Vec<String> {
        let drop = |object: &Object| {
            let kind = match object.kind {
                ObjectKind::Index => "INDEX",
                ObjectKind::Trigger => "TRIGGER",
                ObjectKind::View => "VIEW",
                ObjectKind::VirtualTable | ObjectKind::Other(_) => "TABLE",
            };
            format!("DROP {kind} {}", quote(&object.name))
        };
        self.changes.dropped_objects(self.direction).into_iter().map(drop).collect()
    }

    /// Indexes are dropped first: another table, or another index, may take the name.
    fn dropped_indexes(&self) -> Vec<String> {
        let dropped = self.changes.alterations().filter_map(|(_, _, alteration)| match alteration {
            Alteration::DropIndex(index) if !index.constraint => Some(format!("DROP INDEX {}", quote(&index.name))),
            _ => None,
        });
        dropped.collect()
    }

    /// The new tables, parents first, with the restored rows, and whether foreign keys must be off for those: tables may
    /// refer to each other, and a row that referred to nothing is restored as it was.
    fn created_tables(&self) -> Result<(Vec<String>, bool), Error> {
        let ordered = self.changes.created();
        let mut statements =
            ordered.iter().map(|table| Ok(stored(table)?.to_owned())).collect::<Result<Vec<_>, Error>>()?;
        let made = statements.len();
        if self.direction == Direction::Down {
            for table in &ordered {
                statements.extend(self.restore_table(table)?);
            }
            statements.extend(self.counters(&ordered)?);
        }
        let restores_keys = statements.len() > made && ordered.iter().any(|table| !table.foreign_keys.is_empty());
        Ok((statements, restores_keys))
    }

    /// The dropped tables, children first, and whether foreign keys must be off: the rows that still refer to a dropped
    /// table, and those of its earlier side tables, would be deleted with it.
    fn dropped_tables(&self) -> Result<(Vec<String>, bool), Error> {
        let (ordered, has_circle) = self.changes.dropped();
        let keeps = self.direction == Direction::Up && self.options.keep.is_some() && !ordered.is_empty();
        let loses_parents = keeps || has_circle || self.tables.iter().any(|table| self.refers_to_dropped(table));
        let mut statements = Vec::new();
        if self.direction == Direction::Up {
            statements.extend(self.counters(&ordered)?);
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
            let (changes, own) = (self.changes, &table.name);
            changes.drops(&key.table) && (!changes.drops(own) || same_name(&key.table, own))
        })
    }

    fn created_indexes(&self) -> Vec<String> {
        let mut statements = Vec::new();
        for table in self.changes.created() {
            let indexes = table.indexes.iter().filter(|index| !index.constraint);
            statements.extend(indexes.map(|index| definition::create_index(&table.name, index)));
        }
        statements.extend(self.changes.alterations().filter_map(|(_, to, alteration)| match alteration {
            Alteration::AddIndex(index) if !index.constraint => Some(definition::create_index(&to.name, index)),
            _ => None,
        }));
        statements
    }

    fn created_objects(&self) -> Vec<String> {
        let mut objects = self.changes.created_objects(self.direction);
        let is_recreated =
            |name: &str| objects.iter().any(|view| view.kind == ObjectKind::View && same_name(&view.name, name));
        let own = self.kept.iter().filter(|object| object.kind == ObjectKind::Trigger && is_recreated(&object.table));
        let own: Vec<_> = own.collect();
        objects.extend(own);
        objects.into_iter().map(|object| object.sql.clone()).collect()
    }
}
