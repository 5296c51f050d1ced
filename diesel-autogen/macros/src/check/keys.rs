//! Whether foreign keys refer to what they may, do what their columns allow, and can be joined on.

use crate::errors::{Errors, list};
use crate::model::{ForeignKey, Join, Model, Place, Table, positions};
use crate::values::{Action, ActionKind};

/// Checks the foreign keys of all tables, then what `joinable!` says.
pub fn check(model: &Model, errors: &mut Errors) {
    for table in &model.tables {
        for (at, key) in table.foreign_keys.iter().enumerate() {
            check_repeats(&key.columns, table, errors);
            check_repeated_key(&table.foreign_keys[..at], key, table, errors);
            for action in [&key.actions.on_delete, &key.actions.on_update].into_iter().flatten() {
                check_action(action, key, table, errors);
            }
            check_target(key, table, model.table(key.table), errors);
        }
    }
    for (at, join) in model.joinables.iter().enumerate() {
        check_join(join, &model.joinables[..at], model, errors);
    }
}

/// Refuses a column that is named twice in one list.
pub fn check_repeats(places: &[Place], table: &Table, errors: &mut Errors) {
    for (at, place) in places.iter().enumerate() {
        if places[..at].iter().any(|other| other.at == place.at) {
            let message = format!("column `{}` is named twice here", table.column(*place).ident);
            errors.push(syn::Error::new(place.span, message));
        }
    }
}

fn check_repeated_key(earlier: &[ForeignKey], key: &ForeignKey, table: &Table, errors: &mut Errors) {
    let repeated = earlier
        .iter()
        .any(|other| other.table.at == key.table.at && positions(&other.columns) == positions(&key.columns));
    if repeated {
        let columns = list(key.columns.iter().map(|column| table.column(*column).ident.to_string()));
        errors.push(syn::Error::new(key.table.span, format!("{columns} already refers to this table")));
    }
}

fn check_action(action: &Action, key: &ForeignKey, table: &Table, errors: &mut Errors) {
    let mut columns = key.columns.iter().map(|column| table.column(*column));
    let problem = match action.kind {
        ActionKind::SetNull => columns.find(|column| !column.ty.nullable).map(|column| {
            format!("`set_null` needs columns that may be NULL: `{}` is not `Nullable<…>`", column.ident)
        }),
        ActionKind::SetDefault => columns
            .find(|column| column.default.is_none() && !column.ty.nullable)
            .map(|column| format!("`set_default` needs columns with a default: `{}` has none", column.ident)),
        ActionKind::NoAction | ActionKind::Restrict | ActionKind::Cascade => None,
    };
    if let Some(problem) = problem {
        errors.push(syn::Error::new(action.span, problem));
    }
}

fn check_target(key: &ForeignKey, table: &Table, other: &Table, errors: &mut Errors) {
    let names = || list(key.references.iter().map(|column| other.column(*column).ident.to_string()));
    if key.columns.len() != key.references.len() {
        let message = format!(
            "this key has {} here and {} ({}) in `{}`: their number must be the same",
            counted(key.columns.len()),
            counted(key.references.len()),
            names(),
            other.ident
        );
        errors.push(syn::Error::new(key.table.span, message));
        return;
    }
    if !is_unique(&key.references, other) {
        let span = key.references.first().map_or(key.table.span, |column| column.span);
        let message = format!(
            "a foreign key refers to the primary key or to unique columns, and {} of `{}` {}",
            names(),
            other.ident,
            if key.references.len() == 1 {
                "is neither: mark it `#[unique]`"
            } else {
                "are neither: write `#[unique(…)]` above that table"
            }
        );
        errors.push(syn::Error::new(span, message));
    }
    for (column, referenced) in key.columns.iter().zip(&key.references) {
        let (here, there) = (table.column(*column), other.column(*referenced));
        if !here.ty.kind.may_refer_to(&there.ty.kind) {
            let message = format!(
                "`{}` is of type `{}`, but `{}.{}`, to which it refers, is of type `{}`: they must be of one kind",
                here.ident,
                here.ty.kind.name(),
                other.ident,
                there.ident,
                there.ty.kind.name()
            );
            errors.push(syn::Error::new(column.span, message));
        }
    }
}

/// Whether no two rows can be equal in these columns. Their order does not matter.
fn is_unique(places: &[Place], table: &Table) -> bool {
    let sorted = |mut columns: Vec<usize>| {
        columns.sort_unstable();
        columns
    };
    let columns = sorted(positions(places));
    let unique = table.indexes.iter().filter(|index| index.unique);
    !table.without_primary_key && columns == sorted(positions(&table.key))
        || unique
            .map(|index| sorted(index.columns.iter().map(|(column, _)| column.at).collect()))
            .any(|index| index == columns)
}

fn check_join(join: &Join, earlier: &[Join], model: &Model, errors: &mut Errors) {
    let (child, parent) = (model.table(join.child), model.table(join.parent));
    let repeated = earlier.iter().any(|other| {
        [(other.child.at, other.parent.at), (other.parent.at, other.child.at)]
            .contains(&(join.child.at, join.parent.at))
    });
    if join.child.at == join.parent.at {
        let message =
            "a table cannot be `joinable!` to itself: write `#[references(…)]`, and join with `diesel::alias!`";
        errors.push(syn::Error::new(join.parent.span, message));
    } else if parent.key.len() != 1 {
        let message = format!(
            "Diesel joins on a primary key of one column, and `{}` has {}: remove this line and join with `.on(…)`",
            parent.ident,
            parent.key.len()
        );
        errors.push(syn::Error::new(join.parent.span, message));
    } else if repeated {
        let message = format!("`{}` and `{}` are joinable already", child.ident, parent.ident);
        errors.push(syn::Error::new(join.child.span, message));
    }
}

fn counted(columns: usize) -> String {
    if columns == 1 { "1 column".to_owned() } else { format!("{columns} columns") }
}
