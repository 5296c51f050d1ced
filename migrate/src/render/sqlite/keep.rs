//! Side tables: what an upgrade would lose is kept aside in `_kept_003_users`, and the downgrade puts it back.
//!
//! A row that was changed in between keeps its newer value, a row that was added gets the column's default, and a row
//! that was deleted stays deleted. When the side table is gone (purged), the downgrade still works, with defaults.

use super::super::Options;
use super::rebuild::{conversion, hidden_rowid};
use super::{Direction, stored};
use crate::Error;
use crate::schema::{Column, ForeignKey, Table, Type, same_name};
use crate::sql::create_table::CreateTable;
use crate::sql::{affinity, default_sql, is_literal, quote};

/// What one migration keeps of a table that stays.
pub(super) struct SideTable {
    /// The side table's name, quoted.
    name: String,
    /// The name, quoted, of the trigger that keeps it true.
    trigger: String,
    /// The table that it belongs to, quoted.
    table: String,
    /// The columns by which its rows are found again, each with the column of the table that it equals.
    key: Vec<(String, String)>,
    /// Its columns' definitions, key included.
    definition: String,
    lost: Vec<Lost>,
}

/// A column that an upgrade changes or drops.
enum Lost {
    Dropped {
        column: String,
        /// The table and column that it refers to: a value comes back only when that row is still there.
        parent: Option<(String, String)>,
    },
    Altered {
        column: String,
        /// The side table's column, quoted, for what the upgrade makes of the value.
        new: String,
        /// What the upgrade makes of the value.
        converted: String,
        /// What the downgrade would make of that, had nothing been kept.
        back: String,
        /// Whether that is worked out anew each time, as `CURRENT_TIMESTAMP` is.
        varies: bool,
    },
}

/// The statements around a table's change, and how a rebuild reads the side table.
#[derive(Default)]
pub(super) struct Statements {
    pub before: Vec<String>,
    pub join: Option<Join>,
    pub after: Vec<String>,
}

/// A side table joined to the table that is rebuilt.
pub(super) struct Join {
    pub clause: String,
    side: SideTable,
}

impl SideTable {
    /// What the upgrade from one table to the other loses; `None` when that is nothing, or when no key finds a row again.
    pub fn of(options: &Options, from: &Table, to: &Table) -> Result<Option<Self>, Error> {
        let Some(revision) = &options.keep else { return Ok(None) };
        let (before, after) = (CreateTable::parse(stored(from)?)?, CreateTable::parse(stored(to)?)?);
        let lost = from.columns.iter().filter_map(|column| lost(options, column, (from, &before), (to, &after)));
        let lost: Vec<_> = lost.collect();
        let Some(key) = key((from, &before), (to, &after)).filter(|_| !lost.is_empty()) else { return Ok(None) };
        let mut columns: Vec<_> = key.iter().map(|(side, own, ty)| (side.clone(), own.clone(), ty.clone())).collect();
        let is_number = matches!(columns.as_slice(), [(_, _, ty)] if ty.eq_ignore_ascii_case("INTEGER"));
        let mut definition: Vec<_> =
            columns.iter().map(|(side, _, ty)| format!("{side} {ty}").trim_end().into()).collect();
        if is_number {
            definition = vec![format!("{} INTEGER PRIMARY KEY", columns[0].0)];
        }
        for lost in &lost {
            match lost {
                // Without a type, a value is kept just as it was stored.
                Lost::Dropped { column, .. } => definition.push(quote(column)),
                Lost::Altered { column, new, .. } => {
                    definition.push(quote(column));
                    let ty = after.declared_type(column).unwrap_or_default();
                    definition.push(format!("{new} {ty}").trim_end().into());
                }
            }
        }
        if !is_number {
            let names: Vec<_> = columns.iter().map(|(side, ..)| side.clone()).collect();
            definition.push(format!("PRIMARY KEY ({})", names.join(", ")));
        }
        Ok(Some(Self {
            name: side_name(revision, &from.name),
            trigger: quote(&format!("_kept_{revision}_{}_deleted", from.name)),
            table: quote(&to.name),
            key: columns.drain(..).map(|(side, own, _)| (side, own)).collect(),
            definition: definition.join(", "),
            lost,
        }))
    }

    /// Keeps the values aside. A row of which nothing is lost is not kept.
    fn keep(&self) -> Vec<String> {
        let mut targets: Vec<_> = self.key.iter().map(|(side, _)| side.clone()).collect();
        let mut values: Vec<_> = self.key.iter().map(|(_, own)| own.clone()).collect();
        let mut unchanged = Vec::new();
        for lost in &self.lost {
            let (Lost::Dropped { column, .. } | Lost::Altered { column, .. }) = lost;
            targets.push(quote(column));
            values.push(quote(column));
            if let Lost::Altered { column, new, converted, back, .. } = lost {
                let old = quote(column);
                unchanged.push(format!("{old} IS {new} AND typeof({old}) = typeof({new})"));
                if back != new {
                    unchanged.push(format!("{old} IS {back} AND typeof({old}) = typeof({back})"));
                }
                targets.push(new.clone());
                values.push(converted.clone());
            }
        }
        let mut statements = vec![
            format!("CREATE TABLE {} ({})", self.name, self.definition),
            format!(
                "INSERT INTO {} ({})\n    SELECT {} FROM {}",
                self.name,
                targets.join(", "),
                values.join(", "),
                self.table
            ),
        ];
        if self.lost.iter().all(|lost| matches!(lost, Lost::Altered { .. })) {
            statements.push(format!("DELETE FROM {} WHERE {}", self.name, unchanged.join(" AND ")));
        }
        statements
    }
}

impl SideTable {
    /// Takes over what the upgrade has made of the values, where to work it out again would make another: by what is
    /// noted here the downgrade knows a value that nobody has changed since.
    fn note_made(&self) -> Vec<String> {
        let varying = self.lost.iter().filter_map(|lost| match lost {
            Lost::Altered { column, new, varies: true, .. } => Some((quote(column), new)),
            _ => None,
        });
        let (name, table, same) = (&self.name, &self.table, self.same_row());
        let note =
            |(column, new)| format!("UPDATE {name} SET {new} = (SELECT {table}.{column} FROM {table} WHERE {same})");
        varying.map(note).collect()
    }

    /// The condition that a row of the side table belongs to one of the table.
    fn same_row(&self) -> String {
        let equal = |(side, own): &(String, String)| format!("{}.{side} IS {}.{own}", self.name, self.table);
        self.key.iter().map(equal).collect::<Vec<_>>().join(" AND ")
    }

    /// The trigger that forgets what was kept of a row when that row is deleted: another one may get its key, and must
    /// not get its values.
    fn forget_deleted(&self) -> String {
        let same: Vec<_> = self.key.iter().map(|(side, own)| format!("{side} IS old.{own}")).collect();
        format!(
            "CREATE TRIGGER {} AFTER DELETE ON {} BEGIN\n    DELETE FROM {} WHERE {};\nEND",
            self.trigger,
            self.table,
            self.name,
            same.join(" AND ")
        )
    }
}

/// What stands around a table's change in one of the two files.
pub(super) fn side_table(side: Option<SideTable>, direction: Direction) -> Statements {
    let Some(side) = side else { return Statements::default() };
    if direction == Direction::Up {
        let after = side.note_made().into_iter().chain([side.forget_deleted()]).collect();
        return Statements { before: side.keep(), after, join: None };
    }
    Statements {
        before: vec![
            format!("DROP TRIGGER IF EXISTS {}", side.trigger),
            format!("CREATE TABLE IF NOT EXISTS {} ({})", side.name, side.definition),
        ],
        after: vec![format!("DROP TABLE {}", side.name)],
        join: Some(Join { clause: format!("LEFT JOIN {} ON {}", side.name, side.same_row()), side }),
    }
}

impl Join {
    /// The value of a column that was dropped: the kept one, or else `missing`.
    pub fn dropped(&self, name: &str, missing: Option<String>) -> Option<String> {
        let parent = self.side.lost.iter().find_map(|lost| match lost {
            Lost::Dropped { column, parent } if same_name(column, name) => Some(parent),
            _ => None,
        });
        let Some(parent) = parent else { return missing };
        let mut kept = format!("{}.{}", self.side.name, quote(name));
        if let Some((table, column)) = parent {
            kept = format!("(SELECT {column} FROM {table} WHERE {column} = {kept})");
        }
        Some(match missing {
            None => kept,
            Some(missing) => format!("CASE WHEN {} THEN {kept} ELSE {missing} END", self.is_there()),
        })
    }

    /// The value of a column that was changed: the kept one where the row still has what the upgrade made of it.
    pub fn altered(&self, name: &str, current: &str, converted: String) -> String {
        let new = self.side.lost.iter().find_map(|lost| match lost {
            Lost::Altered { column, new, .. } if same_name(column, name) => Some(new),
            _ => None,
        });
        let Some(new) = new else { return converted };
        let (side, there, old) = (&self.side.name, self.is_there(), quote(name));
        format!("CASE WHEN {there} AND {current} IS {side}.{new} COLLATE BINARY THEN {side}.{old} ELSE {converted} END")
    }

    /// Whether the join found a kept row: then a value that is NULL is a kept NULL.
    fn is_there(&self) -> String {
        let lost = |name: &str| {
            self.side.lost.iter().any(|lost| {
                let (Lost::Dropped { column, .. } | Lost::Altered { column, .. }) = lost;
                same_name(column, name)
            })
        };
        let rowid = ["rowid", "_rowid_", "oid"].into_iter().find(|name| !lost(name)).unwrap_or("rowid");
        format!("{}.{rowid} IS NOT NULL", self.side.name)
    }
}

/// Keeps all of a table that is dropped.
pub(super) fn kept_table(options: &Options, table: &Table) -> Result<Vec<String>, Error> {
    let Some(copy) = WholeTable::of(options, table)? else { return Ok(Vec::new()) };
    let WholeTable { name, columns, sources, definition } = copy;
    Ok(vec![
        format!("CREATE TABLE {name} ({definition})"),
        format!(
            "INSERT INTO {name} ({})\n    SELECT {} FROM {}",
            columns.join(", "),
            sources.join(", "),
            quote(&table.name)
        ),
    ])
}

/// Puts back all of a table that was dropped, but for rows that refer to a row that is no longer there. The rows of
/// `later` tables, this one among them, are only on their way back.
pub(super) fn restored_table(options: &Options, table: &Table, later: &[&Table]) -> Result<Vec<String>, Error> {
    let Some(copy) = WholeTable::of(options, table)? else { return Ok(Vec::new()) };
    let WholeTable { name, columns, sources, definition } = copy;
    let is_earlier = |key: &&ForeignKey| !later.iter().any(|table| same_name(&table.name, &key.table));
    // What is computed is not kept, and its key is looked at with all others, before the commit.
    let is_kept = |key: &&ForeignKey| {
        key.columns.iter().all(|column| table.find_column(column).is_some_and(|column| !column.generated))
    };
    let keys = table.foreign_keys.iter().filter(is_earlier).filter(is_kept);
    let conditions: Vec<_> = keys.map(|key| parent_is_there(&name, key)).collect();
    let conditions =
        if conditions.is_empty() { String::new() } else { format!("\n    WHERE {}", conditions.join(" AND ")) };
    Ok(vec![
        format!("CREATE TABLE IF NOT EXISTS {name} ({definition})"),
        format!(
            "INSERT INTO {} ({})\n    SELECT {} FROM {name}{conditions}",
            quote(&table.name),
            sources.join(", "),
            columns.join(", ")
        ),
        format!("DROP TABLE {name}"),
    ])
}

/// A side table that holds all of a table.
struct WholeTable {
    name: String,
    columns: Vec<String>,
    sources: Vec<String>,
    definition: String,
}

impl WholeTable {
    fn of(options: &Options, table: &Table) -> Result<Option<Self>, Error> {
        let Some(revision) = &options.keep else { return Ok(None) };
        let name = side_name(revision, &table.name);
        let text = CreateTable::parse(stored(table)?)?;
        let own = table.columns.iter().filter(|column| !column.generated).map(|column| quote(&column.name));
        let mut columns: Vec<String> = own.collect();
        let mut sources = columns.clone();
        if let Some(rowid) = hidden_rowid((table, &text), (table, &text)) {
            columns.insert(0, row_number(table));
            sources.insert(0, rowid.to_owned());
        }
        Ok(Some(Self { definition: columns.join(", "), name, columns, sources }))
    }
}

fn parent_is_there(side: &str, key: &ForeignKey) -> String {
    let own = |column: &String| format!("{side}.{}", quote(column));
    let parent = quote(&key.table);
    let nulls: Vec<_> = key.columns.iter().map(|column| format!("{} IS NULL", own(column))).collect();
    let pairs = key.columns.iter().zip(&key.references);
    let equal: Vec<_> = pairs.map(|(column, other)| format!("{parent}.{} = {}", quote(other), own(column))).collect();
    format!("({} OR EXISTS (SELECT 1 FROM {parent} WHERE {}))", nulls.join(" OR "), equal.join(" AND "))
}

fn lost(
    options: &Options,
    column: &Column,
    (from, before): (&Table, &CreateTable),
    (to, after): (&Table, &CreateTable),
) -> Option<Lost> {
    if column.generated {
        return None;
    }
    let name = column.name.clone();
    let Some(new) = to.find_column(&column.name) else {
        let key = from.foreign_keys.iter().find(|key| matches!(key.columns.as_slice(), [own] if same_name(own, &name)));
        let is_gone =
            |key: &ForeignKey| same_name(&key.table, &from.name) && to.find_column(&key.references[0]).is_none();
        let parent = key.filter(|key| column.nullable && !is_gone(key));
        let parent = parent.map(|key| (quote(&key.table), quote(&key.references[0])));
        return Some(Lost::Dropped { column: name, parent });
    };
    if new.generated {
        return Some(Lost::Dropped { column: name, parent: None });
    }
    let mut converted = conversion(&quote(&name), &column.ty, &new.ty);
    let fill = options.fill(&to.name, &name).map(str::to_owned);
    let fill = fill.or_else(|| new.default.as_ref().map(|default| default_sql(default, &new.ty)));
    let fills_null = column.nullable && !new.nullable && fill.is_some() && !to.is_sole_key(&name);
    let varies = fills_null && fill.as_deref().is_some_and(|fill| !is_literal(fill));
    if let (true, Some(fill)) = (fills_null, fill) {
        converted = format!("coalesce({converted}, {fill})");
    }
    let new_name = quote(&free_name(from, format!("new_{name}")));
    let back = conversion(&new_name, &new.ty, &column.ty);
    let stays = storage(column, before) == storage(new, after);
    (fills_null || !stays).then_some(Lost::Altered { column: name, new: new_name, converted, back, varies })
}

/// How a column's values are written and how SQLite stores them: columns that agree in both store the same value the
/// same way.
fn storage(column: &Column, text: &CreateTable) -> (&'static str, &'static str) {
    let written = match &column.ty {
        Type::Text { .. } => "text",
        Type::Binary => "blob",
        Type::Float | Type::Double => "real",
        Type::SmallInt | Type::Integer | Type::BigInt | Type::Bool => "number",
        Type::Date => "date",
        Type::Time => "time",
        Type::Timestamp => "timestamp",
        Type::Other(_) => "other",
    };
    (written, affinity(text.declared_type(&column.name).unwrap_or_default()))
}

/// The columns by which a row is found again: for each its name in the side table, its name in the table, its type.
/// That is the primary key where it stays, else the hidden rowid, else the primary key that the upgrade leads to.
fn key(
    (from, before): (&Table, &CreateTable),
    (to, after): (&Table, &CreateTable),
) -> Option<Vec<(String, String, String)>> {
    // NULL would find every other row that has no key, and what is computed is another value.
    let stays = |name: &String| {
        let Some((old, new)) = from.find_column(name).zip(to.find_column(name)) else { return false };
        !old.nullable && !new.generated && storage(old, before) == storage(new, after)
    };
    let typed = |name: &String| (quote(name), quote(name), before.declared_type(name).unwrap_or_default().to_owned());
    let by_columns =
        |key: &[String]| (!key.is_empty() && key.iter().all(stays)).then(|| key.iter().map(typed).collect::<Vec<_>>());
    let by_rowid = || {
        let rowid = hidden_rowid((from, before), (to, after))?;
        Some(vec![(row_number(from), rowid.to_owned(), "INTEGER".to_owned())])
    };
    by_columns(&from.primary_key).or_else(by_rowid).or_else(|| by_columns(&to.primary_key))
}

pub(super) fn side_name(revision: &str, table: &str) -> String {
    quote(&format!("_kept_{revision}_{table}"))
}

/// A name for the number of a row in the side table.
fn row_number(table: &Table) -> String {
    free_name(table, "_row".to_owned())
}

/// The name, or one like it that no column of the table has.
fn free_name(table: &Table, mut name: String) -> String {
    while table.find_column(&name).is_some() {
        name.push('_');
    }
    name
}
