//! `db_downgrade --restore FILE` replaces the database with a backup, while no other process has it open.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::sql_types::BigInt;
use diesel::{Connection as _, RunQueryDsl as _, SqliteConnection};
use test_support::{Home, Run, file_size_limit, obeying_permissions};

/// A database at version 2 with a user, a backup of version 1, and backups on.
fn home_with_backup() -> (Home, String) {
    let home = Home::with_history();
    home.run("db_upgrade --to 1").succeeds();
    home.execute("INSERT INTO users VALUES (1, 'john', 'john@email.com')");
    let home = home.with_backups(5);
    let (said, backup) = home.run("db_upgrade").succeeds_with_warning();
    assert_eq!(said, "Upgraded to 2: 002_migration\nCurrent database version: 2\n");
    let file = backup.strip_prefix("backup saved as ").unwrap().to_owned();
    (home, file)
}

#[test]
fn restores_a_backup_and_prints_its_version() {
    let (home, file) = home_with_backup();
    assert!(file.starts_with("backups/app-v1-"), "{file}");
    home.execute("INSERT INTO users VALUES (2, 'susan', 'susan@email.com')");
    let (said, warning) = home.run(&format!("db_downgrade --restore {file}")).succeeds_with_warning();
    assert_eq!(said, format!("Restored app.db from {file}\nCurrent database version: 1\n"));
    assert!(warning.starts_with("backup saved as backups/app-v2-"), "{warning}");
    assert!(home.dump().contains("john") && !home.dump().contains("susan"));
    home.with_backups(0).run("db_upgrade").succeeds();
}

#[test]
fn takes_absolute_and_relative_paths() {
    let (home, file) = home_with_backup();
    let home = home.with_backups(0);
    home.run(&format!("db_downgrade --restore {}", home.path(&file).display())).succeeds();
    fs::create_dir(home.path("elsewhere")).unwrap();
    for path in [file.clone(), format!("../{file}")] {
        let mut command = home.command(&["db_downgrade", "--restore", &path]);
        let output = command.current_dir(home.path("elsewhere")).output().unwrap();
        Run::new("db_downgrade", output).succeeds();
    }
}

#[test]
fn refuses_a_database_that_is_open() {
    let (home, file) = home_with_backup();
    home.execute("PRAGMA journal_mode = WAL");
    let mut site = home.connect();
    site.batch_execute("SELECT count(*) FROM users; INSERT INTO users VALUES (7, 'late', 'late@email.com')").unwrap();
    let before = home.backups();
    let said = home.run(&format!("db_downgrade --restore {file}")).fails();
    assert_eq!(said, "app.db: another process has it open; stop the application first, then try again");
    assert_eq!(home.backups(), before);
    site.batch_execute("INSERT INTO users VALUES (8, 'later', 'later@email.com')").unwrap();
    drop(site);
    assert!(home.dump().contains("'later'"));
    home.run(&format!("db_downgrade --restore {file}")).succeeds_with_warning();
    assert!(!home.dump().contains("late"));
}

#[test]
fn refuses_a_database_that_is_being_written() {
    for lock in ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"] {
        let (home, file) = home_with_backup();
        let mut writer = home.connect();
        writer.batch_execute(lock).unwrap();
        let said = home.run(&format!("db_downgrade --restore {file}")).fails();
        assert_eq!(said, "app.db: another process has it open; stop the application first, then try again", "{lock}");
        writer.batch_execute("INSERT INTO users VALUES (7, 'late', 'late@email.com'); COMMIT").unwrap();
        assert!(home.dump().contains("'late'"));
    }
}

#[test]
fn refuses_a_file_that_is_not_a_backup() {
    let (home, _) = home_with_backup();
    home.write("diary.txt", "Dear diary");
    assert_eq!(home.refuses("db_downgrade --restore diary.txt"), "diary.txt: file is not a database");
    assert_eq!(home.refuses("db_downgrade --restore gone.db"), "gone.db does not exist");
    let wrong = home.run("db_downgrade --restore diary.txt --to 1");
    assert_eq!(wrong.status, Some(2), "{wrong:?}");
}

#[cfg(unix)]
#[test]
fn a_full_disk_stops_the_restore_and_the_downgrade() {
    let (home, file) = home_with_backup();
    for blocks in [0, 8, 16, 24] {
        home.refuses_through(&file_size_limit(blocks), &["db_downgrade", "--restore", &file]);
        let said = home.refuses_through(&file_size_limit(blocks), &["db_downgrade"]);
        assert!(said.contains("--no-backup makes none"), "{said}");
    }
}

#[cfg(unix)]
#[test]
fn a_read_only_backups_folder_stops_the_run() {
    use std::os::unix::fs::PermissionsExt;

    let (home, _) = home_with_backup();
    let mode = |bits| fs::set_permissions(home.path("backups"), fs::Permissions::from_mode(bits)).unwrap();
    mode(0o555);
    let run = home.run_through(&obeying_permissions(), "db_downgrade");
    mode(0o755);
    let said = run.fails();
    assert!(
        said.starts_with("cannot write backups/.app.db.new: Permission denied")
            && said.contains("--no-backup makes none"),
        "{said}"
    );
    assert!(home.dump().contains("john"));
}

#[test]
fn loses_nothing_that_others_write_meanwhile() {
    let home = Home::with_history();
    home.run("db_upgrade").succeeds();
    home.execute(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)
         INSERT INTO users (id, nickname, email) SELECT i, 'nickname ' || i, i || '@example.com' FROM n;",
    );
    fs::copy(home.path("app.db"), home.path("old.db")).unwrap();
    let home = home.with_backups(5);
    let mut running = home.start("db_downgrade --restore old.db");
    // Programs that come and go. The pause between them is when the restore can have the database to itself.
    let mut written = Vec::new();
    for id in 200_001.. {
        if running.has_ended() {
            break;
        }
        let insert = format!("INSERT INTO users (id, nickname, email) VALUES ({id}, 'n{id}', '{id}@x')");
        if home.connect().batch_execute(&insert).is_ok() {
            written.push(id);
        }
        sleep(Duration::from_millis(3));
    }
    let run = running.ends();
    assert!(!written.is_empty());
    let contains = |file: &str, id: i32| {
        let mut connection = SqliteConnection::establish(home.path(file).to_str().unwrap()).unwrap();
        let query = format!("SELECT count(*) FROM users WHERE id = {id}");
        sql::<BigInt>(&query).get_result::<i64>(&mut connection).unwrap() == 1
    };
    let copies: Vec<_> = home.backups().iter().map(|name| format!("backups/{name}")).collect();
    let files: Vec<_> = ["app.db"].into_iter().chain(copies.iter().map(String::as_str)).collect();
    let lost: Vec<_> = written.into_iter().filter(|id| !files.iter().any(|file| contains(file, *id))).collect();
    assert_eq!(lost, [0; 0], "{run:?}");
    assert!(run.status == Some(0) || run.stderr.contains("stop the application first, then try again"), "{run:?}");
}
