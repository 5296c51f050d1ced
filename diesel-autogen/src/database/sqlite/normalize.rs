//! The models as SQLite would read them back.

use super::ddl::canonical_condition;
use super::ddl::types::{column_type, declared_type, default_sql, default_value, may_stay, storage, stored_type};
use crate::Error;
use crate::database::errors::refuse_types;
use crate::schema::{ClauseKind, Column, DefaultValue, Schema, Table, same_name};

/// The models as SQLite would read them back after a migration from `live`. A table that is STRICT there stays so, and a
/// column that keeps its type keeps its declared type.
pub(crate) fn normalize(models: &Schema, live: &Schema) -> Result<Schema, Error> {
    refuse_types(models, "SQLite", |ty| stored_type(ty).is_some())?;
    let mut schema = models.clone();
    for table in &mut schema.tables {
        let earlier = || live.table(table.renamed_from.as_ref()?);
        let before = live.table(&table.name).or_else(earlier);
        let is_strict = before.is_some_and(is_strict);
        let key = table.primary_key.clone();
        for column in &mut table.columns {
            let is_key = matches!(key.as_slice(), [only] if same_name(only, &column.name));
            let earlier = |table: &Table| table.find_column(column.renamed_from.as_ref()?).cloned();
            let old = before.and_then(|table| table.find_column(&column.name).cloned().or_else(|| earlier(table)));
            normalize_column(column, old.as_ref(), is_key, is_strict);
        }
        for check in &mut table.checks {
            check.normalized = canonical_condition(&check.expression, &table.name);
        }
    }
    Ok(schema)
}

fn normalize_column(column: &mut Column, old: Option<&Column>, is_key: bool, is_strict: bool) {
    let model = stored_type(&column.ty).unwrap_or_else(|| column.ty.clone());
    let declared = declared_type(&model, is_key, is_strict);
    let stays = |old: &&Column| may_stay(&column.ty, &old.ty) || may_stay(&model, &old.ty);
    let ty = old.filter(stays).map_or_else(|| column_type(&declared), |old| old.ty.clone());
    column.default = column.default.take().and_then(|default| match default {
        DefaultValue::Bool(value) if is_strict => Some(DefaultValue::Number(u8::from(value).to_string())),
        other => default_value(&default_sql(&other, &column.ty), &ty),
    });
    column.identity = is_key && declared == "INTEGER";
    column.nullable &= !column.identity;
    let kept = old.filter(|old| old.ty == ty).and_then(|old| old.storage);
    column.storage = kept.or_else(|| Some(storage(&declared, is_strict)));
    column.ty = ty;
}

fn is_strict(table: &Table) -> bool {
    let mut clauses = table.clauses.iter().flatten();
    clauses.any(|clause| clause.kind == ClauseKind::Option && clause.normalized == "strict")
}
