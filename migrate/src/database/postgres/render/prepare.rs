//! What must be known before SQL is written: names that are free, the tables afterwards, and objects in the way.

use super::super::errors::cannot_express;
use super::super::sql::quote;
use super::super::statements::mentions;
use crate::Error;
use crate::change::{Alteration, Change};
use crate::schema::{Object, ObjectKind, Schema, Table, same_name};

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

/// Views, triggers and others that stay keep the columns and tables that they use.
pub(super) fn refuse_obstacles(from: &Schema, changes: &[Change]) -> Result<(), Error> {
    let goes =
        |object: &Object| changes.iter().any(|change| matches!(change, Change::DropObject(own) if own == object));
    let kept: Vec<_> = from.objects().iter().filter(|object| !goes(object)).collect();
    for change in changes {
        match change {
            Change::DropTable(table) => {
                let uses = |object: &&&Object| is_view(object) && mentions(&object.sql, &table.name);
                if let Some(object) = kept.iter().find(uses) {
                    return Err(in_the_way(object, &format!("drop the table {}", table.name)));
                }
            }
            Change::AlterTable { from, alterations, .. } => {
                alterations.iter().try_for_each(|alteration| refuse_obstacle(from, alteration, &kept))?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn refuse_obstacle(table: &Table, alteration: &Alteration, kept: &[&Object]) -> Result<(), Error> {
    let (column, is_dropped) = match alteration {
        Alteration::DropColumn(column) => (column, true),
        Alteration::AlterColumn { from, to } if from.ty != to.ty => (from, false),
        _ => return Ok(()),
    };
    let uses = |object: &&&Object| {
        let is_on_table = same_name(&object.table, &table.name) && (is_dropped || object.kind != ObjectKind::Index);
        (is_view(object) && mentions(&object.sql, &table.name) || is_on_table) && mentions(&object.sql, &column.name)
    };
    let verb = if is_dropped { "drop" } else { "change the type of" };
    let what = format!("{verb} {}.{}", table.name, column.name);
    if let Some(object) = kept.iter().find(uses) {
        return Err(in_the_way(object, &what));
    }
    let clause = table.clauses.iter().flatten().find(|clause| {
        clause.column.as_ref().is_none_or(|own| !same_name(own, &column.name)) && mentions(&clause.text, &column.name)
    });
    let is_listed = |name: &str| is_listed(table, name);
    match clause.filter(|clause| clause.text.starts_with("GENERATED") || !is_listed(&clause.text)) {
        Some(clause) => Err(cannot_express(&table.name, format!("to {what}, `{}` must go first", clause.text))),
        None => Ok(()),
    }
}

/// Whether a clause repeats a key, check or index that the schema lists by itself, so that its change is listed too.
fn is_listed(table: &Table, text: &str) -> bool {
    let checks = table.checks.iter().filter_map(|check| check.name.as_ref());
    let keys = table.foreign_keys.iter().filter_map(|key| key.name.as_ref());
    let indexes = table.indexes.iter().map(|index| &index.name);
    let mut names = checks.chain(keys).chain(indexes).chain(table.primary_key_name.as_ref());
    names.any(|name| text.starts_with(&format!("CONSTRAINT {} ", quote(name))))
}

fn is_view(object: &Object) -> bool {
    matches!(object.kind, ObjectKind::View | ObjectKind::Other("materialized view" | "rule"))
}

fn in_the_way(object: &Object, what: &str) -> Error {
    cannot_express(&object.to_string(), format!("it is in the way: to {what}, drop it first and create it again later"))
}
