//! The models as SQLite would read them back.

use super::ddl::canonical_condition;
use super::ddl::types::{column_type, declared_type, default_sql, default_value, may_stay, storage, stored_type};
use crate::Error;
use crate::database::errors::refuse;
use crate::schema::{ClauseKind, Column, DefaultValue, Schema, Table, Type, same_name};

/// The models as SQLite would read them back after a migration from `live`. A table that is STRICT there stays so, and a
/// column that keeps its type keeps its declared type.
pub(crate) fn normalize(models: &Schema, live: &Schema) -> Result<Schema, Error> {
    if let Some((table, schema)) = models.tables.iter().find_map(|table| Some((&table.name, table.schema.as_ref()?))) {
        return Err(Error::cannot_express(&format!("{schema}.{table}"), "SQLite has no schemas"));
    }
    refuse(models, "SQLite", |ty| stored_type(ty).is_some())?;
    let mut schema = models.clone();
    for table in &mut schema.tables {
        let earlier = || live.table(table.renamed_from.as_ref()?);
        let before = live.table(&table.name).or_else(earlier);
        if has_implicit_key(table, before, models) {
            let key = std::mem::take(&mut table.primary_key);
            table.columns.retain(|column| !same_name(&column.name, &key[0]));
        }
        let is_strict = before.is_some_and(is_strict);
        let key = table.primary_key.clone();
        for column in &mut table.columns {
            let is_key = matches!(key.as_slice(), [only] if same_name(only, &column.name));
            let earlier = |table: &Table| table.find_column(column.renamed_from.as_ref()?).cloned();
            let old = before.and_then(|table| table.find_column(&column.name).cloned().or_else(|| earlier(table)));
            let was_key = before.zip(old.as_ref()).is_some_and(|(table, old)| table.is_sole_key(&old.name));
            normalize_column(column, old.as_ref(), (is_key, was_key), is_strict);
        }
        for check in &mut table.checks {
            check.normalized = canonical_condition(&check.expression, &table.name);
        }
    }
    Ok(schema)
}

/// Whether the primary key is the rowid that every table has, which Diesel needs where a table has no key: it is no
/// column, unless the table has a column of that name.
fn has_implicit_key(table: &Table, live: Option<&Table>, models: &Schema) -> bool {
    let [key] = table.primary_key.as_slice() else { return false };
    let is_rowid = ["rowid", "oid", "_rowid_"].iter().any(|name| same_name(name, key));
    let is_integer = table.find_column(key).is_some_and(|own| matches!(own.ty, Type::Integer | Type::BigInt));
    let is_free = live.is_none_or(|live| live.primary_key.is_empty() && live.find_column(key).is_none());
    let mut keys = models.tables.iter().flat_map(|other| &other.foreign_keys);
    // No foreign key can refer to a rowid without a column.
    let is_referred_to = keys.any(|own| same_name(&own.table, &table.name));
    is_rowid && is_integer && is_free && !is_referred_to && table.columns.len() > 1
}

fn normalize_column(column: &mut Column, old: Option<&Column>, (is_key, was_key): (bool, bool), is_strict: bool) {
    let model = stored_type(&column.ty).unwrap_or_else(|| column.ty.clone());
    let declared = declared_type(&model, is_key, is_strict);
    let stays = |old: &&Column| may_stay(&column.ty, &old.ty) || may_stay(&model, &old.ty);
    let ty = old.filter(stays).map_or_else(|| column_type(&declared), |old| old.ty.clone());
    column.default = column.default.take().and_then(|default| match default {
        DefaultValue::Bool(value) if is_strict => Some(DefaultValue::Number(u8::from(value).to_string())),
        other => default_value(&default_sql(&other, &column.ty), &ty),
    });
    // `INT PRIMARY KEY` is no rowid, and may hold NULL; where it may not, that stays.
    let no_rowid = old.filter(|old| was_key && !old.identity && old.ty == ty);
    column.identity = is_key && declared == "INTEGER" && no_rowid.is_none();
    column.nullable &= !column.identity && no_rowid.is_none_or(|old| old.nullable);
    let kept = old.filter(|old| old.ty == ty).and_then(|old| old.storage);
    column.storage = kept.or_else(|| Some(storage(&declared, is_strict)));
    column.ty = ty;
}

fn is_strict(table: &Table) -> bool {
    let mut clauses = table.clauses.iter().flatten();
    clauses.any(|clause| clause.kind == ClauseKind::Option && clause.normalized == "strict")
}
