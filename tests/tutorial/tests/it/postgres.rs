//! The tutorial's walk on a PostgreSQL server.

use test_support::{Home, TestDatabase, last_lines};

#[test]
fn create_migrate_downgrade_upgrade() {
    let Some(database) = TestDatabase::new() else { return };
    let home = Home::new().with_database_url(database.url());
    let said = home.run("db_create").succeeds();
    assert_eq!(said, "the PostgreSQL database is now under version control\nCurrent database version: 0\n");

    let said = home.run("db_migrate").succeeds();
    assert!(said.starts_with("creates table users:\n"), "{said}");
    let saved = ["New migration saved as migrations/postgresql/001_migration", "Current database version: 1"];
    assert_eq!(last_lines(&said, 2), saved);
    let agree = "The models and the database agree: there is nothing to migrate\n";
    assert_eq!(home.run("db_migrate").succeeds(), agree);
    assert_eq!(home.run("db_upgrade --check").succeeds(), "The models and the database agree\n");

    let said = home.run("db_downgrade").succeeds();
    assert_eq!(said, "Downgraded to 0: 001_migration reverted\nCurrent database version: 0\n");
    assert_eq!(home.run("db_downgrade").fails(), "the database is at version 0: there is no migration to revert");
    let said = home.run("db_upgrade").succeeds();
    assert_eq!(said, "Upgraded to 1: 001_migration\nCurrent database version: 1\n");
    assert_eq!(home.run("db_migrate --check").succeeds(), agree);
}
