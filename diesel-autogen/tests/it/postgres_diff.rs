//! The example `diff` as a process, between two databases of one kind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use diesel::connection::SimpleConnection;
use diesel::{Connection as _, SqliteConnection};
use tempfile::TempDir;
use test_support::TestDatabase;

/// The tables of the two databases. Both kinds of database take this SQL.
const FROM: &str = "CREATE TABLE users (id INTEGER PRIMARY KEY, name VARCHAR(64) NOT NULL, age INTEGER);
    CREATE INDEX users_age ON users (age); INSERT INTO users VALUES (1, 'susan', 30);";
const TO: &str = "CREATE TABLE users (id INTEGER PRIMARY KEY, name VARCHAR(64) NOT NULL, about_me TEXT);
    CREATE UNIQUE INDEX users_name ON users (name);
    CREATE TABLE posts (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE);
    CREATE VIEW authors AS SELECT user_id FROM posts;";

/// The built example. Cargo builds it with all tests, but not where only this test is asked for.
fn example() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let build = || {
        let program = std::env::current_exe().unwrap().with_file_name("../examples/diff");
        let modified = |file: &Path| fs::metadata(file).and_then(|file| file.modified()).ok();
        let sources = fs::read_to_string(program.with_extension("d")).unwrap_or_default();
        let mut sources = sources.split_whitespace().skip(1);
        let is_new = |source: &str| modified(Path::new(source)) > modified(&program);
        if modified(&program).is_none() || sources.any(is_new) {
            let features = if cfg!(feature = "cli") { "postgres,cli" } else { "postgres" };
            let arguments =
                ["build", "--quiet", "--package", "diesel-autogen", "--example", "diff", "--features", features];
            assert!(Command::new(env!("CARGO")).args(arguments).status().unwrap().success());
        }
        program
    };
    BUILT.get_or_init(build).clone()
}

fn diff(arguments: &[&str]) -> Output {
    Command::new(example()).args(arguments).output().unwrap()
}

/// A folder with the files `from` and `to`.
fn files(from: &str, to: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("from", from), ("to", to)] {
        sqlite(&folder, name).batch_execute(text).unwrap();
    }
    folder
}

fn path(folder: &TempDir, name: &str) -> String {
    folder.path().join(name).to_str().unwrap().to_owned()
}

fn sqlite(folder: &TempDir, name: &str) -> SqliteConnection {
    SqliteConnection::establish(&path(folder, name)).unwrap()
}

#[test]
fn sqlite_files_become_alike() {
    let folder = files(FROM, TO);
    become_alike(&path(&folder, "from"), &path(&folder, "to"), &mut sqlite(&folder, "from"));
}

#[test]
fn postgresql_databases_become_alike() {
    let (Some(from), Some(to)) = (TestDatabase::new(), TestDatabase::new()) else { return };
    from.connect().batch_execute(FROM).unwrap();
    to.connect().batch_execute(TO).unwrap();
    become_alike(from.url(), to.url(), &mut from.connect());
}

fn become_alike(from: &str, to: &str, connection: &mut impl SimpleConnection) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let plan = || {
        let output = diff(&[from, to, out.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let read = |name| fs::read_to_string(out.join(name)).unwrap();
        (String::from_utf8(output.stdout).unwrap(), read("up.sql"), read("down.sql"))
    };
    let (changes, up, down) = plan();
    assert!(changes.contains("changes table users:\n  adds about_me: Text, may be NULL"), "{changes}");
    connection.batch_execute(&up).unwrap();
    assert_eq!(plan().0, "no differences\n");
    connection.batch_execute(&down).unwrap();
    assert_eq!(plan().0, changes);
}

#[test]
fn an_unhandled_object_that_differs_is_refused() {
    let (Some(from), Some(same), Some(other)) = (TestDatabase::new(), TestDatabase::new(), TestDatabase::new()) else {
        return;
    };
    let objects = "CREATE DOMAIN word AS TEXT CHECK (VALUE <> ''); CREATE TYPE mood AS ENUM ('good');
        CREATE FUNCTION one() RETURNS INTEGER LANGUAGE sql AS 'SELECT 1';
        CREATE TABLE parts (i INTEGER) PARTITION BY LIST (i); CREATE TABLE part PARTITION OF parts FOR VALUES IN (1);";
    let tables = "CREATE TABLE t (id INTEGER PRIMARY KEY); CREATE POLICY own ON t USING (id > 1);";
    from.connect().batch_execute(&[objects, tables].concat()).unwrap();
    same.connect().batch_execute(&[objects, tables, "ALTER TABLE t ADD COLUMN a TEXT"].concat()).unwrap();
    other.connect().batch_execute(&[&objects.replace("IN (1)", "IN (2)"), tables].concat()).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let output = diff(&[from.url(), same.url(), &path(&folder, "same")]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "changes table t:\n  adds a: Text, may be NULL\n");
    require_refused(
        &[from.url(), other.url(), &path(&folder, "other")],
        "diff: cannot write a migration for partition part: ",
    );
}

/// Two databases, which take one pair of scripts after the other.
struct Pair([TestDatabase; 2]);

impl Pair {
    fn new() -> Option<Self> {
        Some(Self([TestDatabase::new()?, TestDatabase::new()?]))
    }

    fn of(&self, from: &str, to: &str) -> [&TestDatabase; 2] {
        for (database, script) in self.0.iter().zip([from, to]) {
            let empty = "DROP SCHEMA IF EXISTS app, b, public CASCADE; CREATE SCHEMA public;";
            database.connect().batch_execute(&format!("{empty} {script}")).unwrap();
        }
        self.0.each_ref()
    }

    fn requires_carried(&self, from: &str, to: &str) {
        let [from, to] = self.of(from, to);
        let (folder, before) = (tempfile::tempdir().unwrap(), dump(from));
        let output = diff(&[from.url(), to.url(), folder.path().to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        for (file, expected) in [("up.sql", dump(to)), ("down.sql", before)] {
            from.connect().batch_execute(&fs::read_to_string(folder.path().join(file)).unwrap()).unwrap();
            assert_eq!(dump(from), expected, "{file}");
        }
    }
}

/// The text of a whole dump, without its settings and comments.
fn dump(database: &TestDatabase) -> Vec<String> {
    let output = Command::new("pg_dump").args(["--schema-only", "--dbname", database.url()]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter(|line| !line.starts_with(['-', '\\'])).map(str::to_owned).collect()
}

#[test]
fn tables_of_other_schemas_become_alike() {
    let Some(pair) = Pair::new() else { return };
    let table = |columns: &str| format!("CREATE SCHEMA app; CREATE TABLE app.users (id INT{columns});");
    let policy = "ALTER TABLE app.users ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON app.users USING (id = 1);";
    for (from, to) in [
        (table(""), table(", name TEXT")),
        (table(""), table("") + policy),
        (
            table(""),
            "CREATE SCHEMA app; CREATE TABLE app.posts (id INT PRIMARY KEY); CREATE TABLE users (id INT)".into(),
        ),
        (table(""), table("") + "COMMENT ON TABLE app.users IS 'people'; CREATE INDEX i ON app.users ((id + 1))"),
    ] {
        pair.requires_carried(&from, &to);
    }
}

#[test]
fn another_difference_of_other_schemas_is_refused_by_name() {
    let Some(pair) = Pair::new() else { return };
    let schema = "CREATE SCHEMA app; CREATE TABLE app.users (id INT);";
    for (more, named) in [
        ("CREATE SCHEMA b", "schema b: "),
        ("CREATE DOMAIN app.word AS TEXT", "domain word of the schema app: "),
        ("CREATE TYPE app.mood AS ENUM ('good')", "enum mood of the schema app: "),
        ("CREATE VIEW app.v AS SELECT id FROM app.users", "view v of the schema app: "),
        ("CREATE SEQUENCE app.s", "sequence s of the schema app: "),
        ("CREATE FUNCTION app.f() RETURNS INT LANGUAGE sql AS 'SELECT 1'", "function f() of the schema app: "),
        ("CREATE TABLE app.p (i INT) PARTITION BY LIST (i)", "partitioned table p of the schema app: "),
        ("GRANT USAGE ON SCHEMA app TO PUBLIC", "schema app: "),
        ("GRANT CREATE ON SCHEMA public TO PUBLIC", "schema public: "),
        ("COMMENT ON SCHEMA app IS 'mine'", "schema app: "),
        ("ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO PUBLIC", "default privileges "),
    ] {
        for scripts in [[schema, &[schema, more].concat()], [&[schema, more].concat(), schema]] {
            let [from, to] = pair.of(scripts[0], scripts[1]);
            let folder = tempfile::tempdir().unwrap();
            let out = path(&folder, "out");
            require_refused(&[from.url(), to.url(), &out], &format!("diff: cannot write a migration for {named}"));
        }
    }
}

/// Each column keeps its default through the change.
#[test]
fn a_type_that_becomes_another_keeps_its_default() {
    let Some(pair) = Pair::new() else { return };
    let enums = |used: &str| {
        format!(
            "CREATE TYPE old AS ENUM ('a', 'b'); CREATE TYPE new AS ENUM ('b', 'a'); CREATE TABLE t (e {used} DEFAULT 'a')"
        )
    };
    let values = "INSERT INTO t VALUES ('a'), ('b')";
    pair.requires_carried(&(enums("old") + "; " + values), &enums("new"));
    let text = |ty: &str| format!("CREATE TABLE t (v {ty} DEFAULT 'z')");
    pair.requires_carried(&text("VARCHAR(9)"), &text("TEXT"));
}

#[test]
fn the_spelling_of_a_default_is_carried() {
    let Some(pair) = Pair::new() else { return };
    let table = |defaults: &[(&str, &str)]| {
        let columns = defaults.iter().enumerate().map(|(at, (ty, default))| format!("c{at} {ty} {default}"));
        format!("CREATE TABLE t ({})", columns.collect::<Vec<_>>().join(", "))
    };
    let usual = table(&[
        ("VARCHAR(9)", ""),
        ("BIGINT", "DEFAULT 2"),
        ("NUMERIC", "DEFAULT -1.5"),
        ("VARCHAR(9)", "DEFAULT 'x'"),
        ("TIMESTAMPTZ", "DEFAULT now()"),
        ("DATE", "DEFAULT '2020-01-01'"),
        ("INT", "DEFAULT -1"),
    ]);
    let others = table(&[
        ("VARCHAR(9)", "DEFAULT NULL::varchar"),
        ("BIGINT", "DEFAULT '2'::bigint"),
        ("NUMERIC", "DEFAULT '-1.5'::float8"),
        ("VARCHAR(9)", "DEFAULT 'x'::text"),
        ("TIMESTAMPTZ", "DEFAULT CURRENT_TIMESTAMP"),
        ("DATE", "DEFAULT CURRENT_DATE"),
        ("INT", "DEFAULT '-1'::smallint"),
    ]);
    pair.requires_carried(&usual, &others);
    pair.requires_carried("", &others);
}

#[test]
fn databases_of_two_kinds_are_refused() {
    let folder = files(FROM, TO);
    let (file, out) = (path(&folder, "from"), path(&folder, "out"));
    let url = "postgres://localhost:1/none";
    require_refused(&[&file, url, &out], "diff: FROM and TO are databases of two kinds");
    require_refused(&[url, &file, &out], "diff: FROM and TO are databases of two kinds");
}

#[test]
fn a_missing_database_is_refused() {
    let folder = files(FROM, TO);
    require_refused(&[&path(&folder, "from"), &path(&folder, "none"), &path(&folder, "out")], "diff: ");
}

/// The example fails with one line, and writes nothing.
fn require_refused(arguments: &[&str], message: &str) {
    let output = diff(arguments);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.starts_with(message) && error.lines().count() == 1, "{error}");
    assert!(!Path::new(arguments[2]).exists());
}

#[test]
fn wrong_arguments_have_a_status_of_their_own() {
    let output = diff(&["from", "to"]);
    assert_eq!(
        (output.status.code(), output.stderr.as_slice()),
        (Some(2), b"usage: diff FROM TO OUT_DIR\n".as_slice())
    );
}
