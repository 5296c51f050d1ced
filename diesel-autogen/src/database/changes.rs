//! The changes of a migration's file by kind, in the order in which a database can make them.

use crate::change::{Alteration, Change, Rename};
use crate::migration::Direction;
use crate::schema::{Index, IndexColumn, Object, ObjectKind, Table, same_name};

/// The changes that one file makes. Those of `down.sql` are reversed, and in reverse order.
#[derive(Clone, Copy)]
pub(crate) struct Changes<'a>(pub &'a [Change]);

impl<'a> Changes<'a> {
    /// The tables that are created, parents first.
    pub fn created(self) -> Vec<&'a Table> {
        parents_first(&self.0.iter().filter_map(Change::created).collect::<Vec<_>>()).0
    }

    /// The tables that are dropped, children first, and whether they refer to each other in a circle.
    pub fn dropped(self) -> (Vec<&'a Table>, bool) {
        let (mut tables, has_circle) = parents_first(&self.0.iter().filter_map(Change::dropped).collect::<Vec<_>>());
        tables.reverse();
        (tables, has_circle)
    }

    /// Whether the table of that name is dropped.
    pub fn drops(self, table: &str) -> bool {
        self.0.iter().filter_map(Change::dropped).any(|dropped| same_name(&dropped.name, table))
    }

    /// The tables that change: before, after, and how.
    pub fn altered(self) -> impl Iterator<Item = (&'a Table, &'a Table, &'a [Alteration])> {
        self.0.iter().filter_map(Change::altered)
    }

    /// Every alteration, with its table before and after.
    pub fn alterations(self) -> impl Iterator<Item = (&'a Table, &'a Table, &'a Alteration)> {
        self.altered().flat_map(|(from, to, all)| all.iter().map(move |alteration| (from, to, alteration)))
    }

    /// The statements of the renames. `table` writes the name of a table, and `new_table` the one that it gets.
    pub fn renames(
        self,
        quote: fn(&str) -> String,
        table: fn(&str) -> String,
        new_table: fn(&str) -> String,
    ) -> Vec<String> {
        let renames = self.0.iter().filter_map(Change::rename).map(|rename| match rename {
            Rename::Table { from, to } => format!("ALTER TABLE {} RENAME TO {}", table(from), new_table(to)),
            Rename::Column { table: own, from, to } => {
                format!("ALTER TABLE {} RENAME COLUMN {} TO {}", table(own), quote(from), quote(to))
            }
        });
        renames.collect()
    }

    /// The objects that are dropped: a view before one that it selects from, which is the older one, and the triggers of
    /// a view before it.
    pub fn dropped_objects(self, direction: Direction) -> Vec<&'a Object> {
        let object = |change: &'a Change| if let Change::DropObject(object) = change { Some(object) } else { None };
        let mut objects: Vec<_> = self.0.iter().filter_map(object).collect();
        if direction == Direction::Up {
            objects.reverse();
        }
        objects.sort_by_key(|object| object.kind != ObjectKind::Trigger);
        objects
    }

    /// The objects that are created, which is the reverse.
    pub fn created_objects(self, direction: Direction) -> Vec<&'a Object> {
        let object = |change: &'a Change| if let Change::CreateObject(object) = change { Some(object) } else { None };
        let mut objects: Vec<_> = self.0.iter().filter_map(object).collect();
        if direction == Direction::Down {
            objects.reverse();
        }
        objects.sort_by_key(|object| object.kind == ObjectKind::Trigger);
        objects
    }
}

/// The tables, each after all that it refers to; those in a circle as they came. The flag says whether there is one.
pub(crate) fn parents_first<'a>(tables: &[&'a Table]) -> (Vec<&'a Table>, bool) {
    let mut ordered: Vec<&Table> = Vec::new();
    let mut waiting = tables.to_vec();
    let mut has_circle = false;
    while !waiting.is_empty() {
        let ready = waiting.iter().position(|table| !refers_to_any(table, &waiting));
        has_circle |= ready.is_none();
        ordered.push(waiting.remove(ready.unwrap_or(0)));
    }
    (ordered, has_circle)
}

fn refers_to_any(table: &Table, others: &[&Table]) -> bool {
    let refers_to = |other: &&Table| table.foreign_keys.iter().any(|key| same_name(&key.table, &other.name));
    others.iter().filter(|other| !same_name(&other.name, &table.name)).any(refers_to)
}

/// The rename that a statement of these words makes: `ALTER TABLE table RENAME TO name`, or
/// `ALTER TABLE table RENAME [COLUMN] column TO name`.
pub(crate) fn rename_of(words: &[String]) -> Option<Rename> {
    let is = |word: &String, keyword: &str| word.eq_ignore_ascii_case(keyword);
    let [alter, of_table, table, rename, rest @ ..] = words else { return None };
    if !is(alter, "ALTER") || !is(of_table, "TABLE") || !is(rename, "RENAME") {
        return None;
    }
    match rest {
        [to, new] if is(to, "TO") => Some(Rename::Table { from: table.clone(), to: new.clone() }),
        [column, named @ .., to, new] if is(to, "TO") && (named.is_empty() || is(column, "COLUMN")) => {
            let old = named.first().unwrap_or(column);
            Some(Rename::Column { table: table.clone(), from: old.clone(), to: new.clone() })
        }
        _ => None,
    }
}

/// The statement that creates an index. `table` is its table as SQL names it.
pub(crate) fn create_index(table: &str, index: &Index, quote: fn(&str) -> String) -> String {
    let (unique, columns) = (if index.unique { "UNIQUE " } else { "" }, index_columns(&index.columns, quote));
    format!("CREATE {unique}INDEX {} ON {} ({columns})", quote(&index.name), table)
}

/// The columns of an index, separated by commas.
pub(crate) fn index_columns(columns: &[IndexColumn], quote: fn(&str) -> String) -> String {
    let column = |column: &IndexColumn| quote(&column.name) + if column.descending { " DESC" } else { "" };
    columns.iter().map(column).collect::<Vec<_>>().join(", ")
}
