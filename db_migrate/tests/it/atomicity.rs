//! `db_migrate` writes and applies a migration, or does neither, and never overwrites a folder.

use std::thread;

use test_support::{Home, Run, file_size_limit, obeying_permissions};

#[test]
fn does_not_overwrite_a_folder_or_file() {
    let home = Home::created();
    let refusal = "migrations/sqlite/001_migration: it exists already; move it away";
    std::fs::create_dir(home.path("migrations/sqlite/001_migration")).unwrap();
    assert_eq!(home.refuses("db_migrate"), refusal);
    std::fs::remove_dir(home.path("migrations/sqlite/001_migration")).unwrap();
    home.write("migrations/sqlite/001_migration", "my notes");
    assert_eq!(home.refuses("db_migrate"), refusal);
}

#[test]
fn refuses_a_folder_without_up_sql() {
    let home = Home::created();
    home.write("migrations/sqlite/001_migration/notes.txt", "my notes");
    assert_eq!(home.refuses("db_migrate"), "migrations/sqlite/001_migration: it has no up.sql");
}

#[test]
fn ignores_what_an_interrupted_run_left() {
    let home = Home::created();
    home.write("migrations/sqlite/.001_migration.new/up.sql", "half");
    home.run("db_migrate").succeeds();
    assert_eq!(home.migrations(), ["001_migration"]);
}

#[test]
fn rows_that_violate_the_migration_undo_it() {
    let home = Home::with_history();
    home.run("db_upgrade").succeeds();
    home.execute(
        "DROP INDEX users_nickname_key;
         INSERT INTO users VALUES (1, 'john', 'john@email.com'), (2, 'john', 'susan@email.com')",
    );
    let said = home.refuses("db_migrate");
    assert_eq!(
        said,
        "the rehearsal of the migration failed, nothing was changed: up.sql, on the rows: UNIQUE constraint failed: \
         users.nickname in: CREATE UNIQUE INDEX users_nickname_key ON users (nickname)"
    );
}

#[test]
fn one_of_several_at_once_migrates() {
    for _ in 0..3 {
        let home = Home::created();
        let runs: Vec<Run> = thread::scope(|scope| {
            let running: Vec<_> = (0..4).map(|_| scope.spawn(|| home.run("db_migrate"))).collect();
            running.into_iter().map(|run| run.join().unwrap()).collect()
        });
        assert_eq!(runs.iter().filter(|run| run.stdout.contains("New migration saved")).count(), 1, "{runs:?}");
        for run in runs.into_iter().filter(|run| run.status != Some(0)) {
            run.fails();
        }
        assert_eq!(home.migrations(), ["001_migration"]);
        assert_eq!(home.run("db_upgrade").succeeds(), "Current database version: 1\n");
    }
}

#[cfg(unix)]
#[test]
fn a_full_disk_leaves_neither_folder_nor_tables() {
    let home = Home::created();
    for blocks in [0, 8, 16, 24, 32, 40] {
        let said = home.refuses_through(&file_size_limit(blocks), &["db_migrate"]);
        if blocks == 0 {
            assert!(said.starts_with("cannot write migrations/sqlite/.001_migration.new: "), "{said}");
        } else {
            assert!(said.starts_with("app.db: disk I/O error: check that the disk has room"), "{said}");
        }
    }
}

#[cfg(unix)]
#[test]
fn names_a_migrations_folder_without_permission() {
    use std::os::unix::fs::PermissionsExt;

    let home = Home::created();
    let folder = home.path("migrations/sqlite");
    let allow = |mode| std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(mode)).unwrap();
    let run = || home.run_through(&obeying_permissions(), "db_migrate").fails();
    let before = home.contents();
    allow(0o555);
    let cannot_write = run();
    allow(0o000);
    let cannot_read = run();
    allow(0o755);
    assert!(
        cannot_write.starts_with("cannot write migrations/sqlite/.001_migration.new: Permission"),
        "{cannot_write}"
    );
    assert!(cannot_read.starts_with("cannot read migrations/sqlite: Permission denied"), "{cannot_read}");
    home.is_unchanged_since(&before);
}
