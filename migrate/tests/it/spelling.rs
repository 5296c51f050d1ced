//! Texts that mean the same are no difference.

use migrate::schema::{Column, DefaultValue, Schema, Table, Type};
use migrate::{PlanOptions, Target};

use crate::support::Scratch;

#[test]
fn defaults_and_null_in_other_words() {
    for (a, b) in [
        ("INT DEFAULT (0)", "INT DEFAULT 0"),
        ("INT DEFAULT ((0))", "INT DEFAULT 0"),
        ("INT DEFAULT (-1)", "INT DEFAULT -1"),
        ("INT DEFAULT +1", "INT DEFAULT 1"),
        ("INT DEFAULT NULL", "INT"),
        ("INT DEFAULT (NULL)", "INT NULL"),
        ("INT NULL DEFAULT 5", "INT DEFAULT 5"),
        ("TEXT NULL", "TEXT"),
        ("TEXT CONSTRAINT why NULL", "TEXT"),
        ("TEXT DEFAULT ('a')", "TEXT DEFAULT 'a'"),
        ("TEXT DEFAULT \"a\"", "TEXT DEFAULT 'a'"),
        ("TEXT DEFAULT 'a'", "TEXT CONSTRAINT usual DEFAULT 'a'"),
        ("BOOLEAN DEFAULT TRUE", "BOOLEAN DEFAULT 1"),
        ("TIMESTAMP DEFAULT (CURRENT_TIMESTAMP)", "TIMESTAMP DEFAULT current_timestamp"),
        ("REAL DEFAULT (1.5)", "REAL DEFAULT 1.5"),
        ("TEXT NOT NULL DEFAULT ( lower( 'A' ) )", "TEXT DEFAULT (LOWER('A')) NOT NULL"),
    ] {
        let of = |column: &str| Scratch::of(&format!("CREATE TABLE t (id INTEGER PRIMARY KEY, v {column})"));
        let (from, to) = (of(a), of(b));
        assert_eq!(migrate::diff(&from.introspect(), &to.introspect()), [], "{a}, {b}");
        assert!(from.project.plan(&to.models(), &PlanOptions::default()).unwrap().is_none(), "{a}, {b}");
    }
}

#[test]
fn models_agree_with_strict_tables() {
    let flag = Column::new("flag", Type::Bool).default(DefaultValue::Bool(true));
    let name = Column::new("name", Type::Text { max_length: Some(64) });
    let table = Table::new("t", ["id"]).column(Column::new("id", Type::BigInt)).column(name).column(flag);
    let scratch = Scratch::new();
    scratch.write(
        "001_a",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT NOT NULL, flag INTEGER NOT NULL DEFAULT 1) STRICT;",
    );
    scratch.project.check(&Schema::new([table.clone()])).unwrap();

    let types = [
        Type::SmallInt,
        Type::BigInt,
        Type::Float,
        Type::Double,
        Type::Bool,
        Type::Date,
        Type::Time,
        Type::Timestamp,
        Type::Binary,
    ];
    let types =
        types.into_iter().chain([Type::Text { max_length: None }, Type::Text { max_length: Some(9) }]).enumerate();
    let models = types.fold(table, |table, (at, ty)| table.column(Column::new(&format!("c{at}"), ty).nullable()));
    let models = Schema::new([models]);
    assert!(scratch.migrate(&models));
    scratch.project.check(&models).unwrap();
    scratch.project.downgrade(Target::Version(1)).unwrap();
    scratch.project.upgrade(Target::Latest).unwrap();
    scratch.project.check(&models).unwrap();
}
