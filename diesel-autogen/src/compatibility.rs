//! What a program of the previous release does not survive while it still runs on the changed tables: the reason for
//! deploying a change in two steps, expand and contract.

use crate::change::{Alteration, Change};
use crate::schema::{Column, Table};

/// For each change that breaks a program made for the schema before it: what happens. Diesel's queries name all columns
/// of the tables that they were compiled with.
pub(crate) fn breaks(changes: &[Change]) -> Vec<String> {
    changes.iter().flat_map(broken_by).collect()
}

fn broken_by(change: &Change) -> Vec<String> {
    match change {
        Change::DropTable(table) => vec![format!("{} is dropped", table.name)],
        Change::Rename(rename) => vec![format!("it {rename}")],
        Change::AlterTable { to, alterations, .. } => {
            alterations.iter().filter_map(|alteration| broken_in(to, alteration)).collect()
        }
        Change::CreateTable(_) | Change::CreateObject(_) | Change::DropObject(_) => Vec::new(),
    }
}

fn broken_in(table: &Table, alteration: &Alteration) -> Option<String> {
    let name = &table.name;
    match alteration {
        Alteration::AddColumn(column) if is_required(column) => {
            Some(format!("inserts into {name} lack {}, which is NOT NULL and has no default", column.name))
        }
        Alteration::DropColumn(column) => Some(format!("{name}.{} is dropped", column.name)),
        Alteration::AlterColumn { from, to } => {
            let column = format!("{name}.{}", to.name);
            if from.ty != to.ty {
                Some(format!("{column} has another type"))
            } else if to.generated && !from.generated {
                Some(format!("{column} cannot be written"))
            } else if is_required(to) && !is_required(from) {
                Some(format!("inserts and updates may leave {column} NULL"))
            } else if from.nullable && !to.nullable {
                Some(format!("inserts and updates may set {column} to NULL"))
            } else if to.nullable && !from.nullable {
                Some(format!("{column} may be NULL"))
            } else {
                None
            }
        }
        Alteration::AddIndex(index) if !index.unique => None,
        Alteration::AddIndex(_)
        | Alteration::AddForeignKey(_)
        | Alteration::AddCheck(_)
        | Alteration::PrimaryKey { .. } => {
            Some(format!("inserts and updates of {name} may be refused, since it {alteration}"))
        }
        _ => None,
    }
}

/// Whether an insert has to name it.
fn is_required(column: &Column) -> bool {
    !column.nullable && column.default.is_none() && !column.generated && !column.identity
}
