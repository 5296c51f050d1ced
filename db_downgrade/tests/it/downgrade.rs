//! `db_downgrade` reverts one migration, or every one above a revision: all or none.

use test_support::{Home, file_size_limit, obeying_permissions};

fn home_at_version_2() -> Home {
    let home = Home::with_history();
    home.run("db_upgrade").succeeds();
    home
}

#[test]
fn reverts_one_migration_at_a_time() {
    let home = home_at_version_2();
    home.execute("INSERT INTO users VALUES (1, 'john', 'john@email.com')");
    let said = home.run("db_downgrade").succeeds();
    assert_eq!(said, "Downgraded to 1: 002_migration reverted\nCurrent database version: 1\n");
    assert_eq!(home.tables(), ["users"]);
    assert!(home.dump().contains("'john'"));
    let said = home.run("db_downgrade --allow-data-loss").succeeds();
    assert_eq!(said, "Downgraded to 0: 001_migration reverted\nCurrent database version: 0\n");
    assert_eq!(home.tables(), [""; 0]);
    assert_eq!(home.migrations(), ["001_migration", "002_migration"]);
}

#[test]
fn refuses_at_version_0() {
    let home = Home::with_history();
    for line in ["db_downgrade", "db_downgrade --to 0", "db_downgrade --dry-run"] {
        assert_eq!(home.refuses(line), "the database is at version 0: there is no migration to revert");
    }
}

#[test]
fn to_only_goes_down() {
    let home = home_at_version_2();
    assert_eq!(home.refuses("db_downgrade --to 7"), "no migration has the version 7: they go up to 2");
    assert_eq!(home.run("db_downgrade --to 2").succeeds(), "Current database version: 2\n");
    let said = home.run("db_downgrade --to 0").succeeds();
    assert_eq!(
        said,
        "Downgraded to 1: 002_migration reverted\nDowngraded to 0: 001_migration reverted\n\
         Current database version: 0\n"
    );
    home.run("db_upgrade --to 1").succeeds();
    assert_eq!(
        home.refuses("db_downgrade --to 2"),
        "the database is at version 1: 2 is an upgrade; run db_upgrade --to 2"
    );
}

#[test]
fn steps_over_a_gap_in_the_numbers() {
    let home = Home::created();
    home.add_migration("002_a", "CREATE TABLE a (b TEXT);", Some("DROP TABLE a;"));
    home.add_migration("005_c", "CREATE TABLE c (d TEXT);", Some("DROP TABLE c;"));
    home.run("db_upgrade").succeeds_with_warning();
    let said = home.run("db_downgrade").succeeds();
    assert_eq!(said, "Downgraded to 2: 005_c reverted\nCurrent database version: 2\n");
    assert_eq!(home.refuses("db_downgrade --to 1"), "no migration has the version 1: they go up to 5");
}

#[test]
fn a_dry_run_prints_the_sql_newest_first() {
    let home = home_at_version_2();
    let before = home.contents();
    let said = home.run("db_downgrade --dry-run --to 0").succeeds();
    assert_eq!(said, "-- 002_migration\nDROP TABLE posts;\n\n-- 001_migration\nDROP TABLE users;\n\n");
    home.is_unchanged_since(&before);
}

#[test]
fn a_missing_down_sql_stops_the_whole_run() {
    let home = home_at_version_2();
    std::fs::remove_file(home.path("migrations/sqlite/001_migration/down.sql")).unwrap();
    for line in ["db_downgrade --to 0", "db_downgrade --to 0 --dry-run"] {
        assert_eq!(
            home.refuses(line),
            "migration 001_migration has no down.sql: it cannot be reverted; write one, or restore a backup"
        );
    }
    home.run("db_downgrade").succeeds();
}

#[test]
fn a_statement_that_fails_undoes_the_steps_before_it() {
    let home = home_at_version_2();
    home.write("migrations/sqlite/001_migration/down.sql", "DROP TABLE users; DROP TABLE nobody;");
    let before = home.dump();
    assert_eq!(
        home.refuses("db_downgrade --to 0"),
        "migration 001_migration failed, nothing was changed: no such table: nobody in: DROP TABLE nobody"
    );
    assert_eq!(home.dump(), before);
}

#[test]
fn refuses_to_leave_dangling_references() {
    let home = home_at_version_2();
    home.execute(
        "INSERT INTO users VALUES (1, 'john', 'john@email.com');
         INSERT INTO posts VALUES (1, 'my first post!', '2030-01-01 00:00:00', 1)",
    );
    home.write("migrations/sqlite/002_migration/down.sql", "DELETE FROM users;");
    assert_eq!(
        home.refuses("db_downgrade"),
        "002_migration would damage the data, nothing was changed: 1 row would refer to a missing row of another table, \
         such as posts with rowid 1, to users; if that is intended, run again with --no-verify"
    );
}

#[cfg(unix)]
#[test]
fn a_full_disk_changes_nothing() {
    let home = home_at_version_2();
    for blocks in [0, 8, 16, 24] {
        let said = home.refuses_through(&file_size_limit(blocks), &["db_downgrade", "--to", "0"]);
        assert!(said.starts_with("app.db: disk I/O error: check that the disk has room and is sound"), "{said}");
    }
    home.run("db_downgrade --to 0").succeeds();
}

#[cfg(unix)]
#[test]
fn a_read_only_folder_changes_nothing() {
    use std::os::unix::fs::PermissionsExt;

    let home = Home::new().with_database_url("sqlite:data/app.db");
    home.write("data/.gitkeep", "");
    home.add_history();
    for word in ["db_create", "db_upgrade"] {
        home.run(word).succeeds();
    }
    let mode = |bits| std::fs::set_permissions(home.path("data"), std::fs::Permissions::from_mode(bits)).unwrap();
    mode(0o555);
    let through = obeying_permissions();
    let said = home.refuses_through(&through, &["db_downgrade"]);
    mode(0o755);
    assert_eq!(
        said,
        "data/app.db: attempt to write a readonly database: check that you may write it, and the folder that it is in"
    );
    home.run("db_downgrade").succeeds();
}
