//! Side tables: what an upgrade drops or converts, and how the downgrade restores it.

use super::super::convert::conversion;
use super::super::sql::{quote, quote_all, quote_table, type_sql};
use super::keys::is_unique;
use super::writer::{Writer, numbers};
use crate::database::side_table;
use crate::kept::{self, KeptColumn, SideTable};
use crate::migration::Direction;
use crate::schema::{Action, Clause, Column, ForeignKey, Table, Type, same_name, same_names};

impl Writer<'_> {
    /// Keeps the values before the upgrade changes them; in a downgrade, brings kept values up to date with rows that
    /// were changed since the upgrade.
    pub(super) fn before_change(&self, side: Option<&SideTable>, from: &Table, to: &Table) -> Vec<String> {
        let Some(side) = side else { return Vec::new() };
        let name = quote(&side.name);
        if self.direction == Direction::Up {
            let refers = !self.is_late(side);
            let names: Vec<_> = side.key.iter().chain(side.columns.iter().map(|kept| &kept.before)).collect();
            let names = quote_all(names.iter().map(|column| &column.name));
            return vec![
                format!(
                    "-- Keeps what is dropped or converted, for the downgrade.\nLOCK TABLE {}",
                    quote_table(&from.name)
                ),
                format!("CREATE TABLE {name} ({})", definition(side, to, refers)),
                format!("INSERT INTO {name} ({names})\n    SELECT {names} FROM {}", quote_table(&from.name)),
            ];
        }
        let mut statements = vec![
            format!(
                "-- Restores what the upgrade kept; {} is missing where it was purged.\nLOCK TABLE {}",
                in_comment(&name),
                quote_table(&from.name)
            ),
            format!("CREATE TABLE IF NOT EXISTS {name} ({})", definition(side, from, false)),
        ];
        let table = quote_table(&side.table);
        for (before, after, new) in side.columns.iter().filter_map(altered) {
            let (own, old) = (format!("{table}.{}", quote(&after.name)), quote(&before.name));
            let back = conversion(&own, &after.ty, &before.ty, None).unwrap_or_else(|| own.clone());
            let differs = differs(&own, &format!("{name}.{}", quote(new)), &after.ty);
            statements
                .push(format!("UPDATE {name} SET {old} = {back}\n    FROM {table} WHERE {} AND {differs}", join(side)));
        }
        statements
    }

    /// Notes what the upgrade made of the values, so that the downgrade knows one that was changed since; a row whose
    /// values can be converted back is not kept.
    pub(super) fn noted(&self, side: Option<&SideTable>) -> Vec<String> {
        let Some(side) = side.filter(|_| self.direction == Direction::Up) else { return Vec::new() };
        let altered: Vec<_> = side.columns.iter().filter_map(altered).collect();
        if altered.is_empty() {
            return Vec::new();
        }
        let (name, table) = (quote(&side.name), quote_table(&side.table));
        let set: Vec<_> =
            altered.iter().map(|(_, after, new)| format!("{} = {table}.{}", quote(new), quote(&after.name))).collect();
        let mut statements =
            vec![format!("UPDATE {name} SET {}\n    FROM {table} WHERE {}", set.join(", "), join(side))];
        if altered.len() == side.columns.len() {
            let same = altered.iter().map(|(before, after, new)| {
                let back = conversion(&quote(new), &after.ty, &before.ty, None).unwrap_or_else(|| quote(new));
                differs(&quote(&before.name), &back, &before.ty).replace(" IS DISTINCT ", " IS NOT DISTINCT ")
            });
            statements.push(format!("DELETE FROM {name} WHERE {}", same.collect::<Vec<_>>().join(" AND ")));
        }
        statements
    }

    /// Restores the columns of a table that stays. A value that refers to a row which was deleted since is not restored.
    pub(super) fn restored_columns(&self, side: Option<&SideTable>, to: &Table) -> Option<String> {
        let side = side.filter(|_| self.direction == Direction::Down)?;
        let (name, table) = (quote(&side.name), quote_table(&side.table));
        let created = self.changes.created();
        let value = |kept: &KeptColumn| {
            let own = quote(&kept.before.name);
            let is_own = |key: &&ForeignKey| {
                key.is_of(&kept.before.name)
                    && !same_name(&key.table, &to.name)
                    && !created.iter().any(|other| same_name(&other.name, &key.table))
            };
            match to.foreign_keys.iter().find(is_own) {
                Some(key) => {
                    let (parent, column) = (quote_table(&key.table), quote_all(&key.references));
                    let found =
                        format!("(SELECT {parent}.{column} FROM {parent} WHERE {parent}.{column} = {name}.{own})");
                    match kept.after {
                        Some(_) => format!("{own} = coalesce({found}, {table}.{own})"),
                        None => format!("{own} = {found}"),
                    }
                }
                None => format!("{own} = {name}.{own}"),
            }
        };
        let values: Vec<_> = side.columns.iter().map(value).collect();
        Some(format!("UPDATE {table} SET {}\n    FROM {name} WHERE {}", values.join(", "), join(side)))
    }

    /// Whether the table of a side table has no key to refer to while this file changes it.
    fn is_late(&self, side: &SideTable) -> bool {
        let keys = key_names(side);
        let has_key = |table: &Table| same_name(&table.name, &side.table) && is_key(table, &keys);
        !self.before.iter().any(has_key) || self.disturbs(&side.table, &keys)
    }

    /// The foreign key of a side table, where its table had no key to refer to at first.
    pub(super) fn late_side_key(&self, from: &Table, to: &Table) -> Option<String> {
        let side = self.side_table(from, to).filter(|side| self.is_late(side))?;
        let (name, constraint, columns) = (quote(&side.name), key_constraint(&side), quote_all(&key_names(&side)));
        let reference = reference(&side.table, &key_names(&side), Action::Cascade);
        Some(format!("ALTER TABLE {name} ADD CONSTRAINT {} FOREIGN KEY ({columns}){reference}", quote(&constraint)))
    }

    /// Frees the key of a table from the side table that refers to it.
    pub(super) fn dropped_side_key(&self, from: &Table, to: &Table) -> Option<String> {
        let side = self.side_table(from, to).filter(|side| self.is_late(side))?;
        let (name, key) = (quote(&side.name), quote(&key_constraint(&side)));
        Some(format!("ALTER TABLE IF EXISTS {name} DROP CONSTRAINT IF EXISTS {key}"))
    }

    /// Keeps all of the tables that are dropped.
    pub(super) fn kept_tables(&self) -> Vec<String> {
        let Some(version) = &self.options.keep else { return Vec::new() };
        let mut statements = Vec::new();
        for table in self.changes.dropped().0.into_iter().rev() {
            let (name, columns) = (quote(&kept::name(version, &table.name)), stored_columns(table));
            let keys: Vec<_> = table.foreign_keys.iter().filter_map(|key| self.kept_key(version, table, key)).collect();
            let own = quote_table(&table.name);
            statements.push(format!("-- Keeps the rows for the downgrade.\nLOCK TABLE {own}"));
            statements.push(format!("CREATE TABLE {name} ({})", whole_definition(table, &keys)));
            statements.push(format!("INSERT INTO {name} ({columns})\n    SELECT {columns} FROM {own}"));
        }
        statements
    }

    /// A foreign key of a dropped table as its side table has it: rows that would have been deleted with their parent
    /// are forgotten. `None` where there is nothing to refer to.
    fn kept_key(&self, version: &str, table: &Table, key: &ForeignKey) -> Option<ForeignKey> {
        let mut kept = key.clone();
        let (dropped, _) = self.changes.dropped();
        let place = |name: &str| dropped.iter().position(|other| same_name(&other.name, name));
        let has_key = |tables: &[Table]| {
            tables.iter().any(|parent| same_name(&parent.name, &key.table) && is_key(parent, &key.references))
        };
        match place(&key.table) {
            Some(parent)
                if place(&table.name)? <= parent && same_names(&dropped[parent].primary_key, &key.references) =>
            {
                kept.table = kept::name(version, &key.table);
            }
            None if has_key(self.before) && has_key(self.after) && !self.disturbs(&key.table, &key.references) => {}
            _ => return None,
        }
        if key.on_delete != Action::SetNull {
            kept.on_delete = Action::Cascade;
        }
        Some(kept)
    }

    /// Restores all of the tables that the upgrade dropped.
    pub(super) fn restored_tables(&self) -> Vec<String> {
        let Some(version) = &self.options.keep else { return Vec::new() };
        let (mut statements, mut sides) = (Vec::new(), Vec::new());
        for table in self.changes.created() {
            let (side, columns) = (quote(&kept::name(version, &table.name)), stored_columns(table));
            let is_always = |clause: &Clause| clause.text == "GENERATED ALWAYS AS IDENTITY";
            let overriding =
                if table.clauses.iter().flatten().any(is_always) { " OVERRIDING SYSTEM VALUE" } else { "" };
            statements.push(format!(
                "-- Restores the rows that the upgrade kept; {} is missing where it was purged.\n\
                 CREATE TABLE IF NOT EXISTS {side} ({})",
                in_comment(&side),
                whole_definition(table, &[])
            ));
            statements.push(format!(
                "INSERT INTO {} ({columns}){overriding}\n    SELECT {columns} FROM {side}",
                quote_table(&table.name)
            ));
            statements.extend(numbers(table));
            sides.push(side);
        }
        if !sides.is_empty() {
            statements.push(format!("DROP TABLE {}", sides.join(", ")));
        }
        statements
    }
}

/// The columns of a side table. `after` is its table after the upgrade.
fn definition(side: &SideTable, after: &Table, refers: bool) -> String {
    let column = |name: &str, ty: &Type| format!("{} {}", quote(name), type_sql(ty));
    let key = |own: &Column| column(&own.name, &after.find_column(&own.name).unwrap_or(own).ty);
    let kept = |kept: &KeptColumn| {
        let before = column(&kept.before.name, &kept.before.ty);
        std::iter::once(before).chain(kept.after.as_ref().map(|(after, new)| column(new, &after.ty))).collect()
    };
    side_table::definition(side, quote, key, kept, refers.then(|| quote_table(&side.table)))
}

/// The columns of a side table that keeps a whole table.
fn whole_definition(table: &Table, keys: &[ForeignKey]) -> String {
    let mut parts = Vec::new();
    for column in table.columns.iter().filter(|column| !column.generated) {
        let key = if table.is_sole_key(&column.name) { " PRIMARY KEY" } else { "" };
        let own = keys.iter().find(|key| key.is_of(&column.name));
        let reference = own.map_or(String::new(), |key| reference(&key.table, &key.references, key.on_delete));
        parts.push(format!("{} {}{key}{reference}", quote(&column.name), type_sql(&column.ty)));
    }
    if table.primary_key.len() > 1 {
        parts.push(format!("PRIMARY KEY ({})", quote_all(&table.primary_key)));
    }
    for key in keys.iter().filter(|key| key.columns.len() > 1) {
        let reference = reference(&key.table, &key.references, key.on_delete);
        parts.push(format!("FOREIGN KEY ({}){reference}", quote_all(&key.columns)));
    }
    parts.join(", ")
}

fn reference(table: &str, columns: &[String], on_delete: Action) -> String {
    let action = on_delete.to_string().to_uppercase();
    format!(" REFERENCES {} ({}) ON DELETE {action} ON UPDATE CASCADE", quote_table(table), quote_all(columns))
}

/// The name that PostgreSQL gives to the foreign key of a side table.
fn key_constraint(side: &SideTable) -> String {
    format!("{}_{}_fkey", side.name, key_names(side).join("_"))
}

fn key_names(side: &SideTable) -> Vec<String> {
    side.key.iter().map(|column| column.name.clone()).collect()
}

/// The condition that a row of the side table belongs to one of its table.
fn join(side: &SideTable) -> String {
    let (name, table) = (quote(&side.name), quote_table(&side.table));
    let equal = side.key.iter().map(|column| quote(&column.name)).map(|key| format!("{table}.{key} = {name}.{key}"));
    equal.collect::<Vec<_>>().join(" AND ")
}

fn altered(kept: &KeptColumn) -> Option<(&Column, &Column, &String)> {
    kept.after.as_ref().map(|(after, new)| (&kept.before, after, new))
}

/// The condition that two values differ. Not every type can be compared, but every value has a text.
fn differs(a: &str, b: &str, ty: &Type) -> String {
    match ty {
        Type::Diesel(_) | Type::Array(_) | Type::Other(_) => format!("({a})::text IS DISTINCT FROM ({b})::text"),
        _ => format!("{a} IS DISTINCT FROM {b}"),
    }
}

fn is_key(table: &Table, columns: &[String]) -> bool {
    same_names(&table.primary_key, columns) || table.indexes.iter().any(|index| is_unique(index, columns))
}

/// The columns that can be copied.
fn stored_columns(table: &Table) -> String {
    quote_all(table.columns.iter().filter(|column| !column.generated).map(|column| &column.name))
}

/// A name in a comment of one line: what follows a line break in it would run.
fn in_comment(name: &str) -> String {
    name.replace(char::is_control, " ")
}
