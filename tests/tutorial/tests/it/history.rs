//! An applied migration that was edited, is missing, or was added below the version: each script names it,
//! exits with status 1 and changes nothing.

use std::fs;

use test_support::Home;

const LINES: [&str; 8] = [
    "db_create",
    "db_migrate",
    "db_migrate --check",
    "db_upgrade",
    "db_upgrade --check",
    "db_upgrade --dry-run",
    "db_downgrade",
    "db_downgrade --to 0",
];

fn home_at_version_2() -> Home {
    let home = Home::with_history();
    home.run("db_upgrade").succeeds();
    for line in ["db_create", "db_upgrade --check"] {
        home.run(line).succeeds();
    }
    home
}

#[track_caller]
fn assert_named(home: &Home, said: &str) {
    for line in LINES {
        assert_eq!(home.refuses(line), said, "{line}");
    }
}

#[test]
fn names_an_edited_migration() {
    let home = home_at_version_2();
    let file = home.path("migrations/sqlite/001_migration/up.sql");
    let up = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{up}-- edited\n")).unwrap();
    assert_named(
        &home,
        "migration 001_migration was edited after it was applied; restore its up.sql and write a new migration, \
         or accept it as it is with db_upgrade --accept-edited 1",
    );
    fs::write(&file, &up).unwrap();
    home.run("db_create").succeeds();
    fs::write(&file, format!("{up}-- edited\n")).unwrap();
    home.run("db_upgrade --accept-edited 1").succeeds();
    home.run("db_create").succeeds();
}

#[test]
fn names_a_missing_migration() {
    for (missing, newest) in [("001", 2), ("002", 1)] {
        let home = home_at_version_2();
        fs::remove_dir_all(home.path(&format!("migrations/sqlite/{missing}_migration"))).unwrap();
        assert_named(
            &home,
            &format!(
                "the database has applied {missing}, which is not among these migrations (the newest is {newest}); \
                 update this program or its migrations folder"
            ),
        );
    }
}

#[test]
fn does_not_recreate_a_folder_that_the_database_needs() {
    let home = home_at_version_2();
    fs::remove_dir_all(home.path("migrations")).unwrap();
    let said = home.refuses("db_create");
    assert!(said.starts_with("the database has applied 001, 002, which are not among these migrations"), "{said}");
}

#[test]
fn names_an_unapplied_migration_below_the_version() {
    let home = Home::created();
    home.add_migration("002_b", "CREATE TABLE b (id INTEGER PRIMARY KEY);", Some("DROP TABLE b;"));
    home.run("db_upgrade").succeeds_with_warning();
    home.add_migration("001_late", "CREATE TABLE late (id INTEGER PRIMARY KEY);", Some("DROP TABLE late;"));
    assert_named(
        &home,
        "migration 001_late was never applied, though the database is already at version 2: give it a version that comes later as text",
    );
    fs::rename(home.path("migrations/sqlite/001_late"), home.path("migrations/sqlite/003_late")).unwrap();
    home.run("db_create").succeeds();
    home.run("db_upgrade").succeeds_with_warning();
}
