//! Changes as PostgreSQL's SQL, up and down.

mod alter;
mod keep;
mod keys;
mod prepare;
mod table;

use super::errors::cannot_express;
use super::introspect::create_index;
use super::sql::{literal, quote};
use crate::Error;
use crate::change::{Alteration, Change, Rename};
use crate::database::order::parents_first;
use crate::kept::SideTable;
use crate::migration::{Direction, Sql};
use crate::options::RenderOptions;
use crate::schema::{Column, ForeignKey, Object, ObjectKind, Schema, Table};

/// A foreign key of a side table that an earlier migration made.
pub(super) struct SideKey {
    pub side: String,
    pub constraint: String,
    /// The table and the columns that it refers to.
    pub table: String,
    pub columns: Vec<String>,
}

pub(super) fn render(
    from: &Schema,
    changes: &[Change],
    options: &RenderOptions,
    side_keys: &[SideKey],
) -> Result<Sql, Error> {
    let changes = prepare::named(from, changes);
    let target = prepare::target(from, &changes);
    let reversed: Vec<_> = changes.iter().rev().cloned().map(Change::reverse).collect();
    let write = |direction, changes, before, after| {
        Writer { direction, changes, before, after, objects: from.objects(), options, side_keys }.write()
    };
    let up = write(Direction::Up, &changes, &from.tables, &target)?;
    let down = write(Direction::Down, &reversed, &target, &from.tables)?;
    Ok(Sql { up, down, own_transaction: false })
}

/// The statements that create the tables of a schema, with their indexes.
pub(super) fn create_tables(schema: &Schema) -> Result<Vec<String>, Error> {
    let changes: Vec<_> = schema.tables.iter().cloned().map(Change::CreateTable).collect();
    let changes = prepare::named(&Schema::default(), &changes);
    let options = RenderOptions::default();
    let writer = Writer {
        direction: Direction::Up,
        changes: &changes,
        before: &[],
        after: &schema.tables,
        objects: &[],
        options: &options,
        side_keys: &[],
    };
    let mut statements = writer.created_tables()?;
    statements.extend(writer.added_constraints());
    statements.extend(writer.added_foreign_keys());
    Ok(statements)
}

/// Writes one file.
struct Writer<'a> {
    direction: Direction,
    changes: &'a [Change],
    /// The tables before and after this file runs.
    before: &'a [Table],
    after: &'a [Table],
    /// Views, triggers and other objects of the database.
    objects: &'a [Object],
    options: &'a RenderOptions,
    side_keys: &'a [SideKey],
}

impl Writer<'_> {
    fn write(&self) -> Result<String, Error> {
        let mut statements = Vec::new();
        // All other statements use the names after the upgrade.
        if self.direction == Direction::Up {
            statements.extend(self.renames());
        }
        statements.extend(self.dropped_objects()?);
        statements.extend(self.dropped_foreign_keys());
        statements.extend(self.dropped_constraints());
        statements.extend(self.created_tables()?);
        statements.extend(self.altered_tables()?);
        match self.direction {
            Direction::Up => statements.extend(self.kept_tables()),
            Direction::Down => statements.extend(self.restored_tables()),
        }
        statements.extend(self.dropped_tables());
        statements.extend(self.added_constraints());
        statements.extend(self.added_foreign_keys());
        statements.extend(self.created_objects()?);
        if self.direction == Direction::Down {
            statements.extend(self.renames());
        }
        Ok(statements.into_iter().map(|statement| statement + ";\n").collect())
    }

    fn altered(&self) -> impl Iterator<Item = (&Table, &Table, &[Alteration])> {
        self.changes.iter().filter_map(|change| match change {
            Change::AlterTable { from, to, alterations } => Some((from, to, alterations.as_slice())),
            _ => None,
        })
    }

    /// Every alteration, with its table before and after.
    fn alterations(&self) -> impl Iterator<Item = (&Table, &Table, &Alteration)> {
        self.altered().flat_map(|(from, to, all)| all.iter().map(move |alteration| (from, to, alteration)))
    }

    /// The tables that this file creates, parents first.
    fn created(&self) -> Vec<&Table> {
        let tables = self.changes.iter().filter_map(|change| match change {
            Change::CreateTable(table) => Some(table),
            _ => None,
        });
        parents_first(&tables.collect::<Vec<_>>()).0
    }

    /// The tables that this file drops, parents first, and whether they refer to each other in a circle.
    fn dropped(&self) -> (Vec<&Table>, bool) {
        let tables = self.changes.iter().filter_map(|change| match change {
            Change::DropTable(table) => Some(table),
            _ => None,
        });
        parents_first(&tables.collect::<Vec<_>>())
    }

    fn renames(&self) -> Vec<String> {
        let renames = self.changes.iter().filter_map(|change| match change {
            Change::Rename(Rename::Table { from, to }) => {
                Some(format!("ALTER TABLE {} RENAME TO {}", quote(from), quote(to)))
            }
            Change::Rename(Rename::Column { table, from, to }) => {
                Some(format!("ALTER TABLE {} RENAME COLUMN {} TO {}", quote(table), quote(from), quote(to)))
            }
            _ => None,
        });
        renames.collect()
    }

    fn dropped_objects(&self) -> Result<Vec<String>, Error> {
        let objects = self.changes.iter().filter_map(|change| match change {
            Change::DropObject(object) => Some(object),
            _ => None,
        });
        let mut objects: Vec<_> = objects.collect();
        // A view that selects from another is the newer one. A downgrade has the changes in reverse order.
        if self.direction == Direction::Up {
            objects.reverse();
        }
        objects.sort_by_key(|object| object.kind != ObjectKind::Trigger);
        let drop = |object: &&Object| match object.kind {
            ObjectKind::Index => Ok(format!("DROP INDEX {}", quote(&object.name))),
            ObjectKind::View => Ok(format!("DROP VIEW {}", quote(&object.name))),
            ObjectKind::Trigger => Ok(format!("DROP TRIGGER {} ON {}", quote(&object.name), quote(&object.table))),
            ObjectKind::VirtualTable | ObjectKind::Other(_) => Err(not_handled(object)),
        };
        objects.iter().map(drop).collect()
    }

    fn created_objects(&self) -> Result<Vec<String>, Error> {
        let objects = self.changes.iter().filter_map(|change| match change {
            Change::CreateObject(object) => Some(object),
            _ => None,
        });
        let mut objects: Vec<_> = objects.collect();
        if self.direction == Direction::Down {
            objects.reverse();
        }
        objects.sort_by_key(|object| object.kind == ObjectKind::Trigger);
        let create = |object: &&Object| match object.kind {
            ObjectKind::VirtualTable | ObjectKind::Other(_) => Err(not_handled(object)),
            _ => Ok(object.sql.clone()),
        };
        objects.iter().map(create).collect()
    }

    /// Indexes, UNIQUE and CHECK constraints go before tables and columns come: another one may take the name.
    fn dropped_constraints(&self) -> Vec<String> {
        let dropped = self.alterations().filter_map(|(from, _, alteration)| match alteration {
            Alteration::DropIndex(index) if index.constraint => Some(drop_constraint(from, &index.name)),
            Alteration::DropIndex(index) => Some(format!("DROP INDEX {}", quote(&index.name))),
            Alteration::DropCheck(check) => Some(drop_constraint(from, check.name.as_deref().unwrap_or_default())),
            _ => None,
        });
        dropped.collect()
    }

    fn created_tables(&self) -> Result<Vec<String>, Error> {
        let late = self.late_keys();
        let create = |table: &&Table| {
            let is_late = |key: &ForeignKey| late.iter().any(|(_, other)| std::ptr::eq(*other, key));
            let keys: Vec<_> = table.foreign_keys.iter().filter(|key| !is_late(key)).collect();
            table::create_table(table, &keys)
        };
        self.created().iter().map(create).collect()
    }

    /// The tables that go, children first; those that refer to each other in one statement.
    fn dropped_tables(&self) -> Vec<String> {
        let (mut dropped, has_circle) = self.dropped();
        dropped.reverse();
        let names: Vec<_> = dropped.iter().map(|table| quote(&table.name)).collect();
        if has_circle {
            return vec![format!("DROP TABLE {}", names.join(", "))];
        }
        names.iter().map(|name| format!("DROP TABLE {name}")).collect()
    }

    fn added_constraints(&self) -> Vec<String> {
        let mut statements = Vec::new();
        for table in self.created() {
            let indexes = table.indexes.iter().filter(|index| !index.constraint);
            statements.extend(indexes.map(|index| create_index(&table.name, index)));
        }
        statements.extend(self.alterations().filter_map(|(_, to, alteration)| match alteration {
            Alteration::AddIndex(index) if index.constraint => Some(add_constraint(to, &table::unique(to, index))),
            Alteration::AddIndex(index) => Some(create_index(&to.name, index)),
            Alteration::AddCheck(check) => Some(add_constraint(to, &table::check(to, check))),
            _ => None,
        }));
        statements
    }

    /// What the upgrade loses of a table, whichever way this file goes.
    fn side_table(&self, from: &Table, to: &Table) -> Option<SideTable> {
        let (from, to) = if self.direction == Direction::Up { (from, to) } else { (to, from) };
        SideTable::of(self.options, from, to, &super::convert::loses)
    }

    /// Sets the next number of a column that the database numbers, after rows were inserted with their numbers.
    fn numbers(table: &Table) -> Vec<String> {
        let numbered = table.columns.iter().filter(|column| column.identity);
        let set = |column: &Column| {
            let (name, table) = (quote(&column.name), quote(&table.name));
            let (text, own) = (literal(&table), literal(&column.name));
            format!("SELECT setval(pg_get_serial_sequence({text}, {own}), max({name})) FROM {table}")
        };
        numbered.map(set).collect()
    }
}

fn drop_constraint(table: &Table, name: &str) -> String {
    format!("ALTER TABLE {} DROP CONSTRAINT {}", quote(&table.name), quote(name))
}

fn add_constraint(table: &Table, text: &str) -> String {
    format!("ALTER TABLE {} ADD {text}", quote(&table.name))
}

fn not_handled(object: &Object) -> Error {
    cannot_express(&object.to_string(), "objects of this kind are compared only: write its migration by hand")
}
