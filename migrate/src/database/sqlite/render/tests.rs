//! The SQL on real databases: up, changes by the application with foreign keys on, and down.

use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::sql_types::{Nullable, Text};
use diesel::{Connection as _, RunQueryDsl as _, SqliteConnection};

use super::super::ddl::statements;
use super::super::introspect::introspect_at;
use super::super::normalize::normalize;
use super::render;
use crate::diff::diff;
use crate::migration::Sql;
use crate::options::RenderOptions;
use crate::schema::{Column, DefaultValue, Schema, Table, Type};

struct Database(SqliteConnection);

impl Database {
    fn new(script: &str) -> Self {
        let mut database = Self(SqliteConnection::establish(":memory:").unwrap());
        database.run(&format!("PRAGMA foreign_keys = OFF; {script}; PRAGMA foreign_keys = ON"));
        database
    }

    fn run(&mut self, script: &str) {
        self.0.batch_execute(script).unwrap_or_else(|error| panic!("{error} in {script}"));
    }

    /// Runs the statements as the `sqlite3` shell does, which goes on after an error. Returns whether one failed.
    fn run_all(&mut self, script: &str) -> bool {
        let statements = statements(script).unwrap();
        let failed: Vec<_> = statements.iter().filter(|sql| self.0.batch_execute(sql).is_err()).collect();
        !failed.is_empty()
    }

    fn query(&mut self, query: &str) -> String {
        let rows: Vec<Option<String>> = sql::<Nullable<Text>>(query).load(&mut self.0).unwrap();
        rows.into_iter().map(|row| row.unwrap_or_else(|| "NULL".into())).collect::<Vec<_>>().join(" ")
    }

    fn schema(&mut self) -> Schema {
        introspect_at(&mut self.0, &["001".into()]).unwrap()
    }
}

fn migration(from: &Schema, to: &Schema) -> Sql {
    let options = RenderOptions { keep: Some("001".into()), ..RenderOptions::default() };
    render(from, &diff(from, to), &options).unwrap()
}

/// Goes up, runs what the application does, goes down, and returns the rows that the query finds.
fn cycle(from: &str, rows: &str, to: &str, between: &str, query: &str) -> String {
    let mut database = Database::new(&format!("{from}; {rows}"));
    let (start, target) = (database.schema(), Database::new(to).schema());
    let sql = migration(&start, &target);
    database.run(&sql.up);
    assert_eq!(diff(&database.schema(), &target), [], "{}", sql.up);
    database.run(between);
    database.run(&sql.down);
    assert_eq!(diff(&database.schema(), &start), [], "{}", sql.down);
    assert_eq!(database.query("SELECT name FROM sqlite_master WHERE name LIKE '%kept%' OR name LIKE '%guard%'"), "");
    database.query(query)
}

#[test]
fn side_tables_follow_the_rows() {
    let table = |column: &str| format!("CREATE TABLE t (id INTEGER PRIMARY KEY NOT NULL, k INTEGER UNIQUE{column})");
    let rows = "INSERT INTO t VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c')";
    for (between, expected) in [
        ("", "1a 2b 3c"),
        ("DELETE FROM t WHERE id = 3; INSERT INTO t (id) VALUES (3)", "1a 2b 3?"),
        ("REPLACE INTO t (id, k) VALUES (9, 3); REPLACE INTO t (id) VALUES (2)", "1a 2? 9?"),
        ("INSERT INTO t (id, k) VALUES (3, 7) ON CONFLICT DO UPDATE SET id = 8", "1a 2b 8c"),
        ("UPDATE t SET id = 4 WHERE id = 3; UPDATE t SET id = 3 WHERE id = 2", "1a 3b 4c"),
        (
            "ALTER TABLE t RENAME TO s; ALTER TABLE s RENAME COLUMN id TO n; DELETE FROM s WHERE n = 1;
             UPDATE s SET n = 7 WHERE n = 2; ALTER TABLE s RENAME COLUMN n TO id; ALTER TABLE s RENAME TO t",
            "3c 7b",
        ),
        ("DROP TABLE _kept_001_t", "1? 2? 3?"),
    ] {
        let query = "SELECT id || coalesce(v, '?') FROM t ORDER BY id";
        assert_eq!(cycle(&table(", v TEXT"), rows, &table(""), between, query), expected, "{between}");
    }
}

#[test]
fn composite_keys_find_the_rows() {
    let table = |column: &str| {
        let key = "a TEXT COLLATE NOCASE NOT NULL, b INT NOT NULL";
        format!("CREATE TABLE t ({key}, k{column}, PRIMARY KEY (a, b)) WITHOUT ROWID")
    };
    let rows = "INSERT INTO t VALUES ('x', 1, 0, 'a'), ('y', 2, 0, 'b'), ('z', 3, 0, 'c')";
    let between = "UPDATE t SET a = 'X' WHERE b = 1; DELETE FROM t WHERE a = 'Y'; UPDATE t SET b = 9 WHERE a = 'z'";
    assert_eq!(cycle(&table(", v"), rows, &table(""), between, "SELECT a || b || v FROM t ORDER BY b"), "X1a z9c");
}

const USERS: &str = "CREATE TABLE users (id INTEGER PRIMARY KEY, code TEXT UNIQUE);";

#[test]
fn rows_of_a_dropped_table_follow_their_parents() {
    let posts = "CREATE TABLE posts (id INTEGER PRIMARY KEY, a INT REFERENCES users ON DELETE SET NULL,
                 b INT REFERENCES users ON DELETE CASCADE, c INT REFERENCES posts, d INT REFERENCES missing)";
    let rows = "INSERT INTO users (id) VALUES (1), (2), (3);
                INSERT INTO posts VALUES (1, 1, NULL, 1, 5), (2, 2, 1, 1, NULL), (3, 1, 3, NULL, NULL), (4, 99, 98, 97, 96)";
    let between =
        "DELETE FROM users WHERE id > 1; INSERT INTO users (id) VALUES (2); UPDATE users SET id = 7 WHERE id = 1";
    let query = "SELECT id || quote(a) || quote(b) || quote(c) || quote(d) FROM posts ORDER BY id";
    let found = cycle(&format!("{USERS}{posts}"), rows, USERS, between, query);
    assert_eq!(found, "17NULL15 2NULL71NULL 499989796");
}

#[test]
fn a_foreign_key_is_dropped_with_its_parent_column() {
    let from = format!("{USERS} CREATE TABLE posts (id INTEGER PRIMARY KEY, code TEXT REFERENCES users (code))");
    let rows = "INSERT INTO users VALUES (1, 'x'); INSERT INTO posts VALUES (1, 'x'), (2, 'dangling')";
    let to = "CREATE TABLE users (id INTEGER PRIMARY KEY); CREATE TABLE posts (id INTEGER PRIMARY KEY)";
    assert_eq!(cycle(&from, rows, to, "", "SELECT code FROM posts ORDER BY id"), "x dangling");
}

#[test]
fn a_misspelled_parent_is_corrected() {
    let tables =
        |parent: &str| format!("{USERS} CREATE TABLE posts (id INTEGER PRIMARY KEY, u INT REFERENCES {parent})");
    let rows = "INSERT INTO users (id) VALUES (1); INSERT INTO posts VALUES (1, 1)";
    assert_eq!(cycle(&tables("usres"), rows, &tables("users"), "", "SELECT u FROM posts"), "1");
}

#[test]
fn values_of_a_column_that_becomes_generated_are_restored() {
    let table = |column: &str| format!("CREATE TABLE t (id INTEGER PRIMARY KEY, a {column})");
    let rows = "INSERT INTO t VALUES (1, 7), (2, NULL)";
    assert_eq!(cycle(&table("INT"), rows, &table("INT AS (id * 2)"), "", "SELECT quote(a) FROM t"), "7 NULL");
}

#[test]
fn any_outside_strict_is_a_change_of_storage() {
    let table = |option: &str| format!("CREATE TABLE t (id INTEGER PRIMARY KEY, a ANY) {option}");
    let rows = "INSERT INTO t VALUES (1, '007')";
    assert_eq!(cycle(&table("STRICT"), rows, &table(""), "", "SELECT quote(a) FROM t"), "'007'");
}

#[test]
fn a_file_is_all_or_nothing_after_an_error() {
    let table = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t VALUES (1, '007'), (2, '8')";
    for (to, obstacle) in [
        ("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b INT); CREATE UNIQUE INDEX i ON t (b, id > 0)", ""),
        ("CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER)", "CREATE TABLE _new_t (x)"),
        ("CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER CHECK (a < 8))", ""),
        ("CREATE TABLE t (id INTEGER PRIMARY KEY)", "CREATE TABLE _kept_001_t (x)"),
        ("CREATE TABLE u (id INTEGER PRIMARY KEY)", "CREATE TABLE _kept_001_t (x)"),
    ] {
        let up = migration(&Database::new(table).schema(), &Database::new(to).schema()).up;
        let obstacle = if obstacle.is_empty() { "UPDATE t SET a = '9'; CREATE TABLE i (x)" } else { obstacle };
        let mut database = Database::new(&format!("{table}; {obstacle}"));
        let contents = "SELECT sql FROM sqlite_master UNION ALL SELECT quote(a) FROM t";
        let before = database.query(contents);
        assert!(database.run_all(&up), "{up}");
        assert_eq!(database.query(contents), before, "{up}");
    }
}

#[test]
fn a_conflict_that_rolls_back_does_not_end_the_transaction() {
    let table = |ty: &str| format!("CREATE TABLE t (a {ty} UNIQUE ON CONFLICT ROLLBACK)");
    let up = migration(&Database::new(&table("TEXT")).schema(), &Database::new(&table("INT")).schema()).up;
    let mut database = Database::new(&format!("{}; INSERT INTO t VALUES ('7'), ('07')", table("TEXT")));
    assert!(database.run_all(&up), "{up}");
    assert_eq!(database.query("SELECT a FROM t ORDER BY a"), "07 7");
}

#[test]
fn models_agree_with_strict_tables() {
    let mut database = Database::new(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT NOT NULL, flag INTEGER NOT NULL DEFAULT 1) STRICT",
    );
    let flag = Column::new("flag", Type::Bool).default(DefaultValue::Bool(true));
    let name = Column::new("name", Type::Text { max_length: Some(64) });
    let table = Table::new("t", ["id"]).column(Column::new("id", Type::BigInt)).column(name).column(flag);
    let live = database.schema();
    assert_eq!(diff(&live, &normalize(&Schema::new([table.clone()]), &live)), []);

    let size = Column::new("size", Type::Double).nullable();
    let models = Schema::new([table.column(size).column(Column::new("day", Type::Date).nullable())]);
    database.run(&migration(&live, &normalize(&models, &live)).up);
    let live = database.schema();
    assert_eq!(diff(&live, &normalize(&models, &live)), []);
}

#[test]
fn spelling_is_no_difference() {
    let schema = |script| Database::new(script).schema();
    let from = schema("CREATE TABLE t (a INT DEFAULT (0), b TEXT NULL, c INT DEFAULT NULL)");
    assert_eq!(diff(&from, &schema("CREATE TABLE t (a INT DEFAULT 0, b TEXT, c INT)")), []);
    let tables = schema("CREATE TABLE _kept_letters (a); CREATE TABLE _kept_001_x (a)").tables;
    assert_eq!(tables.iter().map(|table| table.name.as_str()).collect::<Vec<_>>(), ["_kept_letters"]);
}
