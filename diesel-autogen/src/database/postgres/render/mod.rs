//! Changes as PostgreSQL's SQL, up and down.

mod alter;
mod enums;
mod keep;
mod keys;
mod numbering;
mod objects;
mod online;
mod prepare;
mod retype;
mod rewrite;
mod second_column;
mod steps;
mod table;
mod writer;

use self::writer::{Writer, add_constraint, drop_constraint};
use super::sql::{quote, quote_table};
use crate::Error;
use crate::change::{Alteration, Change, Rename};
use crate::database::changes::{Changes, create_index};
use crate::migration::{Direction, Sql};
use crate::options::RenderOptions;
use crate::schema::{ForeignKey, Schema, Table};
use crate::table_path::{bare, beside, split};

pub(super) use self::objects::create_statement;
pub(super) use self::writer::SideKey;

pub(super) fn render(
    from: &Schema,
    changes: &[Change],
    options: &RenderOptions,
    side_keys: &[SideKey],
    created: &[String],
) -> Result<Sql, Error> {
    let changes = prepare::named(from, changes);
    let target = prepare::target(from, &changes);
    let reversed: Vec<_> = changes.iter().rev().cloned().map(Change::reverse).collect();
    let write = |direction, changes, before, after| {
        let changes = Changes(changes);
        Writer { direction, changes, before, after, objects: from.objects(), options, side_keys, created }.write()
    };
    let up = write(Direction::Up, &changes, &from.tables, &target)?;
    let down = write(Direction::Down, &reversed, &target, &from.tables)?;
    Ok(Sql { up, down, own_transaction: false })
}

/// The changes as several migrations that let others use the tables, each with a word for its name.
pub(super) fn render_online(
    from: &Schema,
    changes: &[Change],
    options: &RenderOptions,
    (rewrites, created): (&[String], &[String]),
) -> Result<Vec<(&'static str, Sql)>, Error> {
    online::render_online(from, changes, options, rewrites, |now| render(from, now, options, &[], created))
}

impl Writer<'_> {
    fn write(&self) -> Result<String, Error> {
        let mut statements = Vec::new();
        // All other statements use the names after the upgrade.
        if self.direction == Direction::Up {
            statements.extend(self.renames()?);
        }
        statements.extend(self.dropped_objects()?);
        statements.extend(self.dropped_foreign_keys());
        statements.extend(self.dropped_constraints());
        statements.extend(self.created_schemas());
        statements.extend(self.created_parts()?);
        statements.extend(self.created_tables()?);
        statements.extend(self.altered_tables()?);
        match self.direction {
            Direction::Up => statements.extend(self.kept_tables()),
            Direction::Down => statements.extend(self.restored_tables()),
        }
        statements.extend(self.dropped_tables());
        statements.extend(self.dropped_parts()?);
        statements.extend(self.added_constraints());
        statements.extend(self.added_foreign_keys());
        statements.extend(self.created_objects()?);
        if self.direction == Direction::Down {
            statements.extend(self.renames()?);
        }
        Ok(statements.into_iter().map(|statement| statement + ";\n").collect())
    }

    /// Indexes, UNIQUE and CHECK constraints go before tables and columns come: another one may take the name.
    fn dropped_constraints(&self) -> Vec<String> {
        let dropped = self.changes.alterations().filter_map(|(from, _, alteration)| match alteration {
            Alteration::DropIndex(index) if index.constraint => Some(drop_constraint(from, &index.name)),
            Alteration::DropIndex(index) => {
                Some(format!("DROP INDEX {}", quote_table(&beside(&from.name, &index.name))))
            }
            Alteration::DropCheck(check) => Some(drop_constraint(from, check.name.as_deref().unwrap_or_default())),
            _ => None,
        });
        let rewritten = self.rewritten_constraints();
        dropped.chain(rewritten.into_iter().filter_map(|rewritten| rewritten.drop)).collect()
    }

    fn renames(&self) -> Result<Vec<String>, Error> {
        let moved = self.changes.0.iter().filter_map(Change::rename).find(|rename| match rename {
            Rename::Table { from, to } => split(from).0 != split(to).0,
            Rename::Column { .. } => false,
        });
        match moved {
            Some(rename) => Err(Error::cannot_express(&rename.to_string(), "it would move to another schema")),
            None => Ok(self.changes.renames(quote, quote_table, |table| quote(&bare(table)))),
        }
    }

    /// The schemas of new tables that no earlier migration creates. They stay in a downgrade: others may use them.
    fn created_schemas(&self) -> Vec<String> {
        let schema = |table: &Table| split(&table.name).0;
        let mut new: Vec<_> = self.changes.created().into_iter().filter_map(schema).collect();
        new.retain(|schema| !self.created.contains(schema) && self.direction == Direction::Up);
        new.sort();
        new.dedup();
        new.iter().map(|schema| format!("CREATE SCHEMA IF NOT EXISTS {}", quote(schema))).collect()
    }

    fn created_tables(&self) -> Result<Vec<String>, Error> {
        let late = self.late_keys();
        let create = |table: &&Table| {
            let is_late = |key: &ForeignKey| late.iter().any(|(_, other)| std::ptr::eq(*other, key));
            let keys: Vec<_> = table.foreign_keys.iter().filter(|key| !is_late(key)).collect();
            table::create_table(table, &keys)
        };
        self.changes.created().iter().map(create).collect()
    }

    /// The tables that go, children first; those that refer to each other in one statement.
    fn dropped_tables(&self) -> Vec<String> {
        let (dropped, has_circle) = self.changes.dropped();
        let names: Vec<_> = dropped.iter().map(|table| quote_table(&table.name)).collect();
        if has_circle {
            return vec![format!("DROP TABLE {}", names.join(", "))];
        }
        names.iter().map(|name| format!("DROP TABLE {name}")).collect()
    }

    fn added_constraints(&self) -> Vec<String> {
        let mut statements = Vec::new();
        for table in self.changes.created() {
            let indexes = table.indexes.iter().filter(|index| !index.constraint);
            statements.extend(indexes.map(|index| create_index(&quote_table(&table.name), index, quote)));
        }
        statements.extend(self.changes.alterations().filter_map(|(_, to, alteration)| match alteration {
            Alteration::AddIndex(index) if index.constraint => Some(add_constraint(to, &table::unique(to, index))),
            Alteration::AddIndex(index) => Some(create_index(&quote_table(&to.name), index, quote)),
            Alteration::AddCheck(check) => Some(add_constraint(to, &table::check(to, check))),
            _ => None,
        }));
        statements.extend(self.rewritten_constraints().into_iter().filter_map(|rewritten| rewritten.add));
        statements
    }
}
