//! SIGKILL at any moment of `db_upgrade` or `db_downgrade` leaves the old version or the new one, with every row.
#![cfg(unix)]

use std::fmt::Write as _;
use std::thread::sleep;
use std::time::Instant;

use test_support::Home;

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
    survives(40, 20_000);
}

#[test]
#[ignore = "takes minutes, and both cores"]
fn leaves_the_old_or_the_new_version_of_many_rows() {
    survives(100, 200_000);
}

/// Kills `db_upgrade` that often, and `db_downgrade` as often.
fn survives(kills: u32, rows: u64) {
    let home = home_with_rows(rows);
    let old = state(&home);
    assert!(old.contains(&format!("{rows} people, right {rows}{rows} pets, right {rows}")), "{old}");
    let start = Instant::now();
    home.run("db_upgrade").succeeds_with_warning();
    let whole = start.elapsed();
    let home = home.with_backups(2);
    let new = state(&home);
    assert_ne!(old, new);
    // How often each script was killed, how often before its commit, and how often it was run.
    let (mut killed, mut undone, mut runs) = ([0, 0], [0, 0], [0, 0]);
    while killed != [kills, kills] {
        let is_up = version(&home) == "001";
        let (word, way) = if is_up { ("db_upgrade", 0) } else { ("db_downgrade", 1) };
        if killed[way] == kills || runs[way] % 3 == 2 {
            assert_eq!(home.run(word).status, Some(0));
            runs[way] += 1;
            continue;
        }
        // The moments are spread over the run, and a little beyond its end.
        let moment = whole.mul_f64(1.1 * f64::from(runs[way] * 37 % 100) / 100.0);
        runs[way] += 1;
        let mut running = home.start(word);
        sleep(moment);
        killed[way] += u32::from(!running.kill().success());

        assert_eq!(home.query("PRAGMA integrity_check"), "ok");
        let version = version(&home);
        assert_eq!(state(&home), if version == "001" { old.clone() } else { new.clone() }, "{word} after {moment:?}");
        undone[way] += u32::from((version == "002") != is_up);
    }
    println!("{kills} kills each, of which before the end: {undone:?}");
    assert!(undone.iter().all(|undone| *undone > 0), "{undone:?}");
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
