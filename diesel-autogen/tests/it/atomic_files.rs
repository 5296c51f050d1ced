//! A generated file is all or nothing in every runner: Diesel's own harness with the folder, or the `sqlite3` shell, which
//! goes on after an error.

use std::fs::File;
use std::io::Write as _;
use std::process::{Command, Stdio};

use diesel_autogen::schema::Schema;
use diesel_migrations::{FileBasedMigrations, MigrationHarness as _};

use crate::support::Scratch;

const TABLES: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, c INT);
    CREATE TABLE child (id INTEGER PRIMARY KEY, t INT NOT NULL REFERENCES t ON DELETE CASCADE);
    CREATE TABLE u (id INTEGER PRIMARY KEY, v TEXT);
    CREATE VIEW w AS SELECT id FROM t;
    CREATE TRIGGER x AFTER DELETE ON t BEGIN DELETE FROM u; END;";
const ROWS: &str = "INSERT INTO t VALUES (1, 'same', 1), (2, 'same', NULL); INSERT INTO child VALUES (1, 1), (2, 2);
    INSERT INTO u VALUES (1, 'v')";
const UNIQUE: &str = "CREATE UNIQUE INDEX i ON t (a)";

/// Targets that the rows do not allow, each in a place of its own among other statements.
fn refused() -> Vec<String> {
    let change = |from: &str, to: &str| {
        assert!(TABLES.contains(from), "{from}");
        format!("{}{UNIQUE}", TABLES.replace(from, to))
    };
    vec![
        change("", ""),
        change("c INT)", "c INT, d INT)"),
        change(", c INT)", ")"),
        change("c INT)", "c TEXT)"),
        change("c INT)", "c INT NOT NULL)"),
        change("c INT)", "c INT CHECK (c > 1))"),
        change("v TEXT", "v INT"),
        change("CREATE TABLE u", "CREATE TABLE n (id INTEGER PRIMARY KEY); CREATE TABLE u"),
        change("CREATE TABLE u (id INTEGER PRIMARY KEY, v TEXT);", "").replace("DELETE FROM u;", "SELECT 1;"),
        change("SELECT id FROM t", "SELECT id, a FROM t"),
        change("DELETE FROM u;", "UPDATE u SET v = 1;"),
        TABLES.replace("a TEXT", "a TEXT UNIQUE"),
        format!("{TABLES} CREATE UNIQUE INDEX i ON t (a, id > 0)").replace("c INT)", "c INT, d INT)"),
    ]
}

/// Where everything is allowed.
const ALLOW: &str = "UPDATE t SET a = id, c = 2";

/// Every object and row, in an order that no rebuild changes.
fn contents(scratch: &Scratch) -> Vec<String> {
    let texts = "SELECT sql FROM sqlite_master WHERE sql NOT NULL AND tbl_name NOT LIKE '\\_\\_%' ESCAPE '\\'";
    // ALTER TABLE RENAME writes a name in quotes.
    let mut contents: Vec<_> = scratch.query(texts).into_iter().flatten().map(|text| text.replace('"', "")).collect();
    for table in scratch.introspect().tables {
        let columns: Vec<_> = table.columns.iter().map(|column| column.name.clone()).collect();
        contents.push(format!("{} {:?}", table.name, scratch.values(&table.name, &columns)));
    }
    contents.sort();
    contents
}

/// A database with these rows, and a migration to `to` that was written without any.
fn with_migration(to: &Schema, rows: &str) -> Scratch {
    let scratch = Scratch::of(TABLES);
    scratch.generate("001_migration", to);
    scratch.execute(rows);
    scratch
}

/// Runs a file in the shell. Returns what it reports, or `None` where there is no shell.
fn shell(scratch: &Scratch, file: &str) -> Option<String> {
    let file = File::open(scratch.path().join("migrations/sqlite/001_migration").join(file)).unwrap();
    let database = scratch.path().join("app.db");
    let output = Command::new("sqlite3").arg(database).stdin(file).stderr(Stdio::piped()).output();
    if output.is_err() {
        // Not by eprintln!, which the test harness captures.
        let _ = std::io::stderr().write_all(b"skipped: no sqlite3 command\n");
    }
    Some(String::from_utf8_lossy(&output.ok()?.stderr).into_owned())
}

fn harness(scratch: &Scratch) -> FileBasedMigrations {
    FileBasedMigrations::from_path(scratch.path().join("migrations/sqlite")).unwrap()
}

#[test]
fn diesels_harness_applies_all_or_nothing() {
    for to in refused() {
        let scratch = with_migration(&Scratch::of(&to).introspect(), ROWS);
        let before = contents(&scratch);
        assert!(scratch.connect().run_pending_migrations(harness(&scratch)).is_err(), "{to}");
        assert_eq!(contents(&scratch), before, "{to}");
        scratch.execute(ALLOW);
        let before = contents(&scratch);
        scratch.connect().run_pending_migrations(harness(&scratch)).unwrap();
        assert_ne!(contents(&scratch), before);
        scratch.connect().revert_last_migration(harness(&scratch)).unwrap();
        assert_eq!(contents(&scratch), before, "{to}");
    }
}

#[test]
fn the_shell_applies_all_or_nothing() {
    for to in refused() {
        let scratch = with_migration(&Scratch::of(&to).introspect(), ROWS);
        let before = contents(&scratch);
        let Some(errors) = shell(&scratch, "up.sql") else { return };
        assert!(errors.contains("constraint failed"), "{to}: {errors}");
        assert_eq!(contents(&scratch), before, "{to}");
        scratch.execute(ALLOW);
        let before = contents(&scratch);
        assert_eq!(shell(&scratch, "up.sql").as_deref(), Some(""), "{to}");
        assert_ne!(contents(&scratch), before, "{to}");
        assert_eq!(shell(&scratch, "down.sql").as_deref(), Some(""), "{to}");
        assert_eq!(contents(&scratch), before, "{to}");
    }
}

#[test]
fn a_downgrade_is_all_or_nothing() {
    for to in refused() {
        // The way back meets rows that the tables of before refuse.
        let (from, target) = (Scratch::of(&to).introspect(), Scratch::of(TABLES).introspect());
        let scratch = Scratch::of(&to);
        scratch.generate("001_migration", &target);
        let before = contents(&scratch);
        scratch.connect().run_pending_migrations(harness(&scratch)).unwrap();
        scratch.execute(ROWS);
        let after = contents(&scratch);
        if scratch.connect().revert_last_migration(harness(&scratch)).is_ok() {
            assert_eq!(diesel_autogen::diff(&scratch.introspect(), &from), [], "{to}");
            continue;
        }
        assert_eq!(contents(&scratch), after, "{to}");
        let Some(errors) = shell(&scratch, "down.sql") else { return };
        assert!(errors.contains("constraint failed"), "{to}: {errors}");
        assert_eq!(contents(&scratch), after, "{to}");
        scratch.execute("DELETE FROM child; DELETE FROM t; DELETE FROM u");
        scratch.connect().revert_last_migration(harness(&scratch)).unwrap();
        assert_eq!(contents(&scratch), before, "{to}");
    }
}

#[test]
fn a_conflict_that_rolls_back_does_not_end_the_transaction() {
    let table = |ty: &str| format!("CREATE TABLE t (a {ty} UNIQUE ON CONFLICT ROLLBACK)");
    let scratch = Scratch::of(&table("TEXT"));
    scratch.generate("001_migration", &Scratch::of(&table("INT")).introspect());
    scratch.execute("INSERT INTO t VALUES ('7'), ('07')");
    let before = contents(&scratch);
    assert!(scratch.connect().run_pending_migrations(harness(&scratch)).is_err());
    assert_eq!(contents(&scratch), before);
    let Some(errors) = shell(&scratch, "up.sql") else { return };
    assert!(errors.contains("UNIQUE constraint failed"), "{errors}");
    assert_eq!(contents(&scratch), before);
}

#[test]
fn rows_with_dangling_references_do_not_stop_the_harness() {
    let parent = "CREATE TABLE p (id INTEGER PRIMARY KEY);";
    let from = format!("{parent} CREATE TABLE c (id INTEGER PRIMARY KEY, p INT REFERENCES p ON DELETE CASCADE)");
    for to in [format!("{parent} CREATE TABLE c (id INTEGER PRIMARY KEY)"), parent.to_owned()] {
        let scratch = Scratch::of(&from);
        scratch.generate("001_migration", &Scratch::of(&to).introspect());
        scratch.execute("PRAGMA foreign_keys = OFF; INSERT INTO p VALUES (1); INSERT INTO c VALUES (1, 1), (2, 99)");
        let before = contents(&scratch);
        scratch.connect().run_pending_migrations(harness(&scratch)).unwrap();
        scratch.connect().revert_last_migration(harness(&scratch)).unwrap();
        assert_eq!(contents(&scratch), before, "{to}");
    }
}

/// SQLite 3.35 and 3.36 do not look at the rows when ALTER TABLE adds a column with a CHECK.
#[test]
fn a_new_column_with_a_check_is_a_rebuild() {
    let table = |columns: &str| format!("CREATE TABLE t (id INTEGER PRIMARY KEY{columns})");
    for column in
        ["u INTEGER CHECK (u NOT NULL)", "u INT DEFAULT 1 CHECK (u > 0)", "u INT, CHECK (u IS NOT NULL OR id < 0)"]
    {
        let scratch = Scratch::of(&table(""));
        let sql = scratch.generate("001_migration", &Scratch::of(&table(&format!(", {column}"))).introspect());
        assert!(!sql.up.contains("ADD COLUMN") && sql.up.contains("INSERT INTO _new_t"), "{}", sql.up);
        scratch.execute("INSERT INTO t VALUES (1)");
        let allowed = column.contains("DEFAULT");
        assert_eq!(scratch.project.upgrade(diesel_autogen::Target::Latest).is_ok(), allowed, "{column}");
    }
}
