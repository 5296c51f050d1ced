//! A run is undone before the commit when it loses or changes rows that its SQL does not name.

use migrate::Target;
use std::fs;

use crate::support::Scratch;
use migrate::Settings;

const USERS: &str = "CREATE TABLE users (id INTEGER PRIMARY KEY, nickname TEXT NOT NULL, email TEXT, visits INTEGER);
     CREATE INDEX users_email ON users (email);";

/// Users, and a pending handwritten migration.
fn pending(up: &str) -> Scratch {
    pending_on(USERS, "INSERT INTO users VALUES (1, 'susan', 's@x', 1), (2, 'john', NULL, 2), (7, 'ann', 'a@x', 3)", up)
}

fn pending_on(first: &str, rows: &str, up: &str) -> Scratch {
    let scratch = Scratch::new();
    let write = |name: &str, file: &str, text: &str| {
        let folder = scratch.path().join("migrations/sqlite").join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(file), text).unwrap();
    };
    write("001_a", "up.sql", first);
    scratch.project.upgrade(Target::Latest).unwrap();
    scratch.execute(rows);
    write("002_b", "up.sql", up);
    scratch
}

/// Asserts that the run is undone with this error, and succeeds without verification.
#[track_caller]
fn assert_refused(scratch: &Scratch, words: &str) {
    let dump = || scratch.query("SELECT quote(id) || quote(nickname) || quote(email) || quote(visits) FROM users");
    let before = dump();
    assert_eq!(scratch.project.upgrade(Target::Latest).unwrap_err().to_string(), words);
    assert_eq!(dump(), before);
    assert_eq!(scratch.project.version().unwrap(), 1);
    let blind = Settings { verify: false, ..Settings::default() };
    scratch.project.clone().with(blind).upgrade(Target::Latest).unwrap();
    assert_ne!(dump(), before);
}

#[track_caller]
fn assert_passes(scratch: &Scratch) {
    scratch.project.upgrade(Target::Latest).unwrap();
    assert_eq!(scratch.project.version().unwrap(), 2);
}

const TRIGGER: &str = "A trigger, or a copy by position, may do it: db_upgrade --rehearse shows a row that differs; if it is \
                       meant, run again with --no-verify";

fn changed(what: &str) -> String {
    format!("{what} would change, though no migration of this run sets it; nothing was changed. {TRIGGER}")
}

/// A handwritten rebuild that copies the rows with this statement.
fn rebuild(copy: &str) -> String {
    format!(
        "CREATE TABLE users_2 (id INTEGER PRIMARY KEY, nickname TEXT NOT NULL CHECK (nickname <> ''), email TEXT,
             visits INTEGER);
         {copy};
         DROP TABLE users;
         ALTER TABLE users_2 RENAME TO users;
         CREATE INDEX users_email ON users (email);"
    )
}

#[test]
fn a_trigger_that_changes_another_column_undoes_the_run() {
    let scratch = pending("UPDATE users SET email = 'x@y' WHERE id = 2");
    scratch.execute(
        "CREATE TRIGGER sly AFTER UPDATE OF email ON users BEGIN UPDATE users SET nickname = '' WHERE id = 7; END",
    );
    assert_refused(&scratch, &changed("users.nickname"));
}

#[test]
fn a_trigger_that_changes_another_table_undoes_the_run() {
    let scratch = pending("CREATE TABLE log (what TEXT); INSERT INTO log VALUES ('b'); DELETE FROM log");
    scratch.execute("ALTER TABLE users ADD COLUMN log TEXT");
    let up = "CREATE TABLE log (what TEXT);
              CREATE TRIGGER sly AFTER INSERT ON log BEGIN UPDATE users SET visits = 0, email = 'gone'; END;
              INSERT INTO log VALUES ('b');";
    fs::write(scratch.path().join("migrations/sqlite/002_b/up.sql"), up).unwrap();
    assert_refused(&scratch, &changed("users.email, users.visits"));
}

#[test]
fn detects_values_that_are_swapped_between_rows() {
    let scratch = pending("UPDATE users SET email = 'x@y' WHERE id = 2");
    scratch.execute(
        "CREATE TRIGGER sly AFTER UPDATE OF email ON users BEGIN
             UPDATE users SET visits = 4 - visits WHERE id IN (1, 7);
         END",
    );
    assert_refused(&scratch, &changed("users.visits"));
}

#[test]
fn allows_changes_of_named_columns_and_added_rows() {
    let scratch = pending("UPDATE users SET email = lower(nickname), visits = visits + 1");
    scratch.execute(
        "CREATE TABLE audit (id INTEGER PRIMARY KEY, user_id INTEGER);
         CREATE TRIGGER audited AFTER UPDATE ON users BEGIN INSERT INTO audit (user_id) VALUES (new.id); END",
    );
    assert_passes(&scratch);
    assert_eq!(scratch.query("SELECT email FROM users ORDER BY id")[2], Some("ann".into()));
}

#[test]
fn allows_a_handwritten_rebuild_that_copies_every_row() {
    assert_passes(&pending(&rebuild("INSERT INTO users_2 SELECT * FROM users")));
    let renamed = "ALTER TABLE users RENAME COLUMN email TO mail; ALTER TABLE users RENAME TO people;";
    assert_passes(&pending(renamed));
    let upper =
        "INSERT INTO users_2 (id, nickname, email, visits) SELECT id, upper(nickname), email, visits FROM users";
    assert_passes(&pending(&rebuild(upper)));
}

#[test]
fn a_handwritten_rebuild_that_loses_a_row_undoes_the_run() {
    let scratch = pending(&rebuild("INSERT OR IGNORE INTO users_2 SELECT id, nickname, email, visits FROM users"));
    scratch.execute("UPDATE users SET nickname = '' WHERE id = 7");
    assert_refused(
        &scratch,
        "table users would hold 2 rows instead of its 3 after it was rebuilt; nothing was changed. If that is meant, \
         run again with --no-verify",
    );
}

#[test]
fn allows_a_rebuild_with_a_where_clause() {
    assert_passes(&pending(&rebuild("INSERT INTO users_2 SELECT id, nickname, email, visits FROM users WHERE id < 7")));
}

#[test]
fn a_trigger_that_changes_copied_rows_undoes_the_run() {
    let sly = "CREATE TRIGGER sly AFTER INSERT ON users_2 BEGIN
                   UPDATE users_2 SET email = NULL WHERE id = new.id AND id = 1;
               END;
               INSERT INTO users_2 SELECT id, nickname, email, visits FROM users; DROP TRIGGER sly";
    assert_refused(&pending(&rebuild(sly)), &changed("users.email"));
}

#[test]
fn compares_rows_without_a_key_as_a_whole() {
    let users = USERS.replace("id INTEGER PRIMARY KEY", "id INTEGER");
    let rows = "INSERT INTO users VALUES (1, 'susan', 's@x', 1), (1, 'susan', 's@x', 1), (2, 'john', NULL, 2);
                CREATE TABLE log (what);
                CREATE TRIGGER sly AFTER INSERT ON log BEGIN UPDATE users SET visits = 3 - visits; END";
    let scratch = pending_on(&users, rows, "INSERT INTO log VALUES (1)");
    assert_refused(&scratch, &changed("a row of users"));
}

#[test]
fn allows_a_generated_column_to_change() {
    let users = USERS.replace("visits INTEGER", "visits INTEGER GENERATED ALWAYS AS (length(email)) STORED");
    let rows = "INSERT INTO users (id, nickname) VALUES (1, 'susan');
                CREATE TRIGGER harmless AFTER UPDATE ON users BEGIN SELECT 1; END";
    assert_passes(&pending_on(&users, rows, "UPDATE users SET email = 'a@b'"));
}

#[test]
fn allows_a_column_to_change_its_type() {
    let script = rebuild("INSERT INTO users_2 SELECT id, nickname, email, visits FROM users")
        .replace("visits INTEGER", "visits TEXT");
    assert_passes(&pending(&script));
}

#[test]
fn a_damaged_rebuilt_table_undoes_the_run() {
    let blind = "PRAGMA ignore_check_constraints = ON; INSERT INTO users_2 SELECT * FROM users;
                 PRAGMA ignore_check_constraints = OFF";
    let scratch = pending(&rebuild(blind).replace("email TEXT", "email TEXT CHECK (email IS NOT NULL)"));
    let said = scratch.project.upgrade(Target::Latest).unwrap_err().to_string();
    assert_eq!(
        said,
        "table users would be damaged after it was rebuilt, nothing was changed: CHECK constraint failed in users"
    );
    assert_eq!(scratch.project.version().unwrap(), 1);
}

#[test]
fn a_row_lost_from_a_table_that_is_only_read_undoes_the_run() {
    let scratch = pending("UPDATE users SET email = (SELECT 'notes' || count(*) FROM notes)");
    scratch.execute(
        "CREATE TABLE notes (id INTEGER PRIMARY KEY); INSERT INTO notes VALUES (1);
         CREATE TRIGGER sly AFTER UPDATE ON users BEGIN DELETE FROM notes; END",
    );
    assert_refused(
        &scratch,
        "table notes would keep 0 of its 1 row, though no migration of this run takes any from it; nothing was changed. \
         A trigger may do it; if that is meant, run again with --no-verify",
    );
}

#[test]
fn detects_a_row_that_others_replace() {
    for key in ["TEXT PRIMARY KEY", "TEXT"] {
        let scratch = pending("UPDATE users SET email = 'x' WHERE id = 1");
        scratch.execute(&format!(
            "CREATE TABLE settings (name {key}, value TEXT); INSERT INTO settings VALUES ('token', 'precious');
             CREATE TRIGGER sly AFTER UPDATE ON users BEGIN
                 DELETE FROM settings; INSERT INTO settings VALUES ('a', 1), ('b', 2);
             END"
        ));
        let said = scratch.project.upgrade(Target::Latest).unwrap_err().to_string();
        assert!(said.contains("settings") && said.contains("would change"), "{said}");
    }
}

#[test]
fn a_rebuild_that_swaps_columns_undoes_the_run() {
    let up = rebuild("INSERT INTO users_2 SELECT * FROM users")
        .replace("nickname TEXT NOT NULL CHECK (nickname <> ''), email TEXT", "email TEXT, nickname TEXT");
    assert_refused(&pending(&up), &changed("users.email, users.nickname"));
}

#[test]
fn a_handwritten_rebuild_that_skips_a_column_undoes_the_run() {
    let scratch =
        pending(&rebuild("INSERT INTO users_2 (id, nickname, visits) SELECT id, nickname, visits FROM users"));
    assert_refused(&scratch, &changed("users.email"));
    let other = "CREATE TABLE users_2 (id INTEGER PRIMARY KEY, nickname TEXT NOT NULL, visits INTEGER);
                 INSERT INTO users_2 SELECT id, nickname, visits FROM users;
                 DROP TABLE users;
                 ALTER TABLE users_2 RENAME TO users;";
    // A handwritten rebuild may drop the column.
    assert_passes(&pending(other));
}

#[test]
fn a_table_recreated_from_another_keeps_its_rows() {
    let by_way_of_another = |copy: &str, back: &str| {
        format!(
            "{copy};
             DROP TABLE users;
             CREATE TABLE users (id INTEGER PRIMARY KEY, nickname TEXT NOT NULL, email TEXT NOT NULL, visits INTEGER);
             {back};"
        )
    };
    for (copy, back) in [
        (
            "CREATE TEMP TABLE old AS SELECT * FROM users",
            "INSERT OR IGNORE INTO users SELECT * FROM old; DROP TABLE old",
        ),
        ("CREATE TABLE old AS SELECT * FROM users", "INSERT OR IGNORE INTO users SELECT * FROM old; DROP TABLE old"),
        (
            "CREATE TABLE old AS SELECT * FROM users",
            "WITH x AS (SELECT * FROM old) INSERT OR IGNORE INTO users SELECT * FROM x; DROP TABLE old",
        ),
    ] {
        let scratch = pending(&by_way_of_another(copy, back));
        let words = "table users would keep 2 of its 3 rows, though no migration of this run takes any from it; nothing \
                     was changed. A trigger may do it; if that is meant, run again with --no-verify";
        assert_refused(&scratch, words);
    }
    let picked = "INSERT INTO users SELECT * FROM old WHERE email IS NOT NULL; DROP TABLE old";
    assert_passes(&pending(&by_way_of_another("CREATE TEMP TABLE old AS SELECT * FROM users", picked)));
}

#[test]
fn refuses_statements_that_end_the_protection() {
    for (statement, why) in [
        ("PRAGMA journal_mode = OFF", "without its journal the migration could not be undone: take it out"),
        ("PRAGMA main.journal_mode(memory)", "without its journal the migration could not be undone: take it out"),
        (
            "PRAGMA writable_schema = ON",
            "SQLite would take any text for the schema, and no longer read the tables: take it out",
        ),
        ("ATTACH 'other.db' AS other", "a migration changes one database: nothing protects another one: take it out"),
    ] {
        let scratch = pending(&format!("UPDATE users SET visits = 0; {statement}; UPDATE users SET visits = 1"));
        let said = scratch.project.upgrade(Target::Latest).unwrap_err().to_string();
        let expected = format!("migration 002_b failed, nothing was changed: {why} in: {statement}");
        assert_eq!(said, expected);
        assert!(!scratch.path().join("other.db").exists());
    }
    let scratch = pending("UPDATE users SET visits = 0; /* and then DELETE FROM users");
    let said = scratch.project.upgrade(Target::Latest).unwrap_err().to_string();
    assert!(said.contains("comment") && said.contains("nothing was changed"), "{said}");
}

#[test]
fn a_handwritten_rebuild_that_loses_a_trigger_undoes_the_run() {
    let copy = rebuild("INSERT INTO users_2 SELECT * FROM users");
    let trigger =
        "CREATE TRIGGER greets AFTER INSERT ON users BEGIN UPDATE users SET visits = 0 WHERE id = new.id; END";
    let scratch = pending(&copy);
    scratch.execute(trigger);
    let said = scratch.project.upgrade(Target::Latest).unwrap_err().to_string();
    let words = "users would lose the trigger greets, though no migration of this run drops it; nothing was changed. Make \
                 it again in the migration, after the table: the migration that made it first has its text";
    assert_eq!(said, words);
    for meant in [format!("{copy} {trigger};"), format!("DROP TRIGGER greets; {copy}")] {
        let scratch = pending(&meant);
        scratch.execute(trigger);
        assert_passes(&scratch);
    }
}
