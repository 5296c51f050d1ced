//! Long work shows its progress: by a bar on a terminal, by lines elsewhere. Short work shows nothing.
#![cfg(unix)]

use std::thread::sleep;
use std::time::Duration;

use test_support::{Home, Terminal, wait_until};

/// A table of so many rows, and a pending migration that takes so many steps for each row.
fn home_with_rows(rows: u64, steps: u64) -> Home {
    let home = Home::created();
    home.add_migration("001_people", "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);", None);
    home.run("db_upgrade").succeeds_with_warning();
    home.execute(&format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
         INSERT INTO people SELECT i, 'name ' || i FROM n;"
    ));
    home.add_migration(
        "002_points",
        &format!(
            "CREATE TABLE new (id INTEGER PRIMARY KEY, points INTEGER);
             INSERT INTO new SELECT id, (WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
                 WHERE i < {steps} + people.id % 2) SELECT sum(i) FROM n) FROM people;
             DROP TABLE people; ALTER TABLE new RENAME TO people;"
        ),
        None,
    );
    home
}

const RESULTS: &str = "Upgraded to 2: 002_points\nCurrent database version: 2\n";
const WARNING: &str = "db_upgrade: the database is not what the models expect: db_migrate --check says what differs\n";

/// What `db_upgrade` shows on a terminal.
fn on_terminal(home: &Home) -> String {
    let (status, shown) = Terminal::start(home, "db_upgrade").ends();
    assert_eq!(status, Some(0), "{shown:?}");
    shown
}

#[test]
fn a_bar_on_a_terminal_disappears_at_the_end() {
    let seen = on_terminal(&home_with_rows(100_000, 150));
    let frames: Vec<_> = seen.split("\r\u{1b}[2K").collect();
    let (last, frames) = frames.split_last().unwrap();
    let is_bar = |frame: &&&str| {
        let words = frame.split_once("] copying people: ").filter(|(bar, _)| bar.starts_with('[') && bar.contains('-'));
        words.is_some_and(|(_, words)| words.contains(" of 100,000 rows, about ") && words.trim().ends_with(" s left"))
    };
    assert!(frames.iter().filter(is_bar).count() > 2, "{seen:?}");
    assert_eq!(*last, format!("{RESULTS}{WARNING}"), "{seen:?}");
}

#[test]
fn a_short_run_shows_no_bar() {
    assert_eq!(on_terminal(&home_with_rows(1_000, 1)), format!("{RESULTS}{WARNING}"));
}

#[test]
fn without_a_terminal_it_prints_a_line_every_ten_seconds() {
    let home = home_with_rows(100_000, 150);
    let mut running = home.start("db_upgrade");
    wait_until("the migration writes", || home.path("app.db-journal").exists());
    // The ten seconds pass while the program is stopped.
    running.signal("STOP");
    sleep(Duration::from_millis(10_050));
    let run = running.signal("CONT").ends();
    assert_eq!((run.status, run.stdout.as_str()), (Some(0), RESULTS), "{run:?}");
    let stderr = run.stderr;
    let progress = stderr.strip_suffix(WARNING).unwrap().trim_end();
    assert!(progress.starts_with("db_upgrade: copying people: "), "{stderr:?}");
    assert!(progress.lines().count() == 1 && !progress.contains(char::is_control), "{stderr:?}");
}
