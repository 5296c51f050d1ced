//! The tutorial's walk from an empty folder, with everything that the scripts print.

use std::fs;

use test_support::{Home, TestDatabase, last_lines};

const PLAN: &str = "\
creates table users:
  id: Integer
  nickname: VarChar(64)
  email: VarChar(120)
  primary key (id)
  unique index users_nickname_key (nickname)
  unique index users_email_key (email)
creates table posts:
  id: Integer
  body: VarChar(140)
  timestamp: Timestamp
  user_id: Integer
  primary key (id)
  index posts_timestamp_idx (timestamp)
  index posts_user_id_idx (user_id)
  foreign key (user_id) to users (id), on delete cascade
";

const AGREE: &str = "The models and the database agree: there is nothing to migrate\n";

#[test]
fn create_migrate_downgrade_upgrade() {
    let home = Home::new();
    let said = home.run("db_create").succeeds();
    assert_eq!(said, "app.db is now under version control\nCurrent database version: 0\n");

    let saved = "New migration saved as migrations/sqlite/001_migration\nCurrent database version: 1\n";
    assert_eq!(home.run("db_migrate").succeeds(), format!("{PLAN}{saved}"));
    assert_eq!(home.migrations(), ["001_migration"]);
    assert_eq!(home.tables(), ["posts", "users"]);
    let migrated = home.dump();

    assert_eq!(home.run("db_migrate").succeeds(), AGREE);
    assert_eq!(home.migrations(), ["001_migration"]);

    let said = home.run("db_downgrade").succeeds();
    assert_eq!(said, "Downgraded to 0: 001_migration reverted\nCurrent database version: 0\n");
    assert_eq!(home.tables(), [""; 0]);

    let said = home.refuses("db_downgrade");
    assert_eq!(said, "the database is at version 0: there is no migration to revert");

    let said = home.run("db_upgrade").succeeds();
    assert_eq!(said, "Upgraded to 1: 001_migration\nCurrent database version: 1\n");
    let without_times = |dump: &str| dump.lines().filter(|line| !line.starts_with("  '001'")).collect::<String>();
    assert_eq!(without_times(&home.dump()), without_times(&migrated));

    assert_eq!(home.run("db_upgrade").succeeds(), "Current database version: 1\n");
}

#[test]
fn the_committed_migrations_agree_with_the_models() {
    let home = Home::with_history();
    let said = home.run("db_upgrade").succeeds();
    assert_eq!(said, "Upgraded to 1: 001_migration\nUpgraded to 2: 002_migration\nCurrent database version: 2\n");
    assert_eq!(home.run("db_migrate").succeeds(), AGREE);
    assert_eq!(home.migrations(), ["001_migration", "002_migration"]);
}

#[test]
fn a_dry_run_prints_plan_and_sql_and_writes_nothing() {
    let home = Home::created();
    let before = home.contents();
    let said = home.run("db_migrate --dry-run").succeeds();
    home.is_unchanged_since(&before);

    home.run("db_migrate").succeeds();
    let text = |file| std::fs::read_to_string(home.path("migrations/sqlite/001_migration").join(file)).unwrap();
    let (up, down) = (text("up.sql"), text("down.sql"));
    assert_eq!(said, format!("{PLAN}\n-- 001_migration/up.sql\n{up}\n-- 001_migration/down.sql\n{down}\n"));
}

#[test]
fn check_exits_with_1_until_models_and_database_agree() {
    let home = Home::created();
    let run = home.run("db_migrate --check");
    assert_eq!(run.stdout, PLAN);
    assert_eq!(run.fails(), "the models and the database differ; run db_migrate");
    home.refuses("db_migrate --check");

    home.run("db_migrate").succeeds();
    assert_eq!(home.run("db_migrate --check").succeeds(), AGREE);

    home.run("db_downgrade").succeeds();
    let said = home.refuses("db_migrate --check");
    assert_eq!(said, "the database is at version 0, and a migration is pending: 001_migration; run db_upgrade first");
}

#[test]
fn a_missing_index_becomes_the_next_migration() {
    let home = Home::with_history();
    home.run("db_upgrade").succeeds();
    home.execute("DROP INDEX posts_timestamp_idx");
    let said = home.run_words(&["db_migrate", "-m", "index timestamps"]).succeeds();
    assert_eq!(
        last_lines(&said, 2),
        ["New migration saved as migrations/sqlite/003_index_timestamps", "Current database version: 3"]
    );
    assert_eq!(home.run("db_migrate").succeeds(), AGREE);
    home.run("db_downgrade").succeeds();
    assert!(!home.dump().contains("posts_timestamp_idx"));
}

#[test]
fn a_folder_for_each_database_gets_both_migrations() {
    let home = Home::created();
    home.write("migrations/postgresql/.keep", "");
    let said = home.run("db_migrate --dry-run").succeeds();
    for text in
        ["the same for postgresql, not rehearsed yet", "-- 001_migration/up.sql", "-- postgresql/001_migration/up.sql"]
    {
        assert!(said.contains(text), "{text} in {said}");
    }
    assert_eq!(home.names("migrations/postgresql"), [".keep"]);
    let said = home.run("db_migrate").succeeds();
    let saved = [
        "New migration saved as migrations/sqlite/001_migration",
        "New migration saved as migrations/postgresql/001_migration, not rehearsed: db_migrate --rehearse-on URL does it on \
         a server",
        "Current database version: 1",
    ];
    assert_eq!(last_lines(&said, 3), saved);
    if let Some(server) = TestDatabase::new() {
        let said = home.run(&format!("db_migrate --rehearse-on {}", server.url())).succeeds();
        assert_eq!(said, format!("Rehearsed postgresql/001_migration: up, down and up again\n{AGREE}"));
        let up = fs::read_to_string(home.path("migrations/postgresql/001_migration/up.sql")).unwrap();
        assert!(up.starts_with("-- Generated"), "{up}");
    }
}
