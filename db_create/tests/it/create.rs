//! `db_create` creates an empty database at version 0, once.

use test_support::Home;

#[test]
fn creates_an_empty_database_and_a_migrations_folder() {
    let home = Home::new();
    let said = home.run("db_create").succeeds();
    assert_eq!(said, "app.db is now under version control\nCurrent database version: 0\n");
    assert_eq!(home.tables(), [""; 0]);
    assert_eq!(home.migrations(), [""; 0]);
}

#[test]
fn a_second_run_changes_nothing() {
    let home = Home::with_history();
    home.run("db_upgrade").succeeds();
    let before = home.contents();
    let said = home.run("db_create").succeeds();
    assert_eq!(said, "app.db is already under version control\nCurrent database version: 2\n");
    home.is_unchanged_since(&before);
}

#[test]
fn keeps_existing_migrations() {
    let home = Home::new();
    home.add_history();
    home.run("db_create").succeeds();
    assert_eq!(home.migrations(), ["001_migration", "002_migration"]);
}

#[test]
fn turns_an_empty_file_into_a_database() {
    let home = Home::new();
    home.write("app.db", "");
    let said = home.run("db_create").succeeds();
    assert_eq!(said, "app.db is now under version control\nCurrent database version: 0\n");
}

#[test]
fn creates_a_missing_migrations_folder() {
    let home = Home::created();
    std::fs::remove_dir_all(home.path("migrations")).unwrap();
    home.run("db_create").succeeds();
    assert_eq!(home.migrations(), [""; 0]);
}

#[test]
fn runs_from_any_folder() {
    let home = Home::new();
    home.write("app/src/lib.rs", "");
    let output = home.command(&["db_create"]).current_dir(home.path("app/src")).output().unwrap();
    assert!(output.status.success());
    assert!(home.path("app.db").exists() && home.path("migrations/sqlite").exists());
    assert!(!home.path("app/src/app.db").exists());
}

#[test]
fn finds_the_folder_of_env_above() {
    let home = Home::new();
    home.write(".env", "DATABASE_URL=sqlite:blog.db\n");
    home.write("app/src/lib.rs", "");
    let mut command = home.command(&["db_create"]);
    for name in ["MICROBLOG_HOME", "DATABASE_URL", "MIGRATIONS_DIR"] {
        command.env_remove(name);
    }
    let output = command.current_dir(home.path("app/src")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(home.path("blog.db").exists() && home.path("migrations/sqlite").exists());
}
