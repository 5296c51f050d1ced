//! Moving all rows from SQLite to PostgreSQL and back, on the server that `TEST_POSTGRES_URL` names.

use std::path::PathBuf;

use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::sql_types::{Nullable, Text};
use diesel::{Connection as _, PgConnection, RunQueryDsl as _, SqliteConnection};
use diesel_autogen::schema::{Action, Column, ForeignKey, Schema, Table, Type};
use diesel_autogen::{Error, Migrator, PlanOptions, Target};
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
    assert_eq!(taken(&events), [String::new(); 0]);
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
