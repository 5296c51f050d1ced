//! The program as it is run: what it prints, how it ends, and when it refuses to start.

#![cfg(feature = "site")]

mod support;

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use diesel::connection::SimpleConnection;
use migrate::{DatabaseUrl, Migrator, Migrations};
use support::{Server, TestDb, refused};

/// One line on standard error that begins with the program's name, nothing on standard output, and status 1.
fn one_line(home: &Path, environment: &[(&str, &str)]) -> String {
    let end = refused(home, environment);
    assert_eq!((end.code, end.stdout.as_str()), (Some(1), ""), "{end:?}");
    assert_eq!(end.stderr.trim_end().lines().count(), 1, "{end:?}");
    assert!(end.stderr.starts_with("app: "), "{end:?}");
    end.stderr
}

/// The version that the program needs.
fn newest() -> u64 {
    app::site::migrations::embedded(&DatabaseUrl::parse("app.db", Path::new("/")).unwrap()).unwrap().newest()
}

#[test]
fn without_a_database_it_creates_one_and_serves() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(home.path(), &[]);
    assert_eq!(server.printed, [format!("Created app.db at version {}", newest())]);
    assert!(server.get("/").starts_with("HTTP/1.1 200 OK"));
    assert!(server.get("/health").ends_with("ok\n"));
    drop(server);
    assert!(Server::start(home.path(), &[]).printed.is_empty(), "the second time the database is there");
}

#[test]
fn sigterm_and_ctrl_c_end_it_with_status_0() {
    for signal in ["TERM", "INT"] {
        let home = tempfile::tempdir().unwrap();
        let server = Server::start(home.path(), &[]);
        let authority = server.authority.as_str();
        // Many at once, so that the pool holds more than one connection.
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| assert!(support::get(authority, "/").starts_with("HTTP/1.1 200 OK")));
            }
        });
        let end = server.signal(signal);
        assert_eq!((end.code, end.stderr.as_str(), end.stdout.as_str()), (Some(0), "", ""), "{signal}");
        let left: Vec<_> = fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["app.db"], "no journal is left behind");
    }
}

#[test]
fn requests_that_are_under_way_at_the_end_are_finished() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(home.path(), &[]);
    let authority = server.authority.clone();
    // Each hashes a password, and then needs the database.
    let visitors: Vec<_> = (0..10)
        .map(|n| {
            let authority = authority.clone();
            let form = format!("nickname=visitor{n}&email=visitor{n}@example.org&password=correct+horse");
            std::thread::spawn(move || support::send(&authority, "POST", "/register", "", &form))
        })
        .collect();
    std::thread::sleep(std::time::Duration::from_millis(100));
    let end = server.signal("TERM");
    assert_eq!((end.code, end.stderr.as_str()), (Some(0), ""));
    for visitor in visitors {
        let answer = visitor.join().unwrap();
        assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
    }
    let left: Vec<_> = fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["app.db"], "no journal is left behind");
}

#[test]
fn it_finds_its_settings_from_any_folder_below_them() {
    let home = tempfile::tempdir().unwrap();
    let below = home.path().join("app/src");
    fs::create_dir_all(&below).unwrap();
    fs::write(home.path().join(".env"), "DATABASE_URL=sqlite:blog.db\nROCKET_IDENT=from-the-file\n").unwrap();
    let server = Server::start(&below, &[]);
    assert!(server.get("/").to_lowercase().contains("server: from-the-file"));
    assert!(home.path().join("blog.db").exists());
    drop(server);
    let server = Server::start(Path::new("/"), &[("MICROBLOG_HOME", home.path().to_str().unwrap())]);
    assert!(server.printed.is_empty(), "it is the same database: {:?}", server.printed);
}

#[test]
fn it_prints_the_address_that_readers_type() {
    let home = tempfile::tempdir().unwrap();
    let environment = [("MICROBLOG_PUBLIC_ADDRESS", "http://blog.example.org")];
    assert_eq!(Server::start(home.path(), &environment).authority, "blog.example.org");
    assert!(Server::start(home.path(), &[("ROCKET_ADDRESS", "0.0.0.0")]).authority.starts_with("127.0.0.1:"));
}

#[test]
fn an_address_in_use_is_one_line_that_names_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let listener = TcpListener::bind(taken).unwrap();
    let db = TestDb::new();
    let error = one_line(db.folder.path(), &[("ROCKET_PORT", &taken.port().to_string())]);
    assert!(error.contains(&taken.to_string()) && error.contains("ROCKET_PORT"), "{error}");
    drop(listener);
}

#[test]
fn a_database_that_is_behind_is_named_and_left_as_it_is() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("app.db");
    let first =
        [("001_migration/up.sql", "CREATE TABLE users (id INTEGER);"), ("001_migration/down.sql", "DROP TABLE users;")];
    let scripts = Migrations::embedded(first).unwrap();
    let url = DatabaseUrl::parse("app.db", home.path()).unwrap();
    Migrator::embedded(&url, scripts, home.path()).create_current().unwrap();
    let before = fs::read(&file).unwrap();
    let error = one_line(home.path(), &[]);
    let needs = format!("needs version {}", newest());
    for part in ["app.db", "is at version 1", &needs, "cargo run -p db_upgrade"] {
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[test]
fn a_database_that_is_ahead_is_named_and_left_as_it_is() {
    let mut db = TestDb::new();
    db.connection.batch_execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('999')").unwrap();
    let error = one_line(db.folder.path(), &[]);
    let made_for = format!("made for version {}", newest());
    for part in ["app.db", "is at version 999", &made_for, "newer build"] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn a_database_without_version_control_is_refused_with_the_way_out() {
    let mut db = TestDb::new();
    db.connection.batch_execute("DROP TABLE __diesel_schema_migrations").unwrap();
    let error = one_line(db.folder.path(), &[]);
    for part in ["app.db", "not under version control", "db_create", "--stamp N"] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_as_it_is() {
    let home = tempfile::tempdir().unwrap();
    let text = "This is a letter, not a database. ".repeat(100);
    fs::write(home.path().join("app.db"), &text).unwrap();
    let error = one_line(home.path(), &[]);
    assert!(error.contains("app.db"), "{error}");
    assert_eq!(fs::read_to_string(home.path().join("app.db")).unwrap(), text);
}

#[test]
fn a_database_whose_folder_is_not_there_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let error = one_line(home.path(), &[("DATABASE_URL", "sqlite:nowhere/app.db")]);
    assert!(error.contains("nowhere/app.db"), "{error}");
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn a_wrong_setting_is_one_line_that_names_it() {
    let home = tempfile::tempdir().unwrap();
    for (name, value) in [
        ("DATABASE_URL", "mysql://me:hunter2@localhost/blog"),
        ("MICROBLOG_POSTS_PER_PAGE", "hunter2"),
        ("MICROBLOG_HOME", "/nowhere"),
        ("MICROBLOG_TRUSTED_PROXIES", "localhost"),
        ("MICROBLOG_ATTEMPTS_PER_MINUTE", "0"),
        ("MICROBLOG_HSTS_DAYS", "1"),
        ("ROCKET_PORT", "99999"),
        ("ROCKET_SECRET_KEY", "hunter2"),
        ("ROCKET_LOG_LEVEL", "loud"),
    ] {
        let error = one_line(home.path(), &[(name, value)]);
        assert!(error.starts_with(&format!("app: {name}")), "{error}");
        assert!(!error.contains("hunter2") || name == "MICROBLOG_POSTS_PER_PAGE", "{error}");
    }
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "nothing is created before the settings are right");
}

#[test]
fn a_postgresql_server_is_refused_for_now_without_its_password() {
    let home = tempfile::tempdir().unwrap();
    let url = "postgres://me:hunter2@127.0.0.1:1/blog?connect_timeout=5";
    let error = one_line(home.path(), &[("DATABASE_URL", url)]);
    assert!(error.contains("PostgreSQL") && !error.contains("hunter2"), "{error}");
}

#[test]
fn help_and_version_are_answers_and_a_wrong_argument_has_status_2() {
    let home = tempfile::tempdir().unwrap();
    let run = |argument: &str| {
        let output = support::program(home.path(), &[]).arg(argument).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, help, _) = run("--help");
    assert_eq!(code, Some(0));
    for name in [
        "DATABASE_URL",
        "MICROBLOG_HOME",
        "MICROBLOG_POSTS_PER_PAGE",
        "MICROBLOG_TRUSTED_PROXIES",
        "MICROBLOG_ATTEMPTS_PER_MINUTE",
        "MICROBLOG_HSTS_DAYS",
        "ROCKET_PORT",
        "ROCKET_SECRET_KEY",
        "openssl",
        "user",
        "seed",
    ] {
        assert!(help.contains(name), "{help}");
    }
    assert_eq!(run("--version"), (Some(0), format!("app {}\n", env!("CARGO_PKG_VERSION")), String::new()));
    assert_eq!(run("--wrong").0, Some(2));
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}
