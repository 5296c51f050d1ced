//! Which locks a generated statement takes, as PostgreSQL documents them for each form of it.

use super::statements::words;
use crate::impact::Lock;
use crate::schema::{Schema, Table, same_name};

/// The tables that a statement locks against others, each with the lock. `schema` tells the table of an index and the
/// table that a foreign key refers to.
pub(super) fn locks(statement: &str, schema: &Schema) -> Vec<(String, Lock)> {
    let words = words(statement);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let after = |word: &str| Some(words.get(words.iter().position(|own| *own == word)? + 1)?.to_string());
    let on = |table: Option<String>, lock| table.into_iter().map(|table| (table, lock)).collect::<Vec<_>>();
    let is_concurrent = words.contains(&"concurrently");
    match words.as_slice() {
        ["create", "unique", "index", ..] | ["create", "index", ..] => {
            on(after("on"), if is_concurrent { Lock::ShareUpdateExclusive } else { Lock::Share })
        }
        ["drop", "index", .., name] => {
            let lock = if is_concurrent { Lock::ShareUpdateExclusive } else { Lock::AccessExclusive };
            on(table_of_index(schema, name), lock)
        }
        ["alter", "table", "if", "exists", table, action @ ..] | ["alter", "table", table, action @ ..] => {
            altered(table, action, schema)
        }
        ["create", "trigger" | "constraint", ..] => on(after("on"), Lock::ShareRowExclusive),
        ["drop", "trigger", ..] => on(after("on"), Lock::AccessExclusive),
        ["create", "table" | "unlogged", ..] => references(&words),
        ["drop", "table", names @ ..] => {
            let dropped: Vec<_> = names.iter().filter_map(|name| schema.table(name)).collect();
            let parents = dropped.iter().flat_map(|table| table.foreign_keys.iter().map(|key| key.table.clone()));
            let tables = dropped.iter().map(|table| table.name.clone()).chain(parents);
            tables.map(|table| (table, Lock::AccessExclusive)).collect()
        }
        ["update", table, ..] | ["insert", "into", table, ..] | ["delete", "from", table, ..] => {
            vec![((*table).to_owned(), Lock::RowExclusive)]
        }
        // A block that fills a column.
        ["do", body] => {
            let words = words_of(body);
            on(
                words.iter().position(|word| word == "update").and_then(|at| words.get(at + 1).cloned()),
                Lock::RowExclusive,
            )
        }
        ["comment", "on", "table", table, ..] => vec![((*table).to_owned(), Lock::ShareUpdateExclusive)],
        _ => Vec::new(),
    }
}

/// The words in a text between dollar signs.
fn words_of(quoted: &str) -> Vec<String> {
    let tag = quoted[1..].find('$').map_or(0, |end| end + 2);
    words(quoted.get(tag..quoted.len().saturating_sub(tag)).unwrap_or_default())
}

/// Whether a statement reads all rows of both tables to check a foreign key, by whichever path the planner finds.
pub(super) fn checks_foreign_key(statement: &str) -> bool {
    let words = words(statement);
    let has = |word: &str| words.iter().any(|own| own == word);
    has("references") && has("foreign") && !(has("not") && has("valid")) && words[0] == "alter"
}

fn altered(table: &str, action: &[&str], schema: &Schema) -> Vec<(String, Lock)> {
    let own = |lock| (table.to_owned(), lock);
    match action {
        ["validate", ..] => vec![own(Lock::ShareUpdateExclusive)],
        ["enable" | "disable", "trigger", ..] => vec![own(Lock::ShareRowExclusive)],
        ["add", "foreign", ..] | ["add", "constraint", _, "foreign", ..] => {
            let mut locks = vec![own(Lock::ShareRowExclusive)];
            locks.extend(references(action));
            locks
        }
        ["drop", "constraint", .., name] => {
            let keys = schema.table(table).map(|table| table.foreign_keys.as_slice()).unwrap_or_default();
            let is_dropped = |name: &str, key: Option<&str>| key.is_some_and(|key| same_name(key, name));
            let parents = keys.iter().filter(|key| is_dropped(name, key.name.as_deref())).map(|key| key.table.clone());
            let parents = parents.map(|table| (table, Lock::AccessExclusive));
            std::iter::once(own(Lock::AccessExclusive)).chain(parents).collect()
        }
        _ => vec![own(Lock::AccessExclusive)],
    }
}

/// The tables that foreign keys in the statement refer to.
fn references(words: &[&str]) -> Vec<(String, Lock)> {
    let pairs = words.windows(2).filter(|pair| pair[0] == "references");
    pairs.map(|pair| (pair[1].to_owned(), Lock::ShareRowExclusive)).collect()
}

fn table_of_index(schema: &Schema, name: &str) -> Option<String> {
    let has = |table: &&Table| table.indexes.iter().any(|index| same_name(&index.name, name));
    let of_object =
        || schema.objects().iter().find(|object| same_name(&object.name, name)).map(|own| own.table.clone());
    schema.tables.iter().find(has).map(|table| table.name.clone()).or_else(of_object)
}
