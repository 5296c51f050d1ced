//! Several at once: one waits for the other, and in vain ends with one line and has changed nothing.

use std::fs;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel_autogen::schema::{Column, Schema, Table, Type};
use diesel_autogen::{Migrations, Migrator, Target};

use crate::support::{Scratch, listening, taken};

#[test]
fn a_wait_that_runs_out_is_an_error_of_one_line() {
    let scratch = Scratch::new();
    scratch.script("001_a", "CREATE TABLE a (id INTEGER PRIMARY KEY);");
    let base = scratch.path().to_owned();
    let settings = with!(Settings { wait: Duration::from_secs(1), base: base });
    let (migrator, events) = listening(&scratch.project, settings);
    let mut writer = scratch.connect();
    for (lock, statement) in [("BEGIN IMMEDIATE", "writes"), ("BEGIN EXCLUSIVE", "reads too")] {
        writer.batch_execute(lock).unwrap();
        let error = migrator.upgrade(Target::Latest).unwrap_err().to_string();
        let locked = "app.db: database is locked: another process is using it; try again when that has finished";
        assert_eq!(error, locked, "{statement}");
        writer.batch_execute("ROLLBACK").unwrap();
        assert_eq!(taken(&events), ["another process is using the database; waiting up to 1 s"]);
    }
    assert_eq!(migrator.upgrade(Target::Latest).unwrap().len(), 1);
}

/// Two folders of one number are an error of the whole folder. The names differ, so that no folder exists twice.
#[test]
fn migrations_written_at_once_get_numbers_of_their_own() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path().join("migrations/postgresql")).unwrap();
    let start = Barrier::new(8);
    thread::scope(|scope| {
        for writer in 0..8 {
            let (project, start) = (&scratch.project, &start);
            scope.spawn(move || {
                start.wait();
                (0..5).for_each(|round| drop(project.write_empty(&format!("w{writer} {round}")).unwrap()));
            });
        }
    });
    for dialect in ["sqlite", "postgresql"] {
        let written = Migrations::read(&scratch.path().join("migrations").join(dialect)).unwrap();
        assert_eq!((written.iter().count(), written.newest().to_string().as_str()), (40, "40"));
    }
    assert!(!scratch.path().join("migrations/.lock").exists());
}

/// Each on a database of its own, so that no lock of a database keeps the one from the other.
#[test]
fn of_plans_applied_at_once_in_one_folder_one_is_written() {
    let scratch = Scratch::new();
    for _ in 0..5 {
        let root = tempfile::tempdir_in(scratch.path()).unwrap();
        let migrations = root.path().join("migrations");
        let plans = ["a", "b", "c", "d"].map(|name| {
            let migrator = Migrator::new(&format!("sqlite:{}", root.path().join(name).display()), &migrations).unwrap();
            migrator.init().unwrap();
            let models = Schema::new([Table::new(name, ["id"]).column(Column::new("id", Type::Integer))]);
            let options = with!(PlanOptions { message: Some(name.to_owned()) });
            let plan = migrator.plan(&models, &options).unwrap().unwrap();
            (migrator, plan)
        });
        let start = Barrier::new(plans.len());
        let apply = |(migrator, plan): &(Migrator, diesel_autogen::Plan)| {
            start.wait();
            migrator.apply(plan).is_ok()
        };
        let applied = thread::scope(|scope| {
            let running = plans.each_ref().map(|plan| scope.spawn(|| apply(plan)));
            running.map(|thread| thread.join().unwrap())
        });
        assert_eq!(applied.iter().filter(|is_applied| **is_applied).count(), 1);
        let written = Migrations::read(&migrations).unwrap();
        assert_eq!(written.iter().count(), 1);
        let version = |(migrator, _): &(Migrator, _)| migrator.version().unwrap() == written.newest();
        assert_eq!(plans.iter().map(version).collect::<Vec<_>>(), applied);
    }
}
