//! Rehearsals: a migration is tried on a copy of the rows before it is written, and the copy is removed.

use std::fs;

use crate::support::{Scratch, listening, taken};
use diesel_autogen::schema::{Check, Column, DefaultValue, Index, IndexColumn, Schema, Table, Type};
use diesel_autogen::{DatabaseUrl, Migrator, PlanOptions, Target};

const TEXT: Type = Type::Text { max_length: None };

fn table() -> Table {
    Table::new("t", ["id"]).column(Column::new("id", Type::Integer)).column(Column::new("v", TEXT).nullable())
}

fn with_rows() -> Scratch {
    let scratch = Scratch::new();
    scratch.migrate(&Schema::new([table()]));
    scratch.execute("INSERT INTO t (v) VALUES ('a'), ('a'), ('007')");
    scratch
}

fn files(scratch: &Scratch) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(scratch.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[track_caller]
fn refused(scratch: &Scratch, models: &Schema) -> String {
    let before = files(scratch);
    let error = scratch.project.plan(models, &PlanOptions::default()).unwrap_err().to_string();
    assert_eq!(files(scratch), before);
    error
}

#[test]
fn finds_what_the_rows_do_not_allow() {
    let scratch = with_rows();
    let unique = Schema::new([table().index(Index::new("t", [IndexColumn::asc("v")], true))]);
    let error = refused(&scratch, &unique);
    assert!(error.contains("up.sql, on the rows: UNIQUE constraint failed: t.v"), "{error}");
    let checked = Schema::new([table().check(Check::new("length(v) < 2"))]);
    let error = refused(&scratch, &checked);
    assert!(error.contains("CHECK constraint failed: length(v) < 2"), "{error}");
    assert_eq!(files(&scratch), ["app.db", "migrations"]);
}

#[test]
fn without_it_the_run_fails_and_writes_nothing() {
    let scratch = with_rows();
    let unique = Schema::new([table().index(Index::new("t", [IndexColumn::asc("v")], true))]);
    let wishes = with!(PlanOptions { no_rehearsal: true });
    let plan = scratch.project.plan(&unique, &wishes).unwrap().unwrap();
    let error = scratch.project.apply(&plan).unwrap_err().to_string();
    assert!(error.contains("UNIQUE constraint failed: t.v"), "{error}");
    assert_eq!(files(&scratch), ["app.db", "migrations"]);
    assert_eq!(fs::read_dir(scratch.path().join("migrations/sqlite")).unwrap().count(), 1);
}

#[test]
fn does_not_touch_the_database() {
    for mode in ["DELETE", "WAL"] {
        let scratch = with_rows();
        scratch.execute(&format!("PRAGMA journal_mode = {mode}"));
        let before = fs::read(scratch.path().join("app.db")).unwrap();
        let models = Schema::new([Table::new("t", ["id"]).column(Column::new("id", Type::Integer))]);
        scratch.project.plan(&models, &PlanOptions::default()).unwrap().unwrap();
        assert_eq!(fs::read(scratch.path().join("app.db")).unwrap(), before);
        assert_eq!(files(&scratch), ["app.db", "migrations"]);
    }
}

#[test]
fn removes_what_a_killed_rehearsal_left() {
    let scratch = with_rows();
    for name in [".rehearsal-1", &format!(".rehearsal-{}", std::process::id())] {
        let folder = scratch.path().join(name);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("before.db"), "half a copy").unwrap();
        fs::write(folder.join("copy.db-journal"), "").unwrap();
        fs::write(folder.join("lock"), "").unwrap();
    }
    let busy = scratch.path().join(".rehearsal-2");
    fs::create_dir(&busy).unwrap();
    let lock = fs::File::create(busy.join("lock")).unwrap();
    lock.lock().unwrap();
    fs::write(scratch.path().join(".rehearsal-notes.txt"), "not a folder").unwrap();
    let models = Schema::new([table().column(Column::new("w", TEXT).nullable())]);
    scratch.project.plan(&models, &PlanOptions::default()).unwrap().unwrap();
    assert_eq!(files(&scratch), [".rehearsal-2", ".rehearsal-notes.txt", "app.db", "migrations"]);
    drop(lock);
    scratch.project.plan(&models, &PlanOptions::default()).unwrap().unwrap();
    assert_eq!(files(&scratch), [".rehearsal-notes.txt", "app.db", "migrations"]);
}

#[test]
fn accepts_rows_of_every_kind() {
    let scratch = with_rows();
    let models = Schema::new([Table::new("t", ["id"])
        .column(Column::new("id", Type::BigInt))
        .column(Column::new("v", Type::Integer).default(DefaultValue::Number("3".into())))]);
    scratch.execute("INSERT INTO t (v) VALUES (NULL), (x'00'), (CAST(x'ff00ff' AS TEXT))");
    let values = || scratch.query("SELECT typeof(v) || hex(v) FROM t ORDER BY id");
    let before = values();
    scratch.migrate(&models);
    scratch.downgrade();
    assert_eq!(values(), before);
}

#[test]
fn fires_no_trigger() {
    let scratch = with_rows();
    scratch.execute(
        "CREATE TABLE log (what TEXT); INSERT INTO log VALUES ('x');
         CREATE TRIGGER sly AFTER UPDATE ON t BEGIN DELETE FROM log; END;",
    );
    let mut models = Schema::new([table().column(Column::new("w", TEXT).nullable())]);
    models.tables.push(Table::new("log", []).column(Column::new("what", TEXT).nullable()));
    scratch.migrate(&models);
    assert_eq!(scratch.query("SELECT what FROM log"), [Some("x".into())]);
}

#[test]
fn rehearses_without_rows_above_the_limit() {
    let scratch = with_rows();
    let base = scratch.path().to_owned();
    let (migrator, events) = listening(&scratch.project, with!(Settings { rehearsal_limit: 1, base: base }));
    // The rows would not allow this check.
    let checked = Schema::new([table().check(Check::new("length(v) > 10"))]);
    assert!(migrator.plan(&checked, &PlanOptions::default()).unwrap().is_some());
    let [line] = &taken(&events)[..] else { panic!("one event") };
    assert!(line.starts_with("the database holds ") && line.ends_with("rehearsing without rows"), "{line}");
    assert_eq!(files(&scratch), ["app.db", "migrations"]);
}

/// Adds a handwritten migration that is not applied yet.
fn write(scratch: &Scratch, name: &str, up: &str, down: Option<&str>) {
    let folder = scratch.path().join("migrations/sqlite").join(name);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("up.sql"), up).unwrap();
    match down {
        Some(down) => fs::write(folder.join("down.sql"), down).unwrap(),
        None => drop(fs::remove_file(folder.join("down.sql"))),
    }
}

/// The result of rehearsing migration 002, on a table with the key `id` and the columns `v` and `w`.
#[track_caller]
fn rehearsed(up: &str, down: Option<&str>) -> Result<String, String> {
    let scratch = Scratch::new();
    let models = Schema::new([table().column(Column::new("w", TEXT).nullable())]);
    scratch.migrate(&models);
    scratch.execute("INSERT INTO t (v, w) VALUES ('a', 'A'), ('b', 'B'), ('007', 'C')");
    write(&scratch, "002_by_hand", up, down);
    let before = fs::read(scratch.path().join("app.db")).unwrap();
    let said = scratch.project.rehearse(Target::Latest);
    assert_eq!(files(&scratch), ["app.db", "migrations"]);
    assert!(fs::read(scratch.path().join("app.db")).unwrap() == before);
    said.map(|said| said.to_string()).map_err(|error| error.to_string())
}

const UP_AND_DOWN: &str = "Rehearsed 002_by_hand: up, down and up again, on a copy of 3 rows";

#[track_caller]
fn not_right(up: &str, down: &str, why: &str) {
    assert_eq!(
        rehearsed(up, Some(down)).unwrap_err(),
        format!("the rehearsal of 002_by_hand failed, nothing was changed: {why}")
    );
}

#[test]
fn reports_values_that_a_rebuild_loses() {
    let rebuild = |columns: &str| {
        format!(
            "CREATE TABLE t2 (id INTEGER NOT NULL PRIMARY KEY, v TEXT, w TEXT);
             INSERT INTO t2 ({columns}) SELECT {columns} FROM t; DROP TABLE t; ALTER TABLE t2 RENAME TO t;"
        )
    };
    let (whole, forgetful) = (rebuild("id, v, w"), rebuild("id, w"));
    let lost = "t.v changed in 3 rows, such as id = 1, from 'a' to NULL";
    assert_eq!(
        rehearsed(&forgetful, Some(&whole)).unwrap(),
        format!("{UP_AND_DOWN}\n  up.sql: {lost}\n  not restored by down.sql: {lost}")
    );
    assert_eq!(
        rehearsed(&whole, Some(&forgetful)).unwrap(),
        format!("{UP_AND_DOWN}\n  not restored by down.sql: {lost}")
    );
}

#[test]
fn reports_what_changes_in_the_rows() {
    for (up, down, changes) in [
        (
            "UPDATE t SET v = upper(v) WHERE id > 1;",
            "UPDATE t SET v = lower(v);",
            &["up.sql: t.v changed in 1 row, such as id = 2, from 'b' to 'B'"][..],
        ),
        (
            "DELETE FROM t WHERE v = 'a';",
            "SELECT 1;",
            &[
                "up.sql: 1 row of t missing, such as id = 1",
                "not restored by down.sql: 1 row of t missing, such as id = 1",
            ],
        ),
        (
            "ALTER TABLE t DROP COLUMN v;",
            "ALTER TABLE t ADD COLUMN v TEXT;",
            &["not restored by down.sql: t.v changed in 3 rows, such as id = 1, from 'a' to NULL"],
        ),
        (
            "ALTER TABLE t RENAME TO u; ALTER TABLE u RENAME COLUMN v TO x;",
            "ALTER TABLE u RENAME COLUMN x TO v; ALTER TABLE u RENAME TO t;",
            &[],
        ),
        ("CREATE TABLE n (id INTEGER PRIMARY KEY); INSERT INTO n SELECT id FROM t;", "DROP TABLE n;", &[]),
        (
            "INSERT INTO t (v) VALUES ('new');",
            "DELETE FROM t WHERE v = 'new';",
            &["up.sql: 1 row of t added, such as id = 4"],
        ),
        (
            "UPDATE t SET id = id + 10;",
            "UPDATE t SET id = id - 10;",
            &["up.sql: 3 rows of t missing, such as id = 1", "up.sql: 3 rows of t added, such as id = 11"],
        ),
    ] {
        let lines: Vec<_> =
            std::iter::once(UP_AND_DOWN.to_owned()).chain(changes.iter().map(|change| format!("  {change}"))).collect();
        assert_eq!(rehearsed(up, Some(down)).unwrap(), lines.join("\n"), "{up}");
    }
}

#[test]
fn names_tables_that_down_leaves_changed() {
    not_right(
        "ALTER TABLE t ADD COLUMN x TEXT; CREATE INDEX t_v ON t (v);",
        "DROP INDEX t_v;",
        "after down.sql the schema is not the one before up.sql; a migration between them changes table t: drops x",
    );
    not_right(
        "CREATE TABLE IF NOT EXISTS u (id INTEGER PRIMARY KEY); INSERT INTO u VALUES (1);",
        "SELECT 1;",
        "after down.sql the schema is not the one before up.sql; a migration between them drops table u",
    );
    not_right(
        "CREATE TABLE u (id INTEGER PRIMARY KEY); CREATE TABLE log (x);",
        "DROP TABLE log;",
        "after down.sql the schema is not the one before up.sql; a migration between them drops table u",
    );
}

#[test]
fn names_the_file_and_step_of_a_failed_statement() {
    not_right(
        "CREATE UNIQUE INDEX t_w ON t (length(w));",
        "DROP INDEX t_w;",
        "up.sql, on the rows: UNIQUE constraint failed: index 't_w' in: CREATE UNIQUE INDEX t_w ON t (length(w))",
    );
    not_right(
        "INSERT INTO t (id, v) VALUES (4, 'x');",
        "SELECT 1;",
        "up.sql, on the rows: UNIQUE constraint failed: t.id in: INSERT INTO t (id, v) VALUES (4, 'x')",
    );
    // A dropped table is not looked up in the file that the rows are compared with.
    not_right(
        "ALTER TABLE t RENAME TO u; UPDATE t SET v = NULL;",
        "ALTER TABLE u RENAME TO t;",
        "up.sql, on the rows: no such table: t in: UPDATE t SET v = NULL",
    );
}

#[test]
fn reports_rows_that_a_trigger_changes() {
    let scratch = with_rows();
    scratch.execute(
        "CREATE TABLE log (at INTEGER PRIMARY KEY, what TEXT NOT NULL); INSERT INTO log VALUES (7, 'x'), (8, 'y');
         CREATE TABLE pairs (a TEXT NOT NULL, b TEXT NOT NULL, c TEXT, PRIMARY KEY (a, b));
         INSERT INTO pairs VALUES ('k', 'l', 'm'), ('k', 'm', 'm');",
    );
    let reports = |trigger: &str| {
        scratch.execute(&format!(
            "DROP TRIGGER IF EXISTS sly; CREATE TRIGGER sly AFTER UPDATE ON t WHEN new.id = 1 BEGIN {trigger}; END"
        ));
        let rehearsal = scratch.project.rehearse(Target::Latest).unwrap();
        rehearsal.migrations[0].changed.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    write(&scratch, "002_trim", "UPDATE t SET v = trim(v);", Some("SELECT 1;"));
    assert_eq!(
        reports("UPDATE log SET what = 'it''s' WHERE at = 8"),
        ["log.what changed in 1 row, such as at = 8, from 'y' to 'it''s'"]
    );
    assert_eq!(
        reports("UPDATE pairs SET c = 'M' WHERE b = 'm'"),
        ["pairs.c changed in 1 row, such as (a, b) = ('k', 'm'), from 'm' to 'M'"]
    );
    // Rows that no migration names are not lost in a rehearsal either.
    scratch.execute("DROP TRIGGER sly; CREATE TRIGGER sly AFTER UPDATE ON t BEGIN DELETE FROM log; END");
    let error = scratch.project.rehearse(Target::Latest).unwrap_err().to_string();
    assert!(error.contains("table log would hold 0 of its 2 rows"), "{error}");
}

#[test]
fn tries_only_up_without_a_down_sql() {
    let up_only = "Rehearsed 002_by_hand: up only, because it has no down.sql, on a copy of 3 rows";
    assert_eq!(rehearsed("DROP TABLE t;", None).unwrap(), up_only);
    assert!(rehearsed("DROP TABLE nowhere;", None).is_err());
}

#[test]
fn accepts_generated_migrations_with_side_tables() {
    let scratch = with_rows();
    let models = Schema::new([Table::new("t", ["id"]).column(Column::new("id", Type::Integer))]);
    scratch.migrate(&models);
    scratch.migrate(&Schema::new([table().column(Column::new("w", Type::Integer).nullable())]));
    scratch.project.downgrade(Target::version(1)).unwrap();
    let said = scratch.project.rehearse(Target::Latest).unwrap().to_string();
    assert_eq!(said.lines().count(), 2, "{said}");
    assert!(said.starts_with("Rehearsed 002_migration: up, down and up again, on a copy of 3 rows\nRehearsed 003_"));
    let [second] = &scratch.project.rehearse(Target::version(2)).unwrap().migrations[..] else { panic!("one") };
    assert_eq!((second.name.as_str(), second.is_reversible), ("002_migration", true));
    let down = scratch.path().join("migrations/sqlite/002_migration/down.sql");
    let text = fs::read_to_string(&down).unwrap();
    fs::write(&down, format!("{text}\nUPDATE t SET v = 'spoiled' WHERE id = 3;")).unwrap();
    let [second, _] = &scratch.project.rehearse(Target::Latest).unwrap().migrations[..] else { panic!("two") };
    let said: Vec<_> = second.not_restored.iter().map(ToString::to_string).collect();
    assert_eq!(said, ["t.v changed in 1 row, such as id = 3, from '007' to 'spoiled'"]);
}

#[test]
fn views_and_triggers_may_name_the_database() {
    let views = [
        "CREATE VIEW v AS SELECT id, v FROM main.t",
        "CREATE VIEW \"a view\" AS SELECT * FROM v; CREATE VIEW v AS SELECT * FROM \"main\".t WHERE v IN (SELECT v FROM main.t)",
        "CREATE TRIGGER g AFTER DELETE ON main.t BEGIN INSERT INTO log SELECT v FROM main.t; END",
        "CREATE VIEW v AS SELECT id FROM main.t;
         CREATE TRIGGER g INSTEAD OF INSERT ON main.v BEGIN INSERT INTO t (v) SELECT max(v) FROM main.t; END",
    ];
    for view in views {
        let scratch = with_rows();
        scratch.execute(&format!("CREATE TABLE log (what); {view}"));
        let objects = "SELECT group_concat(sql) FROM sqlite_master WHERE type IN ('view', 'trigger')";
        let before = scratch.query(objects);
        let mut models = scratch.models();
        let columns = &mut models.tables.iter_mut().find(|table| table.name == "t").unwrap().columns;
        columns.push(Column::new("more", TEXT).nullable());
        columns[1].ty = Type::Text { max_length: Some(9) };
        assert!(scratch.migrate(&models), "{view}");
        assert_eq!(scratch.query(objects), before);
        scratch.downgrade();
        let rehearsal = scratch.project.rehearse(Target::Latest).unwrap_or_else(|error| panic!("{error}: {view}"));
        assert_eq!(
            (&rehearsal.migrations[0].changed[..], &rehearsal.migrations[0].not_restored[..]),
            (&[][..], &[][..])
        );
        scratch.project.upgrade(Target::Latest).unwrap();
        assert_eq!(scratch.project.differences(&models).unwrap(), []);
        assert_eq!(scratch.query(objects), before);
    }
}

#[test]
fn reports_texts_that_are_not_utf8() {
    for key in ["INTEGER PRIMARY KEY", "TEXT PRIMARY KEY NOT NULL", "TEXT"] {
        let id = if key.starts_with("INT") { "1" } else { "CAST(x'ff41' AS TEXT)" };
        let rows = format!("INSERT INTO t VALUES ({id}, CAST(x'ff41' AS TEXT))");
        let scratch = Scratch::of(&format!("CREATE TABLE t (id {key}, v TEXT); {rows}"));
        scratch.script("001_a", "UPDATE t SET v = 'x';");
        let said = scratch.project.rehearse(Target::Latest).unwrap().to_string();
        assert!(said.contains("in 1 row, such as a text that is not UTF-8") || key == "TEXT", "{said}");
    }
}

#[test]
fn databases_of_one_folder_are_rehearsed_at_once() {
    const THREADS: usize = 6;
    let scratch = with_rows();
    scratch.script("002_b", "UPDATE t SET v = 'b';");
    let start = std::sync::Barrier::new(THREADS);
    std::thread::scope(|scope| {
        for number in 0..THREADS {
            let (scratch, start) = (&scratch, &start);
            scope.spawn(move || {
                let name = format!("app{number}.db");
                fs::copy(scratch.path().join("app.db"), scratch.path().join(&name)).unwrap();
                let url = DatabaseUrl::parse(&name, scratch.path()).unwrap();
                let migrator = Migrator::with_url(url, scratch.path().join("migrations"));
                start.wait();
                for _ in 0..20 {
                    migrator.rehearse(Target::Latest).unwrap();
                }
            });
        }
    });
    assert!(files(&scratch).iter().all(|name| !name.starts_with('.')), "{:?}", files(&scratch));
}
