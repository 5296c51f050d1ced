//! The texts of tables, columns, keys and indexes that are new.

use std::fmt::Write as _;

use super::super::ddl::types::{declared_type, default_sql};
use super::super::ddl::{quote, quote_all};
use crate::database::changes;
use crate::schema::{Action, Check, Column, ForeignKey, Index, Table};

/// The text of a new table, as a person would write it.
pub(super) fn create_table(table: &Table) -> String {
    let mut lines: Vec<_> = table.columns.iter().map(|column| column_definition(table, column, false)).collect();
    if table.primary_key.len() > 1 {
        lines.push(primary_key(&table.primary_key));
    }
    let composite =
        table.foreign_keys.iter().filter(|key| key.columns.len() > 1 || own_keys(table, &key.columns[0]) > 1);
    lines.extend(composite.map(foreign_key));
    lines.extend(table.checks.iter().map(check));
    format!("CREATE TABLE {} (\n    {}\n)", quote(&table.name), lines.join(",\n    "))
}

pub(super) fn column_definition(table: &Table, column: &Column, is_strict: bool) -> String {
    let is_key = table.is_sole_key(&column.name);
    let mut text = format!("{} {}", quote(&column.name), declared_type(&column.ty, is_key, is_strict));
    if !column.nullable {
        text.push_str(" NOT NULL");
    }
    if is_key {
        text.push_str(" PRIMARY KEY");
    }
    if let Some(default) = &column.default {
        let _ = write!(text, " DEFAULT {}", default_sql(default, &column.ty));
    }
    if own_keys(table, &column.name) == 1 {
        let key = table.foreign_keys.iter().find(|key| key.is_of(&column.name));
        text.extend(key.map(|key| format!(" {}", references(key))));
    }
    text
}

pub(super) fn own_keys(table: &Table, column: &str) -> usize {
    table.foreign_keys.iter().filter(|key| key.is_of(column)).count()
}

pub(super) fn primary_key(columns: &[String]) -> String {
    format!("PRIMARY KEY ({})", quote_all(columns))
}

pub(super) fn foreign_key(key: &ForeignKey) -> String {
    format!("FOREIGN KEY ({}) {}", quote_all(&key.columns), references(key))
}

pub(super) fn references(key: &ForeignKey) -> String {
    let action = |event: &str, action: Action| match action {
        Action::NoAction => String::new(),
        other => format!(" ON {event} {}", other.to_string().to_uppercase()),
    };
    format!(
        "REFERENCES {} ({}){}{}",
        quote(&key.table),
        quote_all(&key.references),
        action("DELETE", key.on_delete),
        action("UPDATE", key.on_update)
    )
}

pub(super) fn check(check: &Check) -> String {
    let name = check.name.as_ref().map(|name| format!("CONSTRAINT {} ", quote(name)));
    format!("{}CHECK ({})", name.unwrap_or_default(), check.expression)
}

pub(super) fn create_index(table: &str, index: &Index) -> String {
    index.stored.clone().unwrap_or_else(|| changes::create_index(&quote(table), index, quote))
}
