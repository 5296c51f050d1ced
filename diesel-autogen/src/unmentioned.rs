//! What a database has and the models do not mention: an index and a foreign key that `schema!` cannot declare stay, and
//! what protects the data needs consent before it is dropped. Diesel's `table!` cannot declare any of it, so that silence
//! is no decision.

use crate::change::{Alteration, Change};
use crate::loss::{Loss, LossKind};
use crate::print_schema::{undeclarable, undeclarable_keys};
use crate::schema::{Action, Check, Column, ForeignKey, Index, Schema, Table, same_name, same_names};

/// Adds to the models the tables and foreign keys of the live schema that they cannot declare, but for a key whose table
/// or columns the models drop, or in place of which they declare another.
pub(crate) fn keep_undeclarable(live: &Schema, models: &mut Schema) {
    let is_new = |table: &&Table| undeclarable(table).is_some() && models.table(&table.name).is_none();
    let tables: Vec<_> = live.tables.iter().filter(is_new).cloned().collect();
    models.tables.extend(tables);
    for table in &live.tables {
        let Some(declared) = models.table(&table.name).map(|own| own.foreign_keys.clone()) else { continue };
        for key in undeclarable_keys(live, table, &declared) {
            let has_target =
                |schema: &Schema| schema.table(&key.table).is_some_and(|there| has_all(there, &key.references));
            let is_dropped = has_target(live) && !has_target(models);
            let Some(own) = models.tables.iter_mut().find(|own| same_name(&own.name, &table.name)) else { continue };
            let is_replaced =
                |new: &ForeignKey| same_names(&new.columns, &key.columns) && !table.foreign_keys.contains(new);
            // A table may have one foreign key twice.
            let count = |keys: &[ForeignKey]| keys.iter().filter(|one| *one == key).count();
            let is_missing = count(&own.foreign_keys) < count(&table.foreign_keys);
            if is_missing && !is_dropped && has_all(own, &key.columns) && !own.foreign_keys.iter().any(is_replaced) {
                own.foreign_keys.push(key.clone());
            }
        }
    }
}

/// The indexes that a comparison with the models drops only because the models do not mention them, each with its
/// table. A UNIQUE that the models can declare is no such index, nor is one that loses a column or that the models
/// declare in another form.
pub(crate) fn indexes(changes: &[Change]) -> Vec<(String, Index)> {
    let mut found = Vec::new();
    for (_, to, alterations) in changes.iter().filter_map(Change::altered) {
        let added = || alterations.iter().filter_map(Alteration::added_index);
        let is_replaced =
            |index: &Index| added().any(|new| same_name(&new.name, &index.name) || has_same_columns(new, index));
        let dropped = alterations.iter().filter_map(Alteration::dropped_index);
        let is_meant = |index: &Index| index.unique && !index.is_undeclarable();
        let stays = |index: &&Index| !is_meant(index) && has_all(to, &index.column_names()) && !is_replaced(index);
        found.extend(dropped.filter(stays).map(|index| (to.name.clone(), index.clone())));
    }
    found
}

/// Of the changes between two live schemas those that the models say nothing of: objects that they cannot declare, and
/// indexes that they do not mention.
pub(crate) fn only(mut changes: Vec<Change>, models: &Schema) -> Vec<Change> {
    let foreign = changes.iter().filter_map(Change::dropped).filter(|table| table.schema.is_some());
    // Another program makes the tables of its schema.
    let foreign: Vec<_> = foreign.map(|table| table.name.clone()).collect();
    changes.retain_mut(|change| match change {
        Change::DropObject(object) => !object.is_note() && !foreign.contains(&object.table),
        Change::CreateObject(object) => !object.is_note(),
        Change::AlterTable { to, alterations, .. } => {
            let own = models.table(&to.name).map(|table| table.indexes.as_slice()).unwrap_or_default();
            alterations.retain(|alteration| {
                let index = alteration.added_index().or_else(|| alteration.dropped_index());
                index.is_some_and(|index| !index.unique && !own.iter().any(|other| has_same_columns(other, index)))
            });
            !alterations.is_empty()
        }
        _ => false,
    });
    changes
}

/// The names of the tables and indexes of a schema, in lower case.
pub(crate) fn all_names(schema: &Schema) -> impl Iterator<Item = String> {
    let indexes = schema.tables.iter().flat_map(|table| &table.indexes).map(|index| &index.name);
    schema.tables.iter().map(|table| &table.name).chain(indexes).map(|name| name.to_ascii_lowercase())
}

/// What the changes drop of defaults, UNIQUE, CHECK, foreign keys and their actions, without anything in its place: a
/// [`Loss`] for each table. What goes with a column or table that the models drop is not counted.
pub(crate) fn protections(changes: &[Change]) -> Vec<Loss> {
    let dropped: Vec<_> = changes.iter().filter_map(Change::dropped).collect();
    let altered = changes.iter().filter_map(Change::altered);
    altered.filter_map(|(from, to, alterations)| loss(to, &Dropped::of(from, to, alterations, &dropped))).collect()
}

/// The loss of a table without rows that the models do not mention.
pub(crate) fn table(table: &Table) -> Loss {
    let change = format!("drops table {}", table.name);
    let text = format!("{change}, which the models do not mention");
    Loss { change, count: 1, text, kind: LossKind::Unmentioned }
}

/// The protections of a table that are dropped, in plain words.
#[derive(Default)]
struct Dropped {
    /// Each with its column.
    defaults: Vec<String>,
    others: Vec<String>,
}

impl Dropped {
    fn of(from: &Table, to: &Table, alterations: &[Alteration], dropped: &[&Table]) -> Self {
        let mut found = Self::default();
        for alteration in alterations {
            match alteration {
                Alteration::AlterColumn { from, to } => found.defaults.extend(lost_default(from, to)),
                Alteration::DropIndex(index) if is_lost_unique(index, to) => found.others.push(index.to_string()),
                Alteration::DropCheck(check) if is_lost_check(check, from, to) => found.others.push(check.to_string()),
                // Without the table that it refers to a foreign key cannot stay.
                Alteration::DropForeignKey(key) if !dropped.iter().any(|table| same_name(&table.name, &key.table)) => {
                    found.others.extend(lost_of_key(key, to));
                }
                _ => {}
            }
        }
        found
    }
}

fn loss(table: &Table, Dropped { defaults, others }: &Dropped) -> Option<Loss> {
    let count = defaults.len() + others.len();
    let change = format!("drops from {} what the models do not mention", table.name);
    let start = if defaults.len() == 1 { "the default of" } else { "the defaults of" };
    let defaults = (!defaults.is_empty()).then(|| format!("{start} {}", defaults.join(", ")));
    let all: Vec<_> = defaults.iter().chain(others).map(String::as_str).collect();
    let text = format!("{change}: {}", all.join("; "));
    (count > 0).then_some(Loss { change, count: count as u64, text, kind: LossKind::Unmentioned })
}

/// `active (0)`
fn lost_default(from: &Column, to: &Column) -> Option<String> {
    let default = from.default.as_ref().filter(|_| to.default.is_none() && !from.generated && !to.generated)?;
    Some(format!("{} ({default})", to.name))
}

/// Whether two rows may be equal after the change that could not be before: no key that stays or comes has these columns
/// or some of them.
fn is_lost_unique(index: &Index, to: &Table) -> bool {
    let own = index.column_names();
    let is_within = |key: &[String]| !key.is_empty() && key.iter().all(|key| own.iter().any(|own| same_name(own, key)));
    let is_implied = || {
        let mut keys = to.indexes.iter().filter(|index| index.unique).map(Index::column_names);
        is_within(&to.primary_key) || keys.any(|key| is_within(&key))
    };
    index.unique && has_all(to, &own) && !is_implied()
}

/// Whether the models neither declare a check of that name nor drop a column that the condition names.
fn is_lost_check(check: &Check, from: &Table, to: &Table) -> bool {
    let has_name = |other: &Check| check.name.as_ref().zip(other.name.as_ref()).is_some_and(|(a, b)| same_name(a, b));
    let is_dropped = |word: &String| from.find_column(word).is_some() && to.find_column(word).is_none();
    !to.checks.iter().any(has_name) && !words(&check.expression).iter().any(is_dropped)
}

/// The words of an expression and its names in quotes, without its texts.
fn words(expression: &str) -> Vec<String> {
    let (mut words, mut rest) = (Vec::new(), expression);
    while let Some(first) = rest.chars().next() {
        let is_in_word = |char: char| char.is_alphanumeric() || char == '_';
        if "'\"`".contains(first) {
            let length = quoted(&rest[1..], first) + 1;
            let inner = rest[1..length].strip_suffix(first).unwrap_or_default();
            words.extend((first != '\'').then(|| inner.replace(&format!("{first}{first}"), &first.to_string())));
            rest = &rest[length..];
        } else {
            let length = rest.find(|char| !is_in_word(char)).unwrap_or(rest.len());
            words.extend((length > 0).then(|| rest[..length].to_owned()));
            rest = &rest[length.max(first.len_utf8())..];
        }
    }
    words
}

/// The length up to the closing quote, which is no doubled one.
fn quoted(text: &str, quote: char) -> usize {
    let mut chars = text.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        if char == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
            return at + 1;
        }
    }
    text.len()
}

/// What the models do not mention of a foreign key: all of it, or an action in place of which they have none.
fn lost_of_key(key: &ForeignKey, to: &Table) -> Vec<String> {
    let mut mentioned = to.foreign_keys.iter().filter(|other| same_names(&other.columns, &key.columns)).peekable();
    if !has_all(to, &key.columns) {
        return Vec::new();
    }
    if mentioned.peek().is_none() {
        return vec![key.to_string()];
    }
    let Some(new) = mentioned.find(|other| same_name(&other.table, &key.table)) else { return Vec::new() };
    let of_key = format!("of foreign key ({}) to {}", key.columns.join(", "), key.table);
    let actions = [("delete", key.on_delete, new.on_delete), ("update", key.on_update, new.on_update)];
    let is_lost =
        |(_, before, after): &(&str, Action, Action)| *before != Action::NoAction && *after == Action::NoAction;
    actions
        .iter()
        .filter(|action| is_lost(action))
        .map(|(on, before, _)| format!("on {on} {before} {of_key}"))
        .collect()
}

fn has_all(table: &Table, columns: &[String]) -> bool {
    columns.iter().all(|column| table.find_column(column).is_some())
}

fn has_same_columns(a: &Index, b: &Index) -> bool {
    same_names(&a.column_names(), &b.column_names())
}
