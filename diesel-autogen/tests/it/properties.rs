//! Properties of random pairs of schemas with rows: up leads to the models and keeps every value that the plan does not
//! touch, down restores the schema and every value.

use crate::schemas::{Style, by_hand, pairs, rename, styles};
use crate::support::{self, Scratch, Value};
use diesel_autogen::Target;
use diesel_autogen::schema::{Column, DefaultValue, Schema, Table};
use proptest::prelude::*;

/// A table's name before and after, and the names of those of its columns that the plan does not touch.
#[derive(Debug)]
pub struct Kept {
    pub names: (String, String),
    pub columns: Vec<(String, String)>,
}

/// The untouched columns of every table that stays.
pub fn untouched(from: &Schema, to: &Schema) -> Vec<Kept> {
    let mut kept = Vec::new();
    for other in &to.tables {
        let Some(table) = from.table(other.renamed_from.as_ref().unwrap_or(&other.name)) else { continue };
        let columns = other.columns.iter().filter_map(|column| {
            let old = table.find_column(column.renamed_from.as_ref().unwrap_or(&column.name))?;
            let mut unnamed = column.clone();
            (unnamed.name, unnamed.renamed_from) = (old.name.clone(), None);
            (unnamed == *old).then(|| (old.name.clone(), column.name.clone()))
        });
        kept.push(Kept { names: (table.name.clone(), other.name.clone()), columns: columns.collect() });
    }
    kept
}

/// The untouched values, by the names before or after the migration.
fn values(scratch: &Scratch, kept: &[Kept], is_after: bool) -> Vec<Vec<Vec<Value>>> {
    let pick = |(before, after): &(String, String)| if is_after { after.clone() } else { before.clone() };
    let columns = |kept: &Kept| kept.columns.iter().map(pick).collect::<Vec<_>>();
    kept.iter().map(|kept| scratch.values(&pick(&kept.names), &columns(kept))).collect()
}

/// Every table of a schema with all its columns.
fn all(schema: &Schema) -> Vec<(String, Vec<String>)> {
    let names = |table: &Table| table.columns.iter().map(|column| column.name.clone()).collect();
    schema.tables.iter().map(|table| (table.name.clone(), names(table))).collect()
}

fn everything(scratch: &Scratch, schema: &Schema) -> Vec<Vec<Vec<Value>>> {
    all(schema).iter().map(|(table, columns)| scratch.values(table, columns)).collect()
}

/// A database with these tables, created from the models or by handwritten SQL, with rows.
fn populated(from: &Schema, to: &Schema, style: Option<&Style>, rows: i64) -> Scratch {
    let scratch = Scratch::new();
    if let Some(style) = style {
        let later = |table: &Table| {
            to.tables.iter().find(|other| other.renamed_from.as_ref().unwrap_or(&other.name) == &table.name)
        };
        let tables: Vec<_> = from.tables.iter().map(|table| by_hand(table, later(table), style)).collect();
        scratch.write("001_by_hand", &tables.concat());
        assert_eq!(scratch.project.differences(from).unwrap(), []);
    } else {
        scratch.migrate(from);
    }
    scratch.fill(from, rows);
    scratch
}

proptest! {
    // The three properties share the cases, and run in parallel.
    #![proptest_config(ProptestConfig { cases: support::cases(2000).div_ceil(3), ..ProptestConfig::default() })]

    #[test]
    fn up_keeps_untouched_values_and_down_restores_all(
        (from, to) in pairs(), rows in 0..5_i64, style in prop::option::of(styles()),
    ) {
        let scratch = populated(&from, &to, style.as_ref(), rows);
        let kept = untouched(&from, &to);
        let objects = scratch.decorate(kept.iter().map(|kept| kept.names.0.as_str()).filter(|table| *table != "log"));
        let (start, before, whole) = (scratch.introspect(), values(&scratch, &kept, false), everything(&scratch, &from));
        let numbers = scratch.row_numbers(&all(&from));

        let changed = scratch.migrate(&to);
        prop_assert_eq!(scratch.project.differences(&to).unwrap(), []);
        prop_assert_eq!(values(&scratch, &kept, true), before);
        prop_assert_eq!(scratch.objects(), objects.clone());

        if changed {
            scratch.downgrade();
            // Both sides are live: their texts are compared as well.
            prop_assert_eq!(diesel_autogen::diff(&scratch.introspect(), &start), []);
            prop_assert_eq!(everything(&scratch, &from), whole);
            prop_assert_eq!(scratch.row_numbers(&all(&from)), numbers);
            prop_assert_eq!(scratch.objects(), objects);
        }
    }

    #[test]
    fn renames_beside_other_changes_keep_every_value(
        (from, mut to) in pairs(), rows in 0..5_i64, style in prop::option::of(styles()),
        tables in prop::collection::vec(any::<bool>(), 4), columns in prop::collection::vec((0..4_usize, 0..5_usize), 0..5),
    ) {
        rename(&from, &mut to, &tables, &columns);
        let scratch = populated(&from, &to, style.as_ref(), rows);
        let kept = untouched(&from, &to);
        // A rename updates what uses the name, and writes the name in quotes.
        let objects = |scratch: &Scratch| {
            scratch.objects().into_iter().flatten().map(|text| text.replace('"', "")).collect::<Vec<_>>()
        };
        scratch.decorate(kept.iter().map(|kept| kept.names.0.as_str()).filter(|table| *table != "log"));
        let (start, before, whole) = (scratch.introspect(), values(&scratch, &kept, false), everything(&scratch, &from));
        let (texts, views) = (objects(&scratch), views(&scratch, &kept));

        let changed = scratch.migrate(&to);
        prop_assert_eq!(scratch.project.differences(&to).unwrap(), []);
        prop_assert_eq!(values(&scratch, &kept, true), before);
        prop_assert_eq!(objects(&scratch).len(), texts.len());
        prop_assert_eq!(self::views(&scratch, &kept), views.clone());

        if changed {
            scratch.downgrade();
            prop_assert_eq!(diesel_autogen::diff(&without_quotes(scratch.introspect()), &without_quotes(start)), []);
            prop_assert_eq!(everything(&scratch, &from), whole);
            prop_assert_eq!(objects(&scratch), texts);
            prop_assert_eq!(self::views(&scratch, &kept), views);
        }
    }

    #[test]
    fn down_keeps_changes_made_after_up(
        (from, to) in pairs(), rows in 2..5_i64, style in prop::option::of(styles()), gone in 1..4_i64,
    ) {
        let scratch = populated(&from, &to, style.as_ref(), rows);
        let kept = untouched(&from, &to);
        let plain: Vec<_> = kept.into_iter().map(without_references).collect();
        let before = by_id(&scratch, &from);
        prop_assume!(scratch.migrate(&to));
        for kept in &plain {
            let (table, changed) = (&kept.names.1, to.table(&kept.names.1).unwrap());
            // A row that others refer to stays.
            scratch.attempt(&format!("DELETE FROM {table} WHERE id = {gone}"));
            scratch.fill_one(changed, ADDED);
            for (_, column) in kept.columns.iter().filter(|(_, column)| column.starts_with('c') && !changed.is_unique(column)) {
                let ty = &changed.find_column(column).unwrap().ty;
                scratch.execute(&format!("UPDATE {table} SET {column} = {} WHERE id = {rows}", support::literal(ty, CHANGED)));
            }
        }
        let between = by_id(&scratch, &to);
        if !may_be_refused(&from, &to) {
            scratch.downgrade();
        } else if let Err(error) = scratch.project.downgrade(Target::Previous) {
            // The upgrade allows dangling references, which the downgrade forbids.
            prop_assert!(matches!(error, diesel_autogen::Error::Invariant { .. }), "{}", error);
            prop_assert_eq!(by_id(&scratch, &to), between);
            return Ok(());
        }
        let after = by_id(&scratch, &from);
        for kept in &plain {
            let name = &kept.names.0;
            let table = from.table(name).unwrap();
            let ids = |rows: &Rows| rows.keys().filter(|(own, _, _)| own == name).map(|(_, id, _)| *id).collect::<std::collections::BTreeSet<_>>();
            prop_assert_eq!(ids(&after), ids(&between), "the rows of {}", name);
            for ((own, id, column), value) in after.iter().filter(|((own, ..), _)| own == name) {
                let key = (own.clone(), *id, column.clone());
                if column.starts_with('f') {
                    continue;
                }
                if kept.columns.iter().any(|(old, _)| old == column) {
                    prop_assert_eq!(value, &between[&key], "{:?} is the newer value", key);
                } else if *id != ADDED {
                    prop_assert_eq!(value, &before[&key], "{:?} is back", key);
                } else if to.table(name).unwrap().find_column(column).is_none() {
                    let column = table.find_column(column).unwrap();
                    let default = constant(column).filter(|_| !table.is_unique(&column.name));
                    if let Some(default) = default {
                        prop_assert_eq!(value, &scratch.stored(table, column, &default), "{:?} has its default", key);
                    }
                }
            }
        }
    }
}

/// The id of a row that is added between upgrade and downgrade, and the number for changed values.
pub const ADDED: i64 = 20;
pub const CHANGED: i64 = 21;

/// Every value by its table, its row's id and its column.
pub type Rows = std::collections::BTreeMap<(String, i64, String), Value>;

fn by_id(scratch: &Scratch, schema: &Schema) -> Rows {
    let mut rows = Rows::new();
    for table in &schema.tables {
        for column in &table.columns {
            for (id, value) in scratch.column(&table.name, &column.name) {
                rows.insert((table.name.clone(), id, column.name.clone()), value);
            }
        }
    }
    rows
}

/// Whether the upgrade drops the foreign key of a column that stays, or changes the key that another table refers to: a
/// side table cannot follow such a row.
pub fn may_be_refused(from: &Schema, to: &Schema) -> bool {
    let frees = |table: &Table, other: &Table| {
        table.foreign_keys.iter().any(|key| {
            let is_same =
                |new: &diesel_autogen::schema::ForeignKey| new.columns == key.columns && new.table == key.table;
            other.find_column(&key.columns[0]).is_some() && !other.foreign_keys.iter().any(is_same)
        })
    };
    let mut keys = from.tables.iter().flat_map(|table| &table.foreign_keys);
    keys.any(|key| to.table(&key.table).is_some_and(|parent| !parent.is_sole_key("id")))
        || from.tables.iter().any(|table| to.table(&table.name).is_some_and(|other| frees(table, other)))
}

/// Without the foreign keys, which may be NULL when their rows were deleted.
pub fn without_references(mut kept: Kept) -> Kept {
    kept.columns.retain(|(column, _)| !column.starts_with('f'));
    kept
}

/// A default that does not depend on the time, as SQL.
pub fn constant(column: &Column) -> Option<String> {
    match column.default.as_ref()? {
        DefaultValue::Number(number) => Some(number.clone()),
        DefaultValue::Text(text) => Some(format!("'{}'", text.replace('\'', "''"))),
        DefaultValue::Bool(value) => Some(value.to_string()),
        DefaultValue::Sql(sql) => Some(sql.clone()),
        _ => None,
    }
}

/// The rows of the handwritten views.
fn views(scratch: &Scratch, kept: &[Kept]) -> Vec<Vec<Value>> {
    let tables = kept.iter().map(|kept| &kept.names.0).filter(|table| *table != "log");
    tables.map(|table| scratch.query(&format!("SELECT id || ',' || amount FROM view_{table} ORDER BY 1"))).collect()
}

/// Without the quotes that a rename leaves around names in the texts of objects.
fn without_quotes(mut schema: Schema) -> Schema {
    for object in schema.objects.iter_mut().flatten() {
        object.sql = object.sql.replace('"', "");
    }
    schema
}
