//! Migrations that cannot be used: every script that reads them names their folder.

use test_support::Home;

#[track_caller]
fn assert_refused(home: &Home, said: &str) {
    for program in ["db_migrate", "db_upgrade", "db_downgrade"] {
        assert_eq!(home.refuses(program), said, "{program}");
    }
}

#[test]
fn names_a_missing_folder() {
    let home = Home::created();
    std::fs::remove_dir_all(home.path("migrations")).unwrap();
    assert_refused(
        &home,
        "no migrations folder at migrations/sqlite; check MIGRATIONS_DIR, or run db_create to create it",
    );
}

#[test]
fn names_an_empty_folder() {
    let home = Home::created();
    for program in ["db_upgrade", "db_downgrade"] {
        assert_eq!(home.refuses(program), "no migrations in migrations/sqlite; db_migrate writes the first one");
    }
}

#[test]
fn names_two_migrations_with_one_number() {
    let home = Home::with_history();
    home.add_migration("2_likes", "", None);
    assert_refused(&home, "migrations/sqlite/2_likes: 002_migration has the same number: rename one");
}

#[test]
fn names_a_migration_without_a_number() {
    for name in ["likes", "_likes", "x1_likes"] {
        let home = Home::with_history();
        home.add_migration(name, "", None);
        assert_refused(
            &home,
            &format!("migrations/sqlite/{name}: a migration's name begins with its number, as 001_migration"),
        );
    }
}

#[test]
fn names_a_migration_without_up_sql() {
    let home = Home::with_history();
    home.write("migrations/sqlite/003_likes/down.sql", "");
    assert_refused(&home, "migrations/sqlite/003_likes: it has no up.sql");
}

#[test]
fn names_a_migration_that_is_not_text() {
    let home = Home::with_history();
    home.write("migrations/sqlite/003_likes/up.sql", b"CREATE TABLE \xff (a);");
    assert_refused(&home, "cannot read migrations/sqlite/003_likes/up.sql: stream did not contain valid UTF-8");
}

#[test]
fn ignores_files_and_hidden_or_empty_folders() {
    let home = Home::with_history();
    home.write("migrations/sqlite/README.md", "");
    home.write("migrations/sqlite/.git/config", "");
    std::fs::create_dir(home.path("migrations/sqlite/drafts")).unwrap();
    home.run("db_upgrade").succeeds();
}

#[test]
fn accepts_windows_line_endings_and_a_byte_order_mark() {
    let home = Home::created();
    home.add_migration("001_a", "\u{feff}CREATE TABLE a (b TEXT);\r\nINSERT INTO a VALUES ('x');\r\n", None);
    home.run("db_upgrade").succeeds_with_warning();
    assert!(home.dump().contains("'x'"));
}
