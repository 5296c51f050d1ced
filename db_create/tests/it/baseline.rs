//! `db_create --stamp N` accepts a database whose tables were created by other means, when they are the right ones.

use test_support::{Home, PROGRAMS};

const REFUSAL: &str = "app.db holds tables but is not under version control; run db_create --stamp N, where N is the \
                       number of the newest migration that its tables already have";

/// The tables of migration 001, without version control.
fn home_with_users() -> Home {
    let home = Home::new();
    home.add_history();
    home.execute(&std::fs::read_to_string(home.path("migrations/sqlite/001_migration/up.sql")).unwrap());
    home.execute("INSERT INTO users VALUES (1, 'john', 'john@email.com')");
    home
}

#[test]
fn every_script_refuses_tables_without_history() {
    let home = home_with_users();
    for program in PROGRAMS {
        assert_eq!(home.refuses(program), REFUSAL);
    }
}

#[test]
fn a_view_counts_as_a_table() {
    let home = Home::new();
    home.execute("CREATE VIEW one AS SELECT 1");
    home.write("migrations/sqlite/.gitkeep", "");
    assert_eq!(home.refuses("db_create"), REFUSAL);
}

#[test]
fn records_the_version_and_the_rest_can_be_applied() {
    let home = home_with_users();
    let said = home.run("db_create --stamp 1").succeeds();
    assert_eq!(said, "app.db is now under version control\nCurrent database version: 1\n");
    let said = home.run("db_upgrade").succeeds();
    assert_eq!(said, "Upgraded to 2: 002_migration\nCurrent database version: 2\n");
    assert!(home.dump().contains("1, 'john', 'john@email.com'"));
}

#[test]
fn the_same_version_again_changes_nothing() {
    let home = home_with_users();
    home.run("db_create --stamp 1").succeeds();
    let said = home.run("db_create --stamp 1").succeeds();
    assert_eq!(said, "app.db is already under version control\nCurrent database version: 1\n");
    assert_eq!(
        home.refuses("db_create --stamp 2"),
        "app.db is already under version control, at version 1; run db_upgrade or db_downgrade to change its version"
    );
}

#[test]
fn names_what_differs_from_the_migrations() {
    let home = home_with_users();
    let said = home.refuses("db_create --stamp 2");
    let differs =
        "app.db differs from what the migrations up to 2 make; a migration between them creates table posts: id: ";
    assert!(said.starts_with(differs), "{said}");
    home.execute("ALTER TABLE users ADD COLUMN about_me VARCHAR(140)");
    let said = home.refuses("db_create --stamp 1");
    assert!(said.contains("about_me"), "{said}");
}

#[test]
fn refuses_a_version_that_no_migration_has() {
    let home = home_with_users();
    assert_eq!(home.refuses("db_create --stamp 3"), "no migration has the version 3: they go up to 2");
}

#[test]
fn needs_a_database() {
    let home = Home::new();
    assert_eq!(home.refuses("db_create --stamp 1"), "app.db does not exist; check DATABASE_URL");
}
