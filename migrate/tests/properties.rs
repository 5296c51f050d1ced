//! Any schema to any other, with rows in the tables: up leads to the models and keeps every value that the plan does
//! not touch, down leads back.

mod support;

use migrate::schema::{Action, Check, Column, DefaultValue, ForeignKey, Index, IndexColumn, Schema, Table, Type};
use proptest::prelude::*;
use support::{Scratch, Value};

/// A column before it has a name.
#[derive(Debug, Clone)]
struct ColumnSpec {
    ty: Type,
    nullable: bool,
    has_default: bool,
}

/// A table before it has a name. Columns stand at fixed places, so that two tables share some of them.
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
    // Rows are there when a column joins the table: a value must be able to come from somewhere.
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

/// Some tables stay as they are, so that a change to one meets others that did not change.
fn pairs() -> impl Strategy<Value = (Schema, Schema)> {
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
            // The rows that are there refer to nothing in a table that is new and empty.
            table
                .foreign_keys
                .retain(|key| from.table(&key.table).is_some() || old.find_column(&key.columns[0]).is_none());
            // The rows that are there may be equal in what is new.
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
    // What triggers write to.
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
                    places.push(IndexColumn { name: column, descending: *descending });
                }
            }
            // Values are told apart by the row's number, but for those of a few types.
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

/// Every column, by table.
fn all(schema: &Schema) -> Vec<(String, Vec<String>)> {
    let names = |table: &Table| table.columns.iter().map(|column| column.name.clone()).collect();
    schema.tables.iter().map(|table| (table.name.clone(), names(table))).collect()
}

/// The columns that are the same on both sides, by table.
fn untouched(from: &Schema, to: &Schema) -> Vec<(String, Vec<String>)> {
    let shared = from.tables.iter().filter_map(|table| Some((table, to.table(&table.name)?)));
    shared
        .map(|(table, other)| {
            let same = |column: &&Column| other.find_column(&column.name) == Some(column);
            (table.name.clone(), table.columns.iter().filter(same).map(|column| column.name.clone()).collect())
        })
        .collect()
}

fn values(scratch: &Scratch, tables: &[(String, Vec<String>)]) -> Vec<Vec<Vec<Value>>> {
    tables.iter().map(|(table, columns)| scratch.values(table, columns)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: support::cases(500), ..ProptestConfig::default() })]

    #[test]
    fn every_value_that_a_plan_does_not_touch_survives_it_and_all_are_back_after_its_reverse((from, to) in pairs(), rows in 0..5_i64) {
        let scratch = Scratch::new();
        scratch.migrate(&from);
        scratch.fill(&from, rows);
        let kept = untouched(&from, &to);
        let objects = scratch.decorate(kept.iter().map(|(table, _)| table.as_str()).filter(|table| *table != "log"));
        let (before, everything) = (values(&scratch, &kept), values(&scratch, &all(&from)));
        let numbers = scratch.row_numbers(&all(&from));

        let changed = scratch.migrate(&to);
        prop_assert!(migrate::diff(&scratch.introspect(), &to).is_empty());
        prop_assert_eq!(values(&scratch, &kept), before);
        prop_assert_eq!(scratch.objects(), objects.clone());

        if changed {
            scratch.downgrade();
            prop_assert!(migrate::diff(&scratch.introspect(), &from).is_empty());
            prop_assert_eq!(values(&scratch, &all(&from)), everything);
            prop_assert_eq!(scratch.row_numbers(&all(&from)), numbers);
            prop_assert_eq!(scratch.objects(), objects);
        }
    }
}
