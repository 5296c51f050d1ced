//! The rules that a schema must keep, on names, indexes and columns; those on defaults and keys have rooms of their own.

mod defaults;
mod keys;

use quote::ToTokens;
use syn::{Ident, LitStr};

use crate::errors::Errors;
use crate::model::{Column, Model, Table};
use crate::types::Kind;

/// Checks everything and collects what is wrong.
pub fn check(model: &Model) -> syn::Result<()> {
    let mut errors = Errors::default();
    unique_names(
        model.tables.iter().map(|table| (&table.ident, &table.name, table.schema.as_ref())),
        "table",
        &mut errors,
    );
    for table in &model.tables {
        // The tables of each schema, once.
        let own: Vec<_> = model.tables.iter().filter(|other| other.schema == table.schema).collect();
        if own.first().is_some_and(|first| std::ptr::eq(*first, table)) {
            unique_origins(own.iter().map(|table| (table.renamed_from.as_ref(), &table.name)), &mut errors);
        }
    }
    for table in &model.tables {
        check_table(table, &mut errors);
        for column in &table.columns {
            check_length(column, &mut errors);
            defaults::check(column, &mut errors);
        }
    }
    check_index_names(model, &mut errors);
    keys::check(model, &mut errors);
    errors.finish(())
}

fn check_table(table: &Table, errors: &mut Errors) {
    check_reserved(table, errors);
    unique_names(table.columns.iter().map(|column| (&column.ident, &column.name, None)), "column", errors);
    unique_origins(table.columns.iter().map(|column| (column.renamed_from.as_ref(), &column.name)), errors);
    keys::check_repeats(&table.key, table, errors);
    for index in &table.indexes {
        let columns: Vec<_> = index.columns.iter().map(|(column, _)| *column).collect();
        keys::check_repeats(&columns, table, errors);
    }
    let mut names: Vec<&LitStr> = Vec::new();
    for name in table.checks.iter().filter_map(|check| check.name.as_ref()) {
        if names.iter().any(|other| same_name(&other.value(), &name.value())) {
            errors.push(syn::Error::new(name.span(), format!("two checks of `{}` have this name", table.ident)));
        }
        names.push(name);
    }
}

fn check_reserved(table: &Table, errors: &mut Errors) {
    let name = table.name.to_ascii_lowercase();
    let version = name.strip_prefix("_kept_").and_then(|rest| rest.split_once('_')).map(|(version, _)| version);
    let is_side_table = version.is_some_and(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
    let reserved = [
        (name.starts_with("sqlite_"), "`sqlite_`: it is reserved for SQLite"),
        (name.starts_with("__diesel"), "`__diesel`: it is reserved for Diesel"),
        (is_side_table, "`_kept_` and a version: it is reserved for the migrations, which keep old data under it"),
    ];
    for (_, why) in reserved.iter().filter(|(is_reserved, _)| *is_reserved) {
        let message = format!("the name of a table may not start with {why}");
        errors.push(syn::Error::new(table.ident.span(), message));
    }
}

/// Names must be filled and differ, in SQL and in Rust. Each schema has names of its own in SQL.
fn unique_names<'a>(
    names: impl Iterator<Item = (&'a Ident, &'a String, Option<&'a Ident>)>,
    what: &str,
    errors: &mut Errors,
) {
    let mut seen: Vec<(&Ident, &String, Option<&Ident>)> = Vec::new();
    for (ident, name, schema) in names {
        if name.is_empty() {
            errors.push(syn::Error::new(ident.span(), "`sql_name` may not be empty"));
        } else if let Some((other, ..)) = seen.iter().find(|(other, ..)| *other == ident) {
            errors.push(syn::Error::new(ident.span(), format!("{what} `{other}` is declared twice")));
        } else if let Some((other, ..)) = seen.iter().find(|(_, other, of)| same_name(other, name) && *of == schema) {
            let message = format!("{what} `{ident}` has the same name as `{other}`: SQL does not regard ASCII case");
            errors.push(syn::Error::new(ident.span(), message));
        }
        seen.push((ident, name, schema));
    }
}

/// Two things cannot come from one, and nothing comes from itself.
fn unique_origins<'a>(origins: impl Iterator<Item = (Option<&'a LitStr>, &'a String)>, errors: &mut Errors) {
    let mut seen: Vec<String> = Vec::new();
    for (origin, name) in origins {
        let Some(origin) = origin else { continue };
        if same_name(&origin.value(), name) {
            errors.push(syn::Error::new(origin.span(), "this is the name that it has now; the old one is expected"));
        } else if seen.iter().any(|other| same_name(other, &origin.value())) {
            errors.push(syn::Error::new(origin.span(), "another one is already renamed from this"));
        }
        seen.push(origin.value());
    }
}

fn check_length(column: &Column, errors: &mut Errors) {
    let Some(length) = &column.max_length else { return };
    let has_length = matches!(column.ty.kind, Kind::Text | Kind::Sql(_) | Kind::Custom(_));
    if !has_length && column.sql_type.is_none() {
        let message = format!("`max_length` is for `Text` and `VarChar`, not for `{}`", column.ty.kind.name());
        errors.push(syn::Error::new(length.span(), message));
    } else if !matches!(length.base10_parse::<u32>(), Ok(1..=MAX_LENGTH)) || !length.suffix().is_empty() {
        let message = format!("a length between 1 and {MAX_LENGTH} is expected, not `{}`", length.to_token_stream());
        errors.push(syn::Error::new(length.span(), message));
    }
}

/// The longest VARCHAR of PostgreSQL.
const MAX_LENGTH: u32 = 10_485_760;

/// An index shares its names with all indexes and tables of its schema, not only with those of its table.
fn check_index_names(model: &Model, errors: &mut Errors) {
    let mut seen: Vec<(&str, &Table)> = Vec::new();
    for table in &model.tables {
        for index in &table.indexes {
            let span = index.stated_name.as_ref().map_or(index.span, LitStr::span);
            let hint = if index.stated_name.is_some() { "" } else { "; state another with `name = \"…\"`" };
            if let Some((_, other)) =
                seen.iter().find(|(name, other)| same_name(name, &index.name) && other.schema == table.schema)
            {
                let message = format!("an index of `{}` already has the name `{}`{hint}", other.ident, index.name);
                errors.push(syn::Error::new(span, message));
            } else if let Some(other) =
                model.tables.iter().find(|other| same_name(&other.name, &index.name) && other.schema == table.schema)
            {
                let message = format!("table `{}` already has the name `{}`{hint}", other.ident, index.name);
                errors.push(syn::Error::new(span, message));
            }
            seen.push((&index.name, table));
        }
    }
}

/// Whether SQL takes two names for one.
fn same_name(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}
