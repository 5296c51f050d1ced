//! The program's commands for the shell: people, and made-up data.

#![cfg(feature = "site")]

mod support;

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use app::models::{Post, User};
use rocket::http::Status;
use support::{Refusal, TestDb, post, sign_in};

/// Runs the program in the database's folder, with that on standard input.
fn run(db: &TestDb, arguments: &[&str], input: &str) -> Refusal {
    let mut child = support::program(db.folder.path(), &[]).args(arguments).stdin(Stdio::piped()).spawn().unwrap();
    // Who asks nothing may have ended before it reads.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    Refusal::from(child.wait_with_output().unwrap())
}

/// Runs it where it succeeds, and returns what it printed.
fn printed(db: &TestDb, arguments: &[&str], input: &str) -> String {
    let end = run(db, arguments, input);
    assert_eq!((end.code, end.stderr.as_str()), (Some(0), ""), "{arguments:?}: {end:?}");
    end.stdout
}

/// Runs it where it fails, and returns its one line.
fn refused(db: &TestDb, arguments: &[&str], input: &str) -> String {
    let end = run(db, arguments, input);
    assert_eq!((end.code, end.stdout.as_str()), (Some(1), ""), "{arguments:?}: {end:?}");
    assert!(end.stderr.starts_with("app: ") && end.stderr.lines().count() == 1, "{end:?}");
    end.stderr
}

#[test]
fn somebody_who_was_created_signs_in_until_the_password_is_another_one() {
    let db = TestDb::new();
    assert_eq!(printed(&db, &["user", "create", "susan", "susan@example.org"], "correct horse\n"), "Created susan\n");
    let site = db.site();
    sign_in(&site, "susan", "correct horse");

    let done = "susan has another password, and is signed out everywhere\n";
    assert_eq!(printed(&db, &["user", "password", "susan"], "a better horse\r\n"), done);
    assert_eq!(site.get("/account").dispatch().status(), Status::SeeOther, "the session is over");
    let old = post(&site, "/login", &[("login", "susan"), ("password", "correct horse")]);
    assert_eq!(old.status(), Status::UnprocessableEntity);
    sign_in(&site, "susan", "a better horse");
}

#[test]
fn what_the_form_refuses_is_refused_here_too() {
    let mut db = TestDb::new();
    db.user("john");
    for (arguments, input, why) in [
        (["create", "no spaces", "a@example.org"], "correct horse", "letters from A to Z"),
        (["create", "susan", "nowhere"], "correct horse", "not an e-mail address"),
        (["create", "susan", "a@example.org"], "short\n", "8 to 128 characters"),
        (["create", "susan", "a@example.org"], "", "8 to 128 characters"),
        (["create", "john", "a@example.org"], "correct horse", "this nickname is taken"),
        (["create", "JOHN", "a@example.org"], "correct horse", "this nickname is taken"),
        (["create", "susan", "john@example.org"], "correct horse", "this email is taken"),
    ] {
        let error = refused(&db, &[&["user"], &arguments[..]].concat(), input);
        assert!(error.contains(why) && !error.contains("correct horse"), "{error}");
    }
    assert_eq!(User::all(&mut db.connection).unwrap().len(), 1);
}

#[test]
fn a_password_is_no_argument() {
    let db = TestDb::new();
    for arguments in [
        &["user", "create", "susan", "susan@example.org", "correct horse"][..],
        &["user", "password", "susan", "correct horse"],
        &["seed", "--password", "correct horse"],
    ] {
        assert_eq!(run(&db, arguments, "").code, Some(2), "{arguments:?}");
    }
}

#[test]
fn somebody_is_deleted_with_the_posts_once_it_is_confirmed() {
    let mut db = TestDb::new();
    let (susan, john) = (db.user("susan"), db.user("john"));
    db.post(&susan, "mine", 0);
    let kept = db.post(&john, "his", 1);
    assert!(refused(&db, &["user", "delete", "susan"], "susan\n").contains("--yes"));
    assert_eq!(Post::all(&mut db.connection).unwrap().len(), 2);
    assert_eq!(printed(&db, &["user", "delete", "susan", "--yes"], ""), "Deleted susan\n");
    assert_eq!(User::all(&mut db.connection).unwrap(), [john]);
    assert_eq!(Post::all(&mut db.connection).unwrap(), [kept]);
    for command in ["delete", "password"] {
        assert!(refused(&db, &["user", command, "susan"], "correct horse").contains("nobody here is called susan"));
    }
}

#[test]
fn the_list_has_everybody_and_obeys_nobody() {
    let mut db = TestDb::new();
    let susan = db.user("susan");
    db.user("evil\u{1b}[2J\nname");
    db.post(&susan, "one", 0);
    db.post(&susan, "two", 1);
    let list = printed(&db, &["user", "list"], "");
    let lines: Vec<_> = list.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
    assert_eq!(lines.len(), 2, "{list}");
    assert_eq!(lines[1], ["susan", "susan@example.org", "2", "never"]);
    assert!(!list.contains('\u{1b}'), "{list}");
}

#[test]
fn made_up_people_write_follow_and_sign_in() {
    let mut db = TestDb::new();
    let arguments = ["seed", "--users", "30", "--posts", "1500", "--password"];
    assert_eq!(printed(&db, &arguments, "correct horse\n"), "Added 30 people and 1500 posts\n");
    let (people, posts) = (User::all(&mut db.connection).unwrap(), Post::all(&mut db.connection).unwrap());
    assert_eq!((people.len(), posts.len()), (30, 1500));
    assert!(posts.windows(2).all(|pair| pair[0].timestamp <= pair[1].timestamp), "the newest has the highest key");
    assert!(posts.last().unwrap().timestamp - posts[0].timestamp > chrono::TimeDelta::days(360));
    let followed: i64 = people.iter().map(|one| one.follow_counts(&mut db.connection).unwrap().1).sum();
    assert!(followed > 30, "{followed}");
    sign_in(&db.site(), &people[7].nickname, "correct horse");

    printed(&db, &["seed", "--users", "5", "--posts", "0"], "");
    assert_eq!(User::all(&mut db.connection).unwrap().len(), 35, "a second run finds names that are free");
}

#[test]
fn a_database_that_is_behind_is_left_alone() {
    use diesel::connection::SimpleConnection as _;
    let mut db = TestDb::new();
    let newest = "(SELECT max(version) FROM __diesel_schema_migrations)";
    let statement = format!("DELETE FROM __diesel_schema_migrations WHERE version = {newest}");
    db.connection.batch_execute(&statement).unwrap();
    for arguments in [&["user", "list"][..], &["seed"]] {
        assert!(refused(&db, arguments, "").contains("cargo run -p db_upgrade"));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_password_that_is_typed_on_a_terminal_is_asked_for_twice_and_not_shown() {
    let db = TestDb::new();
    for (again, code, says) in [("another horse", 1, "the two passwords differ"), ("correct horse", 0, "Created susan")]
    {
        // `script` of util-linux brings the terminal.
        let mut script = Command::new("script");
        let line = format!("exec '{}' user create susan susan@example.org", env!("CARGO_BIN_EXE_app"));
        script.args(["-qec", &line, "/dev/null"]).current_dir(db.folder.path());
        let mut script = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (mut keyboard, mut screen) = (script.stdin.take().unwrap(), script.stdout.take().unwrap());
        let mut shown = String::new();
        for (question, answer) in [("Password: ", "correct horse"), ("Once more: ", again)] {
            while !shown.ends_with(question) {
                let mut byte = [0];
                screen.read_exact(&mut byte).unwrap();
                shown.push(char::from(byte[0]));
            }
            // The terminal hides what is typed from a moment after the question on.
            std::thread::sleep(Duration::from_millis(300));
            writeln!(keyboard, "{answer}").unwrap();
        }
        screen.read_to_string(&mut shown).unwrap();
        assert_eq!(script.wait().unwrap().code(), Some(code), "{shown}");
        assert!(shown.contains(says) && !shown.contains("horse"), "{shown}");
    }
}
