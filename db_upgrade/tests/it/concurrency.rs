//! Of several `db_upgrade` at once, one applies what is pending. The others wait, say so, and find nothing to do.

use diesel::connection::SimpleConnection as _;
use test_support::{Home, Run};

#[track_caller]
fn assert_one_applied(runs: &[Run], applied: &str) {
    for run in runs {
        assert_eq!(run.status, Some(0), "{run:?}");
        let mut diagnostics = run
            .stderr
            .lines()
            .filter(|line| !line.contains(": another process is using the database; waiting up to 30 s"));
        assert!(diagnostics.all(|line| line.contains(": backup saved as backups/app-v")), "{run:?}");
    }
    assert_eq!(runs.iter().filter(|run| run.stdout.contains("Upgraded to")).count(), 1, "{runs:?}");
    assert_eq!(runs.iter().filter(|run| run.stdout.starts_with(applied)).count(), 1, "{runs:?}");
}

#[test]
fn one_of_eight_applies_the_migrations() {
    let home = Home::with_history();
    let running: Vec<_> = (0..8).map(|_| home.start("db_upgrade")).collect();
    let runs: Vec<_> = running.into_iter().map(|mut running| running.ends()).collect();
    assert_one_applied(&runs, "Upgraded to 1: 001_migration\nUpgraded to 2: 002_migration\nCurrent");
    assert_eq!(runs.iter().filter(|run| run.stdout == "Current database version: 2\n").count(), 7, "{runs:?}");
}

#[test]
fn all_wait_for_a_writer_and_say_so_once() {
    for mode in ["DELETE", "WAL"] {
        let home = Home::with_history().with_backups(5);
        home.run("db_upgrade --to 1").succeeds();
        home.execute(&format!("PRAGMA journal_mode = {mode}"));
        let mut writer = home.connect();
        writer
            .batch_execute(
                "PRAGMA busy_timeout = 10000; BEGIN IMMEDIATE;
                 INSERT INTO users VALUES (2, 'susan', 'susan@email.com')",
            )
            .unwrap();
        let mut running: Vec<_> = (0..8).map(|_| home.start("db_upgrade")).collect();
        for running in &mut running {
            running.warns("waiting up to 30 s");
        }
        writer.batch_execute("COMMIT").unwrap();
        let runs: Vec<_> = running.into_iter().map(|mut running| running.ends()).collect();
        assert_one_applied(&runs, "Upgraded to 2: 002_migration\nCurrent");
        for run in &runs {
            assert_eq!(run.stderr.matches("waiting up to").count(), 1, "{mode}: {run:?}");
        }
        assert_eq!(home.backups().len(), 1, "{mode}");
        assert!(home.dump().contains("'susan'"), "{mode}");
    }
}
