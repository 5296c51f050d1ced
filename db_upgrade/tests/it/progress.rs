//! Long work shows a spinner on a terminal. Short work shows nothing.
#![cfg(unix)]

use test_support::{Home, Terminal};

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
const WARNING: &str = "db_upgrade: the database differs from the models; db_migrate --check says how\n";

/// What `db_upgrade` shows on a terminal.
fn on_terminal(home: &Home) -> String {
    let (status, shown) = Terminal::start(home, "db_upgrade").ends();
    assert_eq!(status, Some(0), "{shown:?}");
    shown
}

#[test]
fn a_spinner_on_a_terminal_disappears_at_the_end() {
    let seen = on_terminal(&home_with_rows(100_000, 150));
    let frames: Vec<_> = seen.split("\r\u{1b}[2K").collect();
    let (last, frames) = frames.split_last().unwrap();
    let is_spinner = |frame: &&&str| frame.contains(" copying people, 100,000 rows ") && frame.ends_with('s');
    assert!(frames.iter().filter(is_spinner).count() > 2, "{seen:?}");
    assert_eq!(*last, format!("{RESULTS}{WARNING}"), "{seen:?}");
}

#[test]
fn a_short_run_shows_nothing() {
    assert_eq!(on_terminal(&home_with_rows(1_000, 1)), format!("{RESULTS}{WARNING}"));
}
