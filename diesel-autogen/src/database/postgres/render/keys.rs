//! Foreign keys that are added, dropped, or in the way of another change.

use super::super::sql::quote;
use super::table;
use super::writer::{SideKey, Writer, add_constraint, drop_constraint, is_exact};
use crate::change::Alteration;
use crate::migration::Direction;
use crate::schema::{ForeignKey, Index, Table, Type, same_name, same_names};

impl Writer<'_> {
    /// Foreign keys go first: those that are dropped, and those that would be in the way and are added again.
    pub(super) fn dropped_foreign_keys(&self) -> Vec<String> {
        let drop = |table: &Table, key: &ForeignKey| drop_constraint(table, &table::foreign_key_name(table, key));
        let dropped = self.changes.alterations().filter_map(|(from, _, alteration)| match alteration {
            Alteration::DropForeignKey(key) => Some(drop(from, key)),
            _ => None,
        });
        let mut statements: Vec<_> = dropped.collect();
        statements.extend(self.disturbed_keys(self.before, self.after).map(|(table, key)| drop(table, key)));
        for table in self.changes.dropped().0 {
            let keys = table.foreign_keys.iter().filter(|key| self.disturbs(&key.table, &key.references));
            statements.extend(keys.map(|key| drop(table, key)));
        }
        if self.direction == Direction::Down {
            statements.extend(self.changes.altered().filter_map(|(from, to, _)| self.dropped_side_key(from, to)));
            return statements;
        }
        let is_free = |key: &&SideKey| self.changes.drops(&key.table) || self.disturbs(&key.table, &key.columns);
        statements.extend(self.side_keys.iter().filter(is_free).map(|key| {
            let (side, constraint) = (quote(&key.side), quote(&key.constraint));
            format!("ALTER TABLE IF EXISTS {side} DROP CONSTRAINT IF EXISTS {constraint}")
        }));
        statements
    }

    pub(super) fn added_foreign_keys(&self) -> Vec<String> {
        let add = |table: &Table, key: &ForeignKey| add_constraint(table, &table::foreign_key(table, key));
        let mut statements: Vec<_> = self.late_keys().into_iter().map(|(table, key)| add(table, key)).collect();
        statements.extend(self.changes.alterations().filter_map(|(_, to, alteration)| match alteration {
            Alteration::AddForeignKey(key) => Some(add(to, key)),
            _ => None,
        }));
        statements.extend(self.disturbed_keys(self.after, self.before).map(|(table, key)| add(table, key)));
        if self.direction == Direction::Up {
            statements.extend(self.changes.altered().filter_map(|(from, to, _)| self.late_side_key(from, to)));
        }
        statements
    }

    /// The foreign keys of new tables that refer to a table which is not ready yet: one that comes later, changes, or whose
    /// columns become unique by an index, which is created after all tables.
    pub(super) fn late_keys(&self) -> Vec<(&Table, &ForeignKey)> {
        let (mut late, mut done) = (Vec::new(), Vec::new());
        let created = self.changes.created();
        for table in &created {
            done.push(&table.name);
            late.extend(table.foreign_keys.iter().map(|key| (*table, key)).filter(|(_, key)| {
                let is_done = done.iter().any(|name| same_name(name, &key.table));
                let is_created = created.iter().any(|other| same_name(&other.name, &key.table));
                let changes = self.changes.altered().any(|(from, ..)| same_name(&from.name, &key.table));
                let indexes = created.iter().filter(|other| same_name(&other.name, &key.table));
                let mut indexes = indexes.flat_map(|other| &other.indexes).filter(|index| !index.constraint);
                !is_done && (is_created || changes) || indexes.any(|index| is_unique(index, &key.references))
            }));
        }
        late
    }

    /// Foreign keys that stay, but whose columns get another type or whose parent's key is dropped.
    fn disturbed_keys<'a>(
        &'a self,
        tables: &'a [Table],
        others: &'a [Table],
    ) -> impl Iterator<Item = (&'a Table, &'a ForeignKey)> {
        let stays = |table: &Table, key: &ForeignKey| {
            let other = others.iter().find(|other| same_name(&other.name, &table.name));
            let same = |other: &ForeignKey| ForeignKey { name: key.name.clone(), ..other.clone() } == *key;
            let is_stated = self.changes.alterations().any(|(from, to, alteration)| match alteration {
                Alteration::AddForeignKey(own) | Alteration::DropForeignKey(own) => {
                    own == key && [from, to].iter().any(|other| same_name(&other.name, &table.name))
                }
                _ => false,
            });
            !is_stated && other.is_some_and(|other| other.foreign_keys.iter().any(same))
        };
        let all = tables.iter().flat_map(|table| table.foreign_keys.iter().map(move |key| (table, key)));
        all.filter(move |(table, key)| {
            let is_disturbed = self.disturbs(&key.table, &key.references)
                || self.changes_type(&table.name, &key.columns)
                || others.iter().any(|other| same_name(&other.name, &table.name) && is_rewritten(table, other, key));
            is_disturbed && stays(table, key)
        })
    }

    /// Whether a foreign key cannot refer to those columns while this file runs.
    pub(super) fn disturbs(&self, table: &str, columns: &[String]) -> bool {
        let is_dropped = |alteration: &Alteration| match alteration {
            Alteration::PrimaryKey { from, .. } => same_names(from, columns),
            Alteration::DropIndex(index) => is_unique(index, columns),
            _ => false,
        };
        self.changes_type(table, columns)
            || self
                .changes
                .alterations()
                .any(|(from, _, alteration)| same_name(&from.name, table) && is_dropped(alteration))
    }

    /// Whether one of the columns gets a type that cannot be compared with the old one.
    fn changes_type(&self, table: &str, columns: &[String]) -> bool {
        let family = |ty: &Type| match ty {
            Type::SmallInt | Type::Integer | Type::BigInt => "integer".to_owned(),
            Type::Text { .. } => "text".to_owned(),
            other => other.to_string(),
        };
        self.changes.alterations().any(|(own, _, alteration)| match alteration {
            Alteration::AlterColumn { from, to } => {
                let is_one = same_name(&own.name, table) && columns.iter().any(|name| same_name(name, &from.name));
                is_one && family(&from.ty) != family(&to.ty)
            }
            _ => false,
        })
    }
}

/// Whether the two tables have the foreign key in different words: one of them is DEFERRABLE.
fn is_rewritten(table: &Table, other: &Table, key: &ForeignKey) -> bool {
    let same = other.foreign_keys.iter().find(|own| own.name == key.name);
    is_exact(table, other) && same.is_some_and(|own| table::foreign_key(table, key) != table::foreign_key(other, own))
}

/// Whether a foreign key can refer to those columns by that index.
pub(super) fn is_unique(index: &Index, columns: &[String]) -> bool {
    let is_named = |name: &String| index.columns.iter().any(|own| same_name(&own.name, name));
    index.unique && index.columns.len() == columns.len() && columns.iter().all(is_named)
}
