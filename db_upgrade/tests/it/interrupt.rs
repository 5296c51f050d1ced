//! A kill undoes what is not committed.
#![cfg(unix)]

use std::fs;

use test_support::{Home, wait_until};

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
             WHERE i < 160 + people.id % 2) SELECT sum(i) FROM n) FROM people;
         DROP TABLE people; ALTER TABLE new RENAME TO people;",
        Some("ALTER TABLE people DROP COLUMN points;"),
    );
    home
}

#[test]
fn ctrl_c_leaves_the_old_version() {
    for journal_mode in ["DELETE", "WAL"] {
        let home = home_with_rows(100_000, journal_mode);
        let before = home.dump();
        let size = |name: &str| fs::metadata(home.path(name)).map_or(0, |metadata| metadata.len());
        let mut running = home.start("db_upgrade");
        wait_until("the migration writes", || size("app.db-journal") + size("app.db-wal") > 0);
        let run = running.signal("INT").ends();
        assert_eq!((run.status, run.stdout.as_str(), run.stderr.as_str()), (None, "", ""), "{journal_mode}");
        assert!(home.dump() == before, "{journal_mode}");
        assert_eq!(home.run("db_upgrade").status, Some(0));
        let query = "SELECT (SELECT count(*) FROM people WHERE points >= 12880) || \
                     (SELECT integrity_check FROM pragma_integrity_check)";
        assert_eq!(home.query(query), "100000ok");
    }
}
