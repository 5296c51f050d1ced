//! Moving all rows from SQLite to PostgreSQL and back, on the server that `TEST_POSTGRES_URL` names.

use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::sql_types::{Nullable, Text};
use diesel::{Connection as _, PgConnection, RunQueryDsl as _, SqliteConnection};
use diesel_autogen::schema::{Action, Column, ForeignKey, Schema, Table, Type};
use diesel_autogen::{Error, Migrator, PlanOptions, Sql, Target};
use tempfile::TempDir;
use test_support::TestDatabase;

use crate::postgres::script;
use crate::support::{listening, taken};

/// A SQLite database and a PostgreSQL database with the same migrations.
struct Both {
    folder: TempDir,
    server: TestDatabase,
}

impl Both {
    /// Both empty and without migrations. The PostgreSQL database does not exist.
    fn new() -> Option<Self> {
        Some(Self { folder: tempfile::tempdir().unwrap(), server: TestDatabase::absent("")? })
    }

    /// A SQLite database of these models with these rows, and their migrations for both.
    fn of(models: &Schema, rows: &str) -> Option<Self> {
        let both = Self::new()?;
        let scratch = TestDatabase::new()?;
        for migrator in [both.sqlite("app.db"), both.at(scratch.url())] {
            migrator.init().unwrap();
            migrator.apply(&migrator.plan(models, &PlanOptions::default()).unwrap().unwrap()).unwrap();
        }
        both.execute("app.db", rows);
        Some(both)
    }

    /// A SQLite database of handwritten migrations, one for each kind of database, with these rows.
    fn written(sqlite: &str, postgres: &str, rows: &str) -> Option<Self> {
        let both = Self::new()?;
        both.write("001_first", sqlite, postgres);
        let migrator = both.sqlite("app.db");
        migrator.init().unwrap();
        migrator.upgrade(Target::Latest).unwrap();
        both.execute("app.db", rows);
        Some(both)
    }

    fn write(&self, name: &str, sqlite: &str, postgres: &str) {
        for (kind, up) in [("sqlite", sqlite), ("postgresql", postgres)] {
            script(up, "SELECT 1").write(&self.folder.path().join("migrations").join(kind).join(name)).unwrap();
        }
    }

    fn at(&self, url: &str) -> Migrator {
        let settings = with!(Settings { per_database_folders: true, base: self.folder.path().to_owned() });
        Migrator::new(url, self.folder.path().join("migrations")).unwrap().with(settings)
    }

    fn sqlite(&self, name: &str) -> Migrator {
        self.at(self.folder.path().join(name).to_str().unwrap())
    }

    fn postgres(&self) -> Migrator {
        self.at(self.server.url())
    }

    fn open(&self, name: &str) -> SqliteConnection {
        SqliteConnection::establish(self.folder.path().join(name).to_str().unwrap()).unwrap()
    }

    fn execute(&self, name: &str, text: &str) {
        self.open(name).batch_execute(text).unwrap_or_else(|error| panic!("{error} in {text}"));
    }

    fn rows(&self, name: &str, query: &str) -> Vec<String> {
        let rows: Vec<Option<String>> = sql::<Nullable<Text>>(query).load(&mut self.open(name)).unwrap();
        rows.into_iter().map(|row| row.unwrap_or_else(|| "NULL".into())).collect()
    }

    fn ask(&self, query: &str) -> String {
        let found: Option<String> = sql::<Nullable<Text>>(query).get_result(&mut self.server.connect()).unwrap();
        found.unwrap_or_else(|| "NULL".into())
    }

    fn exists(&self) -> bool {
        PgConnection::establish(self.server.url()).is_ok()
    }

    /// Why the rows of the SQLite database cannot be moved. Nothing may be left.
    fn refusal(&self) -> String {
        let error = self.postgres().copy_from(&self.sqlite("app.db")).unwrap_err();
        assert!(matches!(error, Error::CannotMove { .. }), "{error:?}");
        assert!(!self.exists(), "{error}");
        let said = error.to_string();
        said.strip_prefix("cannot move ").and_then(|said| said.strip_suffix("; nothing was moved")).unwrap().to_owned()
    }
}

fn text() -> Type {
    Type::Text { max_length: None }
}

fn id(table: &str) -> Table {
    Table::new(table, ["id"]).column(Column::new("id", Type::Integer))
}

/// A table with a column of each type that both databases have.
fn things() -> Schema {
    let types = [
        Type::SmallInt,
        Type::Integer,
        Type::BigInt,
        Type::Float,
        Type::Double,
        text(),
        Type::Text { max_length: Some(20) },
        Type::Binary,
        Type::Bool,
        Type::Date,
        Type::Time,
        Type::Timestamp,
        Type::Diesel("Numeric"),
        Type::Diesel("Json"),
    ];
    let columns = types.into_iter().enumerate().map(|(at, ty)| Column::new(&format!("c{at}"), ty).nullable());
    Schema::new([columns.fold(id("things"), Table::column)])
}

/// All values of the table, as SQLite quotes them.
const THINGS: &str = "SELECT concat_ws('|', id, quote(c0), quote(c1), quote(c2), quote(c3), quote(c4), quote(c5), hex(c5), \
    quote(c6), quote(c7), quote(c8), quote(c9), quote(c10), quote(c11), quote(c12), quote(c13)) FROM things ORDER BY id";

#[test]
fn values_of_each_type_survive_both_ways() {
    let rows = "INSERT INTO things VALUES \
        (1, -32768, -2147483648, -9223372036854775808, 0.10000000149011612, 0.1, 'it''s \\ \\N \\. \"q\" {a,b} NULL', 'ü', x'00ff5c', 1, \
            '0001-01-01', '00:00:00', '2012-02-29 12:00:00', 12345678901234, '{\"b\": 1,  \"a\": [1.0]}'), \
        (2, 32767, 2147483647, 9223372036854775807, 1.5, 5e-324, char(9, 10, 13, 8, 12), '12345678901234567890', x'', 0, \
            '9999-12-31', '23:59:59.999999', '9999-12-31 23:59:59.999999', 0.1, 'null'), \
        (3, 0, 0, 0, 9e999, 1.7976931348623157e308, '', '', x'01', 1, '2012-02-29', '12:30:00.500', \
            '2012-02-29 12:00:00.500', 1e300, '\"ü😀\"'), \
        (4, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), \
        (-5, 1, 1, 1, -3.5, -9e999, '😀 ü', ' ', x'41', 0, '1970-01-01', '01:02:03', '1969-12-31 23:59:59', -15, '[]')";
    let Some(both) = Both::of(&things(), rows) else { return };
    assert_eq!(both.postgres().copy_from(&both.sqlite("app.db")).unwrap().version.to_string(), "1");
    let said = "SELECT concat_ws('|', c2, c3, c4, c7, c8, c11, c12) FROM things WHERE id = 1";
    let expected = "-9223372036854775808|0.1|0.1|\\x00ff5c|t|2012-02-29 12:00:00|12345678901234";
    assert_eq!(both.ask(said), expected);

    both.sqlite("back.db").copy_from(&both.postgres()).unwrap();
    assert_eq!(both.rows("back.db", THINGS), both.rows("app.db", THINGS));
    assert!(both.sqlite("back.db").check(&things()).is_ok());
    assert!(both.postgres().check(&things()).is_ok());
}

#[test]
fn times_and_numbers_are_read_as_diesel_reads_them() {
    let rows = "INSERT INTO things (id, c3, c10, c11) VALUES (1, 0.1, '12:30', '2012-02-29T12:30Z'), \
        (2, 0.10000000149011612, '12:30:00+00:00', '2012-02-29 12:30'), (3, 3.25, '12:30:00.000', '2012-02-29 12:30:00.0')";
    let Some(both) = Both::of(&things(), rows) else { return };
    both.postgres().copy_from(&both.sqlite("app.db")).unwrap();
    let said = "SELECT string_agg(concat_ws(' ', c3, c10, c11), ', ' ORDER BY id) FROM things";
    let time = "12:30:00 2012-02-29 12:30:00";
    assert_eq!(both.ask(said), format!("0.1 {time}, 0.1 {time}, 3.25 {time}"));
}

#[test]
fn a_value_that_does_not_fit_is_named_and_leaves_nothing() {
    let cases = [
        ("c0", "32768", "the integer 32768 is not a value of SmallInt"),
        ("c1", "2147483648", "the integer 2147483648 is not a value of Integer"),
        ("c1", "'twelve'", "the text twelve is not a value of Integer"),
        ("c1", "1.5", "the number 1.5 is not a value of Integer"),
        ("c1", "x'31'", "the bytes \\x31 is not a value of Integer"),
        ("c2", "9223372036854775808", "the number 9.223372036854776e18 is not a value of BigInt"),
        ("c3", "16777217", "the number 16777217.0 is not a value of Float"),
        ("c4", "'many'", "the text many is not a value of Double"),
        ("c5", "'a' || char(0)", "PostgreSQL cannot hold the character U+0000"),
        ("c5", "x'41'", "the bytes \\x41 is not a value of Text"),
        ("c5", "CAST(x'ff' AS TEXT)", "the bytes \\xff is not a value of Text"),
        ("c6", "'123456789012345678901'", "value too long for type character varying(20)"),
        ("c7", "'text'", "the text text is not a value of Binary"),
        ("c8", "2", "the integer 2 is not a value of Bool"),
        ("c9", "'2012-02-30'", "the text 2012-02-30 is not a value of Date"),
        ("c9", "'2012-02-29 12:00:00'", "the text 2012-02-29 12:00:00 is not a value of Date"),
        ("c10", "'24:00:00'", "the text 24:00:00 is not a value of Time"),
        ("c10", "'12:00:00.123456789'", "12:00:00.123456789 would become 12:00:00.123457"),
        ("c11", "1330516800", "the integer 1330516800 is not a value of Timestamp"),
        ("c11", "2455987.0", "the integer 2455987 is not a value of Timestamp"),
        ("c11", "'now'", "the text now is not a value of Timestamp"),
        ("c11", "'2012-02-29 12:00:00+02:00'", "the text 2012-02-29 12:00:00+02:00 is not a value of Timestamp"),
        ("c12", "9e999", "the number inf is not a value of Numeric"),
        ("c13", "'{'", "invalid input syntax for type json: The input string ended unexpectedly"),
    ];
    let Some(both) = Both::of(&things(), "INSERT INTO things (id, c5) VALUES (1, 'fine'), (3, 'fine')") else { return };
    for (column, value, why) in cases {
        both.execute("app.db", &format!("INSERT INTO things (id, {column}) VALUES (2, {value})"));
        assert_eq!(both.refusal(), format!("things.{column} where id = 2: {why}"), "{column} {value}");
        both.execute("app.db", "DELETE FROM things WHERE id = 2");
    }
    both.postgres().copy_from(&both.sqlite("app.db")).unwrap();
}
