//! Two [`Schema`]s → the ordered list of [`Change`]s from the one to the other. Data in, data out.

use crate::change::{Alteration, Change};
use crate::schema::{
    Check, Clause, ClauseKind, Column, ForeignKey, Index, Object, Schema, Table, same_name, same_names,
};

/// Compares two schemas. Names are compared as SQL does, ignoring ASCII case; the order of columns does not count. What
/// [`schema!`](crate::schema!) cannot declare is compared only when both sides come from a live database.
///
/// ```
/// use diesel_autogen::schema::{Column, Schema, Table, Type};
///
/// let before = Schema::new([Table::new("users", ["id"]).column(Column::new("id", Type::Integer))]);
/// let mut after = before.clone();
/// after.tables[0].columns.push(Column::new("about_me", Type::Text { max_length: Some(140) }).nullable());
/// let changes = diesel_autogen::diff(&before, &after);
/// assert_eq!(changes[0].to_string(), "changes table users:\n  adds about_me: VarChar(140), may be NULL");
/// assert!(diesel_autogen::diff(&after, &after).is_empty());
/// ```
#[must_use]
pub fn diff(from: &Schema, to: &Schema) -> Vec<Change> {
    let (dropped, created) = compare_objects(from, to);
    let mut changes = dropped;
    for table in &to.tables {
        match from.table(&table.name) {
            None => changes.push(Change::CreateTable(table.clone())),
            Some(old) => {
                let alterations = compare_tables(old, table);
                if !alterations.is_empty() {
                    changes.push(Change::AlterTable { from: old.clone(), to: table.clone(), alterations });
                }
            }
        }
    }
    let dropped = from.tables.iter().filter(|table| to.table(&table.name).is_none());
    changes.extend(dropped.cloned().map(Change::DropTable));
    changes.extend(created);
    changes
}

/// The objects to drop, and those to create.
fn compare_objects(from: &Schema, to: &Schema) -> (Vec<Change>, Vec<Change>) {
    let same = |a: &Object, b: &Object| a.kind == b.kind && same_name(&a.name, &b.name) && a.normalized == b.normalized;
    let missing_in = |schema: &Schema, object: &Object| !schema.objects().iter().any(|other| same(object, other));
    // A schema from code leaves objects alone, except those that belong to a table that is dropped.
    let is_dropped = |object: &&Object| {
        if to.objects.is_some() {
            return missing_in(to, object);
        }
        from.table(&object.table).is_some() && to.table(&object.table).is_none()
    };
    let dropped = from.objects().iter().filter(is_dropped).cloned().map(Change::DropObject);
    let is_new = |object: &&Object| missing_in(from, object);
    let created = to.objects().iter().filter(is_new).cloned().map(Change::CreateObject);
    (dropped.collect(), created.collect())
}

fn compare_tables(from: &Table, to: &Table) -> Vec<Alteration> {
    let mut alterations = compare_columns(from, to);
    let exact = from.clauses.is_some() && to.clauses.is_some();
    let named = is_named(from, to);
    if !same_names(&from.primary_key, &to.primary_key) {
        alterations.push(Alteration::PrimaryKey { from: from.primary_key.clone(), to: to.primary_key.clone() });
    }
    let (dropped, added) =
        unmatched(&from.indexes, &to.indexes, |a, b| same_index(a, b, exact) && (!named || a.name == b.name));
    alterations.extend(dropped.into_iter().map(Alteration::DropIndex));
    alterations.extend(added.into_iter().filter(|index| !to.is_of_key(index)).map(Alteration::AddIndex));
    let (dropped, added) =
        unmatched(&from.foreign_keys, &to.foreign_keys, |a, b| same_foreign_key(a, b) && (!named || a.name == b.name));
    alterations.extend(dropped.into_iter().map(Alteration::DropForeignKey));
    alterations.extend(added.into_iter().map(Alteration::AddForeignKey));
    let (dropped, added) = unmatched(&from.checks, &to.checks, |a: &Check, b| {
        a.normalized == b.normalized && (!named || a.name == b.name)
    });
    alterations.extend(dropped.into_iter().map(Alteration::DropCheck));
    alterations.extend(added.into_iter().map(Alteration::AddCheck));
    if named && from.name != to.name {
        alterations.push(Alteration::Rewrite { from: Some(from.name.clone()), to: Some(to.name.clone()) });
    }
    let rewrites = compare_clauses(from, to, &alterations);
    alterations.extend(rewrites);
    alterations
}

/// Whether both come from a live database that names constraints and tells capital letters apart: it stores no CREATE
/// TABLE text.
fn is_named(from: &Table, to: &Table) -> bool {
    [from, to].iter().all(|table| table.clauses.is_some() && table.stored.is_none())
}

fn compare_columns(from: &Table, to: &Table) -> Vec<Alteration> {
    let mut alterations = Vec::new();
    for column in &to.columns {
        match from.find_column(&column.name) {
            None => alterations.push(Alteration::AddColumn(column.clone())),
            Some(old) if same_column(old, column, to) && (!is_named(from, to) || old.name == column.name) => {}
            Some(old) => alterations.push(Alteration::AlterColumn { from: old.clone(), to: column.clone() }),
        }
    }
    // A generated column that the models do not name stays: they cannot declare it.
    let stays = |column: &Column| column.generated && to.clauses.is_none();
    let dropped = from.columns.iter().filter(|column| to.find_column(&column.name).is_none() && !stays(column));
    alterations.extend(dropped.cloned().map(Alteration::DropColumn));
    alterations
}

fn same_column(from: &Column, to: &Column, to_table: &Table) -> bool {
    if from.generated || to.generated {
        // The models cannot declare a generated column: they mean the one that exists.
        return from.generated == to.generated || to_table.clauses.is_none();
    }
    let same_storage = from.storage.zip(to.storage).is_none_or(|(from, to)| from == to);
    let same_identity = to_table.clauses.is_none() || from.identity == to.identity;
    from.ty == to.ty && from.nullable == to.nullable && from.default == to.default && same_storage && same_identity
}

fn same_index(a: &Index, b: &Index, exact: bool) -> bool {
    let same_columns = a.columns.len() == b.columns.len()
        && a.columns.iter().zip(&b.columns).all(|(a, b)| same_name(&a.name, &b.name) && a.descending == b.descending);
    let same_form = !exact || (a.constraint == b.constraint && (a.constraint || same_name(&a.name, &b.name)));
    a.unique == b.unique && same_columns && same_form
}

/// Whether two foreign keys are the same. A key that names no columns refers to the primary key of a missing table.
fn same_foreign_key(a: &ForeignKey, b: &ForeignKey) -> bool {
    same_names(&a.columns, &b.columns)
        && same_name(&a.table, &b.table)
        && (same_names(&a.references, &b.references) || a.references.is_empty() || b.references.is_empty())
        && a.on_delete == b.on_delete
        && a.on_update == b.on_update
}

/// The differences between two definitions that no other alteration covers.
fn compare_clauses(from: &Table, to: &Table, alterations: &[Alteration]) -> Vec<Alteration> {
    let (Some(before), Some(after)) = (&from.clauses, &to.clauses) else { return Vec::new() };
    let is_open = |clause: &&Clause| {
        let stays = |column: &String| from.find_column(column).is_some() && to.find_column(column).is_some();
        clause.column.as_ref().is_none_or(stays) && !alterations.iter().any(|alteration| covers(alteration, clause))
    };
    let open = |clauses: &[Clause]| clauses.iter().filter(is_open).cloned().collect::<Vec<_>>();
    let same = |a: &Clause, b: &Clause| {
        a.kind == b.kind
            && a.normalized == b.normalized
            && a.column.as_ref().map(|name| name.to_ascii_lowercase())
                == b.column.as_ref().map(|name| name.to_ascii_lowercase())
    };
    let (dropped, mut added) = unmatched(&open(before), &open(after), same);
    let mut rewrites = Vec::new();
    let differing = dropped.iter().chain(&added).filter_map(|clause| clause.column.as_ref());
    for column in to.columns.iter().filter(|column| differing.clone().any(|name| same_name(name, &column.name))) {
        let text = |clauses: &[Clause]| {
            let own = |clause: &&Clause| clause.column.as_ref().is_some_and(|name| same_name(name, &column.name));
            clauses.iter().find(own).map(|clause| clause.text.clone())
        };
        rewrites.push(Alteration::Rewrite { from: text(before), to: text(after) });
    }
    added.retain(|clause| clause.column.is_none());
    for clause in dropped.into_iter().filter(|clause| clause.column.is_none()) {
        let successor = added.iter().position(|new| new.kind == clause.kind).map(|at| added.remove(at).text);
        rewrites.push(Alteration::Rewrite { from: Some(clause.text), to: successor });
    }
    rewrites.extend(added.into_iter().map(|clause| Alteration::Rewrite { from: None, to: Some(clause.text) }));
    rewrites
}

/// Whether an alteration already covers how clauses of that kind differ.
fn covers(alteration: &Alteration, clause: &Clause) -> bool {
    use ClauseKind::{Check, ForeignKey, Generated, NotNull, PrimaryKey, Type, Unique};
    match alteration {
        Alteration::AlterColumn { to, .. } => {
            clause.column.as_ref().is_some_and(|column| same_name(column, &to.name))
                && matches!(clause.kind, Type | NotNull | Generated)
        }
        Alteration::PrimaryKey { .. } => clause.kind == PrimaryKey,
        Alteration::AddIndex(index) | Alteration::DropIndex(index) => index.constraint && clause.kind == Unique,
        Alteration::AddForeignKey(_) | Alteration::DropForeignKey(_) => clause.kind == ForeignKey,
        Alteration::AddCheck(_) | Alteration::DropCheck(_) => clause.kind == Check,
        Alteration::AddColumn(_) | Alteration::DropColumn(_) | Alteration::Rewrite { .. } => false,
    }
}

/// The items of `from` that have no counterpart in `to`, and those of `to` that have none in `from`.
fn unmatched<T: Clone>(from: &[T], to: &[T], same: impl Fn(&T, &T) -> bool) -> (Vec<T>, Vec<T>) {
    let mut added: Vec<T> = to.to_vec();
    let mut dropped = Vec::new();
    for item in from {
        match added.iter().position(|other| same(item, other)) {
            Some(at) => drop(added.remove(at)),
            None => dropped.push(item.clone()),
        }
    }
    (dropped, added)
}
