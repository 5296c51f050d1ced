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
