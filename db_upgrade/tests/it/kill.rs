//! SIGKILL at any moment of `db_upgrade` or `db_downgrade` leaves the old version or the new one, with every row.
#![cfg(unix)]

use std::fmt::Write as _;
use std::time::Instant;

use test_support::{Home, Running};

use crate::moments::{Subject, survives};

/// Two tables of `rows` rows that the second migration rebuilds, in WAL mode as the site leaves it.
fn home_with_rows(rows: u64) -> Home {
    let home = Home::created();
    home.add_migration(
        "001_people",
        "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
         CREATE TABLE pets (id INTEGER PRIMARY KEY, owner INTEGER NOT NULL REFERENCES people (id) ON DELETE CASCADE);
         CREATE INDEX pets_owner ON pets (owner);",
        Some("DROP TABLE pets; DROP TABLE people;"),
    );
    home.run("db_upgrade").succeeds_with_warning();
    home.execute(&format!(
        "PRAGMA journal_mode = WAL;
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
         INSERT INTO people SELECT i, 'name ' || i || hex(zeroblob(50)) FROM n;
         INSERT INTO pets SELECT id, id FROM people;"
    ));
    let (mut up, mut down) = (String::new(), String::new());
    for (table, columns, old, new) in [
        ("people", "id, name", "name TEXT NOT NULL", "name VARCHAR(900)"),
        (
            "pets",
            "id, owner",
            "owner INTEGER NOT NULL REFERENCES people (id) ON DELETE CASCADE",
            "owner BIGINT REFERENCES people (id)",
        ),
    ] {
        for (text, column) in [(&mut up, new), (&mut down, old)] {
            write!(
                text,
                "CREATE TABLE new_{table} (id INTEGER PRIMARY KEY, {column});
                 INSERT INTO new_{table} ({columns}) SELECT {columns} FROM {table};
                 DROP TABLE {table}; PRAGMA legacy_alter_table = ON; ALTER TABLE new_{table} RENAME TO {table};"
            )
            .unwrap();
        }
    }
    let index = "CREATE INDEX pets_owner ON pets (owner);";
    home.add_migration("002_rebuild", &format!("{up}{index}"), Some(&format!("{down}{index}")));
    home
}

/// The state of a version: the texts of its tables, and how many rows hold the value that was inserted.
fn state(home: &Home) -> String {
    let texts = "SELECT group_concat(replace(sql, char(34), ''), ';') FROM (SELECT sql FROM sqlite_master WHERE name NOT LIKE '\\_\\_%' \
                 ESCAPE '\\' ORDER BY name)";
    let rows = "SELECT (SELECT count(*) || ' people, right ' || sum(name = 'name ' || id || hex(zeroblob(50))) FROM people) \
                || (SELECT count(*) || ' pets, right ' || sum(owner = id) FROM pets)";
    format!("{} {}", home.query(texts), home.query(rows))
}

fn version(home: &Home) -> String {
    home.query("SELECT max(version) FROM __diesel_schema_migrations")
}

#[test]
fn leaves_the_old_or_the_new_version() {
    kills(40, 20_000);
}

#[test]
#[ignore = "takes minutes, and both cores"]
fn leaves_the_old_or_the_new_version_of_many_rows() {
    kills(100, 200_000);
}

struct Killed<'a>(&'a Home);

impl Subject for Killed<'_> {
    fn home(&self) -> &Home {
        self.0
    }

    fn lines(&self) -> [String; 2] {
        ["db_upgrade", "db_downgrade"].map(str::to_owned)
    }

    fn version(&mut self) -> String {
        version(self.0)
    }

    fn state(&mut self) -> String {
        state(self.0)
    }

    fn end(&mut self, running: &mut Running) -> bool {
        !running.kill().success()
    }

    fn settle(&mut self) {
        assert_eq!(self.0.query("PRAGMA integrity_check"), "ok");
    }
}

/// Kills `db_upgrade` that often, and `db_downgrade` as often.
fn kills(kills: u32, rows: u64) {
    let home = home_with_rows(rows);
    let old = state(&home);
    assert!(old.contains(&format!("{rows} people, right {rows}{rows} pets, right {rows}")), "{old}");
    let start = Instant::now();
    home.run("db_upgrade").succeeds_with_warning();
    let whole = start.elapsed();
    let home = home.with_backups(2);
    let new = state(&home);
    assert_ne!(old, new);
    survives(&mut Killed(&home), kills, whole, [&old, &new]);
    if version(&home) == "002" {
        home.run("db_downgrade");
    }
    // The next runs that succeed remove what killed runs left beside the backups.
    for line in ["db_upgrade", "db_downgrade --to 1", "db_upgrade"] {
        assert_eq!(home.run(line).status, Some(0));
    }
    assert_eq!(home.backups().len(), 2, "{:?}", home.backups());
    assert_eq!(state(&home), new);
}
