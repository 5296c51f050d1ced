//! What must be known before SQL is written: names that are free, and the tables afterwards.

use crate::change::{Alteration, Change};
use crate::schema::{Schema, Table, same_name};
use crate::table_path::{bare, beside};

/// The changes, with a name for everything that the downgrade must find again.
pub(super) fn named(from: &Schema, changes: &[Change]) -> Vec<Change> {
    let mut taken: Vec<String> = from.objects().iter().map(|object| beside(&object.table, &object.name)).collect();
    for table in &from.tables {
        taken.push(table.name.clone());
        taken.extend(table.primary_key_name.iter().map(|name| beside(&table.name, name)));
        taken.extend(table.indexes.iter().map(|index| beside(&table.name, &index.name)));
    }
    for change in changes {
        match change {
            Change::DropObject(object) => taken.retain(|name| *name != beside(&object.table, &object.name)),
            Change::AlterTable { from, alterations, .. } => alterations.iter().for_each(|alteration| {
                if let Alteration::DropIndex(index) = alteration {
                    taken.retain(|name| *name != beside(&from.name, &index.name));
                }
            }),
            _ => {}
        }
    }
    let mut changes = changes.to_vec();
    for change in &mut changes {
        match change {
            Change::CreateTable(table) => {
                let place = table.name.clone();
                table.indexes.iter_mut().for_each(|index| index.name = free_beside(&place, &index.name, &mut taken));
                let mut own = Vec::new();
                let name = format!("{}_check", bare(&table.name));
                let checks = table.checks.iter_mut();
                checks.for_each(|check| check.name = Some(free(check.name.as_ref().unwrap_or(&name), &mut own)));
            }
            Change::AlterTable { from, alterations, .. } => name_alterations(from, alterations, &mut taken),
            _ => {}
        }
    }
    changes
}

fn name_alterations(from: &Table, alterations: &mut [Alteration], taken: &mut Vec<String>) {
    let is_dropped = |name: &str| {
        alterations.iter().any(|alteration| match alteration {
            Alteration::DropCheck(check) => check.name.as_deref() == Some(name),
            Alteration::DropForeignKey(key) => key.name.as_deref() == Some(name),
            _ => false,
        })
    };
    let checks = from.checks.iter().filter_map(|check| check.name.clone());
    let keys = from.foreign_keys.iter().filter_map(|key| key.name.clone());
    let mut own: Vec<_> = checks.chain(keys).filter(|name| !is_dropped(name)).collect();
    for alteration in alterations {
        match alteration {
            Alteration::AddIndex(index) => index.name = free_beside(&from.name, &index.name, taken),
            Alteration::AddCheck(check) => {
                let name = format!("{}_check", bare(&from.name));
                check.name = Some(free(check.name.as_ref().unwrap_or(&name), &mut own));
            }
            Alteration::AddForeignKey(key) => {
                let name = format!("{}_{}_fkey", bare(&from.name), key.columns.join("_"));
                key.name = Some(free(key.name.as_ref().unwrap_or(&name), &mut own));
            }
            _ => {}
        }
    }
}

/// The same for a name in the schema of a table, of which `taken` holds the path.
fn free_beside(table: &str, name: &str, taken: &mut Vec<String>) -> String {
    let mut names = std::iter::once(name.to_owned()).chain((1..).map(|number| format!("{name}{number}")));
    let name = names.find(|name| !taken.contains(&beside(table, name))).unwrap_or_default();
    taken.push(beside(table, &name));
    name
}

/// The name, or one like it that is not taken; it is taken then.
fn free(name: &str, taken: &mut Vec<String>) -> String {
    let mut names = std::iter::once(name.to_owned()).chain((1..).map(|number| format!("{name}{number}")));
    let name = names.find(|name| !taken.contains(name)).unwrap_or_default();
    taken.push(name.clone());
    name
}

/// The tables after the changes.
pub(super) fn target(from: &Schema, changes: &[Change]) -> Vec<Table> {
    let mut tables = from.tables.clone();
    for change in changes {
        match change {
            Change::CreateTable(table) => tables.push(table.clone()),
            Change::DropTable(table) => tables.retain(|own| !same_name(&own.name, &table.name)),
            Change::AlterTable { to, .. } => {
                tables.iter_mut().filter(|own| same_name(&own.name, &to.name)).for_each(|own| own.clone_from(to));
            }
            _ => {}
        }
    }
    tables
}
