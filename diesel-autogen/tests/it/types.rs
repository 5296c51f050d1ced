//! Column types on SQLite: what the models may say, what `diesel print-schema` reads, and what SQLite lacks.

use diesel_autogen::schema::{Column, DefaultValue, ForeignKey, Schema, Table, Type};
use diesel_autogen::{Error, PlanOptions};

use crate::support::Scratch;

fn custom(name: &str, postgres: Option<&str>, sqlite: Option<&str>) -> Type {
    Type::Custom { name: name.into(), postgres: postgres.map(Into::into), sqlite: sqlite.map(Into::into) }
}

/// A table of these types, in columns that are named a, b and so on.
fn table(types: impl IntoIterator<Item = Type>) -> Table {
    let columns = types.into_iter().zip('a'..).map(|(ty, name)| Column::new(&name.to_string(), ty));
    columns.fold(Table::new("things", ["id"]).column(Column::new("id", Type::Integer)), Table::column)
}

fn plan(scratch: &Scratch, models: &Schema) -> Result<Option<String>, Error> {
    Ok(scratch.project.plan(models, &PlanOptions::default())?.map(|plan| plan.to_string()))
}

#[test]
fn a_column_of_each_type_reads_back() {
    let shared = [
        Type::SmallInt,
        Type::Integer,
        Type::BigInt,
        Type::Float,
        Type::Double,
        Type::Text { max_length: None },
        Type::Text { max_length: Some(20) },
        Type::Binary,
        Type::Bool,
        Type::Date,
        Type::Time,
        Type::Timestamp,
        Type::Other("DECIMAL(10,2)".into()),
        Type::Other("geometry".into()),
    ];
    let diesels = ["Numeric", "TimestamptzSqlite", "Json", "Jsonb"].map(Type::Diesel);
    let stored = ["SmallInt", "Integer", "Long", "Float", "Double", "Text", "Binary"];
    let customs = stored.map(|name| custom("Own", None, Some(name)));
    for ty in shared.into_iter().chain(diesels).chain(customs) {
        let (scratch, models) = (Scratch::new(), Schema::new([table([ty.clone()])]));
        assert!(scratch.migrate(&models), "{ty}");
        assert_eq!(plan(&scratch, &models).unwrap(), None, "{ty}");
        scratch.downgrade();
    }
}

#[test]
fn a_type_that_sqlite_lacks_is_refused_by_name() {
    let array = Type::Array(Box::new(Type::Text { max_length: None }));
    let lacking = ["Uuid", "Timestamptz", "Interval", "Int4range", "PgLsn"].map(Type::Diesel);
    let scratch = Scratch::new();
    for ty in lacking.into_iter().chain([array, custom("Mood", Some("mood"), None)]) {
        let error = plan(&scratch, &Schema::new([table([ty.clone()])])).unwrap_err();
        assert!(matches!(error, Error::CannotExpress { .. }), "{error:?}");
        assert_eq!(error.to_string(), format!("cannot write a migration for things.a: SQLite has no type {ty}"));
    }
}

#[test]
fn a_table_in_a_schema_is_refused_by_name() {
    let models = Schema::new([table([]).in_schema("auth")]);
    let error = plan(&Scratch::new(), &models).unwrap_err();
    assert!(matches!(&error, Error::CannotExpress { object, .. } if object == "auth.things"), "{error}");
}

/// Declared types, and what `diesel print-schema` reads them as.
const READ: [(&str, Type); 38] = [
    ("INTEGER", Type::Integer),
    ("INTEGER", Type::BigInt),
    ("INT", Type::Integer),
    ("INT", Type::BigInt),
    ("MEDIUMINT", Type::Integer),
    ("UNSIGNED INT", Type::Integer),
    ("TINYINT", Type::Bool),
    ("TINYINT(1)", Type::Bool),
    ("BOOLEAN", Type::Bool),
    ("bool", Type::Bool),
    ("SMALLINT", Type::SmallInt),
    ("INT2", Type::SmallInt),
    ("BIGINT", Type::BigInt),
    ("UNSIGNED BIG INT", Type::BigInt),
    ("INT8", Type::BigInt),
    ("TEXT", Type::Text { max_length: None }),
    ("VARCHAR", Type::Text { max_length: None }),
    // It prints no length.
    ("VARCHAR(64)", Type::Text { max_length: None }),
    ("CHAR(36)", Type::Text { max_length: None }),
    ("NCHAR(55)", Type::Text { max_length: None }),
    ("CLOB", Type::Text { max_length: None }),
    ("BLOB", Type::Binary),
    ("VARBINARY(16)", Type::Binary),
    ("", Type::Binary),
    ("FLOAT", Type::Float),
    ("REAL", Type::Float),
    ("DOUBLE", Type::Double),
    ("DOUBLE PRECISION", Type::Double),
    ("NUMERIC", Type::Double),
    ("DECIMAL(10,5)", Type::Double),
    ("NUMERIC", Type::Diesel("Numeric")),
    ("DATETIME", Type::Timestamp),
    ("TIMESTAMP", Type::Timestamp),
    ("TIMESTAMP", Type::Diesel("TimestamptzSqlite")),
    ("TIMESTAMPTZ", Type::Diesel("TimestamptzSqlite")),
    ("DATE", Type::Date),
    ("TIME", Type::Time),
    ("JSON", Type::Diesel("Json")),
];

#[test]
fn what_diesel_reads_is_no_difference() {
    for (declared, ty) in READ {
        let scratch =
            Scratch::of(&format!("CREATE TABLE things (id INTEGER NOT NULL PRIMARY KEY, a {declared} NOT NULL)"));
        assert_eq!(plan(&scratch, &Schema::new([table([ty.clone()])])).unwrap(), None, "{declared} {ty}");
    }
}

#[test]
fn a_change_elsewhere_keeps_the_declared_type() {
    let scratch =
        Scratch::of("CREATE TABLE things (id INTEGER NOT NULL PRIMARY KEY, a INTEGER NOT NULL, b JSON NOT NULL)");
    let mut models = Schema::new([table([Type::BigInt, Type::Diesel("Json")])]);
    models.tables[0].columns[1].default = Some(DefaultValue::Number("1".into()));
    assert!(scratch.migrate(&models));
    assert_eq!(scratch.joined("SELECT type FROM pragma_table_info('things')"), "INTEGER INTEGER JSON");
    assert_eq!(plan(&scratch, &models).unwrap(), None);
}

#[test]
fn a_key_as_diesel_reads_it_is_no_difference() {
    let keys = [
        ("INTEGER PRIMARY KEY", Type::Integer),
        ("INTEGER PRIMARY KEY", Type::BigInt),
        ("INTEGER PRIMARY KEY AUTOINCREMENT", Type::BigInt),
        ("INT PRIMARY KEY", Type::Integer),
        ("BIGINT PRIMARY KEY", Type::BigInt),
        ("SMALLINT PRIMARY KEY", Type::SmallInt),
        ("CHAR(36) PRIMARY KEY", Type::Text { max_length: None }),
        ("BLOB PRIMARY KEY", Type::Binary),
    ];
    for (declared, ty) in keys {
        // Diesel prints `Nullable<…>` for a key without NOT NULL.
        for (not_null, id) in
            [("", Column::new("id", ty.clone()).nullable()), (" NOT NULL", Column::new("id", ty.clone()))]
        {
            let scratch = Scratch::of(&format!("CREATE TABLE things (id {declared}{not_null})"));
            let models = Schema::new([Table::new("things", ["id"]).column(id)]);
            assert_eq!(plan(&scratch, &models).unwrap(), None, "{declared}{not_null} {ty}");
        }
    }
}

fn with_rowid(name: &str) -> Table {
    let key = Column::new(name, Type::Integer);
    Table::new("lines", [name]).column(key).column(Column::new("body", Type::Text { max_length: None }))
}

#[test]
fn a_rowid_that_diesel_prints_is_no_column() {
    let bare = "CREATE TABLE lines (body TEXT NOT NULL)";
    for key in ["rowid", "oid", "_rowid_"] {
        let scratch = Scratch::of(bare);
        let mut models = Schema::new([with_rowid(key)]);
        assert_eq!(plan(&scratch, &models).unwrap(), None);

        models.tables[0].columns.push(Column::new("at", Type::Timestamp).nullable());
        assert!(scratch.migrate(&models));
        assert_eq!(scratch.joined("SELECT name FROM pragma_table_info('lines')"), "body at");

        let fresh = Scratch::new();
        assert!(fresh.migrate(&models));
        assert_eq!(fresh.joined("SELECT name FROM pragma_table_info('lines')"), "body at");
        assert_eq!(plan(&fresh, &models).unwrap(), None);
    }
}

#[test]
fn a_rowid_that_is_a_column_stays_one() {
    let scratch = Scratch::of("CREATE TABLE lines (rowid INTEGER NOT NULL PRIMARY KEY, body TEXT NOT NULL)");
    assert_eq!(plan(&scratch, &Schema::new([with_rowid("rowid")])).unwrap(), None);

    let of_line = ForeignKey::new(["line"], "lines", ["rowid"]);
    let notes = Table::new("notes", ["line"]).column(Column::new("line", Type::Integer)).foreign_key(of_line);
    let (fresh, models) = (Scratch::new(), Schema::new([with_rowid("rowid"), notes]));
    assert!(fresh.migrate(&models));
    assert_eq!(fresh.joined("SELECT name FROM pragma_table_info('lines')"), "rowid body");
}
