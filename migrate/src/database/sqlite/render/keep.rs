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
    /// What the names of the triggers begin with that keep it true.
    triggers: String,
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
    /// What belongs at the end of all changes, each with the table that it needs then.
    pub at_end: Vec<(String, String)>,
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
            triggers: format!("_kept_{revision}_{}", from.name),
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

    /// The triggers that forget what was kept of a row when that row is deleted or replaced, for another one may get its
    /// key and must not get its values; and that follow a row whose key changes. (REPLACE deletes without a trigger.)
    fn followed(&self) -> Vec<String> {
        let (table, side) = (&self.table, &self.name);
        let each = |text: &dyn Fn(&str, &str) -> String, separator: &str| {
            self.key.iter().map(|(side, own)| text(side, own)).collect::<Vec<_>>().join(separator)
        };
        let (new, old) = (
            each(&|side, own| format!("{side} IS new.{own}"), " AND "),
            each(&|side, own| format!("{side} IS old.{own}"), " AND "),
        );
        let changes = each(&|_, own| format!("new.{own} IS NOT old.{own} COLLATE BINARY"), " OR ");
        let moved = each(&|side, own| format!("{side} = new.{own}"), ", ");
        let [inserted, deleted, updated] = TRIGGERS.map(|event| trigger(&self.triggers, event));
        vec![
            format!(
                "CREATE TRIGGER {inserted} AFTER INSERT ON {table} BEGIN\n    DELETE FROM {side} WHERE {new};\nEND"
            ),
            format!("CREATE TRIGGER {deleted} AFTER DELETE ON {table} BEGIN\n    DELETE FROM {side} WHERE {old};\nEND"),
            format!(
                "CREATE TRIGGER {updated} AFTER UPDATE ON {table} WHEN {changes} BEGIN\n    \
                 DELETE FROM {side} WHERE {new};\n    UPDATE {side} SET {moved} WHERE {old};\nEND"
            ),
        ]
    }
}

impl SideTable {
    /// The columns that go and referred to a row of another table.
    fn parents(&self) -> impl Iterator<Item = (&String, &(String, String))> {
        self.lost.iter().filter_map(|lost| match lost {
            Lost::Dropped { column, parent: Some(parent) } => Some((column, parent)),
            _ => None,
        })
    }

    /// The triggers that forget a value that refers to a row when another row gets that one's key.
    fn parents_followed(&self) -> Vec<(String, String)> {
        let followed = |(at, (column, (table, key))): (usize, (&String, &(String, String)))| {
            let (trigger, side, own) = (parent_trigger(&self.triggers, at), &self.name, quote(column));
            let forget = format!("UPDATE {side} SET {own} = NULL WHERE {own} IS new.{key}");
            (table.clone(), format!("CREATE TRIGGER {trigger} AFTER INSERT ON {table} BEGIN\n    {forget};\nEND"))
        };
        self.parents().enumerate().map(followed).collect()
    }
}

/// The triggers that keep a side table true, by what their names end in: `_kept_003_users_deleted`.
const TRIGGERS: [&str; 3] = ["inserted", "deleted", "updated"];

/// What the name of one ends in on a table that kept values refer to, before its number: `_kept_003_users_parent_1`.
const PARENT: &str = "parent_";

/// The name, quoted, of a trigger.
fn trigger(triggers: &str, event: &str) -> String {
    quote(&format!("{triggers}_{event}"))
}

/// The name, quoted, of a trigger on a table that kept values refer to; they are numbered from 1.
fn parent_trigger(triggers: &str, at: usize) -> String {
    trigger(triggers, &format!("{PARENT}{}", at + 1))
}

/// Drops that many triggers on tables that kept values refer to.
fn drop_parents(triggers: &str, count: usize) -> impl Iterator<Item = String> {
    (0..count).map(move |at| format!("DROP TRIGGER IF EXISTS {}", parent_trigger(triggers, at)))
}

/// Whether a trigger of that name keeps that side table true.
pub(crate) fn follows(trigger: &str, side: &str) -> bool {
    let event = trigger.strip_prefix(side).and_then(|rest| rest.strip_prefix('_')).unwrap_or_default();
    let is_parent = event.strip_prefix(PARENT).is_some_and(|number| number.parse::<usize>().is_ok());
    is_parent || TRIGGERS.contains(&event)
}

/// What stands around a table's change in one of the two files.
pub(super) fn side_table(side: Option<SideTable>, direction: Direction) -> Statements {
    let Some(side) = side else { return Statements::default() };
    if direction == Direction::Up {
        let after = side.note_made().into_iter().chain(side.followed()).collect();
        return Statements { before: side.keep(), after, join: None, at_end: side.parents_followed() };
    }
    let dropped = TRIGGERS.map(|event| format!("DROP TRIGGER IF EXISTS {}", trigger(&side.triggers, event)));
    let dropped = dropped.into_iter().chain(drop_parents(&side.triggers, side.parents().count()));
    let made = format!("CREATE TABLE IF NOT EXISTS {} ({})", side.name, side.definition);
    Statements {
        before: dropped.chain([made]).collect(),
        at_end: Vec::new(),
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

/// Keeps all of a table that is dropped, as long as nobody gets the key of a row that its rows refer to, in a table that
/// does not go too.
pub(super) fn kept_table(options: &Options, table: &Table, goes: impl Fn(&str) -> bool) -> Result<Vec<String>, Error> {
    let Some(copy) = WholeTable::of(options, table)? else { return Ok(Vec::new()) };
    let WholeTable { name, columns, sources, definition, triggers } = copy;
    let forget = |(at, key): (usize, &ForeignKey)| {
        let (trigger, parent) = (parent_trigger(&triggers, at), quote(&key.table));
        let pairs = key.columns.iter().zip(&key.references);
        let same: Vec<_> = pairs.map(|(own, other)| format!("{} IS new.{}", quote(own), quote(other))).collect();
        let same = same.join(" AND ");
        format!("CREATE TRIGGER {trigger} AFTER INSERT ON {parent} BEGIN\n    DELETE FROM {name} WHERE {same};\nEND")
    };
    let keys = table.foreign_keys.iter().enumerate().filter(|(_, key)| !goes(&key.table) && is_kept(table, key));
    let forgotten: Vec<_> = keys.map(forget).collect();
    let mut statements = vec![
        format!("CREATE TABLE {name} ({definition})"),
        format!(
            "INSERT INTO {name} ({})\n    SELECT {} FROM {}",
            columns.join(", "),
            sources.join(", "),
            quote(&table.name)
        ),
    ];
    statements.extend(forgotten);
    Ok(statements)
}

/// What is computed is not kept.
fn is_kept(table: &Table, key: &ForeignKey) -> bool {
    key.columns.iter().all(|column| table.find_column(column).is_some_and(|column| !column.generated))
}

/// Puts back all of a table that was dropped, but for rows that refer to a row that is no longer there. The rows of
/// `later` tables, this one among them, are only on their way back.
pub(super) fn restored_table(options: &Options, table: &Table, later: &[&Table]) -> Result<Vec<String>, Error> {
    let Some(copy) = WholeTable::of(options, table)? else { return Ok(Vec::new()) };
    let WholeTable { name, columns, sources, definition, triggers } = copy;
    let is_earlier = |key: &&ForeignKey| !later.iter().any(|table| same_name(&table.name, &key.table));
    // The keys of others are looked at with all the rest, before the commit.
    let keys = table.foreign_keys.iter().filter(is_earlier).filter(|key| is_kept(table, key));
    let conditions: Vec<_> = keys.map(|key| parent_is_there(&name, key)).collect();
    let conditions =
        if conditions.is_empty() { String::new() } else { format!("\n    WHERE {}", conditions.join(" AND ")) };
    let mut statements: Vec<_> = drop_parents(&triggers, table.foreign_keys.len()).collect();
    statements.extend([
        format!("CREATE TABLE IF NOT EXISTS {name} ({definition})"),
        format!(
            "INSERT INTO {} ({})\n    SELECT {} FROM {name}{conditions}",
            quote(&table.name),
            sources.join(", "),
            columns.join(", ")
        ),
        format!("DROP TABLE {name}"),
    ]);
    Ok(statements)
}

/// A side table that holds all of a table.
struct WholeTable {
    name: String,
    columns: Vec<String>,
    sources: Vec<String>,
    definition: String,
    /// What the names of its triggers begin with.
    triggers: String,
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
        let triggers = format!("_kept_{revision}_{}", table.name);
        Ok(Some(Self { definition: columns.join(", "), name, columns, sources, triggers }))
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
