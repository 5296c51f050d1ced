//! `db_migrate` needs a database at the newest migration of the folder.

use test_support::Home;

#[test]
fn pending_migrations_come_first() {
    let home = Home::with_history();
    assert_eq!(
        home.refuses("db_migrate"),
        "the database is at version 0, and 2 migrations are pending: 001_migration, 002_migration; run db_upgrade first"
    );
    home.run("db_upgrade --to 1").succeeds();
    for line in ["db_migrate", "db_migrate --check", "db_migrate --dry-run"] {
        assert_eq!(
            home.refuses(line),
            "the database is at version 1, and a migration is pending: 002_migration; run db_upgrade first"
        );
    }
}

#[test]
fn refuses_a_database_ahead_of_the_folder() {
    let home = Home::with_history();
    home.run("db_upgrade").succeeds();
    std::fs::remove_dir_all(home.path("migrations/sqlite/002_migration")).unwrap();
    for line in ["db_migrate", "db_migrate --check", "db_upgrade", "db_upgrade --dry-run", "db_downgrade --to 0"] {
        assert_eq!(
            home.refuses(line),
            "the database has applied 002, which is not among these migrations (the newest is 1); update this \
             program or its migrations folder"
        );
    }
}

#[test]
fn refuses_an_unapplied_migration_below_the_version() {
    let home = Home::created();
    home.add_migration("002_tags", "CREATE TABLE tags (id INTEGER PRIMARY KEY);", Some("DROP TABLE tags;"));
    home.run("db_upgrade").succeeds_with_warning();
    home.add_migration("001_likes", "CREATE TABLE likes (id INTEGER PRIMARY KEY);", Some("DROP TABLE likes;"));
    for line in
        ["db_migrate", "db_migrate --check", "db_upgrade", "db_upgrade --to 2", "db_upgrade --dry-run", "db_downgrade"]
    {
        assert_eq!(
            home.refuses(line),
            "migration 001_likes was never applied, though the database is already at version 2: give it a version that comes later as text"
        );
    }
    std::fs::rename(home.path("migrations/sqlite/001_likes"), home.path("migrations/sqlite/003_likes")).unwrap();
    home.run("db_upgrade").succeeds_with_warning();
    assert_eq!(home.tables(), ["likes", "tags"]);
}

#[test]
fn does_not_create_a_missing_database() {
    let home = Home::new();
    for program in ["db_migrate", "db_upgrade", "db_downgrade"] {
        assert_eq!(home.refuses(program), "app.db does not exist; run db_create first, or check DATABASE_URL");
    }
    home.write("app.db", "");
    for program in ["db_migrate", "db_upgrade", "db_downgrade"] {
        assert_eq!(home.refuses(program), "app.db is not under version control; run db_create first");
    }
}
