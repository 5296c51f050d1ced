//! From what is written to the model: the names in attributes are looked up.

use syn::ext::IdentExt;
use syn::{Ident, LitStr};

use crate::attributes::{References, TableIndex};
use crate::declare::{Written, WrittenKey, declare};
use crate::errors::{Errors, did_you_mean, list};
use crate::model::{ForeignKey, Index, Join, Model, Place, Table};
use crate::parse::{Input, Joinable};
use crate::types::customs;
use crate::values::{Actions, Target};

/// Builds the model. An error names a token that is no attribute, no type, no table or no column.
pub fn resolve(input: Input) -> syn::Result<Model> {
    let mut errors = Errors::default();
    let customs: Vec<_> = input.modules.iter().filter_map(|module| errors.keep(customs(module))).flatten().collect();
    let (mut tables, written): (Vec<_>, Vec<_>) =
        input.tables.into_iter().map(|table| declare(table, &customs, &mut errors)).unzip();
    // What is missing because it could not be read would be reported again as unknown.
    errors.finish(())?;

    let mut errors = Errors::default();
    // Every primary key comes first: a foreign key that names no columns refers to it.
    for (table, written) in tables.iter_mut().zip(&written) {
        table.key = errors.keep(find_key(table, &written.key)).unwrap_or_default();
    }
    for (at, written) in written.into_iter().enumerate() {
        tables[at].indexes = find_indexes(&tables[at], &written, &mut errors);
        tables[at].foreign_keys = find_foreign_keys(&tables, at, written, &mut errors);
    }
    for table in &input.together {
        errors.keep(find_table(&tables, table));
    }
    let mut joinables = Vec::new();
    for joinable in &input.joinables {
        joinables.extend(errors.keep(find_join(&tables, joinable)));
    }
    let mut grouped = Vec::new();
    for columns in &input.grouped {
        let columns = columns.iter().map(|(table, column)| {
            let table = find_table(&tables, table)?;
            Ok((table, find_column(&tables[table.at], column)?))
        });
        grouped.extend(errors.keep(columns.collect()));
    }
    errors.finish(Model { tables, joinables, modules: input.modules, grouped })
}

fn find_key(table: &Table, written: &WrittenKey) -> syn::Result<Vec<Place>> {
    match written {
        WrittenKey::Stated(columns) if columns.is_empty() => {
            Err(syn::Error::new(table.ident.span(), "the primary key has no columns"))
        }
        WrittenKey::Stated(columns) => columns.iter().map(|column| find_column(table, column)).collect(),
        WrittenKey::NotStated => {
            find_column(table, &Ident::new("id", table.ident.span())).map(|id| vec![id]).map_err(|error| {
                let message = format!(
                    "table `{0}` has no column `id`, so its primary key must be stated: `{0} (column) {{ … }}`",
                    table.ident
                );
                syn::Error::new(error.span(), message)
            })
        }
    }
}

fn find_indexes(table: &Table, written: &Written, errors: &mut Errors) -> Vec<Index> {
    let mut indexes = Vec::new();
    for (at, column) in written.columns.iter().enumerate() {
        // A unique index does all that a plain one of the same column would do.
        if let Some(index) = column.unique.as_ref().or(column.index.as_ref()) {
            let place = Place { at, span: table.columns[at].ident.span() };
            indexes.push(Index {
                span: index.span,
                stated_name: index.name.clone(),
                name: index_name(table, index.name.as_ref(), &[(place, false)], column.unique.is_some()),
                unique: column.unique.is_some(),
                columns: vec![(place, index.descending)],
            });
        }
    }
    for TableIndex { span, name, unique, columns } in &written.table.indexes {
        let columns: syn::Result<Vec<_>> =
            columns.iter().map(|(column, descending)| Ok((find_column(table, column)?, *descending))).collect();
        if let Some(columns) = errors.keep(columns) {
            indexes.push(Index {
                span: *span,
                stated_name: name.clone(),
                name: index_name(table, name.as_ref(), &columns, *unique),
                unique: *unique,
                columns,
            });
        }
    }
    indexes
}

/// The name that is stated, else the one that `diesel_autogen::schema::Index::new` makes.
fn index_name(table: &Table, stated: Option<&LitStr>, columns: &[(Place, bool)], unique: bool) -> String {
    if let Some(stated) = stated {
        return stated.value();
    }
    let mut name = table.name.clone();
    for (column, _) in columns {
        name.push('_');
        name.push_str(&table.column(*column).name);
    }
    name + if unique { "_key" } else { "_idx" }
}

fn find_foreign_keys(tables: &[Table], at: usize, written: Written, errors: &mut Errors) -> Vec<ForeignKey> {
    let table = &tables[at];
    let mut keys = Vec::new();
    for (at, column) in written.columns.into_iter().enumerate() {
        for References { target, actions } in column.references {
            let column = Place { at, span: table.columns[at].ident.span() };
            keys.extend(errors.keep(find_foreign_key(tables, vec![column], &target, actions)));
        }
    }
    for key in written.table.foreign_keys {
        let columns: syn::Result<_> = key.columns.iter().map(|column| find_column(table, column)).collect();
        if let Some(columns) = errors.keep(columns) {
            keys.extend(errors.keep(find_foreign_key(tables, columns, &key.target, key.actions)));
        }
    }
    keys
}

fn find_foreign_key(
    tables: &[Table],
    columns: Vec<Place>,
    target: &Target,
    actions: Actions,
) -> syn::Result<ForeignKey> {
    let table = find_table(tables, &target.table)?;
    let other = &tables[table.at];
    let references = match &target.columns {
        Some(columns) => columns.iter().map(|column| find_column(other, column)).collect::<syn::Result<_>>()?,
        None => other.key.iter().map(|key| Place { at: key.at, span: table.span }).collect(),
    };
    Ok(ForeignKey { columns, table, references, actions })
}

fn find_join(tables: &[Table], joinable: &Joinable) -> syn::Result<Join> {
    let (child, parent) = (find_table(tables, &joinable.child)?, find_table(tables, &joinable.parent)?);
    Ok(Join { child, parent, column: find_column(&tables[child.at], &joinable.column)? })
}

fn find_table(tables: &[Table], name: &Ident) -> syn::Result<Place> {
    if let Some(at) = tables.iter().position(|table| same(&table.ident, name)) {
        return Ok(Place { at, span: name.span() });
    }
    let hint = tables.iter().find(|table| *name == table.name).map_or_else(
        || did_you_mean(&name.to_string(), tables.iter().map(|table| table.ident.to_string())),
        |table| format!("; did you mean `{}`?", table.ident),
    );
    let known = list(tables.iter().map(|table| table.ident.to_string()));
    Err(syn::Error::new(
        name.span(),
        format!("there is no table `{name}` in this `schema!`{hint} (its tables: {known})"),
    ))
}

fn find_column(table: &Table, name: &Ident) -> syn::Result<Place> {
    if let Some(at) = table.columns.iter().position(|column| same(&column.ident, name)) {
        return Ok(Place { at, span: name.span() });
    }
    let hint = table.columns.iter().find(|column| *name == column.name).map_or_else(
        || did_you_mean(&name.to_string(), table.columns.iter().map(|column| column.ident.to_string())),
        |column| format!("; did you mean `{}`?", column.ident),
    );
    let known = list(table.columns.iter().map(|column| column.ident.to_string()));
    let message = format!("table `{}` has no column `{name}`{hint} (its columns: {known})", table.ident);
    Err(syn::Error::new(name.span(), message))
}

/// Whether two identifiers are one, `r#` or not.
fn same(a: &Ident, b: &Ident) -> bool {
    a.unraw() == b.unraw()
}
