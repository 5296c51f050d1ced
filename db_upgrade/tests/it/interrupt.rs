//! Ctrl-C and SIGTERM undo what is not committed, and say so.
#![cfg(unix)]

use std::fs;

use diesel::connection::SimpleConnection as _;
use test_support::{Home, Running, wait_until};

/// A table of `rows` rows, and a pending migration that rebuilds it slowly.
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
    home.with_backups(5)
}

#[track_caller]
fn interrupts(mut running: Running, signal: &str, status: i32) {
    let run = running.signal(signal).ends();
    let said = run.stderr.lines().last();
    assert_eq!((run.status, said), (Some(status), Some("db_upgrade: interrupted: nothing was changed")), "{run:?}");
    assert_eq!(run.stdout, "");
}

#[test]
fn a_run_changes_nothing_and_a_rerun_succeeds() {
    for (journal_mode, signal, status) in [("DELETE", "INT", 130), ("WAL", "TERM", 143)] {
        let home = home_with_rows(300_000, journal_mode);
        let before = home.contents();
        let size = |name: &str| fs::metadata(home.path(name)).map_or(0, |metadata| metadata.len());
        for moment in ["backup", "migration"] {
            let mut running = home.start("db_upgrade");
            wait_until(moment, || match moment {
                "backup" => home.path("backups").exists(),
                _ => size("app.db-journal") + size("app.db-wal") > 0,
            });
            // A second signal makes no difference.
            running.signal(signal);
            interrupts(running, signal, status);
            home.is_unchanged_since(&before);
        }
        assert_eq!(home.run("db_upgrade").status, Some(0));
        let query = "SELECT (SELECT count(*) FROM people WHERE points >= 820) || \
                     (SELECT integrity_check FROM pragma_integrity_check)";
        assert_eq!(home.query(query), "300000ok");
    }
}

#[test]
fn a_wait_for_a_lock_ends() {
    let home = home_with_rows(10, "DELETE");
    let before = home.contents();
    let mut other = home.connect();
    for (lock, signal, status) in [("BEGIN IMMEDIATE", "INT", 130), ("BEGIN EXCLUSIVE", "TERM", 143)] {
        other.batch_execute(lock).unwrap();
        let mut running = home.start("db_upgrade");
        running.warns("db_upgrade: waiting up to 30 s for ");
        interrupts(running, signal, status);
        other.batch_execute("COMMIT").unwrap();
    }
    drop(other);
    home.is_unchanged_since(&before);
}

#[cfg(target_os = "linux")]
#[test]
fn a_commit_that_waits_for_a_reader_is_undone() {
    let home = home_with_rows(10, "DELETE");
    let before = home.contents();
    let mut reader = home.connect();
    reader.batch_execute("BEGIN; SELECT * FROM people").unwrap();
    let running = home.start("db_upgrade");
    wait_until("the commit waits for the reader", || holds_pending_lock(running.id()));
    interrupts(running, "INT", 130);
    drop(reader);
    home.is_unchanged_since(&before);
    assert_eq!(home.run("db_upgrade").status, Some(0));
}

/// Whether a process holds the lock that keeps new readers out: <https://www.sqlite.org/fileformat2.html#the_lock_byte_page>.
#[cfg(target_os = "linux")]
fn holds_pending_lock(process: u32) -> bool {
    // As in `3: POSIX  ADVISORY  WRITE 4711 fe:00:5678 1073741824 1073741825`.
    fs::read_to_string("/proc/locks").unwrap().lines().any(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        words[1..5] == ["POSIX", "ADVISORY", "WRITE", &process.to_string()] && words[6] == "1073741824"
    })
}
