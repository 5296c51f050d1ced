//! A migration is tried on a copy of the rows before it is kept, and the copy is gone afterwards.

mod support;

use std::fs;

use migrate::Wishes;
use migrate::schema::{Check, Column, DefaultValue, Index, IndexColumn, Schema, Table, Type};
use support::Scratch;

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
    let error = scratch.project.make_update_script(models, &Wishes::default()).unwrap_err().to_string();
    assert_eq!(files(scratch), before);
    error
}

#[test]
fn what_the_rows_do_not_allow_is_found_before_anything_is_written() {
    let scratch = with_rows();
    let unique = Schema::new([table().index(Index::new("t", [IndexColumn::asc("v")], true))]);
    let error = refused(&scratch, &unique);
    assert!(error.contains("up.sql, on your rows: UNIQUE constraint failed: t.v"), "{error}");
    let checked = Schema::new([table().check(Check::new("length(v) < 2"))]);
    let error = refused(&scratch, &checked);
    assert!(error.contains("CHECK constraint failed: length(v) < 2"), "{error}");
    assert_eq!(files(&scratch), ["app.db", "migrations"]);
}

#[test]
fn without_a_rehearsal_it_is_found_by_the_run_itself_and_nothing_is_kept_either() {
    let scratch = with_rows();
    let unique = Schema::new([table().index(Index::new("t", [IndexColumn::asc("v")], true))]);
    let wishes = Wishes { no_rehearsal: true, ..Wishes::default() };
    let plan = scratch.project.make_update_script(&unique, &wishes).unwrap().unwrap();
    let error = scratch.project.apply(&plan).unwrap_err().to_string();
    assert!(error.contains("UNIQUE constraint failed: t.v"), "{error}");
    assert_eq!(files(&scratch), ["app.db", "migrations"]);
    assert_eq!(fs::read_dir(scratch.path().join("migrations/sqlite")).unwrap().count(), 1);
}

#[test]
fn the_database_itself_is_not_touched_by_a_trial() {
    for mode in ["DELETE", "WAL"] {
        let scratch = with_rows();
        scratch.execute(&format!("PRAGMA journal_mode = {mode}"));
        let before = fs::read(scratch.path().join("app.db")).unwrap();
        let models = Schema::new([Table::new("t", ["id"]).column(Column::new("id", Type::Integer))]);
        scratch.project.make_update_script(&models, &Wishes::default()).unwrap().unwrap();
        assert_eq!(fs::read(scratch.path().join("app.db")).unwrap(), before);
        assert_eq!(files(&scratch), ["app.db", "migrations"]);
    }
}

#[test]
fn what_a_killed_trial_left_goes_with_the_next_one_unless_somebody_is_at_work_there() {
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
    scratch.project.make_update_script(&models, &Wishes::default()).unwrap().unwrap();
    assert_eq!(files(&scratch), [".rehearsal-2", ".rehearsal-notes.txt", "app.db", "migrations"]);
    drop(lock);
    scratch.project.make_update_script(&models, &Wishes::default()).unwrap().unwrap();
    assert_eq!(files(&scratch), [".rehearsal-notes.txt", "app.db", "migrations"]);
}

#[test]
fn rows_of_every_kind_pass_when_they_are_allowed_to() {
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
fn no_trigger_fires_when_a_migration_is_tried_or_run() {
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
