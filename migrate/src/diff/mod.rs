//! Two [`Schema`]s → the ordered list of [`Change`]s that turns the one into the other.

mod words;

use crate::Rename;
use crate::schema::{
    Check, Column, DefaultValue, ForeignKey, Index, Object, Schema, Table, Type, same_name, same_names,
};
use crate::sql::canonical;
use crate::sql::create_table::{CreateTable, Kind, Part};

/// One step from a schema to another. It says itself in plain words, and knows its reverse.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "a plan holds a few of them, and boxes would be in everybody's way")]
pub enum Change {
    /// A table that is not there yet.
    CreateTable(Table),
    /// A table that goes.
    DropTable(Table),
    /// A table that changes.
    AlterTable {
        /// The table as it is.
        from: Table,
        /// The table as it shall be.
        to: Table,
        /// What differs.
        alterations: Vec<Alteration>,
    },
    /// Another name. Names in what follows are the new ones.
    Rename(Rename),
    /// A view, trigger or hand-written index that is not there yet.
    CreateObject(Object),
    /// A view, trigger or hand-written index that goes.
    DropObject(Object),
}

/// One difference within a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alteration {
    /// A column that is not there yet.
    AddColumn(Column),
    /// A column that goes.
    DropColumn(Column),
    /// A column whose type, NULLs or default change.
    AlterColumn {
        /// The column as it is.
        from: Column,
        /// The column as it shall be.
        to: Column,
    },
    /// Another primary key.
    PrimaryKey {
        /// The columns of the key as it is.
        from: Vec<String>,
        /// The columns of the key as it shall be.
        to: Vec<String>,
    },
    /// An index, or a UNIQUE, that is not there yet.
    AddIndex(Index),
    /// An index, or a UNIQUE, that goes.
    DropIndex(Index),
    /// A foreign key that is not there yet.
    AddForeignKey(ForeignKey),
    /// A foreign key that goes.
    DropForeignKey(ForeignKey),
    /// A CHECK that is not there yet.
    AddCheck(Check),
    /// A CHECK that goes.
    DropCheck(Check),
    /// A part of the table's text differs in what [`schema!`](crate::schema!) cannot say, such as a COLLATE.
    Rewrite {
        /// The part as it is.
        from: Option<String>,
        /// The part as it shall be.
        to: Option<String>,
    },
}

impl Change {
    /// What takes this change back.
    #[must_use]
    pub fn reverse(self) -> Self {
        match self {
            Self::CreateTable(table) => Self::DropTable(table),
            Self::DropTable(table) => Self::CreateTable(table),
            Self::AlterTable { from, to, alterations } => Self::AlterTable {
                from: to,
                to: from,
                alterations: alterations.into_iter().map(Alteration::reverse).collect(),
            },
            Self::Rename(rename) => Self::Rename(rename.reverse()),
            Self::CreateObject(object) => Self::DropObject(object),
            Self::DropObject(object) => Self::CreateObject(object),
        }
    }
}

impl Alteration {
    fn reverse(self) -> Self {
        match self {
            Self::AddColumn(column) => Self::DropColumn(column),
            Self::DropColumn(column) => Self::AddColumn(column),
            Self::AlterColumn { from, to } => Self::AlterColumn { from: to, to: from },
            Self::PrimaryKey { from, to } => Self::PrimaryKey { from: to, to: from },
            Self::AddIndex(index) => Self::DropIndex(index),
            Self::DropIndex(index) => Self::AddIndex(index),
            Self::AddForeignKey(key) => Self::DropForeignKey(key),
            Self::DropForeignKey(key) => Self::AddForeignKey(key),
            Self::AddCheck(check) => Self::DropCheck(check),
            Self::DropCheck(check) => Self::AddCheck(check),
            Self::Rewrite { from, to } => Self::Rewrite { from: to, to: from },
        }
    }
}

/// Compares two schemas. Names are compared as SQL does, without regard to ASCII case; the order of columns does not
/// count. What [`schema!`](crate::schema!) cannot say is compared only when both sides come from a live database.
///
/// ```
/// use migrate::schema::{Column, Schema, Table, Type};
///
/// let before = Schema::new([Table::new("users", ["id"]).column(Column::new("id", Type::Integer))]);
/// let mut after = before.clone();
/// after.tables[0].columns.push(Column::new("about_me", Type::Text { max_length: Some(140) }).nullable());
/// let changes = migrate::diff(&before, &after);
/// assert_eq!(changes[0].to_string(), "changes table users:\n  adds about_me: VarChar(140), may be NULL");
/// assert!(migrate::diff(&after, &after).is_empty());
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
    let gone = from.tables.iter().filter(|table| to.table(&table.name).is_none());
    changes.extend(gone.cloned().map(Change::DropTable));
    changes.extend(created);
    changes
}

/// The objects that go, and those that are new.
fn compare_objects(from: &Schema, to: &Schema) -> (Vec<Change>, Vec<Change>) {
    let same = |a: &Object, b: &Object| {
        a.kind == b.kind && same_name(&a.name, &b.name) && canonical(&a.sql) == canonical(&b.sql)
    };
    let missing_in = |schema: &Schema, object: &Object| !schema.objects().iter().any(|other| same(object, other));
    // Side tables are no part of a schema, nor are the triggers that keep them true.
    let is_aside = |object: &Object| object.name.starts_with("_kept_");
    // A schema from code leaves them alone, but for those that go with their table.
    let goes = |object: &Object| {
        if to.objects.is_some() {
            return missing_in(to, object) && !is_aside(object);
        }
        let has_table = |schema: &Schema| schema.table(&object.table).is_some();
        has_table(from) && !has_table(to)
    };
    let dropped = from.objects().iter().filter(|object| goes(object)).cloned().map(Change::DropObject);
    let is_new = |object: &&Object| missing_in(from, object) && !is_aside(object);
    let created = to.objects().iter().filter(is_new).cloned().map(Change::CreateObject);
    (dropped.collect(), created.collect())
}

fn compare_tables(from: &Table, to: &Table) -> Vec<Alteration> {
    let mut alterations = compare_columns(from, to);
    if !same_names(&from.primary_key, &to.primary_key) {
        alterations.push(Alteration::PrimaryKey { from: from.primary_key.clone(), to: to.primary_key.clone() });
    }
    let exact = from.stored.is_some() && to.stored.is_some();
    let same_index = |a: &Index, b: &Index| same_index(a, b, exact);
    let (gone, new) = unmatched(&from.indexes, &to.indexes, same_index);
    alterations.extend(gone.into_iter().map(Alteration::DropIndex));
    alterations.extend(new.into_iter().filter(|index| !to.is_of_key(index)).map(Alteration::AddIndex));
    let (gone, new) = unmatched(&from.foreign_keys, &to.foreign_keys, same_foreign_key);
    alterations.extend(gone.into_iter().map(Alteration::DropForeignKey));
    alterations.extend(new.into_iter().map(Alteration::AddForeignKey));
    let same_check = |a: &Check, b: &Check| canonical(&a.expression) == canonical(&b.expression);
    let (gone, new) = unmatched(&from.checks, &to.checks, same_check);
    alterations.extend(gone.into_iter().map(Alteration::DropCheck));
    alterations.extend(new.into_iter().map(Alteration::AddCheck));
    let rewrites = rewrites(from, to, &alterations);
    alterations.extend(rewrites);
    alterations
}

fn compare_columns(from: &Table, to: &Table) -> Vec<Alteration> {
    let mut alterations = Vec::new();
    for column in &to.columns {
        match from.find_column(&column.name) {
            None => alterations.push(Alteration::AddColumn(column.clone())),
            Some(old) if same_column(old, column, from, to) => {}
            Some(old) => alterations.push(Alteration::AlterColumn { from: old.clone(), to: column.clone() }),
        }
    }
    // A generated column that the models do not name stays: they have no way to name it.
    let kept = |column: &Column| column.generated && to.stored.is_none();
    let gone = from.columns.iter().filter(|column| to.find_column(&column.name).is_none() && !kept(column));
    alterations.extend(gone.cloned().map(Alteration::DropColumn));
    alterations
}

fn same_column(from: &Column, to: &Column, from_table: &Table, to_table: &Table) -> bool {
    if from.generated || to.generated {
        // Code cannot say how a column is computed: it means the one that is there.
        return from.generated == to.generated || to_table.stored.is_none();
    }
    let is_integer = |ty: &Type| matches!(ty, Type::SmallInt | Type::Integer | Type::BigInt);
    let is_key = from_table.is_sole_key(&from.name) && to_table.is_sole_key(&to.name);
    // SQLite has one type for the number of a row, and a row's number is never NULL.
    if is_key && is_integer(&from.ty) && is_integer(&to.ty) {
        return same_default(from, to);
    }
    from.ty == to.ty && from.nullable == to.nullable && same_default(from, to)
}

fn same_default(from: &Column, to: &Column) -> bool {
    // Both are read as the database would read them back. NULL is what a column without a default gets.
    let read = |column: &Column| {
        let sql = crate::sql::default_sql(column.default.as_ref()?, &to.ty);
        let value = crate::introspect::sqlite::default_value(&sql, &to.ty);
        match value {
            DefaultValue::Sql(sql) => Some(canonical(&sql)).filter(|sql| sql != "null"),
            value => Some(crate::sql::default_sql(&value, &to.ty)),
        }
    };
    read(from) == read(to)
}

fn same_index(a: &Index, b: &Index, exact: bool) -> bool {
    let same_columns = a.columns.len() == b.columns.len()
        && a.columns.iter().zip(&b.columns).all(|(a, b)| same_name(&a.name, &b.name) && a.descending == b.descending);
    let same_way = !exact || (a.constraint == b.constraint && (a.constraint || same_name(&a.name, &b.name)));
    a.unique == b.unique && same_columns && same_way
}

/// Whether two keys are one. A key that names no columns means the primary key of a table that is not there (yet).
fn same_foreign_key(a: &ForeignKey, b: &ForeignKey) -> bool {
    same_names(&a.columns, &b.columns)
        && same_name(&a.table, &b.table)
        && (same_names(&a.references, &b.references) || a.references.is_empty() || b.references.is_empty())
        && a.on_delete == b.on_delete
        && a.on_update == b.on_update
}

/// What differs between two tables' texts beyond what the alterations say. Where one has no text there is nothing to
/// compare.
fn rewrites(from: &Table, to: &Table, alterations: &[Alteration]) -> Vec<Alteration> {
    let told = |column: Option<&str>, kind: Option<Kind>| {
        alterations.iter().any(|alteration| tells_of(alteration, column, kind))
    };
    let stays = |part: &Part| {
        let is_in = |table: &Table| part.column.as_ref().is_none_or(|column| table.find_column(column).is_some());
        is_in(from) && is_in(to)
    };
    let parts = |table: &Table| {
        let parts = CreateTable::parse(table.stored.as_deref()?).ok()?.parts(told);
        Some(parts.into_iter().filter(stays).collect::<Vec<_>>())
    };
    let (Some(from), Some(to)) = (parts(from), parts(to)) else { return Vec::new() };
    let (gone, mut new) = unmatched(&from, &to, |a, b| a.canonical == b.canonical);
    let mut rewrites = Vec::new();
    for old in gone {
        let same_part = |new: &Part| match (&old.column, &new.column) {
            (Some(old), Some(new)) => same_name(old, new),
            (None, None) => old.canonical.split(' ').next() == new.canonical.split(' ').next(),
            _ => false,
        };
        let to = new.iter().position(same_part).map(|at| new.remove(at).text);
        rewrites.push(Alteration::Rewrite { from: Some(old.text), to });
    }
    rewrites.extend(new.into_iter().map(|part| Alteration::Rewrite { from: None, to: Some(part.text) }));
    rewrites
}

/// Whether an alteration already says how that kind of constraint differs, or, without a kind, that column's type.
fn tells_of(alteration: &Alteration, column: Option<&str>, kind: Option<Kind>) -> bool {
    let is_column = |other: &Column| column.is_some_and(|name| same_name(name, &other.name));
    match alteration {
        Alteration::AlterColumn { to, .. } => {
            let of_column = [Kind::NotNull, Kind::Null, Kind::Default, Kind::Generated];
            is_column(to) && kind.is_none_or(|kind| of_column.contains(&kind))
        }
        Alteration::PrimaryKey { .. } => kind == Some(Kind::PrimaryKey),
        Alteration::AddIndex(index) | Alteration::DropIndex(index) => index.constraint && kind == Some(Kind::Unique),
        Alteration::AddForeignKey(_) | Alteration::DropForeignKey(_) => kind == Some(Kind::ForeignKey),
        Alteration::AddCheck(_) | Alteration::DropCheck(_) => kind == Some(Kind::Check),
        Alteration::AddColumn(_) | Alteration::DropColumn(_) | Alteration::Rewrite { .. } => false,
    }
}

/// What is only in `from`, and what is only in `to`, each item of the one answering one of the other.
fn unmatched<T: Clone>(from: &[T], to: &[T], same: impl Fn(&T, &T) -> bool) -> (Vec<T>, Vec<T>) {
    let mut new: Vec<T> = to.to_vec();
    let mut gone = Vec::new();
    for item in from {
        match new.iter().position(|other| same(item, other)) {
            Some(at) => drop(new.remove(at)),
            None => gone.push(item.clone()),
        }
    }
    (gone, new)
}
