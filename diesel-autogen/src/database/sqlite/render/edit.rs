//! The text of a table that stays, edited for its changes.

use super::super::ddl::create_table::{CreateTable, Kind};
use super::super::ddl::types::{declared_type, default_sql};
use super::definition::{check, column_definition, foreign_key, own_keys, primary_key};
use super::writer::stored;
use crate::change::Alteration;
use crate::error::Error;
use crate::schema::{Column, ForeignKey, Index, Table, same_name};

/// The stored text of `from`, edited into one that makes `to`.
pub(super) fn edited_text(from: &Table, to: &Table, alterations: &[Alteration]) -> Result<String, Error> {
    let mut text = stored(from)?.to_owned();
    for alteration in in_order_of_edits(alterations) {
        let table = CreateTable::parse(&text)?;
        let edited = match alteration {
            Alteration::DropForeignKey(key) => table.without_foreign_key(key),
            Alteration::DropCheck(check) => table.without_check(&check.normalized),
            Alteration::DropIndex(index) if index.constraint => table.without_unique(&names(index)),
            Alteration::DropColumn(column) => table.without_column(&column.name),
            Alteration::AlterColumn { from: old, to: new } => {
                edited_column(&text, old, new, to.is_sole_key(&new.name))?
            }
            Alteration::AddColumn(column) => Some(table.with_column(&added_column(to, column, table.is_strict()))),
            Alteration::AddForeignKey(key) if is_inline(key, to, alterations) => Some(text.clone()),
            Alteration::AddForeignKey(key) => Some(table.with_constraint(&foreign_key(key))),
            Alteration::AddCheck(added) => Some(table.with_constraint(&check(added))),
            Alteration::PrimaryKey { from: old, to: key } => edited_key(&text, &table, (old, key)),
            Alteration::AddIndex(_) | Alteration::DropIndex(_) | Alteration::Rewrite { .. } => Some(text.clone()),
        };
        text = edited
            .ok_or_else(|| Error::cannot_express(&from.name, format!("its text has no place for: {alteration}")))?;
    }
    with_not_null(&text, to)
}

/// The text with NOT NULL at the columns that lost it with their place in the primary key: a rowid needs none.
fn with_not_null(text: &str, to: &Table) -> Result<String, Error> {
    let mut text = text.to_owned();
    for column in to.columns.iter().filter(|column| !column.nullable && !column.generated) {
        let table = CreateTable::parse(&text)?;
        let is_rowid = table.rowid_column().is_some_and(|own| same_name(&own, &column.name));
        let is_written = table.column(&column.name).is_none_or(|item| item.find(Kind::NotNull).is_some());
        if !is_rowid && !is_written {
            text = table.with_not_null(&column.name, true).unwrap_or_else(|| text.clone());
        }
    }
    Ok(text)
}

/// Constraints are dropped before their columns, and columns are added before their constraints.
fn in_order_of_edits(alterations: &[Alteration]) -> Vec<&Alteration> {
    let rank = |alteration: &&Alteration| match alteration {
        Alteration::DropForeignKey(_) | Alteration::DropCheck(_) | Alteration::DropIndex(_) => 0,
        Alteration::DropColumn(_) => 2,
        Alteration::AlterColumn { .. } => 3,
        Alteration::AddColumn(_) => 1,
        Alteration::PrimaryKey { .. } => 4,
        _ => 5,
    };
    let mut ordered: Vec<_> = alterations.iter().collect();
    ordered.sort_by_key(rank);
    ordered
}

fn edited_column(text: &str, old: &Column, new: &Column, is_key: bool) -> Result<Option<String>, Error> {
    let mut text = Some(text.to_owned());
    let mut edit = |edit: &dyn Fn(&CreateTable) -> Option<String>| -> Result<(), Error> {
        if let Some(current) = text.take() {
            text = edit(&CreateTable::parse(&current)?);
        }
        Ok(())
    };
    if old.ty != new.ty {
        edit(&|table| table.with_type(&new.name, &declared_type(&new.ty, is_key, table.is_strict())))?;
    }
    if old.nullable != new.nullable {
        edit(&|table| table.with_not_null(&new.name, !new.nullable))?;
    }
    // `now` is another function for another type.
    let default_of = |column: &Column| column.default.as_ref().map(|default| default_sql(default, &column.ty));
    let default = default_of(new);
    if default_of(old) != default {
        edit(&|table| table.with_default(&new.name, default.as_deref()))?;
    }
    Ok(text)
}

fn edited_key(current: &str, table: &CreateTable, (old, key): (&[String], &[String])) -> Option<String> {
    // A key at a dropped column is dropped with it.
    let mut text = table.without_primary_key().unwrap_or_else(|| current.to_owned());
    // A UNIQUE of the key, as it is written, said nothing: a column may stand in both of them twice.
    let written = table.constraints(Kind::PrimaryKey).next().map(|(item, key)| table.columns_of(item, key));
    if let Some(without) = CreateTable::parse(&text).ok()?.without_unique(written.as_deref().unwrap_or(old)) {
        text = without;
    }
    if key.is_empty() {
        return Some(text);
    }
    Some(CreateTable::parse(&text).ok()?.with_constraint(&primary_key(key)))
}

/// The definition of a new column, with its foreign key.
fn added_column(table: &Table, column: &Column, is_strict: bool) -> String {
    let without_key = Table { primary_key: Vec::new(), ..table.clone() };
    column_definition(&without_key, column, is_strict)
}

/// Whether a key is written at the column that it comes with.
fn is_inline(key: &ForeignKey, table: &Table, alterations: &[Alteration]) -> bool {
    alterations.iter().any(|alteration| match alteration {
        Alteration::AddColumn(column) => key.is_of(&column.name) && own_keys(table, &column.name) == 1,
        _ => false,
    })
}

fn names(index: &Index) -> Vec<String> {
    index.columns.iter().map(|column| column.name.clone()).collect()
}
