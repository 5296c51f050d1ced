//! Migrations that run outside a transaction: their history, their lock and their backup.

use std::fs;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel_autogen::{DatabaseErrorKind, Error, Event, Migrator, Target};
use test_support::{TestDatabase, wait_until};

use crate::diesel_histories::Project;
use crate::support::taken;

/// A project without migrations.
fn each(test: impl Fn(&Project)) {
    Project::each(|project| {
        fs::remove_dir_all(project.migrations()).unwrap();
        fs::create_dir(project.migrations()).unwrap();
        test(project);
    });
}

/// Writes a migration that runs outside a transaction in both directions, and on SQLite must.
fn write_alone(project: &Project, name: &str, up: &str) {
    let vacuum = if project.url.is_postgres() { "" } else { "VACUUM;" };
    project.write(name, &format!("{vacuum} {up}"));
    let folder = project.migrations().join(name);
    let down = fs::read_to_string(folder.join("down.sql")).unwrap();
    fs::write(folder.join("down.sql"), format!("{vacuum} {down}")).unwrap();
    fs::write(folder.join("metadata.toml"), "run_in_transaction = false").unwrap();
}

/// Writes migrations that each create a table, those marked with `!` outside a transaction.
fn write_each(project: &Project, kinds: &str) {
    for (number, kind) in (1..).zip(kinds.chars()) {
        let (name, table) = (format!("00{number}_t{number}"), format!("CREATE TABLE t{number} (id INTEGER);"));
        if kind == '!' { write_alone(project, &name, &table) } else { project.write(&name, &table) }
    }
}

#[test]
fn every_order_is_applied_and_reverted() {
    for kinds in ["!", "!!", "!-", "-!", "!-!", "-!-!!", "--!"] {
        each(|project| {
            write_each(project, kinds);
            project.migrator.init().unwrap();
            for target in [Target::Latest, Target::version(kinds.len() as u64)] {
                assert_eq!(project.migrator.upgrade(target).unwrap().len(), kinds.len(), "{kinds}");
                let back = project.migrator.downgrade(Target::version(0));
                assert_eq!(
                    back.map(|steps| steps.len()).map_err(|error| error.to_string()),
                    Ok(kinds.len()),
                    "{kinds}"
                );
                assert_eq!(project.migrator.version().unwrap(), 0);
            }
            let error = project.migrator.downgrade(Target::version(0)).unwrap_err().to_string();
            assert_eq!(error, "the database is at version 0: there is no migration to revert");
        });
    }
}

#[test]
fn its_own_checksum_is_recorded_and_not_reported() {
    for kinds in ["!", "!!-!", "-!-"] {
        each(|project| {
            write_each(project, kinds);
            project.migrator.init().unwrap();
            project.migrator.upgrade(Target::Latest).unwrap();
            project.migrator.downgrade(Target::Previous).unwrap();
            project.migrator.upgrade(Target::Latest).unwrap();
            assert_eq!(project.migrator.upgrade(Target::Latest).unwrap(), []);
            assert_eq!(taken(&project.events), [""; 0], "{kinds}");
            for number in 1..=kinds.len() {
                fs::write(project.migrations().join(format!("00{number}_t{number}/up.sql")), "-- edited").unwrap();
            }
            assert_eq!(project.migrator.status().unwrap().edited.len(), kinds.len());
        });
    }
}

#[test]
fn one_command_makes_one_backup() {
    each(|project| {
        write_each(project, "-");
        project.migrator.init().unwrap();
        project.migrator.upgrade(Target::Latest).unwrap();
        project.execute("INSERT INTO t1 VALUES (1)");
        write_each(project, "-!!-!!!!");
        taken(&project.events);
        let name = if project.url.is_postgres() { "test_" } else { "app-v1-" };
        let said = format!("backup saved as backups/{name}");
        project.migrator.upgrade(Target::Latest).unwrap();
        let up = taken(&project.events);
        assert!(up.len() == 1 && up[0].starts_with(&said), "{up:?}");
        project.migrator.downgrade(Target::version(1)).unwrap();
        let down = taken(&project.events);
        assert!(down.len() == 1 && down[0].starts_with(said.trim_end_matches("1-")), "{down:?}");
    });
}

/// A table with a number, and a pending migration that raises it.
fn write_counter(project: &Project, then: &str) {
    project.write("001_t", "CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (0);");
    project.diesel_run();
    write_alone(project, "002_raise", &format!("{then} UPDATE t SET n = n + 1;"));
    fs::write(project.migrations().join("002_raise/down.sql"), "SELECT 1;").unwrap();
}

fn number(project: &Project) -> String {
    project.query("SELECT CAST(n AS TEXT) FROM t").unwrap().concat()
}

/// The project's migrator, which is silent and does not wait.
fn impatient(project: &Project) -> Migrator {
    project.migrator.clone().with(with!(Settings { wait: Duration::ZERO, backups: 0 }))
}

fn is_locked(result: &Result<Vec<diesel_autogen::Step>, Error>) -> bool {
    matches!(result, Err(Error::Database { kind: DatabaseErrorKind::Locked, .. }))
}

#[test]
fn what_another_upgrade_has_run_meanwhile_is_not_run_again() {
    each(|project| {
        write_counter(project, "");
        let other = impatient(project);
        // Reported after the first transaction and before the migration.
        let settings = with!(Settings { backups: 0 }).on_event(move |event| {
            if matches!(event, Event::ChecksumsRecorded(_)) {
                assert_eq!(other.upgrade(Target::Latest).unwrap().len(), 1);
            }
        });
        assert_eq!(project.migrator.clone().with(settings).upgrade(Target::Latest).unwrap(), []);
        assert_eq!((number(project).as_str(), &*project.migrator.version().unwrap().to_string()), ("1", "2"));
    });
}

#[test]
fn other_runs_wait_while_it_runs_on_sqlite() {
    let project = Project::new(None);
    fs::remove_dir_all(project.migrations()).unwrap();
    write_counter(&project, "SELECT 'first';");
    let (other, settings) = (impatient(&project), with!(Settings { backups: 0 }));
    let (told, heard) = channel();
    let settings = settings.on_event(move |event| {
        if *event == Event::Started("running UPDATE t SET n = n + 1") {
            told.send([other.upgrade(Target::Latest), other.downgrade(Target::Previous)]).unwrap();
        }
    });
    assert_eq!(project.migrator.clone().with(settings).upgrade(Target::Latest).unwrap().len(), 1);
    let others = heard.recv().unwrap();
    assert!(others.iter().all(is_locked), "{others:?}");
    let said = others[0].as_ref().unwrap_err().to_string();
    assert!(
        said.ends_with(
            "app.db: another process migrates it: another process is using it; try again when that has finished"
        ),
        "{said}"
    );
    assert_eq!(number(&project), "1");
    assert_eq!(impatient(&project).upgrade(Target::Latest).unwrap(), []);
    let left = fs::read_dir(project.migrations().parent().unwrap()).unwrap();
    let mut left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["app.db", "migrations"]);
}

#[test]
fn other_runs_wait_while_it_runs_on_postgresql() {
    let Some(server) = TestDatabase::new() else { return };
    let project = Project::new(Some(server));
    fs::remove_dir_all(project.migrations()).unwrap();
    // A waiting run must not hold up an index that is created concurrently.
    write_counter(
        &project,
        "SET statement_timeout = 20000; SELECT pg_advisory_lock(7); CREATE INDEX CONCURRENTLY numbers ON t (n);",
    );
    let mut gate = project.connect();
    gate.batch_execute("SELECT pg_advisory_lock(7)").unwrap();
    let first = project.migrator.clone();
    let first = thread::spawn(move || first.upgrade(Target::Latest).map_err(|error| error.to_string()));
    let waits = "SELECT '' FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND NOT granted";
    wait_until("the migration waits at the gate", || !project.query(waits).unwrap().is_empty());
    let others = [impatient(&project).upgrade(Target::Latest), impatient(&project).downgrade(Target::Previous)];
    assert!(others.iter().all(is_locked), "{others:?}");
    let (told, heard) = channel();
    let settings = with!(Settings { backups: 0 }).on_event(move |event| {
        if matches!(event, Event::Waiting(_)) {
            told.send(()).unwrap();
        }
    });
    let second = project.migrator.clone().with(settings);
    let second = thread::spawn(move || second.upgrade(Target::Latest).map_err(|error| error.to_string()));
    heard.recv().unwrap();
    gate.batch_execute("SELECT pg_advisory_unlock(7)").unwrap();
    assert_eq!(first.join().unwrap().map(|steps| steps.len()), Ok(1));
    assert_eq!(second.join().unwrap().map(|steps| steps.len()), Ok(0));
    assert_eq!(number(&project), "1");
    assert_eq!(impatient(&project).upgrade(Target::Latest).unwrap(), []);
}
