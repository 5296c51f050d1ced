//! Tables in the order of their foreign keys.

use crate::schema::{Table, same_name};

/// The tables, each after all that it refers to; those in a cycle as they came. The flag says whether there is one.
pub(crate) fn parents_first<'a>(tables: &[&'a Table]) -> (Vec<&'a Table>, bool) {
    let mut ordered: Vec<&Table> = Vec::new();
    let mut waiting = tables.to_vec();
    let mut has_cycle = false;
    while !waiting.is_empty() {
        let ready = waiting.iter().position(|table| !refers_to_any(table, &waiting));
        has_cycle |= ready.is_none();
        ordered.push(waiting.remove(ready.unwrap_or(0)));
    }
    (ordered, has_cycle)
}

fn refers_to_any(table: &Table, others: &[&Table]) -> bool {
    let refers_to = |other: &&Table| table.foreign_keys.iter().any(|key| same_name(&key.table, &other.name));
    others.iter().filter(|other| !same_name(&other.name, &table.name)).any(refers_to)
}
