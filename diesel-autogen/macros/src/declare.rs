//! From a declaration as it is parsed to a table with its columns; the names in its attributes are not looked up yet.

use diesel_table_macro_syntax::{ColumnDef, TableDecl};
use syn::Ident;

use crate::attributes::{ColumnAttributes, ColumnIndex, References, TableAttributes};
use crate::errors::Errors;
use crate::model::{Column, Table};
use crate::types::{ColumnType, Custom};

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
    pub references: Vec<References>,
}

/// A table with its columns, and what is still to be looked up.
pub fn declare(declaration: TableDecl, customs: &[Custom], errors: &mut Errors) -> (Table, Written) {
    let TableDecl {
        use_statements: uses, meta, schema, sql_name, table_name: ident, primary_keys, column_defs, ..
    } = declaration;
    let mut attributes = TableAttributes::default();
    for attribute in meta {
        errors.keep(attributes.add(attribute));
    }
    if column_defs.is_empty() {
        errors.push(syn::Error::new(ident.span(), format!("table `{ident}` has no columns")));
    }
    let (mut columns, mut written, mut checks) = (Vec::new(), Vec::new(), Vec::new());
    for definition in column_defs {
        let mut attributes = declare_column(definition, customs, &mut columns, errors);
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
        passed: std::mem::take(&mut attributes.passed),
        uses,
        schema,
        ident,
        name: sql_name,
        renamed_from: attributes.renamed_from.take(),
        without_primary_key: attributes.without_primary_key.is_some(),
        columns,
        key: Vec::new(),
        indexes: Vec::new(),
        foreign_keys: Vec::new(),
        checks,
    };
    (table, Written { key, table: attributes, columns: written })
}

/// Adds the column, if its type can be read; returns what else is written at it.
fn declare_column(
    definition: ColumnDef,
    customs: &[Custom],
    columns: &mut Vec<Column>,
    errors: &mut Errors,
) -> ColumnAttributes {
    let ColumnDef { meta, column_name: ident, sql_name: name, tpe, max_length, .. } = definition;
    let mut attributes = ColumnAttributes::default();
    for attribute in meta {
        errors.keep(attributes.add(attribute));
    }
    if let Some(ty) = errors.keep(ColumnType::read(&tpe, customs, attributes.sql_type.is_some())) {
        columns.push(Column {
            passed: std::mem::take(&mut attributes.passed),
            ident,
            name,
            renamed_from: attributes.renamed_from.take(),
            ty,
            sql_type: attributes.sql_type.take(),
            max_length,
            default: attributes.default.take(),
        });
    }
    attributes
}
