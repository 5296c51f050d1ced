//! The scripts where PostgreSQL's client programs are missing, old or slow, and where a password must stay secret.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use diesel::RunQueryDsl as _;
use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::sql_types::Bool;
use test_support::{Home, TestDatabase, wait_until};

/// A database at version 1 that holds a user, with a pending migration.
fn home(database: &TestDatabase) -> Home {
    let home = Home::new().with_database_url(database.url());
    home.run("db_create").succeeds();
    home.run("db_migrate").succeeds();
    database.connect().batch_execute("INSERT INTO users (nickname, email) VALUES ('john', 'j@e.com')").unwrap();
    home.write("migrations/postgresql/002_z/up.sql", "CREATE VIEW z AS SELECT 1 AS n;");
    home.write("migrations/postgresql/002_z/down.sql", "DROP VIEW z;");
    home.with_backups(5)
}

/// A folder of programs, to be all of the `PATH`: `env`, and `pg_dump` where there is a script for it.
fn programs(home: &Home, pg_dump: Option<&str>) -> String {
    fs::create_dir_all(home.path("bin")).unwrap();
    let _ = symlink("/usr/bin/env", home.path("bin/env"));
    if let Some(script) = pg_dump {
        home.write("bin/pg_dump", format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(home.path("bin/pg_dump"), fs::Permissions::from_mode(0o755)).unwrap();
    }
    format!("PATH={}", home.path("bin").display())
}

#[test]
fn without_pg_dump_only_no_backup_goes_on() {
    let Some(database) = TestDatabase::new() else { return };
    let home = home(&database);
    let refusal = "the PostgreSQL database: no backup was made, so nothing was changed: ";
    let path = programs(&home, None);
    let missing = "pg_dump is not on the PATH: install PostgreSQL's client programs; or run again with --no-backup";
    for command in ["db_upgrade", "db_downgrade"] {
        assert_eq!(home.refuses_through(&["env", &path], &[command]), format!("{refusal}{missing}"));
    }
    let path = programs(&home, Some("echo 'pg_dump (PostgreSQL) 9.6.1'"));
    let said = home.refuses_through(&["env", &path], &["db_upgrade"]);
    assert!(said.starts_with(&format!("{refusal}pg_dump is of version 9 and the server of version ")), "{said}");
    let path = programs(&home, Some("case $1 in --version) echo '99.0';; *) echo half; exit 3;; esac"));
    let said = home.refuses_through(&["env", &path], &["db_upgrade"]);
    assert!(said.starts_with(&format!("{refusal}pg_dump: it has failed, and says nothing")), "{said}");

    home.run_through(&["env", &path], "db_upgrade --no-backup").succeeds();
    home.run_through(&["env", &path], "db_downgrade --no-backup").succeeds();
    assert!(!home.path("backups").exists());
    let home = home.with_backups(0);
    home.run_through(&["env", &path], "db_upgrade").succeeds();
    assert!(!home.path("backups").exists());
}

#[test]
fn a_password_is_on_no_command_line() {
    let Some(database) = TestDatabase::new() else { return };
    let home = home(&database);
    let url = database.url().replacen("//postgres@", "//postgres:s3%40cret@", 1);
    assert_ne!(url, database.url());
    let home = home.with_database_url(&format!("{url}?application_name=upgrade&password=l%61ter"));
    let (log, real) = (home.path("log"), std::env::var("PATH").unwrap());
    let script = format!(
        "PATH='{real}'; tr '\\0' ' ' </proc/$$/cmdline >>'{log}'; echo \"<$PGPASSWORD>\" >>'{log}'; exec pg_dump \"$@\"",
        log = log.display()
    );
    let path = format!("{}:{real}", programs(&home, Some(&script)));
    let (_, saved) = home.run_through(&["env", &path], "db_upgrade").succeeds_with_warning();
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains("<later>") && log.contains("application_name=upgrade"), "{log}");
    assert!(!log.replace("<later>", "").contains("later") && !log.contains("cret") && !log.contains("l%61"), "{log}");
    // The restore's programs get it in the same way.
    let file = saved.strip_prefix("backup saved as ").unwrap();
    home.run(&format!("db_downgrade --restore {file}")).succeeds_with_warning();
}

#[test]
fn no_backup_skips_that_of_a_sqlite_database() {
    let home = Home::with_history();
    home.run("db_upgrade --to 1").succeeds();
    home.execute("INSERT INTO users (nickname, email) VALUES ('john', 'j@e.com')");
    let home = home.with_backups(5);
    home.run("db_upgrade --no-backup").succeeds();
    assert!(home.backups().is_empty());
}

#[test]
fn a_script_killed_while_it_dumps_leaves_no_backup() {
    let Some(database) = TestDatabase::new() else { return };
    let home = home(&database);
    // pg_dump waits for this table's lock.
    database.connect().batch_execute("CREATE TABLE zz (n INTEGER)").unwrap();
    let mut locker = database.connect();
    locker.batch_execute("BEGIN; LOCK TABLE zz").unwrap();
    let is_dumping = |waits: bool| {
        let waits = if waits { "AND wait_event_type = 'Lock'" } else { "" };
        let query = format!(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'pg_dump' \
             AND datname = current_database() {waits})"
        );
        sql::<Bool>(&query).get_result::<bool>(&mut database.connect()).unwrap()
    };
    let upgrade = home.start("db_upgrade");
    wait_until("pg_dump waits for the lock", || is_dumping(true));
    // Dropping it kills it.
    drop(upgrade);
    let left = home.backups();
    assert!(left.len() == 1 && left[0].starts_with('.') && left[0].ends_with(".dump.new"), "{left:?}");
    locker.batch_execute("ROLLBACK").unwrap();
    wait_until("pg_dump has ended", || !is_dumping(false));
    let left = home.backups();
    assert!(left.len() == 1 && left[0].starts_with('.'), "{left:?}");
    database.connect().batch_execute("DROP TABLE zz").unwrap();
    home.run("db_upgrade").succeeds_with_warning();
    let made = home.backups();
    assert!(made.len() == 1 && made[0].ends_with("Z.dump"), "{made:?}");
}
