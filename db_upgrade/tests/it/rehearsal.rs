//! `db_upgrade --rehearse` tries what is pending on a copy of the database, and applies nothing.

use test_support::{Home, file_size_limit, obeying_permissions};

/// At version 1 with 2,000 people.
fn home() -> Home {
    let home = Home::created();
    home.add_migration(
        "001_people",
        "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT);",
        Some("DROP TABLE people;"),
    );
    home.run("db_upgrade").succeeds_with_warning();
    home.execute(
        "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
         INSERT INTO people SELECT i, 'person ' || i, i || '@example.org' FROM n",
    );
    home
}

const REBUILD: &str = "CREATE TABLE people_new (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT, age INTEGER);
    INSERT INTO people_new (id, name, email) SELECT id, name, email FROM people;
    DROP TABLE people; ALTER TABLE people_new RENAME TO people;";
const FORGETFUL: &str = "CREATE TABLE people_old (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT);
    INSERT INTO people_old (id, name) SELECT id, name FROM people;
    DROP TABLE people; ALTER TABLE people_old RENAME TO people;";

#[test]
fn tries_what_is_pending_and_applies_nothing() {
    let home = home();
    home.add_migration("002_age", REBUILD, Some("ALTER TABLE people DROP COLUMN age;"));
    home.add_migration("003_upper", "UPDATE people SET name = upper(name) WHERE age IS NULL;", None);
    let before = home.contents();
    let second = "Rehearsed 002_age: up, down and up again, on a copy of 2,000 rows\n";
    let third = "Rehearsed 003_upper: up only, because it has no down.sql, on a copy of 2,000 rows\n  up.sql: \
                 people.name changed in 2,000 rows, such as id = 1, from 'person 1' to 'PERSON 1'\n";
    assert_eq!(home.run("db_upgrade --rehearse").succeeds(), format!("{second}{third}"));
    assert_eq!(home.run("db_upgrade --rehearse --to 2").succeeds(), second);
    home.is_unchanged_since(&before);
    home.run("db_upgrade").succeeds_with_warning();
    let nothing = "No migration is pending: there is nothing to rehearse\n";
    assert_eq!(home.run("db_upgrade --rehearse").succeeds(), nothing);
}

#[test]
fn reports_values_that_down_does_not_restore() {
    let home = home();
    home.add_migration("002_age", REBUILD, Some(FORGETFUL));
    assert_eq!(
        home.run("db_upgrade --rehearse").succeeds(),
        "Rehearsed 002_age: up, down and up again, on a copy of 2,000 rows\n  not restored by down.sql: people.email \
         changed in 2,000 rows, such as id = 1, from '1@example.org' to NULL\n"
    );
}

#[test]
fn finds_what_the_rows_do_not_allow_in_the_second_migration() {
    let home = home();
    home.execute("UPDATE people SET email = '7@example.org' WHERE id = 8");
    home.add_migration("002_age", REBUILD, Some("ALTER TABLE people DROP COLUMN age;"));
    home.add_migration("003_email", "CREATE UNIQUE INDEX email ON people (email);", Some("DROP INDEX email;"));
    let said = home.refuses("db_upgrade --rehearse");
    assert_eq!(
        said,
        "the rehearsal of 003_email failed, nothing was changed: up.sql, on the rows: UNIQUE constraint failed: \
         people.email in: CREATE UNIQUE INDEX email ON people (email)"
    );
    home.run("db_upgrade --rehearse --to 2").succeeds();
}

#[test]
fn leaves_a_database_in_wal_mode_unchanged() {
    let home = home();
    home.execute("PRAGMA journal_mode = WAL");
    home.add_migration("002_age", REBUILD, Some("ALTER TABLE people DROP COLUMN age;"));
    let dump = home.dump();
    home.run("db_upgrade --rehearse").succeeds();
    assert_eq!(home.dump(), dump);
    assert!(!home.contents().keys().any(|name| name.to_string_lossy().contains("rehearsal")));
}

#[test]
fn excludes_other_modes() {
    let home = home();
    for other in ["--dry-run", "--check", "--purge-kept", "--accept-edited 1"] {
        assert_eq!(home.run(&format!("db_upgrade --rehearse {other}")).status, Some(2), "{other}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_nothing() {
    // The copy needs more blocks.
    let limited = file_size_limit(16);
    let home = home();
    home.add_migration("002_age", REBUILD, Some("ALTER TABLE people DROP COLUMN age;"));
    let said = home.refuses_through(&limited, &["db_upgrade", "--rehearse"]);
    assert!(said.starts_with("cannot write .rehearsal-"), "{said}");
    assert!(said.contains(": no room for a rehearsal; make room for a copy of the database"), "{said}");
    home.run("db_upgrade").succeeds_with_warning();
    let said = home.refuses_through(&limited, &["db_migrate", "--allow-data-loss"]);
    assert!(said.starts_with("cannot write .rehearsal-"), "{said}");
    assert!(said.ends_with("db_migrate --no-rehearsal needs none"), "{said}");
}

#[cfg(unix)]
#[test]
fn names_a_read_only_folder() {
    use std::os::unix::fs::PermissionsExt;

    let home = home();
    home.add_migration("002_age", REBUILD, Some("ALTER TABLE people DROP COLUMN age;"));
    let allow = |mode| std::fs::set_permissions(home.path(""), std::fs::Permissions::from_mode(mode)).unwrap();
    allow(0o555);
    let run = home.run_through(&obeying_permissions(), "db_upgrade --rehearse");
    allow(0o755);
    let said = run.fails();
    assert!(said.starts_with("cannot write .rehearsal-") && said.contains("Permission denied"), "{said}");
}
