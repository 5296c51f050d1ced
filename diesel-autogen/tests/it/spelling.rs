//! Texts that mean the same are no difference.

use diesel_autogen::schema::{Check, Column, DefaultValue, Schema, Table, Type};
use diesel_autogen::{PlanOptions, Target};

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
        assert_eq!(diesel_autogen::diff(&from.introspect(), &to.introspect()), [], "{a}, {b}");
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
    scratch.project.downgrade(Target::version(1)).unwrap();
    scratch.project.upgrade(Target::Latest).unwrap();
    scratch.project.check(&models).unwrap();
}

#[test]
fn conditions_in_other_words() {
    let of = |text: &str| Scratch::of(text).introspect();
    let from = of("CREATE TABLE t (\"order\" INT, a TEXT CHECK (Length(\"A\") <> 0))");
    let to = of("create table T (`order` int, [a] text check (length(t.a) != 0 /* why */))");
    assert_eq!(diesel_autogen::diff(&from, &to), []);
}

#[test]
fn meaning_is_a_difference() {
    for (from, to) in [
        ("(a TEXT CHECK (a = 'X'))", "(a TEXT CHECK (a = 'x'))"),
        ("(a INT CHECK ((a) + (1)))", "(a INT CHECK (a + 1 + 1))"),
        ("(a ANY) STRICT", "(a ANY)"),
        ("(a TEXT)", "(a TEXT COLLATE NOCASE)"),
    ] {
        let of = |text: &str| Scratch::of(&format!("CREATE TABLE t {text}")).introspect();
        assert_ne!(diesel_autogen::diff(&of(from), &of(to)), [], "{from}");
    }
}

#[test]
fn models_are_read_back_as_they_are_written() {
    let written = DefaultValue::Sql("(Lower( 'A' ))".into());
    let table = Table::new("order", ["id"])
        .column(Column::new("id", Type::BigInt))
        .column(Column::new("größe", Type::Binary).default(written))
        .column(Column::new("on", Type::Bool).default(DefaultValue::Number("1".into())))
        .column(Column::new("at", Type::Timestamp).default(DefaultValue::Now))
        .column(Column::new("none", Type::Integer).nullable().default(DefaultValue::Sql("NULL".into())))
        .check(Check::new("( \"Order\".\"Id\" <> 0 )"));
    let (scratch, models) = (Scratch::new(), Schema::new([table]));
    assert!(scratch.migrate(&models));
    assert_eq!(scratch.project.differences(&models).unwrap(), []);
}

#[test]
fn a_trigger_is_one_statement() {
    let scratch = Scratch::new();
    scratch.write(
        "001_trigger",
        "-- first; not a statement\nCREATE TABLE a (b TEXT DEFAULT ';');\n\
         CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT CASE WHEN 1 THEN 2 END; DELETE FROM a; END;\n;\n\
         INSERT INTO a VALUES ('x')",
    );
    assert_eq!(scratch.query("SELECT b FROM a"), []);
}
