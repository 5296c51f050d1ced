//! The properties of `properties.rs` on PostgreSQL, with the same random schemas.

use std::collections::BTreeSet;
use std::fmt::{Debug, Write as _};

use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::{PgConnection, RunQueryDsl as _};
use diesel_autogen::schema::{Check, Column, DefaultValue, Schema, Table, Type};
use diesel_autogen::{Error, Migrator, PlanOptions, Target, diff};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseResult, TestRunner};
use tempfile::TempDir;
use test_support::TestDatabase;

use crate::properties::{ADDED, CHANGED, Kept, Rows, constant, may_be_refused, untouched, without_references};
use crate::schemas::{pairs, rename};
use crate::support;

/// A database and a migrations folder, both empty.
struct Scratch<'a> {
    database: &'a TestDatabase,
    migrator: Migrator,
    _folder: TempDir,
}

impl<'a> Scratch<'a> {
    fn new(database: &'a TestDatabase) -> Self {
        database.connect().batch_execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let migrator = Migrator::new(database.url(), folder.path()).unwrap().with(with!(Settings { backups: 0 }));
        migrator.init().unwrap();
        Self { database, migrator, _folder: folder }
    }

    fn populated(database: &'a TestDatabase, from: &Schema, rows: i64) -> Self {
        let scratch = Self::new(database);
        scratch.migrate(from);
        // Foreign keys are not checked: rows refer to each other in circles.
        let mut script = "SET session_replication_role = replica;".to_owned();
        for table in &from.tables {
            (1..=rows).for_each(|row| script += &insert(table, row, true));
        }
        scratch.execute(&script);
        scratch
    }

    fn execute(&self, script: &str) {
        self.database.connect().batch_execute(script).unwrap_or_else(|error| panic!("{error} in {script}"));
    }

    /// Whether there was a difference.
    fn migrate(&self, models: &Schema) -> bool {
        let Some(plan) = self.migrator.plan(models, &PlanOptions::default()).unwrap() else { return false };
        let plan = plan.accept_losses();
        if let Err(error) = self.migrator.apply(&plan) {
            panic!("{error}\n{}", plan.sql.up);
        }
        true
    }

    fn downgrade(&self) {
        let sql = self.migrator.revertible(Target::Previous).unwrap();
        if let Err(error) = self.migrator.downgrade(Target::Previous) {
            panic!("{error}\n{}", sql[0].sql);
        }
    }

    /// The untouched rows, by the names before or after the migration.
    fn values(&self, kept: &[Kept], is_after: bool) -> Vec<Vec<String>> {
        let pick = |(before, after): &(String, String)| if is_after { after.clone() } else { before.clone() };
        let mut connection = self.database.connect();
        let rows =
            |kept: &Kept| rows(&mut connection, &pick(&kept.names), &kept.columns.iter().map(pick).collect::<Vec<_>>());
        kept.iter().map(rows).collect()
    }

    fn everything(&self, schema: &Schema) -> Vec<Vec<String>> {
        let mut connection = self.database.connect();
        let names = |table: &Table| table.columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>();
        schema.tables.iter().map(|table| rows(&mut connection, &table.name, &names(table))).collect()
    }

    fn by_id(&self, schema: &Schema) -> Rows {
        let mut connection = self.database.connect();
        let mut rows = Rows::new();
        for table in &schema.tables {
            for column in &table.columns {
                let query = format!("SELECT id::bigint, \"{}\"::text FROM {}", column.name, table.name);
                let values: Vec<(i64, Option<String>)> =
                    sql::<(BigInt, Nullable<Text>)>(&query).load(&mut connection).unwrap();
                let key = |id| (table.name.clone(), id, column.name.clone());
                rows.extend(values.into_iter().map(|(id, value)| (key(id), value)));
            }
        }
        rows
    }

    /// Adds handwritten views, triggers and indexes to the tables.
    fn decorate(&self, kept: &[Kept]) {
        let mut script = "CREATE FUNCTION log_row() RETURNS trigger LANGUAGE plpgsql AS \
             $$BEGIN INSERT INTO log (what) VALUES (TG_OP); RETURN OLD; END$$;"
            .to_owned();
        for table in kept.iter().map(|kept| &kept.names.0).filter(|table| *table != "log") {
            let _ = write!(
                script,
                "CREATE VIEW view_{table} AS SELECT k AS amount FROM {table};
                 CREATE TRIGGER trigger_{table} BEFORE DELETE OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION log_row();
                 CREATE INDEX partial_{table} ON {table} (k) WHERE id > 1;
                 CREATE INDEX expression_{table} ON {table} (abs(id), k DESC);"
            );
        }
        self.execute(&script);
    }

    /// A value as a column stores it.
    fn stored(&self, column: &Column, value: &str) -> Option<String> {
        let query = format!("SELECT ({value})::{}::text", type_name(&column.ty));
        sql::<Nullable<Text>>(&query).get_result(&mut self.database.connect()).unwrap()
    }
}

/// The rows of a table as text, sorted.
fn rows(connection: &mut PgConnection, table: &str, columns: &[String]) -> Vec<String> {
    let values: Vec<_> = columns.iter().map(|column| format!("quote_nullable(\"{column}\"::text)")).collect();
    let query =
        format!("SELECT concat_ws(' | ', {}) FROM {table} ORDER BY 1", [vec!["''".into()], values].concat().join(", "));
    sql::<Text>(&query).load(connection).unwrap()
}

fn insert(table: &Table, row: i64, refers: bool) -> String {
    let columns: Vec<_> = table.columns.iter().filter(|column| refers || !column.name.starts_with('f')).collect();
    let names: Vec<_> = columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
    let value = |column: &&Column| {
        let is_null = column.nullable && row % 3 == 0;
        if is_null { "NULL".to_owned() } else { literal(&column.ty, row) }
    };
    let values: Vec<_> = columns.iter().map(value).collect();
    format!("INSERT INTO {} ({}) VALUES ({});", table.name, names.join(", "), values.join(", "))
}

fn literal(ty: &Type, row: i64) -> String {
    match ty {
        Type::Text { max_length: Some(length) } => format!("left({}, {length})", support::literal(ty, row)),
        // Bytes that are no text cannot become one.
        Type::Binary => format!("'\\x41{row:02x}42'"),
        Type::Bool => (row % 2 == 1).to_string(),
        _ => support::literal(ty, row),
    }
}

fn type_name(ty: &Type) -> &'static str {
    match ty {
        Type::SmallInt | Type::Integer | Type::BigInt => "bigint",
        Type::Float | Type::Double => "float8",
        Type::Binary => "bytea",
        Type::Bool => "boolean",
        _ => "text",
    }
}

/// The schema with the parts of it that only SQLite takes replaced.
fn adapted(mut schema: Schema) -> Schema {
    for table in &mut schema.tables {
        for column in &mut table.columns {
            if let Type::Text { max_length: Some(length) } = &mut column.ty {
                // Defaults fit, and the first letters of different values differ.
                *length = (*length).max(4);
            }
            if let Some(DefaultValue::Sql(text)) = &mut column.default {
                "'\\x4142'::bytea".clone_into(text);
            }
        }
        for check in &mut table.checks {
            *check = Check::new(&check.expression.replace("length(id)", "abs(id)"));
        }
    }
    schema
}

fn adapted_pairs() -> impl Strategy<Value = (Schema, Schema)> {
    pairs().prop_map(|(from, to)| (adapted(from), adapted(to)))
}

/// Tests a property in one database. The three properties share the cases, which are fewer than those on SQLite.
fn hold<S: Strategy>(strategy: S, property: impl Fn(&TestDatabase, S::Value) -> TestCaseResult)
where
    S::Value: Debug,
{
    let Some(database) = TestDatabase::new() else { return };
    let cases = (support::cases(2000) * 3 / 40).div_ceil(3);
    let config = ProptestConfig { cases, max_shrink_iters: 60, failure_persistence: None, ..ProptestConfig::default() };
    let result = TestRunner::new(config).run(&strategy, |value| property(&database, value));
    result.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn up_keeps_untouched_values_and_down_restores_all() {
    hold((adapted_pairs(), 0..5_i64), |database, ((from, to), rows)| up_and_down(database, &from, &to, rows));
}

#[test]
fn renames_beside_other_changes_keep_every_value() {
    let tables = prop::collection::vec(any::<bool>(), 4);
    let columns = prop::collection::vec((0..4_usize, 0..5_usize), 0..5);
    hold((adapted_pairs(), 0..5_i64, tables, columns), |database, ((from, mut to), rows, tables, columns)| {
        rename(&from, &mut to, &tables, &columns);
        up_and_down(database, &from, &to, rows)
    });
}

fn up_and_down(database: &TestDatabase, from: &Schema, to: &Schema, rows: i64) -> TestCaseResult {
    let scratch = Scratch::populated(database, from, rows);
    let kept = untouched(from, to);
    scratch.decorate(&kept);
    let start = scratch.migrator.introspect().unwrap();
    let (before, whole) = (scratch.values(&kept, false), scratch.everything(from));

    let changed = scratch.migrate(to);
    prop_assert_eq!(scratch.migrator.differences(to).unwrap(), []);
    prop_assert_eq!(scratch.values(&kept, true), before);
    if !changed {
        return Ok(());
    }
    let upgraded = scratch.migrator.introspect().unwrap();
    scratch.downgrade();
    // Both sides are live: their objects are compared as well.
    prop_assert_eq!(diff(&scratch.migrator.introspect().unwrap(), &start), []);
    prop_assert_eq!(scratch.everything(from), whole);
    scratch.migrator.upgrade(Target::Latest).unwrap();
    prop_assert_eq!(diff(&scratch.migrator.introspect().unwrap(), &upgraded), []);
    Ok(())
}

#[test]
fn down_keeps_changes_made_after_up() {
    hold((adapted_pairs(), 2..5_i64, 1..4_i64), |database, ((from, to), rows, gone)| {
        let scratch = Scratch::populated(database, &from, rows);
        let kept: Vec<_> = untouched(&from, &to).into_iter().map(without_references).collect();
        let before = scratch.by_id(&from);
        if !scratch.migrate(&to) {
            return Err(TestCaseError::reject("equal"));
        }
        for kept in &kept {
            edit(&scratch, kept, to.table(&kept.names.1).unwrap(), rows, gone);
        }
        let between = scratch.by_id(&to);
        if !may_be_refused(&from, &to) {
            scratch.downgrade();
        } else if let Err(error) = scratch.migrator.downgrade(Target::Previous) {
            // The upgrade allows dangling references, which the downgrade forbids.
            prop_assert!(matches!(error, Error::Statement { .. }), "{}", error);
            prop_assert!(error.to_string().contains("foreign key"), "{}", error);
            prop_assert_eq!(scratch.by_id(&to), between);
            return Ok(());
        }
        let after = scratch.by_id(&from);
        kept.iter().try_for_each(|kept| survived(&scratch, kept, (&from, &to), [&before, &between, &after]))
    });
}

/// What users do after the upgrade: delete a row, add one and change one.
fn edit(scratch: &Scratch, kept: &Kept, table: &Table, rows: i64, gone: i64) {
    let name = &table.name;
    // A row that others refer to stays.
    let _ = scratch.database.connect().batch_execute(&format!("DELETE FROM {name} WHERE id = {gone}"));
    scratch.execute(&insert(table, ADDED, false));
    for (_, column) in kept.columns.iter().filter(|(_, column)| column.starts_with('c') && !table.is_unique(column)) {
        let value = literal(&table.find_column(column).unwrap().ty, CHANGED);
        scratch.execute(&format!("UPDATE {name} SET {column} = {value} WHERE id = {rows}"));
    }
}

fn survived(
    scratch: &Scratch,
    kept: &Kept,
    (from, to): (&Schema, &Schema),
    [before, between, after]: [&Rows; 3],
) -> TestCaseResult {
    let name = &kept.names.0;
    let table = from.table(name).unwrap();
    let ids = |rows: &Rows| rows.keys().filter(|(own, ..)| own == name).map(|(_, id, _)| *id).collect::<BTreeSet<_>>();
    prop_assert_eq!(ids(after), ids(between), "the rows of {}", name);
    let own = after.iter().filter(|((own, _, column), _)| own == name && !column.starts_with('f'));
    for (key, value) in own {
        let (_, id, column) = key;
        if kept.columns.iter().any(|(old, _)| old == column) {
            prop_assert_eq!(value, &between[key], "{:?} is the newer value", key);
        } else if *id != ADDED {
            prop_assert_eq!(value, &before[key], "{:?} is back", key);
        } else if to.table(name).unwrap().find_column(column).is_none() && !table.is_unique(column) {
            let column = table.find_column(column).unwrap();
            if let Some(default) = constant(column) {
                prop_assert_eq!(value, &scratch.stored(column, &default), "{:?} has its default", key);
            }
        }
    }
    Ok(())
}
