//! The tutorial's walk on a PostgreSQL server.

use diesel::connection::SimpleConnection as _;
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

#[test]
fn a_handwritten_delete_forgets_the_kept_values() {
    let Some(database) = TestDatabase::new() else { return };
    let home = Home::new().with_database_url(database.url());
    home.run("db_create").succeeds();
    home.run("db_migrate").succeeds();
    let rows = "ALTER TABLE users ADD COLUMN about_me TEXT;
        INSERT INTO users VALUES (1, 'john', 'john@email.com', 'me'), (2, 'susan', 's@email.com', 'me too')";
    database.connect().batch_execute(rows).unwrap();
    let (_, warning) = home.run("db_migrate --allow-data-loss").succeeds_with_warning();
    assert_eq!(
        warning,
        "the previous release fails after this migration: users.about_me is dropped; \
         stop it before the upgrade, or deploy in two steps"
    );
    home.write("migrations/postgresql/003_delete/up.sql", "DELETE FROM users WHERE id = 1;");
    home.run("db_upgrade").succeeds();
    assert!(home.run("db_upgrade --purge-kept").succeeds().ends_with("_kept_002_users: 1 row\n"));
}

#[test]
fn the_one_binary_migrates_and_lists() {
    let Some(database) = TestDatabase::new() else { return };
    let home = Home::new().with_database_url(database.url());
    for line in ["init", "migrate", "downgrade"] {
        home.run(&format!("tutorial {line}")).succeeds();
    }
    home.run("tutorial new by_hand").succeeds();
    let said = home.run("tutorial status").succeeds();
    let lines = "\n  001_migration  pending\n  002_by_hand    pending\n";
    assert_eq!(said, format!("the PostgreSQL database is at version 0{lines}"));
    // A migration of comments alone is applied.
    home.run("tutorial upgrade").succeeds();
    home.run("tutorial check").succeeds();
}

#[test]
fn all_rows_are_moved_from_sqlite_and_back() {
    let (Some(scratch), Some(database)) = (TestDatabase::new(), TestDatabase::absent("")) else { return };
    let home = Home::new();
    home.run("db_create").succeeds();
    home.run("db_migrate").succeeds();
    home.execute(
        "INSERT INTO users VALUES (7, 'john', 'john@email.com'); \
         INSERT INTO posts VALUES (1, 'my first post', '2012-02-29 12:00:00.500', 7)",
    );
    let all = "SELECT concat_ws(' ', u.id, nickname, email, p.id, body, timestamp) FROM users u JOIN posts p ON user_id = u.id";
    let rows = home.query(all);
    let home = home.with_database_url(scratch.url());
    let said = home.refuses("db_create --copy-from app.db");
    assert!(said.starts_with("no migrations folder at migrations/postgresql"), "{said}");
    home.run("db_create").succeeds();
    home.run("db_migrate").succeeds();

    let home = home.with_database_url(database.url());
    let said = home.run("db_create --copy-from app.db").succeeds();
    assert_eq!(said, "the PostgreSQL database holds all rows of app.db now\nCurrent database version: 1\n");
    assert_eq!(home.run("db_upgrade --check").succeeds(), "The models and the database agree\n");
    let why = "it holds tables already, and only an empty database can be filled; nothing was moved";
    assert_eq!(
        home.run("db_create --copy-from app.db").fails(),
        format!("cannot move rows to the PostgreSQL database: {why}")
    );
    assert_eq!(home.run("db_create --copy-from none.db").fails().split(' ').next_back(), Some("exist"));

    let home = home.with_database_url("sqlite:app.db");
    std::fs::remove_file(home.path("app.db")).unwrap();
    home.run(&format!("tutorial init --copy-from {}", database.url())).succeeds();
    assert_eq!(home.query(all), rows);
}
