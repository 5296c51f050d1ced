//! Changes as PostgreSQL's SQL, up and down.

mod alter;
mod keep;
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
use crate::schema::{ForeignKey, Object, ObjectKind, Schema, Table, Type, same_name, same_names};

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
    prepare::refuse_obstacles(from, &changes)?;
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
        Ok(statements.iter().map(|statement| format!("{statement};\n")).collect())
    }

    fn altered(&self) -> impl Iterator<Item = (&Table, &Table, &[Alteration])> {
        self.changes.iter().filter_map(|change| match change {
            Change::AlterTable { from, to, alterations } => Some((from, to, alterations.as_slice())),
            _ => None,
        })
    }

    /// The tables that this file creates, parents first.
    fn created(&self) -> Vec<&Table> {
        let created = self.changes.iter().filter_map(|change| match change {
            Change::CreateTable(table) => Some(table),
            _ => None,
        });
        parents_first(&created.collect::<Vec<_>>()).0
    }

    /// The tables that this file drops, parents first, and whether they refer to each other in a circle.
    fn dropped(&self) -> (Vec<&Table>, bool) {
        let dropped = self.changes.iter().filter_map(|change| match change {
            Change::DropTable(table) => Some(table),
            _ => None,
        });
        parents_first(&dropped.collect::<Vec<_>>())
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
        let dropped = self.changes.iter().filter_map(|change| match change {
            Change::DropObject(object) => Some(object),
            _ => None,
        });
        // A view that selects from another is the newer one. A downgrade has the changes in reverse order.
        let mut objects: Vec<_> = dropped.collect();
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
        let created = self.changes.iter().filter_map(|change| match change {
            Change::CreateObject(object) => Some(object),
            _ => None,
        });
        let mut objects: Vec<_> = created.collect();
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

    /// Foreign keys go first: those that are dropped, and those that would stand in the way and are added again.
    fn dropped_foreign_keys(&self) -> Vec<String> {
        let mut statements = Vec::new();
        let drop = |table: &Table, key: &ForeignKey| {
            let name = table::foreign_key_name(table, key);
            format!("ALTER TABLE {} DROP CONSTRAINT {}", quote(&table.name), quote(&name))
        };
        for (from, _, alterations) in self.altered() {
            statements.extend(alterations.iter().filter_map(|alteration| match alteration {
                Alteration::DropForeignKey(key) => Some(drop(from, key)),
                _ => None,
            }));
        }
        statements.extend(self.disturbed_keys(self.before).map(|(table, key)| drop(table, key)));
        if self.direction == Direction::Down {
            statements.extend(self.altered().filter_map(|(from, to, _)| self.dropped_side_key(from, to)));
        }
        let goes = |table: &str| self.dropped().0.iter().any(|dropped| same_name(&dropped.name, table));
        let side_keys = self.side_keys.iter().filter(|key| {
            self.direction == Direction::Up && (goes(&key.table) || self.disturbs(&key.table, &key.columns))
        });
        statements.extend(side_keys.map(|key| {
            let (side, constraint) = (quote(&key.side), quote(&key.constraint));
            format!("ALTER TABLE IF EXISTS {side} DROP CONSTRAINT IF EXISTS {constraint}")
        }));
        statements
    }

    /// Foreign keys that stay, but whose columns get another type or whose parent's key is dropped.
    fn disturbed_keys<'a>(&'a self, tables: &'a [Table]) -> impl Iterator<Item = (&'a Table, &'a ForeignKey)> {
        let others = if std::ptr::eq(tables, self.before) { self.after } else { self.before };
        let stays = |table: &Table, key: &ForeignKey| {
            let other = others.iter().find(|other| same_name(&other.name, &table.name));
            let same = |other: &ForeignKey| {
                let (mut a, mut b) = (other.clone(), key.clone());
                (a.name, b.name) = (None, None);
                a == b
            };
            other.is_some_and(|other| other.foreign_keys.iter().any(same))
        };
        let all = tables.iter().flat_map(|table| table.foreign_keys.iter().map(move |key| (table, key)));
        all.filter(move |(table, key)| {
            stays(table, key)
                && (self.disturbs(&key.table, &key.references) || self.changes_type(&table.name, &key.columns))
        })
    }

    /// Whether a foreign key cannot refer to those columns while this file runs.
    fn disturbs(&self, table: &str, columns: &[String]) -> bool {
        let names = |index: &crate::schema::Index| index.columns.iter().map(|own| own.name.clone()).collect::<Vec<_>>();
        self.changes_type(table, columns)
            || self.altered().filter(|(from, ..)| same_name(&from.name, table)).any(|(_, _, alterations)| {
                alterations.iter().any(|alteration| match alteration {
                    Alteration::PrimaryKey { from, .. } => same_names(from, columns),
                    Alteration::DropIndex(index) => index.unique && same_names(&names(index), columns),
                    _ => false,
                })
            })
    }

    /// Whether one of the columns gets a type that cannot be compared with the old one.
    fn changes_type(&self, table: &str, columns: &[String]) -> bool {
        let family = |ty: &Type| match ty {
            Type::SmallInt | Type::Integer | Type::BigInt => "integer".to_owned(),
            Type::Text { .. } => "text".to_owned(),
            other => other.to_string(),
        };
        self.altered().filter(|(from, ..)| same_name(&from.name, table)).any(|(_, _, alterations)| {
            alterations.iter().any(|alteration| match alteration {
                Alteration::AlterColumn { from, to } => {
                    columns.iter().any(|name| same_name(name, &from.name)) && family(&from.ty) != family(&to.ty)
                }
                _ => false,
            })
        })
    }

    /// Indexes, UNIQUE and CHECK constraints go before tables and columns come: another one may take the name.
    fn dropped_constraints(&self) -> Vec<String> {
        let mut statements = Vec::new();
        for (from, _, alterations) in self.altered() {
            let drop = |name: &str| format!("ALTER TABLE {} DROP CONSTRAINT {}", quote(&from.name), quote(name));
            statements.extend(alterations.iter().filter_map(|alteration| match alteration {
                Alteration::DropIndex(index) if index.constraint => Some(drop(&index.name)),
                Alteration::DropIndex(index) => Some(format!("DROP INDEX {}", quote(&index.name))),
                Alteration::DropCheck(check) => Some(drop(check.name.as_deref().unwrap_or_default())),
                _ => None,
            }));
        }
        statements
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

    /// The foreign keys of new tables that refer to a table which is not ready yet: one that comes later, or changes.
    fn late_keys(&self) -> Vec<(&Table, &ForeignKey)> {
        let (mut late, mut done) = (Vec::new(), Vec::new());
        let created = self.created();
        for table in &created {
            done.push(&table.name);
            late.extend(table.foreign_keys.iter().map(|key| (*table, key)).filter(|(_, key)| {
                let is_done = done.iter().any(|name| same_name(name, &key.table));
                let is_created = created.iter().any(|other| same_name(&other.name, &key.table));
                let changes = self.altered().any(|(from, ..)| same_name(&from.name, &key.table));
                !is_done && (is_created || changes)
            }));
        }
        late
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
        for change in self.changes {
            match change {
                Change::CreateTable(table) => {
                    let indexes = table.indexes.iter().filter(|index| !index.constraint);
                    statements.extend(indexes.map(|index| create_index(&table.name, index)));
                }
                Change::AlterTable { to, alterations, .. } => {
                    let add = |text: String| format!("ALTER TABLE {} ADD {text}", quote(&to.name));
                    statements.extend(alterations.iter().filter_map(|alteration| match alteration {
                        Alteration::AddIndex(index) if index.constraint => Some(add(table::unique(to, index))),
                        Alteration::AddIndex(index) => Some(create_index(&to.name, index)),
                        Alteration::AddCheck(check) => Some(add(table::check(to, check))),
                        _ => None,
                    }));
                }
                _ => {}
            }
        }
        statements
    }

    fn added_foreign_keys(&self) -> Vec<String> {
        let add = |table: &Table, key: &ForeignKey| {
            format!("ALTER TABLE {} ADD {}", quote(&table.name), table::foreign_key(table, key))
        };
        let mut statements: Vec<_> = self.late_keys().into_iter().map(|(table, key)| add(table, key)).collect();
        for (_, to, alterations) in self.altered() {
            statements.extend(alterations.iter().filter_map(|alteration| match alteration {
                Alteration::AddForeignKey(key) => Some(add(to, key)),
                _ => None,
            }));
        }
        statements.extend(self.disturbed_keys(self.after).map(|(table, key)| add(table, key)));
        if self.direction == Direction::Up {
            statements.extend(self.altered().filter_map(|(from, to, _)| self.late_side_key(from, to)));
        }
        statements
    }

    /// What the upgrade loses of a table, whichever way this file goes.
    fn side_table(&self, from: &Table, to: &Table) -> Option<SideTable> {
        let (from, to) = if self.direction == Direction::Up { (from, to) } else { (to, from) };
        SideTable::of(self.options, from, to, &super::convert::loses)
    }

    /// Sets the next number of a column that the database numbers after rows were inserted with theirs.
    fn numbers(table: &Table) -> Vec<String> {
        let numbered = table.columns.iter().filter(|column| column.identity);
        let set = |column: &crate::schema::Column| {
            let (name, table) = (quote(&column.name), quote(&table.name));
            let (text, own) = (literal(&table), literal(&column.name));
            format!("SELECT setval(pg_get_serial_sequence({text}, {own}), max({name})) FROM {table}")
        };
        numbered.map(set).collect()
    }
}

fn not_handled(object: &Object) -> Error {
    cannot_express(&object.to_string(), "objects of this kind are compared only: write its migration by hand")
}
