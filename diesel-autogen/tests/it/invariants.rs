//! A run is undone before the commit when it loses rows, references or triggers that its SQL does not name.

use diesel_autogen::Target;
use std::fs;

use crate::support::Scratch;

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
    let error = scratch.project.upgrade(Target::Latest).unwrap_err().to_string();
    assert_eq!(error, format!("002_b would damage the data, nothing was changed: {words}"));
    assert_eq!(dump(), before);
    assert_eq!(scratch.project.version().unwrap(), 1);
    let blind = with!(Settings { verify: false });
    scratch.project.clone().with(blind).upgrade(Target::Latest).unwrap();
    assert_ne!(dump(), before);
}

#[track_caller]
fn assert_passes(scratch: &Scratch) {
    scratch.project.upgrade(Target::Latest).unwrap();
    assert_eq!(scratch.project.version().unwrap(), 2);
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
    assert_refused(&scratch, "table users would hold 2 of its 3 rows after it was rebuilt");
}

#[test]
fn allows_a_rebuild_with_a_where_clause() {
    assert_passes(&pending(&rebuild("INSERT INTO users_2 SELECT id, nickname, email, visits FROM users WHERE id < 7")));
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
        "002_b would damage the data, nothing was changed: table users is damaged: CHECK constraint failed in users"
    );
    assert_eq!(scratch.project.version().unwrap(), 1);
}

#[test]
fn a_row_lost_from_a_table_that_is_not_named_undoes_the_run() {
    let scratch = pending("UPDATE users SET email = 'a'");
    scratch.execute(
        "CREATE TABLE notes (id INTEGER PRIMARY KEY); INSERT INTO notes VALUES (1);
         CREATE TRIGGER sly AFTER UPDATE ON users BEGIN DELETE FROM notes; END",
    );
    assert_refused(&scratch, "table notes would hold 0 of its 1 row though the migration does not name it");
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
        let words = "table users would hold 2 of its 3 rows after it was rebuilt";
        assert_refused(&scratch, words);
    }
    let picked = "INSERT INTO users SELECT * FROM old WHERE email IS NOT NULL; DROP TABLE old";
    assert_passes(&pending(&by_way_of_another("CREATE TEMP TABLE old AS SELECT * FROM users", picked)));
}

#[test]
fn refuses_statements_that_end_the_protection() {
    for (statement, why) in [
        ("PRAGMA journal_mode = OFF", "without its journal the migration could not be undone: remove the statement"),
        (
            "PRAGMA main.journal_mode(memory)",
            "without its journal the migration could not be undone: remove the statement",
        ),
        (
            "PRAGMA writable_schema = ON",
            "SQLite would accept any text as the schema and could lose the tables: remove the statement",
        ),
        (
            "ATTACH 'other.db' AS other",
            "a migration changes one database, and nothing protects another one: remove the statement",
        ),
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
    let words = "002_b would damage the data, nothing was changed: users would lose the trigger greets: create it again \
                 after the table is rebuilt";
    assert_eq!(said, words);
    for meant in [format!("{copy} {trigger};"), format!("DROP TRIGGER greets; {copy}")] {
        let scratch = pending(&meant);
        scratch.execute(trigger);
        assert_passes(&scratch);
    }
}

#[test]
fn refuses_each_spelling_of_a_refused_statement() {
    let mut statements: Vec<_> =
        ["attach DATABASE 'x' AS x", "/* x */ ATTACH 'x' AS x", "DETACH x", "detach DATABASE 'x'"]
            .map(String::from)
            .into();
    for pragma in ["journal_mode", "writable_schema", "Journal_MODE", "WRITABLE_schema"] {
        for (open, close) in [("", ""), ("\"", "\""), ("[", "]"), ("`", "`"), ("'", "'")] {
            for schema in ["", "main.", "\"main\" . ", "[main].", "'main'/**/."] {
                let name = format!("{schema}{open}{pragma}{close}");
                statements.push(format!("PRAGMA {name} = OFF"));
                statements.push(format!("pragma/**/ {name} (OFF)"));
                // SQLite obeys some pragmas that are only to be explained.
                statements.push(format!("EXPLAIN PRAGMA {name} = OFF"));
                statements.push(format!("EXPLAIN QUERY PLAN PRAGMA {name} = OFF"));
            }
        }
    }
    let scratch = pending("");
    for statement in statements {
        scratch.script("002_b", &format!("{statement};"));
        let said = scratch.project.upgrade(Target::Latest).map_err(|error| error.to_string());
        assert!(said.as_ref().is_err_and(|said| said.contains(": remove the statement in: ")), "{statement}: {said:?}");
    }
    for harmless in ["PRAGMA journal_mode", "PRAGMA cache_size = -2000", "SELECT '=' AS journal_mode"] {
        assert_passes(&pending(harmless));
    }
}

/// A rebuild that loses one of two users with the same nickname.
fn losing_rebuild() -> String {
    rebuild("INSERT OR IGNORE INTO users_2 SELECT * FROM users").replace("nickname TEXT", "nickname TEXT UNIQUE")
}

#[test]
fn other_migrations_of_a_run_excuse_no_loss() {
    let notes = "CREATE TABLE notes (id INTEGER PRIMARY KEY); INSERT INTO notes VALUES (1);";
    let sly = format!("{notes} CREATE TRIGGER sly AFTER UPDATE ON users BEGIN DELETE FROM notes; END");
    let greets = "CREATE TRIGGER greets AFTER INSERT ON users BEGIN SELECT 1; END";
    let generated = {
        let scratch = pending("");
        let target = Scratch::of(&format!("{USERS} CREATE TABLE a (x TEXT); CREATE TABLE b (x TEXT)")).introspect();
        scratch.generate("003_c", &target).up
    };
    assert!(generated.contains("SELECT 0 WHERE"), "{generated}");
    let copies_all = rebuild("INSERT INTO users_2 SELECT * FROM users");
    for (setup, first, second) in [
        ("", generated.as_str(), losing_rebuild()),
        ("", "UPDATE users SET visits = 5 WHERE id = 1", losing_rebuild()),
        ("", "DELETE FROM users WHERE id = 99", losing_rebuild()),
        (&sly, "SELECT * FROM notes", "UPDATE users SET visits = 0".to_owned()),
        (greets, "SELECT 'x' AS greets", copies_all),
    ] {
        let scratch = pending(first);
        scratch.execute(&format!("UPDATE users SET nickname = 'john'; {setup};"));
        let count = || scratch.joined("SELECT count(*) || group_concat(quote(visits)) FROM users");
        let before = count();
        scratch.script("003_c", &second);
        let said = scratch.project.upgrade(Target::Latest).map_err(|error| error.to_string());
        assert!(said.as_ref().is_err_and(|said| said.starts_with("003_c would damage the data")), "{first}: {said:?}");
        assert_eq!(count(), before);
        assert_eq!(scratch.project.version().unwrap(), 1);
    }
}

#[test]
fn words_that_select_no_rows_excuse_no_loss() {
    for harmless in [
        "CREATE TABLE posts (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users ON DELETE CASCADE)",
        "CREATE INDEX posts ON users (visits) WHERE visits > 0",
        "CREATE VIEW posts AS SELECT u.id FROM users u JOIN users ON 1 GROUP BY 1",
        "CREATE TRIGGER posts BEFORE INSERT ON users BEGIN DELETE FROM users WHERE id = -1; END",
        "CREATE TEMP TABLE posts (a); INSERT INTO posts SELECT 1 WHERE (SELECT count(*) FROM users) > 0; DROP TABLE posts",
        "UPDATE users SET visits = 0 WHERE id = 1",
    ] {
        let scratch = pending(&format!("{} {harmless};", losing_rebuild()));
        scratch.execute("UPDATE users SET nickname = 'john'");
        assert_refused(&scratch, "table users would hold 1 of its 3 rows after it was rebuilt");
    }
    for meant in [
        "INSERT INTO users_2 SELECT * FROM (SELECT * FROM users WHERE id < 7)",
        "REPLACE INTO users_2 SELECT * FROM users LIMIT 1",
    ] {
        assert_passes(&pending(&rebuild(meant)));
    }
    let first_copied = rebuild("INSERT INTO users_2 SELECT * FROM users; DELETE FROM users_2 WHERE id = 7");
    assert_passes(&pending(&first_copied));
    let created = "CREATE TABLE users_2 AS SELECT * FROM users WHERE id = 1; DROP TABLE users;
                   ALTER TABLE users_2 RENAME TO users";
    assert_passes(&pending(created));
}
