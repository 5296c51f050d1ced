//! What must be known before SQL is written: names that are free, and the tables afterwards.

use crate::change::{Alteration, Change};
use crate::schema::{Schema, Table, same_name};

/// The changes, with a name for everything that the downgrade must find again.
pub(super) fn named(from: &Schema, changes: &[Change]) -> Vec<Change> {
    let mut taken: Vec<String> = from.objects().iter().map(|object| object.name.clone()).collect();
    for table in &from.tables {
        taken.push(table.name.clone());
        taken.extend(table.primary_key_name.clone());
        taken.extend(table.indexes.iter().map(|index| index.name.clone()));
    }
    for change in changes {
        match change {
            Change::DropObject(object) => taken.retain(|name| *name != object.name),
            Change::AlterTable { alterations, .. } => alterations.iter().for_each(|alteration| {
                if let Alteration::DropIndex(index) = alteration {
                    taken.retain(|name| *name != index.name);
                }
            }),
            _ => {}
        }
    }
    let mut changes = changes.to_vec();
    for change in &mut changes {
        match change {
            Change::CreateTable(table) => {
                table.indexes.iter_mut().for_each(|index| index.name = free(&index.name, &mut taken));
                let mut own = Vec::new();
                let name = format!("{}_check", table.name);
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
            Alteration::AddIndex(index) => index.name = free(&index.name, taken),
            Alteration::AddCheck(check) => {
                let name = format!("{}_check", from.name);
                check.name = Some(free(check.name.as_ref().unwrap_or(&name), &mut own));
            }
            Alteration::AddForeignKey(key) => {
                let name = format!("{}_{}_fkey", from.name, key.columns.join("_"));
                key.name = Some(free(key.name.as_ref().unwrap_or(&name), &mut own));
            }
            _ => {}
        }
    }
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
