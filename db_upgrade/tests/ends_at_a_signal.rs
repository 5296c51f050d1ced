//! Ctrl-C and a polite kill undo what is not committed, and say so.
#![cfg(unix)]

#[path = "../../db_migrate/tests/support/mod.rs"]
mod support;

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use diesel::RunQueryDsl as _;
use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::sql_types::Text;
use support::Home;

/// A table of `rows` rows and a pending migration that takes its time to rebuild it.
fn home_with_rows(rows: u64, journal_mode: &str) -> Home {
    let home = Home::created();
    home.add_migration("001_people", "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);", None);
    home.run("db_upgrade").succeeds_with_warning();
    home.execute(&format!(
        "PRAGMA journal_mode = {journal_mode};
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
         INSERT INTO people SELECT i, 'name ' || i || hex(zeroblob(50)) FROM n;"
    ));
    home.add_migration(
        "002_points",
        "CREATE TABLE new (id INTEGER PRIMARY KEY, name TEXT, points INTEGER);
         INSERT INTO new SELECT id, name, (WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
             WHERE i < 40 + people.id % 2) SELECT sum(i) FROM n) FROM people;
         DROP TABLE people; ALTER TABLE new RENAME TO people;",
        Some("ALTER TABLE people DROP COLUMN points;"),
    );
    home
}

fn start(home: &Home, line: &str) -> Child {
    let mut command = home.command(&line.split(' ').collect::<Vec<_>>());
    command.env("MICROBLOG_BACKUPS", "5").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn send(signal: &str, child: &Child) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}

/// How it ended: its exit status, the rest of what it said, and how long that took.
fn end(mut child: Child) -> (Option<i32>, String, Duration) {
    let start = Instant::now();
    let status = child.wait().unwrap().code();
    let took = start.elapsed();
    let mut said = String::new();
    child.stdout.unwrap().read_to_string(&mut said).unwrap();
    child.stderr.unwrap().read_to_string(&mut said).unwrap();
    (status, said, took)
}

fn until(is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(60), "it never came to that");
        sleep(Duration::from_millis(1));
    }
}

const SAID: &str = "db_upgrade: interrupted: nothing was changed\n";

#[test]
fn a_run_that_a_signal_ends_changes_nothing_and_a_rerun_succeeds() {
    for (journal_mode, signal, status) in [("DELETE", "-INT", 130), ("WAL", "-TERM", 143)] {
        let home = home_with_rows(300_000, journal_mode);
        let before = home.contents();
        // In the backup, and well within the run.
        for pause in [0, 300, 1_500] {
            let child = start(&home, "db_upgrade");
            until(|| home.path("backups").exists());
            sleep(Duration::from_millis(pause));
            send(signal, &child);
            // Somebody who cannot wait does it again.
            send(signal, &child);
            let (code, said, took) = end(child);
            assert_eq!((code, said.as_str()), (Some(status), SAID), "{journal_mode}, after {pause} ms");
            assert!(took < Duration::from_secs(2), "{journal_mode}, after {pause} ms: {took:?}");
            assert!(home.contents() == before, "{journal_mode}, after {pause} ms: {:?}", home.contents().keys());
        }
        home.run("db_upgrade").succeeds_with_warning();
        let query = "SELECT (SELECT count(*) FROM people WHERE points >= 820) || (SELECT integrity_check FROM pragma_integrity_check)";
        let found: String = sql::<Text>(query).get_result(&mut home.connect()).unwrap();
        assert_eq!(found, "300000ok");
    }
}

#[test]
fn it_does_not_wait_on_for_a_lock() {
    let home = home_with_rows(10, "DELETE");
    let before = home.contents();
    let mut other = home.connect();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    let mut child = start(&home, "db_upgrade");
    let mut waiting = String::new();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    stderr.read_line(&mut waiting).unwrap();
    assert!(waiting.starts_with("db_upgrade: waiting up to 30 s for "), "{waiting}");
    child.stderr = Some(stderr.into_inner());
    send("-INT", &child);
    let (code, said, took) = end(child);
    assert_eq!((code, said.as_str()), (Some(130), SAID));
    assert!(took < Duration::from_secs(1), "{took:?}");

    // A lock that keeps it from reading even its version.
    other.batch_execute("COMMIT; BEGIN EXCLUSIVE").unwrap();
    let child = start(&home, "db_upgrade");
    sleep(Duration::from_secs(1));
    send("-TERM", &child);
    let (code, said, took) = end(child);
    assert!(code == Some(143) && said.ends_with(SAID), "{code:?} {said}");
    assert!(took < Duration::from_secs(1), "{took:?}");
    drop(other);
    assert!(home.contents() == before, "{:?}", home.contents().keys());
}

#[test]
fn a_commit_that_waits_for_a_reader_can_still_be_undone() {
    let home = home_with_rows(10, "DELETE");
    let before = home.contents();
    let mut reader = home.connect();
    reader.batch_execute("BEGIN; SELECT * FROM people").unwrap();
    let child = start(&home, "db_upgrade");
    until(|| home.path("app.db-journal").exists());
    sleep(Duration::from_secs(1));
    send("-INT", &child);
    let (code, said, _) = end(child);
    assert_eq!((code, said.as_str()), (Some(130), SAID));
    drop(reader);
    assert!(home.contents() == before, "{:?}", home.contents().keys());
    home.run("db_upgrade").succeeds_with_warning();
}
