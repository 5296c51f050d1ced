//! Random schemas, and pairs of schemas for one migration.

use std::fmt::Write as _;

use diesel_autogen::schema::{
    Action, Check, Column, DefaultValue, ForeignKey, Index, IndexColumn, Schema, Table, Type,
};
use proptest::prelude::*;

/// A column before it has a name.
#[derive(Debug, Clone)]
struct ColumnSpec {
    ty: Type,
    nullable: bool,
    has_default: bool,
}

/// A table before it has a name. Its columns have fixed positions, so that two tables share some of them.
#[derive(Debug, Clone)]
struct TableSpec {
    key: u8,
    columns: Vec<Option<ColumnSpec>>,
    keys: Vec<Option<(usize, Action)>>,
    indexes: Vec<(Vec<(usize, bool)>, bool)>,
    checks: Vec<usize>,
}

const CHECKS: [&str; 3] = ["id > 0", "id <> -7 AND length(id) < 99", "coalesce(k, 1) >= 0"];

fn types() -> impl Strategy<Value = Type> {
    prop_oneof![
        Just(Type::SmallInt),
        Just(Type::Integer),
        Just(Type::BigInt),
        Just(Type::Float),
        Just(Type::Double),
        Just(Type::Text { max_length: None }),
        (1..200_u32).prop_map(|length| Type::Text { max_length: Some(length) }),
        Just(Type::Binary),
        Just(Type::Bool),
        Just(Type::Date),
        Just(Type::Time),
        Just(Type::Timestamp),
    ]
}

fn actions() -> impl Strategy<Value = Action> {
    prop_oneof![Just(Action::NoAction), Just(Action::Restrict), Just(Action::Cascade), Just(Action::SetNull),]
}

fn columns() -> impl Strategy<Value = ColumnSpec> {
    // The table has rows: an added NOT NULL column needs a default.
    (types(), any::<bool>(), any::<bool>()).prop_map(|(ty, nullable, has_default)| ColumnSpec {
        ty,
        nullable,
        has_default: has_default || !nullable,
    })
}

fn tables() -> impl Strategy<Value = TableSpec> {
    (
        0..3_u8,
        prop::collection::vec(prop::option::of(columns()), 5),
        prop::collection::vec(prop::option::weighted(0.4, (0..4_usize, actions())), 2),
        prop::collection::vec((prop::collection::vec((0..6_usize, any::<bool>()), 1..3), any::<bool>()), 0..3),
        prop::collection::vec(0..CHECKS.len(), 0..2),
    )
        .prop_map(|(key, columns, keys, indexes, checks)| TableSpec { key, columns, keys, indexes, checks })
}

fn schemas() -> impl Strategy<Value = Schema> {
    prop::collection::vec(prop::option::weighted(0.8, tables()), 4).prop_map(|tables| build(&tables))
}

/// Some tables stay unchanged, so that a change of one table meets others without a change.
pub fn pairs() -> impl Strategy<Value = (Schema, Schema)> {
    (schemas(), schemas(), prop::collection::vec(any::<bool>(), 4)).prop_map(|(from, mut to, stays)| {
        for (at, stays) in stays.into_iter().enumerate() {
            let name = format!("t{at}");
            let fits = |table: &Table, schema: &Schema| {
                table
                    .foreign_keys
                    .iter()
                    .all(|key| schema.table(&key.table).is_some_and(|other| other.is_sole_key("id")))
            };
            if let (true, Some(table)) = (stays, from.table(&name))
                && fits(table, &to)
                && let Some(place) = to.tables.iter_mut().find(|other| other.name == name)
                && place.is_sole_key("id") == table.is_sole_key("id")
            {
                *place = table.clone();
            }
        }
        for table in &mut to.tables {
            let Some(old) = from.table(&table.name) else { continue };
            // The rows cannot refer to a new table, which is empty.
            table
                .foreign_keys
                .retain(|key| from.table(&key.table).is_some() || old.find_column(&key.columns[0]).is_none());
            // The rows may be equal in the new columns.
            let columns = table.columns.clone();
            let is_old =
                |name: &str| columns.iter().any(|column| column.name == name && old.find_column(name) == Some(column));
            for index in &mut table.indexes {
                if index.unique && !index.columns.iter().all(|column| is_old(&column.name)) {
                    *index = Index::new(&table.name, index.columns.clone(), false);
                }
            }
            let mut names = std::collections::HashSet::new();
            table.indexes.retain(|index| names.insert(index.name.clone()));
        }
        (from, to)
    })
}

fn build(specs: &[Option<TableSpec>]) -> Schema {
    let has_sole_key = |at: usize| specs.get(at).and_then(Option::as_ref).is_some_and(|spec| spec.key != 2);
    // The triggers write to this table.
    let log = Table::new("log", ["id"]).column(Column::new("id", Type::Integer));
    let mut schema = Schema::new([log.column(Column::new("what", Type::Text { max_length: None }).nullable())]);
    for (at, spec) in specs.iter().enumerate() {
        let Some(spec) = spec else { continue };
        let name = format!("t{at}");
        let key: &[&str] = if spec.key == 2 { &["id", "k"] } else { &["id"] };
        let ty = if spec.key == 1 { Type::BigInt } else { Type::Integer };
        let mut table = Table::new(&name, key.iter().copied())
            .column(Column::new("id", ty))
            .column(Column::new("k", Type::Integer).default(DefaultValue::Number("1".into())));
        for (place, column) in spec.columns.iter().enumerate() {
            let Some(spec) = column else { continue };
            let mut column = Column::new(&format!("c{place}"), spec.ty.clone());
            column.nullable = spec.nullable;
            column.default = spec.has_default.then(|| default(&spec.ty));
            table = table.column(column);
        }
        for (place, key) in spec.keys.iter().enumerate() {
            if let Some((target, action)) = key.filter(|(target, _)| has_sole_key(*target)) {
                let column = format!("f{place}");
                table = table.column(Column::new(&column, Type::Integer).nullable());
                let key = ForeignKey::new([column.as_str()], &format!("t{target}"), ["id"]);
                table = table.foreign_key(key.on_delete(action));
            }
        }
        for (columns, unique) in &spec.indexes {
            let mut places: Vec<IndexColumn> = Vec::new();
            for (place, descending) in columns {
                let column = if *place == 5 { "k".to_owned() } else { format!("c{place}") };
                if table.find_column(&column).is_some() && places.iter().all(|other| other.name != column) {
                    places.push(if *descending { IndexColumn::desc(&column) } else { IndexColumn::asc(&column) });
                }
            }
            // Values differ by the row's number, except those of a few types.
            let apart = |column: &IndexColumn| match table.find_column(&column.name) {
                Some(column) => !column.nullable && !matches!(column.ty, Type::Bool) && column.name != "k",
                None => false,
            };
            let unique = *unique && places.iter().all(apart);
            let index = Index::new(&name, places, unique);
            if !index.columns.is_empty() && table.indexes.iter().all(|other| other.name != index.name) {
                table = table.index(index);
            }
        }
        for check in &spec.checks {
            table = table.check(Check::new(CHECKS[*check]));
        }
        schema.tables.push(table);
    }
    schema
}

fn default(ty: &Type) -> DefaultValue {
    match ty {
        Type::Text { .. } => DefaultValue::Text("it's".into()),
        Type::Bool => DefaultValue::Bool(true),
        Type::Timestamp | Type::Date | Type::Time => DefaultValue::Now,
        Type::Binary => DefaultValue::Sql("x'00ff'".into()),
        _ => DefaultValue::Number("-3".into()),
    }
}

/// Declares renames in the models: a table by its number, a column by the table's number and its name.
pub fn rename(from: &Schema, to: &mut Schema, tables: &[bool], columns: &[(usize, usize)]) {
    let renamed: Vec<_> = (0..tables.len()).filter(|at| tables[*at]).map(|at| format!("t{at}")).collect();
    let new_table = |name: &str| name.replacen('t', "r", 1);
    for (at, place) in columns {
        let (table, old) = (format!("t{at}"), ["k", "c0", "c1", "c2", "f0"][*place]);
        let Some(table) = to.tables.iter_mut().find(|other| other.name == table) else { continue };
        let is_there = from.table(&table.name).is_some_and(|table| table.find_column(old).is_some());
        // Checks are texts, which would have to change with the name.
        let is_free = table.checks.iter().all(|check| !check.expression.contains("k,")) || old != "k";
        let Some(column) = table.columns.iter_mut().find(|column| column.name == old && is_there && is_free) else {
            continue;
        };
        let new = format!("new {old}");
        column.name.clone_from(&new);
        column.renamed_from = Some(old.to_owned());
        let keys = table.foreign_keys.iter_mut().flat_map(|key| &mut key.columns);
        let indexes = table.indexes.iter_mut().flat_map(|index| &mut index.columns).map(|column| &mut column.name);
        for name in keys.chain(indexes).chain(&mut table.primary_key).filter(|name| *name == old) {
            name.clone_from(&new);
        }
    }
    for table in &mut to.tables {
        if renamed.contains(&table.name) && from.table(&table.name).is_some() {
            let new = new_table(&table.name);
            table.renamed_from = Some(std::mem::replace(&mut table.name, new));
        }
    }
    let names: Vec<_> = to.tables.iter().map(|table| table.name.clone()).collect();
    for key in to.tables.iter_mut().flat_map(|table| &mut table.foreign_keys) {
        if !names.contains(&key.table) {
            key.table = new_table(&key.table);
        }
    }
}

/// Attributes that only handwritten tables have, because `schema!` cannot declare them.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is drawn by itself")]
pub struct Style {
    strict: bool,
    without_rowid: bool,
    collate: bool,
    generated: bool,
    comments: bool,
    conflict: bool,
    deferred: bool,
}

pub fn styles() -> impl Strategy<Value = Style> {
    any::<[bool; 7]>().prop_map(|[strict, without_rowid, collate, generated, comments, conflict, deferred]| Style {
        strict,
        without_rowid,
        collate,
        generated,
        comments,
        conflict,
        deferred,
    })
}

/// The handwritten table with all its indexes. `later` is the table of the models.
pub fn by_hand(table: &Table, later: Option<&Table>, style: &Style) -> String {
    let mut items = Vec::new();
    let fits = |column: &Column| {
        matches!(column.ty, Type::Integer | Type::Text { max_length: None } | Type::Binary)
            && table
                .columns
                .iter()
                .all(|own| own.name != *column.renamed_from.as_ref().unwrap_or(&column.name) || own.ty == column.ty)
    };
    // A STRICT table accepts no value of another type, and has few types.
    let strict = style.strict && table.columns.iter().chain(later.iter().flat_map(|table| &table.columns)).all(fits);
    let is_number = table.is_sole_key("id");
    for column in &table.columns {
        items.push(column_by_hand(column, is_number, style));
    }
    if style.generated {
        items.push("g INTEGER AS (id + 1)".to_owned());
    }
    items.push(format!("CONSTRAINT the_key PRIMARY KEY ({})", table.primary_key.join(", ")));
    for key in &table.foreign_keys {
        let action = match key.on_delete {
            Action::Restrict => " ON DELETE RESTRICT",
            Action::Cascade => " ON DELETE CASCADE",
            Action::SetNull => " ON DELETE SET NULL",
            _ => "",
        };
        let deferred = if style.deferred { " DEFERRABLE INITIALLY DEFERRED" } else { "" };
        items.push(format!("FOREIGN KEY ({}) REFERENCES {} (id){action}{deferred}", key.columns[0], key.table));
    }
    items.extend(table.checks.iter().map(|check| format!("CHECK ({})", check.expression)));
    let options = match (strict, style.without_rowid) {
        (true, true) => " STRICT, WITHOUT ROWID",
        (true, false) => " STRICT",
        (false, true) => " WITHOUT ROWID",
        (false, false) => "",
    };
    let comma = if style.comments { ", -- and, of course,\n" } else { ", " };
    let mut script = format!("CREATE TABLE {} ({}){options};", table.name, items.join(comma));
    for index in &table.indexes {
        let unique = if index.unique { "UNIQUE " } else { "" };
        let column =
            |column: &IndexColumn| format!("[{}]{}", column.name, if column.descending { " DESC" } else { "" });
        let columns: Vec<_> = index.columns.iter().map(column).collect();
        let _ = write!(script, "CREATE {unique}INDEX {} ON {} ({});", index.name, table.name, columns.join(", "));
    }
    script
}

fn column_by_hand(column: &Column, is_number: bool, style: &Style) -> String {
    let ty = match &column.ty {
        Type::BigInt if is_number && column.name == "id" => "INTEGER".to_owned(),
        Type::Text { max_length: None } => "text".to_owned(),
        Type::Text { max_length: Some(length) } => format!("VARCHAR ( {length} )"),
        Type::Binary => "BLOB".to_owned(),
        Type::Bool => "boolean".to_owned(),
        other => other.to_string(),
    };
    let mut item = format!("\"{}\" {ty}", column.name);
    if !column.nullable {
        item += if style.conflict { " NOT NULL ON CONFLICT ABORT" } else { " not null" };
    }
    let default = match &column.default {
        Some(DefaultValue::Number(number)) => format!(" DEFAULT ({number})"),
        Some(DefaultValue::Text(text)) => format!(" DEFAULT '{}'", text.replace('\'', "''")),
        Some(DefaultValue::Bool(value)) => format!(" DEFAULT {}", u8::from(*value)),
        Some(DefaultValue::Now) => match column.ty {
            Type::Date => " DEFAULT current_date".to_owned(),
            Type::Time => " DEFAULT CURRENT_TIME".to_owned(),
            _ => " DEFAULT CURRENT_TIMESTAMP".to_owned(),
        },
        Some(DefaultValue::Sql(sql)) => format!(" DEFAULT {sql}"),
        _ => String::new(),
    };
    item.push_str(&default);
    if style.collate && matches!(column.ty, Type::Text { .. }) {
        item += " COLLATE NOCASE";
    }
    item
}
