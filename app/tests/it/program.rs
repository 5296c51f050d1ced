//! The program: output, exit status, and when it does not start.

use diesel_autogen::Target;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use diesel::connection::SimpleConnection;

use crate::support::{self, Server, TestDb, newest, run, wait_until};

/// Runs the program, asserts failure, and returns its one line of standard error.
fn failure(home: &Path, environment: &[(&str, &str)]) -> String {
    let end = run(home, environment);
    assert_eq!((end.code, end.stdout.as_str()), (Some(1), ""), "{end:?}");
    assert_eq!(end.stderr.trim_end().lines().count(), 1, "{end:?}");
    assert!(end.stderr.starts_with("app: "), "{end:?}");
    end.stderr
}

#[test]
fn a_missing_database_is_created() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(home.path(), &[]);
    assert_eq!(server.printed, [format!("Created app.db at version {}", newest())]);
    assert!(server.get("/").starts_with("HTTP/1.1 200 OK"));
    assert!(server.get("/health").ends_with("ok\n"));
    drop(server);
    assert!(Server::start(home.path(), &[]).printed.is_empty(), "the database exists the second time");
}

#[test]
fn sigterm_and_ctrl_c_exit_with_status_0() {
    for signal in ["TERM", "INT"] {
        let home = tempfile::tempdir().unwrap();
        let server = Server::start(home.path(), &[]);
        let authority = server.authority.as_str();
        // Concurrent requests, so that the pool has several connections.
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| assert!(support::get(authority, "/").starts_with("HTTP/1.1 200 OK")));
            }
        });
        server.signal(signal);
        let end = server.wait();
        assert_eq!((end.code, end.stderr.as_str(), end.stdout.as_str()), (Some(0), "", ""), "{signal}");
        let left: Vec<_> = fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["app.db"], "the WAL files are removed");
    }
}

#[test]
fn pending_requests_finish_before_the_exit() {
    let mut db = TestDb::on_sqlite();
    let server = Server::start(db.folder.path(), &[("ROCKET_LOG_LEVEL", "normal"), ("ROCKET_CLI_COLORS", "false")]);
    let authority = server.authority.as_str();
    // The requests stay pending while the database is locked.
    db.connection.batch_execute("BEGIN IMMEDIATE").unwrap();
    let responses: Vec<_> = std::thread::scope(|scope| {
        let register = |n: u32| {
            let form = format!("nickname=visitor{n}&email=visitor{n}@example.org&password=correct+horse");
            scope.spawn(move || support::send(authority, "POST", "/register", "", &form))
        };
        let visitors: Vec<_> = (0..4).map(register).collect();
        let received = || server.log().matches("Matched: (submit) POST /register").count();
        wait_until("all requests are received", || received() >= visitors.len());
        server.signal("TERM");
        wait_until("the shutdown begins", || server.log().contains("Shutdown requested"));
        db.connection.batch_execute("COMMIT").unwrap();
        visitors.into_iter().map(|visitor| visitor.join().unwrap()).collect()
    });
    for response in responses {
        assert!(response.starts_with("HTTP/1.1 303"), "{response}");
    }
    assert_eq!(server.wait().code, Some(0));
}

#[test]
fn settings_are_found_from_subfolders() {
    let home = tempfile::tempdir().unwrap();
    let below = home.path().join("app/src");
    fs::create_dir_all(&below).unwrap();
    fs::write(home.path().join(".env"), "DATABASE_URL=sqlite:blog.db\nROCKET_IDENT=from-the-file\n").unwrap();
    let server = Server::start(&below, &[]);
    assert!(server.get("/").to_lowercase().contains("server: from-the-file"));
    assert!(home.path().join("blog.db").exists());
    drop(server);
    let server = Server::start(Path::new("/"), &[("MICROBLOG_HOME", home.path().to_str().unwrap())]);
    assert!(server.printed.is_empty(), "the same database: {:?}", server.printed);
}

#[test]
fn the_public_address_is_printed() {
    let home = tempfile::tempdir().unwrap();
    let environment = [("MICROBLOG_PUBLIC_ADDRESS", "http://blog.example.org")];
    assert_eq!(Server::start(home.path(), &environment).authority, "blog.example.org");
    assert!(Server::start(home.path(), &[("ROCKET_ADDRESS", "0.0.0.0")]).authority.starts_with("127.0.0.1:"));
}

#[test]
fn an_address_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let listener = TcpListener::bind(taken).unwrap();
    let db = TestDb::new();
    let error = failure(db.folder.path(), &[("ROCKET_PORT", &taken.port().to_string())]);
    assert!(error.contains(&taken.to_string()) && error.contains("ROCKET_PORT"), "{error}");
    drop(listener);
}

#[test]
fn an_outdated_database_is_rejected_unchanged() {
    let TestDb { folder: home, connection, .. } = {
        let db = TestDb::on_sqlite();
        db.migrations().downgrade(Target::version(1)).unwrap();
        db
    };
    drop(connection);
    let file = home.path().join("app.db");
    let before = fs::read(&file).unwrap();
    let error = failure(home.path(), &[]);
    let needs = format!("needs version {}", newest());
    for part in ["app.db", "is at version 1", &needs, "cargo run -p db_upgrade"] {
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[test]
fn a_newer_database_is_rejected() {
    let mut db = TestDb::on_sqlite();
    db.connection.batch_execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('999')").unwrap();
    let error = failure(db.folder.path(), &[]);
    let made_for = format!("made for version {}", newest());
    for part in ["app.db", "is at version 999", &made_for, "newer build"] {
        assert!(error.contains(part), "{error}");
    }
}

/// An old node may have to start again while the nodes are replaced.
#[test]
fn a_newer_database_on_postgresql_is_served() {
    let Some(mut db) = TestDb::on_postgresql() else { return };
    db.connection.batch_execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('999')").unwrap();
    let server = Server::start(db.folder.path(), &[("DATABASE_URL", db.url.as_str())]);
    assert!(server.get("/health").starts_with("HTTP/1.1 200"));
    let end = server.stop();
    assert_eq!(end.code, Some(0));
    assert!(end.stderr.contains("is at version 999 and this site is made for version"), "{}", end.stderr);
}

#[test]
fn a_database_without_version_control_is_rejected() {
    let mut db = TestDb::on_sqlite();
    db.connection.batch_execute("DROP TABLE __diesel_schema_migrations").unwrap();
    let error = failure(db.folder.path(), &[]);
    for part in ["app.db", "not under version control", "db_create", "--stamp N"] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn a_file_that_is_not_a_database_is_rejected_unchanged() {
    let home = tempfile::tempdir().unwrap();
    let text = "This is a letter, not a database. ".repeat(100);
    fs::write(home.path().join("app.db"), &text).unwrap();
    let error = failure(home.path(), &[]);
    assert!(error.contains("app.db"), "{error}");
    assert_eq!(fs::read_to_string(home.path().join("app.db")).unwrap(), text);
}

#[test]
fn a_database_in_a_missing_folder_is_rejected() {
    let home = tempfile::tempdir().unwrap();
    let error = failure(home.path(), &[("DATABASE_URL", "sqlite:nowhere/app.db")]);
    assert!(error.contains("nowhere/app.db"), "{error}");
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn an_invalid_setting_is_named() {
    let home = tempfile::tempdir().unwrap();
    for (name, value) in [
        ("DATABASE_URL", "mysql://me:hunter2@localhost/blog"),
        ("MICROBLOG_POSTS_PER_PAGE", "hunter2"),
        ("MICROBLOG_HOME", "/nowhere"),
        ("MICROBLOG_TRUSTED_PROXIES", "localhost"),
        ("MICROBLOG_ATTEMPTS_PER_MINUTE", "0"),
        ("MICROBLOG_SEARCHES_PER_MINUTE", "0"),
        ("MICROBLOG_WRITES_PER_MINUTE", "0"),
        ("MICROBLOG_HSTS_DAYS", "1"),
        ("ROCKET_PORT", "99999"),
        ("ROCKET_SECRET_KEY", "hunter2"),
        ("ROCKET_LOG_LEVEL", "loud"),
    ] {
        let error = failure(home.path(), &[(name, value)]);
        assert!(error.starts_with(&format!("app: {name}")), "{error}");
        assert!(!error.contains("hunter2") || name == "MICROBLOG_POSTS_PER_PAGE", "{error}");
    }
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "nothing is created with an invalid setting");
}

#[test]
fn postgresql_is_rejected_without_printing_the_password() {
    let home = tempfile::tempdir().unwrap();
    let url = "postgres://me:hunter2@127.0.0.1:1/blog?connect_timeout=5";
    let error = failure(home.path(), &[("DATABASE_URL", url)]);
    assert!(error.contains("PostgreSQL") && !error.contains("hunter2"), "{error}");
}

#[test]
fn invalid_arguments_have_status_2() {
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
        "MICROBLOG_SEARCHES_PER_MINUTE",
        "MICROBLOG_WRITES_PER_MINUTE",
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

#[test]
fn a_hangup_without_a_terminal_is_ignored() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(home.path(), &[]);
    server.signal("HUP");
    assert!(server.get("/").starts_with("HTTP/1.1 200 OK"));
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn the_limit_of_open_files_is_raised() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start_limited(home.path(), "ulimit -S -n 64");
    let idle: Vec<_> = (0..100).map(|_| TcpStream::connect(&server.authority).unwrap()).collect();
    assert!(server.get("/health").starts_with("HTTP/1.1 200 OK"));
    drop(idle);
}
