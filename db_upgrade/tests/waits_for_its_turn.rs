//! Several at once: one applies what is pending, the others wait, say for whom, and find nothing to do.

#[path = "../../db_migrate/tests/support/mod.rs"]
mod support;

use std::fs;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use support::{Home, Run};

/// Starts a program that makes backups.
fn start(home: &Home) -> Child {
    let mut command = home.command(&["db_upgrade"]);
    command.env_remove("MICROBLOG_BACKUPS").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn end(child: Child) -> Run {
    Run::new(&["db_upgrade"], &child.wait_with_output().unwrap())
}

#[track_caller]
fn assert_one_applied(runs: &[Run], applied: &str) {
    for run in runs {
        assert_eq!(run.status, Some(0), "{run:?}");
        let diagnostics: Vec<_> =
            run.stderr.lines().filter(|line| !line.contains(": waiting up to 30 s for ")).collect();
        assert!(diagnostics.iter().all(|line| line.contains(": backup saved as backups/app-v")), "{run:?}");
    }
    assert_eq!(runs.iter().filter(|run| run.stdout.contains("Upgraded to")).count(), 1, "{runs:?}");
    assert_eq!(runs.iter().filter(|run| run.stdout.starts_with(applied)).count(), 1, "{runs:?}");
}

#[test]
fn of_eight_at_once_one_applies_and_the_others_find_nothing_to_do() {
    let home = Home::with_history();
    let children: Vec<_> = (0..8).map(|_| start(&home)).collect();
    let runs: Vec<_> = children.into_iter().map(end).collect();
    assert_one_applied(&runs, "Upgraded to 1: 001_migration\nUpgraded to 2: 002_migration\nCurrent");
    assert_eq!(runs.iter().filter(|run| run.stdout == "Current database version: 2\n").count(), 7, "{runs:?}");
}

/// A migration that takes a second or more, and writes more than fits into SQLite's cache.
const LONG: &str = "CREATE TABLE numbers (number INTEGER PRIMARY KEY, text TEXT);
    INSERT INTO numbers WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000000)
        SELECT i, 'number ' || i FROM n;
    DROP TABLE numbers;";

#[test]
fn eight_that_come_while_a_long_migration_runs_say_whom_they_wait_for() {
    for mode in ["DELETE", "WAL"] {
        let home = Home::with_history();
        home.run("db_upgrade").succeeds();
        home.execute(&format!("PRAGMA journal_mode = {mode}; INSERT INTO users VALUES (1, 'john', 'john@email.com')"));
        home.add_migration("003_long", LONG, Some("SELECT 1;"));
        let first = start(&home);
        wait_until_locked(&home);
        let others: Vec<_> = (0..8).map(|_| start(&home)).collect();
        let id = first.id();
        let mut runs: Vec<_> = others.into_iter().map(end).collect();
        let waits = if cfg!(target_os = "linux") {
            format!("db_upgrade: waiting up to 30 s for db_upgrade (process {id}), which is writing to app.db\n")
        } else {
            "db_upgrade: waiting up to 30 s for another program that is writing to app.db\n".to_owned()
        };
        for run in &runs {
            assert!(run.stderr.starts_with(&waits), "{mode}: {run:?}");
            assert_eq!(run.stdout, "Current database version: 3\n", "{mode}: {run:?}");
        }
        runs.push(end(first));
        assert_one_applied(&runs, "Upgraded to 3: 003_long\nCurrent");
        assert_eq!(fs::read_dir(home.path("backups")).unwrap().count(), 1);
    }
}

/// Waits until some program holds the write lock.
fn wait_until_locked(home: &Home) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while home.connect().batch_execute("BEGIN IMMEDIATE; ROLLBACK").is_ok() {
        assert!(Instant::now() < deadline, "nobody writes");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn who_waits_for_a_program_that_ends_goes_on_then() {
    let home = Home::with_history();
    let mut writer = home.connect();
    writer.batch_execute("BEGIN IMMEDIATE").unwrap();
    let waiting = start(&home);
    thread::sleep(Duration::from_millis(700));
    writer.batch_execute("COMMIT").unwrap();
    let run = end(waiting);
    assert!(run.stderr.starts_with("db_upgrade: waiting up to 30 s for "), "{run:?}");
    assert_eq!(run.stderr.lines().count(), 1, "{run:?}");
    assert!(run.succeeds().ends_with("Current database version: 2\n"));
}
