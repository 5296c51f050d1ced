//! The gentle form of changes: several migrations, none of which keeps others from a table for longer than a moment.

use super::super::sql::{default_sql, quote, quote_table};
use super::prepare;
use super::retype::{self, Retyped};
use super::steps::{Parts, alone, create_index_online, in_batches, text, together};
use super::table;
use super::writer::{Writer, add_constraint, drop_constraint};
use crate::Error;
use crate::change::{Alteration, Change};
use crate::database::changes::{Changes, create_index};
use crate::kept::free_name;
use crate::migration::{Direction, Sql};
use crate::options::RenderOptions;
use crate::schema::{Check, Column, DefaultValue, ForeignKey, Index, Schema, Table, same_name};
use crate::table_path::{bare, beside};

/// What is done after the changes that take a moment.
#[derive(Default)]
struct Later {
    /// Tables and columns whose rows get a value, with the value.
    fills: Vec<(Table, Column, String)>,
    not_null: Vec<(Table, Column)>,
    dropped: Vec<(Table, Index)>,
    indexes: Vec<(Table, Index)>,
    /// A table, the name of a constraint, and its text, which begins with `CONSTRAINT`.
    constraints: Vec<(Table, String, String)>,
    /// Defaults of new columns, which are set after the columns were added.
    defaults: Vec<String>,
    retyped: Vec<Retyped>,
}

/// `render` writes what takes a moment, as one migration. The statements `rewrites` are written in another form.
pub(super) fn render_online(
    from: &Schema,
    changes: &[Change],
    options: &RenderOptions,
    rewrites: &[String],
    render: impl FnOnce(&[Change]) -> Result<Sql, Error>,
) -> Result<Parts, Error> {
    let changes = prepare::named(from, changes);
    let target = prepare::target(from, &changes);
    let writer = Writer {
        direction: Direction::Up,
        changes: Changes(&changes),
        before: &from.tables,
        after: &target,
        objects: from.objects(),
        options,
        side_keys: &[],
        created: &[],
    };
    let (mut later, mut now) = (Later::default(), Vec::new());
    for change in &changes {
        match change {
            Change::AlterTable { from, to, alterations } => {
                let retyped = Retyped::of(&writer, (from, to), alterations, rewrites)?;
                now.extend(later.split(&writer, (from, to), alterations, retyped.as_ref()));
                later.retyped.extend(retyped);
            }
            other => now.push(other.clone()),
        }
    }
    let mut first = render(&now)?;
    first.up += &text(&later.defaults);
    Ok(later.parts(first))
}

impl Later {
    /// Takes what is to be done later out of a table's changes, and returns the others.
    fn split(
        &mut self,
        writer: &Writer<'_>,
        (from, to): (&Table, &Table),
        alterations: &[Alteration],
        retyped: Option<&Retyped>,
    ) -> Option<Change> {
        let (mut now, mut kept) = (to.clone(), Vec::new());
        for alteration in alterations {
            match alteration {
                Alteration::AddIndex(index) => {
                    let is_same = |own: &Index| own.columns == index.columns && own.unique == index.unique;
                    remove(&mut now.indexes, is_same);
                    self.indexes.push((to.clone(), index.clone()));
                }
                // A column that makes room for another takes its indexes along.
                Alteration::DropIndex(index)
                    if is_droppable(index, to, alterations) && !retyped.is_some_and(|own| own.is_indexed(index)) =>
                {
                    now.indexes.push(index.clone());
                    self.dropped.push((to.clone(), index.clone()));
                }
                Alteration::AddForeignKey(key) => {
                    let nameless = |key: &ForeignKey| ForeignKey { name: None, ..key.clone() };
                    remove(&mut now.foreign_keys, |own| nameless(own) == nameless(key));
                    self.constrain(to, &table::foreign_key_name(to, key), &table::foreign_key(to, key));
                }
                Alteration::AddCheck(check) => {
                    remove(&mut now.checks, |own| own.expression == check.expression);
                    self.constrain(to, check.name.as_deref().unwrap_or_default(), &table::check(to, check));
                }
                Alteration::AddColumn(column) => {
                    let column = self.added_column(writer, to, column);
                    replace(&mut now, &column);
                    kept.push(Alteration::AddColumn(column));
                }
                Alteration::AlterColumn { from: old, to: new } => {
                    let pair = retyped.and_then(|own| own.pair(old));
                    let later = self.altered_column(writer, to, pair.map_or(old, |(_, copy)| copy), new);
                    let column = pair.map_or(later, |(column, _)| column.clone());
                    replace(&mut now, &column);
                    if column != *old {
                        kept.push(Alteration::AlterColumn { from: old.clone(), to: column });
                    }
                }
                other => kept.push(other.clone()),
            }
        }
        if let Some(retyped) = retyped {
            retyped.keep_clauses(&mut now);
        }
        (!kept.is_empty()).then(|| Change::AlterTable { from: from.clone(), to: now, alterations: kept })
    }

    fn constrain(&mut self, table: &Table, name: &str, text: &str) {
        let start = format!("CONSTRAINT {} ", quote(name));
        let text = if text.starts_with(&start) { text.to_owned() } else { start + text };
        self.constraints.push((table.clone(), name.to_owned(), text));
    }

    /// The column as it is added: without a value that every row would have to be written for.
    fn added_column(&mut self, writer: &Writer<'_>, to: &Table, column: &Column) -> Column {
        let fill = writer.fill(to, column);
        let is_computed = matches!(&column.default, Some(DefaultValue::Sql(_)));
        if column.generated || column.identity || fill.is_none() && !is_computed {
            return column.clone();
        }
        let default = table::default_clause(to, column);
        if !default.is_empty() {
            let (table, name) = (quote_table(&to.name), quote(&column.name));
            self.defaults.push(format!("ALTER TABLE {table} ALTER COLUMN {name} SET{default}"));
        }
        self.fills.push((to.clone(), column.clone(), fill.unwrap_or_else(|| "DEFAULT".into())));
        if !column.nullable {
            self.not_null.push((to.clone(), column.clone()));
        }
        Column { nullable: true, default: None, ..column.clone() }
    }

    /// The column as it becomes at once: it may still hold NULL.
    fn altered_column(&mut self, writer: &Writer<'_>, to: &Table, old: &Column, new: &Column) -> Column {
        let is_key = to.primary_key.iter().any(|key| same_name(key, &new.name));
        if !old.nullable || new.nullable || is_key {
            return new.clone();
        }
        let default = || new.default.as_ref().map(|default| default_sql(default, &new.ty));
        if let Some(value) = writer.fill(to, new).or_else(default) {
            self.fills.push((to.clone(), new.clone(), value));
        }
        self.not_null.push((to.clone(), new.clone()));
        Column { nullable: true, ..new.clone() }
    }

    fn parts(self, first: Sql) -> Parts {
        let mut parts = vec![("", first)];
        parts.extend(retype::parts(&self.retyped));
        parts.extend(self.dropped.iter().map(|(table, index)| {
            let (up, down) = (drop_index(table, index), create_index_online(table, index));
            ("drop_index", alone(&[up], &[down]))
        }));
        let select = || vec!["SELECT 1".to_owned()];
        let fill = |(table, column, value): &(Table, Column, String)| {
            let condition = format!("{} IS NULL", quote(&column.name));
            ("fill", alone(&[in_batches(table, column, value, &condition)], &select()))
        };
        parts.extend(self.fills.iter().map(fill));
        for (table, index) in &self.indexes {
            parts.push(("index", alone(&[create_index_online(table, index)], &[drop_index(table, index)])));
            if index.constraint {
                let name = quote(&index.name);
                let up = add_constraint(table, &format!("CONSTRAINT {name} UNIQUE USING INDEX {name}"));
                let down = [drop_constraint(table, &index.name), create_index(&quote_table(&table.name), index, quote)];
                parts.push(("unique", together(&[up], &down)));
            }
        }
        let mut constraints = self.constraints.clone();
        let helpers: Vec<_> = self.not_null.iter().map(|(table, column)| not_null_check(table, column)).collect();
        constraints.extend(helpers.clone());
        let add = |(table, _, text): &(Table, String, String)| add_constraint(table, &format!("{text} NOT VALID"));
        let drop = |(table, name, _): &(Table, String, String)| drop_constraint(table, name);
        let validate = |(table, name, _): &(Table, String, String)| {
            format!("ALTER TABLE {} VALIDATE CONSTRAINT {}", quote_table(&table.name), quote(name))
        };
        let invalidate = |own: &(Table, String, String)| format!("{}, ADD {} NOT VALID", drop(own), own.2);
        let all =
            |write: &dyn Fn(&(Table, String, String)) -> String| constraints.iter().map(write).collect::<Vec<_>>();
        let reversed = |write: &dyn Fn(&(Table, String, String)) -> String| {
            constraints.iter().rev().map(write).collect::<Vec<_>>()
        };
        parts.push(("not_valid", together(&all(&add), &reversed(&drop))));
        parts.push(("validate", alone(&all(&validate), &reversed(&invalidate))));
        let (mut up, mut down) = (Vec::new(), Vec::new());
        for ((table, column), helper) in self.not_null.iter().zip(&helpers) {
            let alter = format!("ALTER TABLE {} ALTER COLUMN {}", quote_table(&table.name), quote(&column.name));
            up.extend([format!("{alter} SET NOT NULL"), drop(helper)]);
            down.extend([add_constraint(table, &helper.2), format!("{alter} DROP NOT NULL")]);
        }
        parts.push(("not_null", together(&up, &down)));
        parts.retain(|(_, sql)| !sql.up.is_empty());
        parts
    }
}

fn drop_index(table: &Table, index: &Index) -> String {
    format!("DROP INDEX CONCURRENTLY IF EXISTS {}", quote_table(&beside(&table.name, &index.name)))
}

/// Whether nothing else of the changes needs that the index is gone, or goes with it.
fn is_droppable(index: &Index, to: &Table, alterations: &[Alteration]) -> bool {
    let mut added = alterations.iter().filter_map(Alteration::added_index);
    let stays = |name: &String| to.find_column(name).is_some();
    !index.unique && index.column_names().iter().all(stays) && !added.any(|new| same_name(&new.name, &index.name))
}

/// The check by which a column becomes NOT NULL without a scan that locks the table.
fn not_null_check(table: &Table, column: &Column) -> (Table, String, String) {
    let taken = |name: &String| table.checks.iter().any(|check: &Check| check.name.as_ref() == Some(name));
    let mut name = free_name(table, format!("{}_{}_not_null", bare(&table.name), column.name));
    while name.len() > 63 || taken(&name) {
        name = if name.len() > 63 { format!("{}_not_null", column.name) } else { name + "_" };
        if name.len() > 63 {
            "not_null".clone_into(&mut name);
        }
    }
    let text = format!("CONSTRAINT {} CHECK ({} IS NOT NULL)", quote(&name), quote(&column.name));
    (table.clone(), name, text)
}

/// Removes the first that fits.
fn remove<T>(all: &mut Vec<T>, is_meant: impl Fn(&T) -> bool) {
    if let Some(at) = all.iter().position(is_meant) {
        all.remove(at);
    }
}

fn replace(table: &mut Table, column: &Column) {
    let own = table.columns.iter_mut().filter(|own| same_name(&own.name, &column.name));
    own.for_each(|own| own.clone_from(column));
}
