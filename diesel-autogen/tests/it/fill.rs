//! Values that a person states for rows that have none, in every type and on both databases.

use diesel_autogen::schema::{Column, Schema, Table, Type};
use diesel_autogen::{Error, Migrator, PlanOptions};

use crate::support::Scratch;

const TEXT: Type = Type::Text { max_length: None };

/// The types of both databases, each with a value as a person types it and as a query shows it.
fn values() -> Vec<(Type, &'static str, &'static str)> {
    vec![
        (Type::SmallInt, "-7", "-7"),
        (Type::Integer, "42", "42"),
        (Type::BigInt, "9223372036854775807", "9223372036854775807"),
        (Type::Float, "2.5", "2.5"),
        (Type::Double, "-1.25", "-1.25"),
        (TEXT, "it's = \"x\" \\", "it's = \"x\" \\"),
        (TEXT, "", ""),
        (TEXT, "5", "5"),
        (Type::Text { max_length: Some(3) }, "abc", "abc"),
        (Type::Date, "2012-02-29", "2012-02-29"),
        (Type::Time, "12:30:15", "12:30:15"),
        (Type::Timestamp, "2012-02-29 12:30:15", "2012-02-29 12:30:15"),
    ]
}

/// A table of a nullable and a missing column for each type, and the same columns NOT NULL.
fn tables(types: &[(Type, &str, &str)]) -> (Schema, Schema) {
    let key = || Table::new("t", ["id"]).column(Column::new("id", Type::Integer));
    let (mut before, mut after) = (key(), key());
    for (at, (ty, ..)) in types.iter().enumerate() {
        before = before.column(Column::new(&format!("old{at}"), ty.clone()).nullable());
        after = after.column(Column::new(&format!("old{at}"), ty.clone()));
        after = after.column(Column::new(&format!("new{at}"), ty.clone()));
    }
    (Schema::new([before]), Schema::new([after]))
}

/// Fills a row that has no value, and returns each column as `shown` selects it.
fn fill(migrator: &Migrator, types: &[(Type, &str, &str)], run: impl Fn(&str), query: impl Fn(&str) -> String) {
    let (before, after) = tables(types);
    migrator.apply(&migrator.plan(&before, &PlanOptions::default()).unwrap().unwrap()).unwrap();
    run("INSERT INTO t (id) VALUES (1)");
    let fills = types
        .iter()
        .enumerate()
        .flat_map(|(at, (_, value, _))| ["old", "new"].map(|kind| format!("t.{kind}{at}={value}")));
    let options = with!(PlanOptions { fills: fills.collect(), allow_data_loss: true });
    let plan = migrator.plan(&after, &options).unwrap().unwrap();
    migrator.apply(&plan).unwrap_or_else(|error| panic!("{error} in {}", plan.sql.up));
    for (at, (ty, _, expected)) in types.iter().enumerate() {
        for kind in ["old", "new"] {
            assert_eq!(query(&format!("{kind}{at}")), *expected, "{ty} {}", plan.sql.up);
        }
    }
}

#[test]
fn fills_every_type_on_sqlite() {
    let scratch = Scratch::new();
    let mut types = values();
    types.push((Type::Bool, "true", "1"));
    types.push((Type::Bool, "false", "0"));
    types.push((Type::Binary, "it's ü", "it's ü"));
    let query = |column: &str| scratch.joined(&format!("SELECT CAST({column} AS TEXT) FROM t"));
    fill(&scratch.project, &types, |sql| scratch.execute(sql), query);
    assert_eq!(scratch.joined("SELECT typeof(old14) || typeof(new14) FROM t"), "blobblob");
}

#[test]
#[cfg(feature = "postgres")]
fn fills_every_type_on_postgresql() {
    let Some(database) = crate::postgres::Server::new() else { return };
    let mut types = values();
    let other = |name: &str| Type::Other(name.to_owned());
    let array = Type::Array(Box::new(Type::Integer));
    types.extend([
        (Type::Bool, "true", "true"),
        (Type::Bool, "false", "false"),
        (Type::Binary, "it's ü", "\\x6974277320c3bc"),
        (Type::Diesel("Numeric"), "1.50", "1.50"),
        (Type::Diesel("Jsonb"), "{\"a\": 1}", "{\"a\": 1}"),
        (Type::Diesel("Uuid"), "00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000a"),
        (array, "{1,2}", "{1,2}"),
        (other("numeric(5,2)"), "1.50", "1.50"),
    ]);
    let migrator = database.migrator();
    migrator.init().unwrap();
    let query = |column: &str| database.query(&format!("SELECT {column}::text FROM t")).unwrap();
    fill(&migrator, &types, |sql| database.execute(sql), query);
}

#[test]
fn a_fill_of_a_wrong_type_is_refused() {
    let scratch = Scratch::new();
    for (ty, value) in [
        (Type::Bool, "yes"),
        (Type::Float, "inf"),
        (Type::Double, "one"),
        (Type::SmallInt, "40000"),
        (Type::Integer, "1; DROP TABLE t"),
        (Type::Date, "2012-02-30"),
    ] {
        let (_, models) = tables(&[(ty.clone(), value, value)]);
        let options = with!(PlanOptions { fills: vec![format!("t.new0={value}")] });
        let refused = scratch.project.plan(&models, &options);
        assert!(matches!(refused, Err(Error::Option { .. })), "{ty} {value}: {refused:?}");
    }
}
