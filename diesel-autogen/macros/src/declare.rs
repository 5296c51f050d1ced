//! From a declaration as it is parsed to a table with its columns; the names in its attributes are not looked up yet.

use diesel_table_macro_syntax::{ColumnDef, TableDecl};
use syn::Ident;

use crate::attributes::{ColumnAttributes, ColumnIndex, References, TableAttributes};
use crate::errors::Errors;
use crate::model::{Column, Table};
use crate::types::ColumnType;

/// The attributes that name other things, to be looked up when all tables are known.
pub struct Written {
    pub key: WrittenKey,
    pub table: TableAttributes,
    /// One for each column.
    pub columns: Vec<WrittenColumn>,
}

/// The columns of the primary key, or that none is stated.
pub enum WrittenKey {
    Stated(Vec<Ident>),
    /// As in Diesel, it is `id` then.
    NotStated,
}

/// The part of it that stands at one column.
pub struct WrittenColumn {
    pub unique: Option<ColumnIndex>,
    pub index: Option<ColumnIndex>,
    pub references: Option<References>,
}

/// A table with its columns, and what is still to be looked up.
pub fn declare(declaration: TableDecl, errors: &mut Errors) -> Option<(Table, Written)> {
    let TableDecl { meta, schema, sql_name: name, table_name: ident, primary_keys, column_defs, .. } = declaration;
    if let Some(schema) = schema {
        errors.push(syn::Error::new(schema.span(), "a table cannot be in a PostgreSQL schema: SQLite has none"));
        return None;
    }
    let mut attributes = TableAttributes::default();
    for attribute in meta {
        errors.keep(attributes.add(attribute));
    }
    if column_defs.is_empty() {
        errors.push(syn::Error::new(ident.span(), format!("table `{ident}` has no columns")));
    }
    let (mut columns, mut written, mut checks) = (Vec::new(), Vec::new(), Vec::new());
    for definition in column_defs {
        let mut attributes = declare_column(definition, &mut columns, errors);
        checks.append(&mut attributes.checks);
        written.push(WrittenColumn {
            unique: attributes.unique,
            index: attributes.index,
            references: attributes.references,
        });
    }
    checks.append(&mut attributes.checks);
    let key = match primary_keys {
        Some(key) => WrittenKey::Stated(key.keys.into_iter().collect()),
        None => WrittenKey::NotStated,
    };
    let table = Table {
        docs: std::mem::take(&mut attributes.docs),
        ident,
        name,
        renamed_from: attributes.renamed_from.take(),
        columns,
        key: Vec::new(),
        indexes: Vec::new(),
        foreign_keys: Vec::new(),
        checks,
    };
    Some((table, Written { key, table: attributes, columns: written }))
}

/// Adds the column, if its type can be read; returns what else is written at it.
fn declare_column(definition: ColumnDef, columns: &mut Vec<Column>, errors: &mut Errors) -> ColumnAttributes {
    let ColumnDef { meta, column_name: ident, sql_name: name, tpe, max_length, .. } = definition;
    let mut attributes = ColumnAttributes::default();
    for attribute in meta {
        errors.keep(attributes.add(attribute));
    }
    if let Some(ty) = errors.keep(ColumnType::read(&tpe)) {
        columns.push(Column {
            docs: std::mem::take(&mut attributes.docs),
            ident,
            name,
            renamed_from: attributes.renamed_from.take(),
            ty,
            max_length,
            default: attributes.default.take(),
        });
    }
    attributes
}
