//! A `db_create` that fails removes the file and the folders that it created.

use test_support::{Home, file_size_limit, obeying_permissions};

const CANNOT_OPEN: &str = "data/app.db: unable to open database file: check that its folder exists, and that you may \
                           read and write both";

#[test]
fn a_missing_folder_is_not_created() {
    let home = Home::new().with_database_url("sqlite:data/app.db");
    assert_eq!(home.refuses("db_create"), CANNOT_OPEN);
}

#[test]
fn unusable_migrations_leave_no_database() {
    let home = Home::new();
    home.add_migration("001_users", "", None);
    home.add_migration("1_posts", "", None);
    assert_eq!(home.refuses("db_create"), "migrations/sqlite/1_posts: 001_users has the same number: rename one");
}

#[test]
fn refuses_a_file_in_place_of_the_migrations_folder() {
    let home = Home::new();
    home.write("migrations", "");
    let said = home.refuses("db_create");
    assert!(said.starts_with("MIGRATIONS_DIR is \"migrations\": it must be a folder"), "{said}");
    std::fs::remove_file(home.path("migrations")).unwrap();
    home.write("migrations/sqlite", "");
    let said = home.refuses("db_create");
    assert!(said.starts_with("cannot write migrations/sqlite: "), "{said}");
}

#[cfg(unix)]
#[test]
fn a_full_disk_leaves_neither_database_nor_folder() {
    let home = Home::new();
    for blocks in 0..=16 {
        assert_eq!(
            home.refuses_through(&file_size_limit(blocks), &["db_create"]),
            "app.db: disk I/O error: check that the disk has room and is sound, then try again"
        );
    }
}

#[cfg(unix)]
#[test]
fn keeps_a_dangling_link() {
    let home = Home::new();
    std::os::unix::fs::symlink("data/app.db", home.path("app.db")).unwrap();
    let said = home.run("db_create").fails();
    assert!(said.starts_with("app.db: unable to open database file: "), "{said}");
    assert!(home.path("app.db").is_symlink() && !home.path("migrations").exists());
}

#[cfg(unix)]
#[test]
fn refuses_a_read_only_folder() {
    use std::os::unix::fs::PermissionsExt;

    let home = Home::new().with_database_url("sqlite:data/app.db");
    home.write("data/.gitkeep", "");
    std::fs::set_permissions(home.path("data"), std::fs::Permissions::from_mode(0o555)).unwrap();
    assert_eq!(home.refuses_through(&obeying_permissions(), &["db_create"]), CANNOT_OPEN);
}
