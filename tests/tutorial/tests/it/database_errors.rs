//! A database that cannot be used: all four scripts name it and the remedy, and leave it as it is.

use std::thread;

use diesel::connection::SimpleConnection;
use test_support::{Home, PROGRAMS};

#[track_caller]
fn assert_refused(home: &Home, said: &str) {
    for program in PROGRAMS {
        assert_eq!(home.refuses(program), said, "{program}");
    }
}

/// A database at version 1 with a user, one migration pending.
fn home_at_version_1() -> Home {
    let home = Home::with_history();
    home.run("db_upgrade --to 1").succeeds();
    home.execute("INSERT INTO users VALUES (1, 'john', 'john@email.com')");
    home
}

#[test]
fn names_a_text_file() {
    let home = Home::new();
    home.add_history();
    home.write("app.db", "Dear diary,\nthis is no database.\n");
    assert_refused(&home, "app.db: file is not a database; check DATABASE_URL");
}

#[test]
fn names_a_truncated_database() {
    let home = home_at_version_1();
    let whole = std::fs::read(home.path("app.db")).unwrap();
    for length in [100, 4096, 5000, whole.len() - 4096] {
        home.write("app.db", &whole[..length]);
        assert_refused(
            &home,
            "app.db: database disk image is malformed; restore a backup with db_downgrade --restore FILE",
        );
    }
}

#[test]
fn names_a_folder() {
    let home = Home::new();
    home.write("app.db/notes.txt", "");
    assert_refused(&home, "DATABASE_URL: the URL names a folder, not a file");
}

#[test]
fn names_a_database_that_stays_locked() {
    let home = home_at_version_1();
    // Before the lock is taken: a process that closes a file releases its locks on it.
    let before = home.contents();
    let mut other = home.connect();
    other.batch_execute("BEGIN EXCLUSIVE").unwrap();
    thread::scope(|scope| {
        for program in PROGRAMS {
            let home = &home;
            scope.spawn(move || {
                assert_eq!(
                    home.run(program).fails(),
                    "app.db: database is locked: another process is using it; try again when that has finished"
                );
            });
        }
    });
    drop(other);
    home.is_unchanged_since(&before);
}

#[test]
fn upgrades_a_database_that_the_site_uses() {
    let home = home_at_version_1();
    let mut site = home.connect();
    site.batch_execute("PRAGMA journal_mode = WAL; BEGIN; SELECT * FROM users").unwrap();
    home.run("db_upgrade").succeeds();
    site.batch_execute("COMMIT; INSERT INTO posts VALUES (1, 'hi', '2030-01-01 00:00:00', 1)").unwrap();
    home.run("db_downgrade --allow-data-loss").succeeds();
    assert_eq!(home.tables(), ["users"]);
}

#[cfg(unix)]
mod permissions {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::{PROGRAMS, home_at_version_1};
    use test_support::{Home, obeying_permissions};

    const READ_ONLY: &str =
        "app.db: attempt to write a readonly database: check that you may write it, and the folder that it is in";

    fn allow(home: &Home, name: &str, mode: u32) {
        set_permissions(home.path(name), Permissions::from_mode(mode)).unwrap();
    }

    #[track_caller]
    fn refuses(home: &Home, line: &str) -> String {
        home.refuses_through(&obeying_permissions(), &line.split(' ').collect::<Vec<_>>())
    }

    #[test]
    fn a_read_only_file_can_be_read_but_not_changed() {
        let home = home_at_version_1();
        allow(&home, "app.db", 0o444);
        for program in ["db_upgrade", "db_downgrade --allow-data-loss"] {
            assert_eq!(refuses(&home, program), READ_ONLY, "{program}");
        }
        home.run_through(&obeying_permissions(), "db_create").succeeds();
        home.run_through(&obeying_permissions(), "db_upgrade --dry-run").succeeds();
    }

    #[test]
    fn a_read_only_folder_has_no_room_for_the_journal() {
        let home = home_at_version_1();
        allow(&home, "", 0o555);
        let said = [refuses(&home, "db_upgrade"), refuses(&home, "db_downgrade --allow-data-loss")];
        allow(&home, "", 0o755);
        for said in said {
            assert_eq!(said, READ_ONLY);
        }
    }

    #[test]
    fn a_read_only_file_is_refused_before_a_migration_is_written() {
        let home = Home::created();
        allow(&home, "app.db", 0o444);
        let said = refuses(&home, "db_migrate");
        assert_eq!(said, READ_ONLY);
    }

    #[test]
    fn names_a_file_without_permission() {
        let home = home_at_version_1();
        let before = home.contents();
        allow(&home, "app.db", 0o000);
        let said = PROGRAMS.map(|program| home.run_through(&obeying_permissions(), program).fails());
        allow(&home, "app.db", 0o644);
        for said in said {
            assert_eq!(
                said,
                "app.db: unable to open database file: check that its folder exists, and that you may read and write \
                 both"
            );
        }
        home.is_unchanged_since(&before);
    }
}
