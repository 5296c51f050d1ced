//! Moving all rows from SQLite to PostgreSQL and back, on the server that `TEST_POSTGRES_URL` names.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::sql_types::{Nullable, Text};
use diesel::{Connection as _, PgConnection, RunQueryDsl as _, SqliteConnection};
use diesel_autogen::schema::{Action, Column, ForeignKey, Schema, Table, Type};
use diesel_autogen::{DatabaseUrl, Error, Event, Migrator, PlanOptions, Target};
use tempfile::TempDir;
use test_support::TestDatabase;

use crate::postgres::{asked, script};
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
        let sqlite = both.sqlite("app.db");
        for migrator in [&sqlite, &both.at(scratch.url())] {
            migrator.init().unwrap();
        }
        let rehearse_on = Some(DatabaseUrl::parse(scratch.url(), both.folder.path()).unwrap());
        let plan = sqlite.plan(models, &with!(PlanOptions { rehearse_on: rehearse_on })).unwrap().unwrap();
        sqlite.apply(&plan).unwrap();
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
        self.at(self.path(name).to_str().unwrap())
    }

    fn postgres(&self) -> Migrator {
        self.at(self.server.url())
    }

    fn open(&self, name: &str) -> SqliteConnection {
        SqliteConnection::establish(self.path(name).to_str().unwrap()).unwrap()
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

    fn tell(&self, text: &str) {
        self.server.connect().batch_execute(text).unwrap_or_else(|error| panic!("{error} in {text}"));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
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
        Type::Diesel("Jsonb"),
    ];
    let columns = types.into_iter().enumerate().map(|(at, ty)| Column::new(&format!("c{at}"), ty).nullable());
    Schema::new([columns.fold(id("things"), Table::column)])
}

/// All values of the table, as SQLite quotes them.
const THINGS: &str = "SELECT concat_ws('|', id, quote(c0), quote(c1), quote(c2), quote(c3), quote(c4), quote(c5), hex(c5), \
    quote(c6), quote(c7), quote(c8), quote(c9), quote(c10), quote(c11), quote(c12), quote(c13), typeof(c14), json(c14)) FROM things ORDER BY id";

#[test]
fn values_of_each_type_survive_both_ways() {
    let rows = "INSERT INTO things VALUES \
        (1, -32768, -2147483648, -9223372036854775808, 0.10000000149011612, 0.1, 'it''s \\ \\N \\. \"q\" {a,b} NULL', 'ü', x'00ff5c', 1, \
            '0001-01-01', '00:00:00', '2012-02-29 12:00:00', 12345678901234, '{\"b\": 1,  \"a\": [1.0]}', jsonb('{\"b\": [1, null], \"ü\": 1.50}')), \
        (2, 32767, 2147483647, 9223372036854775807, 1.5, 5e-324, char(9, 10, 13, 8, 12), '12345678901234567890', x'', 0, \
            '9999-12-31', '23:59:59.999999', '9999-12-31 23:59:59.999999', 0.1, 'null', jsonb('null')), \
        (3, 0, 0, 0, 9e999, 1.7976931348623157e308, '', '', x'01', 1, '2012-02-29', '12:30:00.500', \
            '2012-02-29 12:00:00.500', 1e300, '\"ü😀\"', jsonb('[]')), \
        (4, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), \
        (-5, 1, 1, 1, -3.5, -9e999, '😀 ü', ' ', x'41', 0, '1970-01-01', '01:02:03', '1969-12-31 23:59:59', -15, '[]', jsonb('-1200'))";
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
        ("c14", "'{'", "the text { is not a value of Jsonb"),
        ("c14", "x'ff'", "the bytes \\xff is not a value of Jsonb"),
        ("c14", "jsonb('\"a\\u0000\"')", "unsupported Unicode escape sequence: \\u0000 cannot be converted to text"),
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

#[test]
fn keys_that_form_a_cycle_or_refer_to_their_own_table_are_kept() {
    let key = |column: &str, table: &str| ForeignKey::new([column], table, ["id"]).on_delete(Action::Cascade);
    let refers = |column: &str| Column::new(column, Type::Integer).nullable();
    let models = Schema::new([
        id("people")
            .column(refers("boss"))
            .column(refers("team"))
            .foreign_key(key("boss", "people"))
            .foreign_key(key("team", "teams")),
        id("teams").column(refers("lead")).foreign_key(key("lead", "people")),
    ]);
    let rows = "PRAGMA foreign_keys = OFF; INSERT INTO people VALUES (1, 3, 1), (2, 2, 2), (3, 1, 1); INSERT INTO teams VALUES (1, 3), (2, 1)";
    let Some(both) = Both::of(&models, rows) else { return };
    both.postgres().copy_from(&both.sqlite("app.db")).unwrap();
    let keys = "SELECT count(*)::text FROM pg_constraint WHERE contype = 'f' AND convalidated";
    assert_eq!(both.ask(keys), "3");
    assert_eq!(
        both.ask("SELECT string_agg(concat_ws('-', id, boss, team), ' ' ORDER BY id) FROM people"),
        "1-3-1 2-2-2 3-1-1"
    );
    both.postgres().check(&models).unwrap();
    both.sqlite("back.db").copy_from(&both.postgres()).unwrap();
    let all = "SELECT concat_ws('-', id, boss, team) FROM people UNION ALL SELECT concat_ws('-', id, lead) FROM teams";
    assert_eq!(both.rows("back.db", all), both.rows("app.db", all));
    both.sqlite("back.db").check(&models).unwrap();
}

#[test]
fn a_reference_that_dangles_is_refused() {
    let key = ForeignKey::new(["boss"], "people", ["id"]);
    let models = Schema::new([id("people").column(Column::new("boss", Type::Integer)).foreign_key(key)]);
    let Some(both) = Both::of(&models, "PRAGMA foreign_keys = OFF; INSERT INTO people VALUES (1, 7)") else { return };
    let said = both.refusal();
    assert!(
        said.starts_with("people: ") && said.ends_with("Key (boss)=(7) is not present in table \"people\""),
        "{said}"
    );

    let column = "CREATE TABLE people (id INTEGER PRIMARY KEY NOT NULL, boss INTEGER NOT NULL";
    let Some(both) = Both::written(
        &format!("{column} REFERENCES people (id))"),
        &format!("{column}); ALTER TABLE people ADD FOREIGN KEY (boss) REFERENCES people (id) NOT VALID"),
        "",
    ) else {
        return;
    };
    both.postgres().copy_from(&both.sqlite("app.db")).unwrap();
    both.tell("SET session_replication_role = replica; INSERT INTO people VALUES (1, 7)");
    let error = both.sqlite("back.db").copy_from(&both.postgres()).unwrap_err().to_string();
    assert!(error.contains("people: a row of it refers to a row that people does not have"), "{error}");
    assert!(!both.path("back.db").exists());
}

#[test]
fn triggers_do_not_run_and_are_kept() {
    let tables = "CREATE TABLE posts (id INTEGER PRIMARY KEY NOT NULL, body TEXT NOT NULL); \
                  CREATE TABLE log (id INTEGER PRIMARY KEY NOT NULL, line TEXT NOT NULL);";
    let sqlite = format!(
        "{tables} CREATE TRIGGER writes AFTER INSERT ON posts BEGIN INSERT INTO log (line) VALUES (new.body); END; \
         CREATE VIRTUAL TABLE search USING fts5 (body, content = posts, content_rowid = id); \
         CREATE TRIGGER finds AFTER INSERT ON posts BEGIN INSERT INTO search (rowid, body) VALUES (new.id, new.body); END;"
    );
    let postgres = format!(
        "{tables} CREATE FUNCTION write() RETURNS trigger LANGUAGE plpgsql AS \
         $$BEGIN INSERT INTO log SELECT count(*) + 1, new.body FROM log; RETURN new; END$$; \
         CREATE TRIGGER writes AFTER INSERT ON posts FOR EACH ROW EXECUTE FUNCTION write(); \
         CREATE TRIGGER off AFTER INSERT ON posts FOR EACH ROW EXECUTE FUNCTION write(); \
         ALTER TABLE posts DISABLE TRIGGER off; ALTER TABLE posts ENABLE ALWAYS TRIGGER writes; \
         ALTER TABLE posts ADD found TSVECTOR GENERATED ALWAYS AS (to_tsvector('simple', body)) STORED"
    );
    let Some(both) = Both::written(&sqlite, &postgres, "INSERT INTO posts VALUES (1, 'fresh bread')") else { return };
    let (target, events) = listening(&both.postgres(), both.postgres().settings().clone());
    target.copy_from(&both.sqlite("app.db")).unwrap();
    let said = "the content of the virtual table search is not moved: the migrations make what stands for it";
    assert_eq!(taken(&events), [said]);
    assert_eq!(both.ask("SELECT concat_ws(' ', count(*), min(line)) FROM log"), "1 fresh bread");
    let state =
        "SELECT string_agg(tgname || tgenabled::text, ' ' ORDER BY tgname) FROM pg_trigger WHERE NOT tgisinternal";
    assert_eq!(both.ask(state), "offD writesA");
    assert_eq!(both.ask("SELECT count(*)::text FROM posts WHERE found @@ 'bread'"), "1");

    let (back, events) = listening(&both.sqlite("back.db"), both.sqlite("back.db").settings().clone());
    back.copy_from(&both.postgres()).unwrap();
    assert!(taken(&events).is_empty());
    assert_eq!(both.rows("back.db", "SELECT line FROM log"), ["fresh bread"]);
    assert_eq!(both.rows("back.db", "SELECT body FROM search WHERE search MATCH 'bread'"), ["fresh bread"]);
    both.execute("back.db", "INSERT INTO posts (body) VALUES ('old news')");
    assert_eq!(both.rows("back.db", "SELECT count(*) || '' FROM log, search WHERE search MATCH 'news'"), ["2"]);
    let objects = |name| {
        let mut objects = both.sqlite(name).introspect().unwrap().objects.unwrap();
        objects.sort_by(|a, b| a.name.cmp(&b.name));
        objects
    };
    assert_eq!(objects("back.db"), objects("app.db"));
}

#[test]
fn new_rows_are_numbered_after_those_that_were_moved() {
    let sqlite = "CREATE TABLE kept (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, a TEXT); \
        CREATE TABLE emptied (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, a TEXT); \
        CREATE TABLE plain (id INTEGER PRIMARY KEY NOT NULL, a TEXT); \
        CREATE TABLE fresh (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, a TEXT)";
    let postgres = "CREATE TABLE kept (id INTEGER PRIMARY KEY GENERATED ALWAYS AS IDENTITY, a TEXT); \
        CREATE TABLE emptied (id SERIAL PRIMARY KEY, a TEXT); \
        CREATE SEQUENCE own; CREATE TABLE plain (id INTEGER PRIMARY KEY DEFAULT nextval('own'), a TEXT); \
        CREATE TABLE fresh (id BIGINT PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, a TEXT)";
    let rows = "INSERT INTO kept (a) VALUES ('a'), ('b'), ('c'); DELETE FROM kept WHERE id > 1; \
        INSERT INTO emptied (a) VALUES ('a'), ('b'); DELETE FROM emptied; INSERT INTO plain VALUES (40, 'a')";
    let Some(both) = Both::written(sqlite, postgres, rows) else { return };
    both.postgres().copy_from(&both.sqlite("app.db")).unwrap();
    both.sqlite("back.db").copy_from(&both.postgres()).unwrap();
    let (insert, tables) =
        (|table| format!("INSERT INTO {table} (a) VALUES ('new')"), ["kept", "emptied", "plain", "fresh"]);
    for table in tables {
        both.tell(&insert(table));
        both.execute("back.db", &insert(table));
    }
    let max = tables.map(|table| format!("(SELECT max(id) FROM {table})")).join(", ");
    assert_eq!(both.ask(&format!("SELECT concat_ws(' ', {max})")), "4 3 41 1");
    assert_eq!(both.rows("back.db", &format!("SELECT concat_ws(' ', {max})")), ["4 3 41 1"]);
}

#[test]
fn names_and_texts_of_any_kind_are_moved() {
    let table =
        "CREATE TABLE \"Select \"\"it's\"\" $1\" (\"id ü\" INTEGER PRIMARY KEY NOT NULL, \"a, b\" TEXT, \"?\" TEXT)";
    let rows = "INSERT INTO \"Select \"\"it's\"\" $1\" VALUES (1, '\\', '\\x'), (2, char(39, 34, 36, 10), '$1 ? :a'), \
        (3, '{NULL,\"\"}', ''), (4, 'null', NULL), (5, NULL, '\u{feff}\u{202e}\u{10ffff}')";
    let Some(both) = Both::written(table, table, rows) else { return };
    both.postgres().copy_from(&both.sqlite("app.db")).unwrap();
    both.sqlite("back.db").copy_from(&both.postgres()).unwrap();
    let all = "SELECT concat_ws(' ', \"id ü\", quote(\"a, b\"), quote(\"?\")) FROM \"Select \"\"it's\"\" $1\"";
    assert_eq!(both.rows("back.db", all), both.rows("app.db", all));
}

#[test]
fn rows_without_a_key_are_moved_with_their_copies() {
    let table = "CREATE TABLE notes (a INTEGER, b TEXT)";
    let rows = "INSERT INTO notes VALUES (1, 'a'), (1, 'a'), (1, NULL), (NULL, NULL), (NULL, NULL)";
    let Some(both) = Both::written(table, table, rows) else { return };
    both.postgres().copy_from(&both.sqlite("app.db")).unwrap();
    assert_eq!(both.ask("SELECT string_agg(concat(a, b), ',' ORDER BY a, b) FROM notes"), "1a,1a,1,,");
    both.sqlite("back.db").copy_from(&both.postgres()).unwrap();
    let all = "SELECT quote(a) || quote(b) FROM notes ORDER BY a, b";
    assert_eq!(both.rows("back.db", all), both.rows("app.db", all));
    both.execute("app.db", "INSERT INTO notes VALUES ('x', 'y')");
    let Some(other) = TestDatabase::absent("") else { return };
    let error = both.at(other.url()).copy_from(&both.sqlite("app.db")).unwrap_err().to_string();
    assert!(error.contains("notes.a where a = x, b = y: the text x is not a value of Integer"), "{error}");
}

#[test]
fn schemas_that_differ_are_refused_by_name() {
    let (table, missing) = (
        "CREATE TABLE t (id INTEGER PRIMARY KEY NOT NULL",
        "does not have it: the migrations of both databases must make the same",
    );
    let server = "the PostgreSQL database";
    let cases = [
        (format!("{table}); CREATE TABLE u (a TEXT)"), format!("{table})"), format!("the table u: {server} {missing}")),
        (format!("{table}, a TEXT)"), format!("{table})"), format!("the column t.a: {server} {missing}")),
        (
            format!("{table})"),
            format!("{table}); CREATE TABLE u (a TEXT)"),
            format!("the table u: sqlite:app.db {missing}"),
        ),
        (format!("{table})"), format!("{table}, a TEXT)"), format!("the column t.a: sqlite:app.db {missing}")),
        (
            format!("{table}, a TEXT)"),
            format!("{table}, a TEXT GENERATED ALWAYS AS ('x') STORED)"),
            format!("the column t.a: {server} {missing}"),
        ),
    ];
    for (sqlite, postgres, why) in cases {
        let Some(both) = Both::written(&sqlite, &postgres, "") else { return };
        assert_eq!(
            both.refusal().replace("app.db does", "sqlite:app.db does").replace("sqlite:sqlite:", "sqlite:"),
            why
        );
    }
}

#[test]
fn generated_columns_are_computed_again() {
    let table = "CREATE TABLE t (id INTEGER PRIMARY KEY NOT NULL, a INTEGER NOT NULL, b INTEGER GENERATED ALWAYS AS";
    let (sqlite, postgres) =
        (format!("{table} (a + 1) VIRTUAL, c INTEGER AS (1))"), format!("{table} (a + 2) STORED)"));
    let Some(both) = Both::written(&sqlite, &postgres, "INSERT INTO t VALUES (1, 10)") else { return };
    both.postgres().copy_from(&both.sqlite("app.db")).unwrap();
    assert_eq!(both.ask("SELECT concat_ws(' ', id, a, b) FROM t"), "1 10 12");
    both.sqlite("back.db").copy_from(&both.postgres()).unwrap();
    assert_eq!(both.rows("back.db", "SELECT concat_ws(' ', id, a, b, c) FROM t"), ["1 10 11 1"]);
}

#[test]
fn the_version_must_exist_for_both() {
    let table = "CREATE TABLE t (id INTEGER PRIMARY KEY NOT NULL)";
    let Some(both) = Both::written(table, table, "INSERT INTO t VALUES (1)") else { return };
    let (later, only) = ("CREATE TABLE u (id INTEGER PRIMARY KEY NOT NULL)", both.path("migrations/sqlite/002_more"));
    script(later, "DROP TABLE u").write(&only).unwrap();
    both.sqlite("app.db").upgrade(Target::Latest).unwrap();
    let error = both.postgres().copy_from(&both.sqlite("app.db")).unwrap_err();
    assert_eq!(error.to_string(), "no migration has the version 2: they go up to 1");
    assert!(!both.exists());

    // A later migration of the other kind is no part of the move.
    both.write("002_more", later, later);
    both.write("003_most", "CREATE TABLE v (a TEXT)", "CREATE TABLE v (a TEXT)");
    assert_eq!(both.postgres().copy_from(&both.sqlite("app.db")).unwrap().version.to_string(), "2");
    assert_eq!(both.postgres().status().unwrap().pending, ["003_most"]);
}

#[test]
fn only_an_empty_database_is_filled() {
    let table = "CREATE TABLE t (id INTEGER PRIMARY KEY NOT NULL)";
    let Some(both) = Both::written(table, table, "INSERT INTO t VALUES (1)") else { return };
    let filled = || both.postgres().copy_from(&both.sqlite("app.db"));
    filled().unwrap();
    let error = filled().unwrap_err().to_string();
    let why = "it holds tables already, and only an empty database can be filled";
    assert_eq!(error, format!("cannot move rows to the PostgreSQL database: {why}; nothing was moved"));
    assert_eq!(both.ask("SELECT count(*)::text FROM t"), "1");

    // One that exists and is empty is filled, and is empty again where that fails.
    both.execute("app.db", "PRAGMA ignore_check_constraints = ON; INSERT INTO t VALUES (2147483648)");
    let Some(empty) = TestDatabase::new() else { return };
    both.at(empty.url()).copy_from(&both.sqlite("app.db")).unwrap_err();
    assert_eq!(
        asked(empty.url(), "SELECT count(*)::text FROM pg_class WHERE relnamespace = 'public'::regnamespace"),
        "0"
    );
    both.execute("app.db", "DELETE FROM t WHERE id > 1");
    both.at(empty.url()).copy_from(&both.sqlite("app.db")).unwrap();
    assert_eq!(asked(empty.url(), "SELECT count(*)::text FROM t"), "1");
}

#[test]
fn databases_or_migrations_of_one_kind_are_refused() {
    let table = "CREATE TABLE t (id INTEGER PRIMARY KEY NOT NULL)";
    let Some(both) = Both::written(table, table, "") else { return };
    let error = both.sqlite("other.db").copy_from(&both.sqlite("app.db")).unwrap_err().to_string();
    assert!(error.contains("both databases are of one kind"), "{error}");
    assert!(!both.path("other.db").exists());

    let flat = both.path("migrations/sqlite");
    let [from, to] = [both.path("app.db").display().to_string(), both.server.url().to_owned()]
        .map(|url| Migrator::new(&url, &flat).unwrap().with(with!(Settings { base: both.path("") })));
    let error = to.copy_from(&from).unwrap_err().to_string();
    let why = "they are written for one kind of database: each kind needs a folder of its own";
    assert_eq!(error, format!("cannot move the migrations in migrations/sqlite: {why}; nothing was moved"));
    assert!(!both.exists());
}

#[test]
fn migrations_outside_a_transaction_fill_a_new_database_only() {
    let table = "CREATE TABLE t (id INTEGER PRIMARY KEY NOT NULL, a TEXT);";
    let Some(both) = Both::written(table, table, "INSERT INTO t VALUES (1, 'a')") else { return };
    both.write("002_index", "CREATE INDEX i ON t (a);", "CREATE INDEX CONCURRENTLY i ON t (a);");
    std::fs::write(both.path("migrations/postgresql/002_index/metadata.toml"), "run_in_transaction = false").unwrap();
    both.sqlite("app.db").upgrade(Target::Latest).unwrap();
    let Some(empty) = TestDatabase::new() else { return };
    let error = both.at(empty.url()).copy_from(&both.sqlite("app.db")).unwrap_err().to_string();
    assert!(error.contains("002_index") && error.contains("outside a transaction"), "{error}");
    both.postgres().copy_from(&both.sqlite("app.db")).unwrap();
    assert_eq!(both.ask("SELECT concat_ws(' ', count(*), 'i'::regclass) FROM t"), "1 i");
    // A failure after these migrations leaves nothing either.
    both.execute("app.db", "INSERT INTO t VALUES (2147483648, 'a')");
    let Some(other) = TestDatabase::absent("") else { return };
    both.at(other.url()).copy_from(&both.sqlite("app.db")).unwrap_err();
    assert!(PgConnection::establish(other.url()).is_err());
}

#[test]
fn types_of_one_database_are_moved_as_their_texts() {
    let sqlite = "CREATE TABLE t (id INTEGER PRIMARY KEY NOT NULL, mood TEXT, own TEXT, at TIMESTAMPTZ, price DECIMAL(8, 2), n BIGINT)";
    let postgres = "CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE DOMAIN small AS INTEGER CHECK (VALUE < 10); \
        CREATE TABLE t (id INTEGER PRIMARY KEY, mood mood, own UUID, at TIMESTAMPTZ(3), price NUMERIC(8, 2), n small)";
    let rows =
        "INSERT INTO t VALUES (1, 'sad', '00000000-0000-0000-0000-00000000000a', '2012-02-29 12:00:00+02:00', 12.5, 9)";
    let Some(both) = Both::written(sqlite, postgres, rows) else { return };
    both.postgres().copy_from(&both.sqlite("app.db")).unwrap();
    let all = "SELECT concat_ws(' ', mood, own, at AT TIME ZONE 'UTC', price, n) FROM t";
    assert_eq!(both.ask(all), "sad 00000000-0000-0000-0000-00000000000a 2012-02-29 10:00:00 12.50 9");
    both.sqlite("back.db").copy_from(&both.postgres()).unwrap();
    let all = "SELECT concat_ws(' ', mood, own, at, price, n) FROM t";
    let expected = "sad 00000000-0000-0000-0000-00000000000a 2012-02-29 10:00:00+00:00 12.5 9";
    assert_eq!(both.rows("back.db", all), [expected]);

    let cases = [
        ("mood = 'angry'", "mood where id = 1: invalid input value for enum mood: \"angry\""),
        (
            "own = '0000000000000000000000000000000A'",
            "own where id = 1: 0000000000000000000000000000000A would become 00000000-0000-0000-0000-00000000000a",
        ),
        (
            "at = '2012-02-29 12:00:00.1234+00:00'",
            "at where id = 1: 2012-02-29 12:00:00.123400+00:00 would become 2012-02-29 12:00:00.123+00:00",
        ),
        ("price = 1.005", "price where id = 1: 1005e-3 would become 101e-2"),
        ("n = 10", "n where id = 1: value for domain small violates check constraint \"small_check\""),
    ];
    for (change, why) in cases {
        std::fs::copy(both.path("app.db"), both.path("good.db")).unwrap();
        both.execute("app.db", &format!("UPDATE t SET {change}"));
        let Some(other) = TestDatabase::absent("") else { return };
        let error = both.at(other.url()).copy_from(&both.sqlite("app.db")).unwrap_err().to_string();
        assert_eq!(error, format!("cannot move t.{why}; nothing was moved"));
        std::fs::copy(both.path("good.db"), both.path("app.db")).unwrap();
    }
}

#[test]
fn what_sqlite_cannot_hold_is_named() {
    let table = |ty| format!("CREATE TABLE t (id INTEGER PRIMARY KEY NOT NULL, a {ty})");
    let cases = [
        ("DOUBLE PRECISION", "DOUBLE", "'NaN'", "SQLite cannot hold NaN"),
        ("REAL", "FLOAT", "'NaN'", "SQLite cannot hold NaN"),
        ("NUMERIC", "DOUBLE", "'NaN'", "NaN is not a value of Numeric on other databases"),
        ("NUMERIC", "DOUBLE", "1234567890123456789.5", "SQLite cannot hold 12345678901234567895e-1"),
        ("TIMESTAMP", "TIMESTAMP", "'infinity'", "infinity is not a value of Timestamp on other databases"),
        ("DATE", "DATE", "'0044-03-15 BC'", "0044-03-15 BC is not a value of Date on other databases"),
        ("TIME", "TIME", "'24:00'", "24:00:00 is not a value of Time on other databases"),
        ("INTEGER", "TEXT", "1", "the text 1 is not a value of Integer"),
        ("TEXT", "INTEGER", "'007'", "the integer 7 is not a value of Text"),
    ];
    for (postgres, sqlite, value, why) in cases {
        let Some(both) = Both::written(&table(sqlite), &table(postgres), "") else { return };
        both.postgres().copy_from(&both.sqlite("app.db")).unwrap();
        both.tell(&format!("INSERT INTO t VALUES (1, {value})"));
        let error = both.sqlite("back.db").copy_from(&both.postgres()).unwrap_err().to_string();
        assert_eq!(error, format!("cannot move t.a where id = 1: {why}; nothing was moved"), "{postgres} {value}");
        assert!(!both.path("back.db").exists());
    }
}

/// Does something once, when the first rows have been written.
fn interrupted(migrator: &Migrator, act: impl Fn() + Send + Sync + 'static) -> Migrator {
    let first = AtomicBool::new(true);
    let listener = move |event: &Event<'_>| {
        if matches!(event, Event::Started("2,000 rows")) && first.swap(false, Ordering::Relaxed) {
            act();
        }
    };
    migrator.clone().with(migrator.settings().clone().on_event(listener))
}

const MANY: &str = "INSERT INTO t WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) \
    SELECT i, 'row ' || i FROM n";

#[test]
fn a_move_that_is_cut_off_leaves_nothing() {
    let table = "CREATE TABLE t (id INTEGER PRIMARY KEY NOT NULL, a TEXT)";
    let Some(both) = Both::written(table, table, MANY) else { return };
    let end = |database: &TestDatabase| {
        let (server, name) = (database.server().to_owned(), database.name().to_owned());
        move || {
            let query = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
            PgConnection::establish(&server).unwrap().batch_execute(&query).unwrap();
        }
    };
    let target = interrupted(&both.postgres(), end(&both.server));
    target.copy_from(&both.sqlite("app.db")).unwrap_err();
    assert!(!both.exists());

    both.postgres().copy_from(&both.sqlite("app.db")).unwrap();
    let target = interrupted(&both.sqlite("back.db"), end(&both.server));
    target.copy_from(&both.postgres()).unwrap_err();
    assert!(!both.path("back.db").exists());
}

#[test]
fn rows_that_others_write_meanwhile_are_left_out() {
    let table = "CREATE TABLE t (id INTEGER PRIMARY KEY NOT NULL, a TEXT)";
    let Some(both) = Both::written(table, table, &format!("PRAGMA journal_mode = WAL; {MANY}")) else { return };
    let change = "INSERT INTO t VALUES (-1, 'new'); UPDATE t SET a = 'changed'; DELETE FROM t WHERE id = 3000";
    let file = both.path("app.db");
    let target = interrupted(&both.postgres(), move || {
        SqliteConnection::establish(file.to_str().unwrap()).unwrap().batch_execute(change).unwrap();
    });
    target.copy_from(&both.sqlite("app.db")).unwrap();
    assert_eq!(both.rows("app.db", "SELECT DISTINCT a FROM t"), ["changed"]);
    let sum = "SELECT concat_ws(' ', count(*), min(id), max(id), count(CASE a WHEN 'changed' THEN 1 END)) FROM t";
    assert_eq!(both.ask(sum), "3000 1 3000 0");
    let url = both.server.url().to_owned();
    let target = interrupted(&both.sqlite("back.db"), move || {
        PgConnection::establish(&url).unwrap().batch_execute(change).unwrap();
    });
    target.copy_from(&both.postgres()).unwrap();
    assert_eq!(both.ask("SELECT string_agg(DISTINCT a, ' ') FROM t"), "changed");
    assert_eq!(both.rows("back.db", sum), ["3000 1 3000 0"]);
}

#[test]
fn many_rows_are_moved_both_ways() {
    let rows = "INSERT INTO things (id, c2, c4, c5, c7, c11) \
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) \
        SELECT i, i * 1000003, i / 7.0, 'text ' || i, randomblob(20), datetime(i * 10000, 'unixepoch') FROM n";
    let Some(both) = Both::of(&things(), rows) else { return };
    both.postgres().copy_from(&both.sqlite("app.db")).unwrap();
    both.sqlite("back.db").copy_from(&both.postgres()).unwrap();
    assert!(both.rows("back.db", THINGS) == both.rows("app.db", THINGS));
}

#[test]
fn kept_values_are_moved_both_ways() {
    let (mut fewer, rows) =
        (things(), "INSERT INTO things (id, c5, c6, c8) VALUES (1, 'a', 'b', 1), (2, NULL, 'c', 0)");
    fewer.tables[0].columns.truncate(6);
    let Some(both) = Both::of(&things(), rows) else { return };
    let (server, source) = (TestDatabase::new().unwrap(), both.sqlite("app.db"));
    let rehearse_on = Some(DatabaseUrl::parse(server.url(), both.folder.path()).unwrap());
    let plan = source.plan(&fewer, &with!(PlanOptions { rehearse_on: rehearse_on })).unwrap().unwrap();
    source.apply(&plan.accept_losses()).unwrap();
    let before = both.rows("app.db", "SELECT concat_ws(' ', id, c5, c6, c8) FROM _kept_002_things");
    assert_eq!(before.len(), 2);
    let (target, events) = listening(&both.postgres(), both.postgres().settings().clone());
    target.copy_from(&source).unwrap();
    both.sqlite("back.db").copy_from(&target).unwrap();
    assert_eq!(taken(&events), [] as [&str; 0]);
    assert_eq!(both.rows("back.db", "SELECT concat_ws(' ', id, c5, c6, c8) FROM _kept_002_things"), before);
    target.downgrade(Target::Previous).unwrap();
    assert_eq!(
        both.ask("SELECT string_agg(concat_ws(' ', id, c5, c6, c8), ', ' ORDER BY id) FROM things"),
        "1 a b t, 2 c f"
    );
}

#[test]
fn kept_values_without_a_place_are_refused_by_name() {
    let mut fewer = things();
    fewer.tables[0].columns.truncate(6);
    let Some(both) = Both::of(&things(), "INSERT INTO things (id, c5, c6) VALUES (1, 'a', 'b')") else { return };
    let source = both.sqlite("app.db");
    source.apply(&source.plan(&fewer, &PlanOptions::default()).unwrap().unwrap().accept_losses()).unwrap();
    let only = "ALTER TABLE things DROP c5, DROP c6, DROP c7, DROP c8, DROP c9, DROP c10, DROP c11, DROP c12, DROP c13, DROP c14";
    script(only, "SELECT 1").write(&both.path("migrations/postgresql/002_migration")).unwrap();
    let said = both.refusal();
    assert!(said.starts_with("the table _kept_002_things: ") && said.contains("does not have it"), "{said}");
    source.purge_kept(None).unwrap();
    both.postgres().copy_from(&source).unwrap();
}

#[test]
fn tables_of_another_schema_are_refused_by_name() {
    let table = "CREATE TABLE t (id INTEGER PRIMARY KEY)";
    let apart = format!("{table}; CREATE SCHEMA app; CREATE TABLE app.users (id INTEGER PRIMARY KEY)");
    let Some(both) = Both::written(table, &apart, "") else { return };
    both.postgres().create_current().unwrap();
    let error = both.sqlite("back.db").copy_from(&both.postgres()).unwrap_err().to_string();
    assert!(error.starts_with("cannot move the table app.users: ") && !both.path("back.db").exists(), "{error}");
}

#[test]
fn a_schema_that_no_migration_creates_is_named_and_left() {
    let table = "CREATE TABLE t (id INTEGER PRIMARY KEY)";
    let Some(both) = Both::written(table, table, "") else { return };
    both.postgres().create_current().unwrap();
    both.tell("CREATE SCHEMA other; CREATE TABLE other.a (i INT); CREATE TABLE other.b (i INT)");
    let (target, events) = listening(&both.sqlite("back.db"), both.postgres().settings().clone());
    target.copy_from(&both.postgres()).unwrap();
    assert_eq!(taken(&events), ["the schema other, 2 tables, is not moved: no migration creates it"]);
}
