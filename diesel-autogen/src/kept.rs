//! Side tables: what an upgrade would lose is kept in `_kept_004_users` until the downgrade restores it.
//!
//! A side table refers to its table by a foreign key, ON DELETE CASCADE and ON UPDATE CASCADE, so that the database
//! itself forgets the values of a deleted row and follows a row whose key changes. A row that was changed after the
//! upgrade keeps its newer value, and a row that was added gets the column's default. Where the side table was purged,
//! the downgrade still works, with defaults.
//!
//! This module decides what is kept and owns the names; the SQL is written by each database's renderer.

use crate::options::RenderOptions;
use crate::schema::{Column, Index, Table, Type, repeats, same_name, same_set};
use crate::version::Version;

/// How the name of every side table begins.
pub(crate) const PREFIX: &str = "_kept_";

/// The name of the side table that a migration makes for a table.
pub(crate) fn name(version: &str, table: &str) -> String {
    format!("{PREFIX}{version}_{table}")
}

/// The version and the table in the name of a side table.
pub(crate) fn parts(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix(PREFIX)?.split_once('_')
}

/// Splits the name of a side table. Only migrations that are applied have side tables: an application's own
/// `_kept_letters` is none.
pub(crate) fn owner<'a>(name: &'a str, applied: &[Version]) -> Option<(&'a str, &'a str)> {
    parts(name).filter(|(version, _)| applied.iter().any(|applied| applied.as_str() == *version))
}

/// Whether `schema!` leaves a table's name, in lower case, to side tables.
pub(crate) fn is_reserved(name: &str) -> bool {
    parts(name).is_some_and(|(version, _)| Version::recorded(version.to_owned()).is_number())
}

/// Whether a database's conversion between two columns may lose values.
pub(crate) type IsLossy<'a> = &'a dyn Fn(&Column, &Column) -> bool;

/// What one migration keeps of a table that stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SideTable {
    /// Its own name.
    pub name: String,
    /// The name of its table.
    pub table: String,
    /// The columns that identify a row, before and after the upgrade.
    pub key: Vec<Column>,
    /// The columns whose values are kept.
    pub columns: Vec<KeptColumn>,
}

/// One column that an upgrade drops or converts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeptColumn {
    /// The column before the upgrade.
    pub before: Column,
    /// The column after the upgrade, and the side table's column for the value that the upgrade made; `None` where the
    /// column is dropped or becomes a generated column.
    pub after: Option<(Column, String)>,
}

impl SideTable {
    /// What the upgrade from one table to the other loses; `None` when that is nothing, or when no key identifies a row
    /// before and after. `is_lossy` says whether the database's conversion between two columns loses values.
    pub fn of(options: &RenderOptions, from: &Table, to: &Table, is_lossy: IsLossy<'_>) -> Option<Self> {
        let version = options.keep.as_ref()?;
        let kept = |column: &Column| {
            let after = to.find_column(&column.name).filter(|after| !after.generated);
            let fills_null = |after: &Column| {
                column.nullable
                    && !after.nullable
                    && !to.is_sole_key(&after.name)
                    && (after.default.is_some() || options.fill(&to.name, &after.name).is_some())
            };
            match after {
                None => Some(KeptColumn { before: column.clone(), after: None }),
                Some(after) if fills_null(after) || is_lossy(column, after) => {
                    let new = free_name(from, format!("new_{}", column.name));
                    Some(KeptColumn { before: column.clone(), after: Some((after.clone(), new)) })
                }
                Some(_) => None,
            }
        };
        let columns: Vec<_> = from.columns.iter().filter(|column| !column.generated).filter_map(kept).collect();
        let key = key(from, to, is_lossy)?;
        (!columns.is_empty()).then(|| Self { name: name(version, &to.name), table: to.name.clone(), key, columns })
    }

    /// Whether the values of that column are kept.
    pub fn holds(&self, column: &str) -> bool {
        self.columns.iter().any(|kept| same_name(&kept.before.name, column))
    }
}

/// The columns that identify a row before and after: the primary key, or else those of a UNIQUE of NOT NULL columns, or
/// else a new primary key of columns that stay.
pub(crate) fn key(from: &Table, to: &Table, is_lossy: IsLossy<'_>) -> Option<Vec<Column>> {
    let candidates = |table: &Table| {
        let indexes = table.indexes.iter().filter(|index| index.unique);
        let mut all: Vec<_> =
            std::iter::once(table.primary_key.clone()).chain(indexes.map(Index::column_names)).collect();
        // A UNIQUE may name a column twice: no foreign key refers to it.
        all.retain(|key| !key.is_empty() && !repeats(key));
        all
    };
    let stays = |name: &String| {
        let (before, after) = (from.find_column(name)?, to.find_column(name)?);
        let is_fit = !before.nullable && !after.nullable && !before.generated && !after.generated;
        (is_fit && !is_lossy(before, after)).then(|| before.clone())
    };
    let after = candidates(to);
    let common = candidates(from).into_iter().filter(|key| after.iter().any(|other| same_set(key, other)));
    let new = Some(to.primary_key.clone()).filter(|key| !key.is_empty());
    common.chain(new).find_map(|key| key.iter().map(stays).collect())
}

/// Whether two columns hold values of different kinds, or store them in different ways: to convert between them may
/// lose something, whatever the rows hold.
pub(crate) fn differs_in_kind(from: &Column, to: &Column) -> bool {
    let kind = |ty: &Type| match ty {
        Type::Text { .. } => "text",
        Type::Binary => "binary",
        Type::Float | Type::Double => "real",
        Type::SmallInt | Type::Integer | Type::BigInt | Type::Bool => "number",
        Type::Date => "date",
        Type::Time => "time",
        Type::Timestamp => "timestamp",
        Type::Diesel(_) | Type::Array(_) | Type::Custom { .. } | Type::Other(_) => "other",
    };
    kind(&from.ty) != kind(&to.ty) || from.storage.zip(to.storage).is_some_and(|(from, to)| from != to)
}

/// The name, or one like it that no column of the table has.
pub(crate) fn free_name(table: &Table, mut name: String) -> String {
    while table.find_column(&name).is_some() {
        name.push('_');
    }
    name
}
