//! The commands `app user` and `app seed`.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use crate::support::{self, Exit, TestDb, post, sign_in, wait_until};
use app::models::{Post, User};
use rocket::http::Status;

/// Runs the program in the folder of the database with that standard input.
fn run(db: &TestDb, arguments: &[&str], input: &str) -> Exit {
    let mut child = support::program(db.folder.path(), &[]).args(arguments).stdin(Stdio::piped()).spawn().unwrap();
    // The program may exit without reading its input.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    Exit::from(child.wait_with_output().unwrap())
}

/// Runs the program, asserts success, and returns its standard output.
fn printed(db: &TestDb, arguments: &[&str], input: &str) -> String {
    let end = run(db, arguments, input);
    assert_eq!((end.code, end.stderr.as_str()), (Some(0), ""), "{arguments:?}: {end:?}");
    end.stdout
}

/// Runs the program, asserts failure, and returns its one line of standard error.
fn failure(db: &TestDb, arguments: &[&str], input: &str) -> String {
    let end = run(db, arguments, input);
    assert_eq!((end.code, end.stdout.as_str()), (Some(1), ""), "{arguments:?}: {end:?}");
    assert!(end.stderr.starts_with("app: ") && end.stderr.lines().count() == 1, "{end:?}");
    end.stderr
}

#[test]
fn a_created_user_signs_in_with_the_current_password() {
    let db = TestDb::new();
    assert_eq!(printed(&db, &["user", "create", "susan", "susan@example.org"], "correct horse\n"), "Created susan\n");
    let site = db.site();
    sign_in(&site, "susan", "correct horse");

    let message = "The password of susan is changed, and all sessions are ended\n";
    assert_eq!(printed(&db, &["user", "password", "susan"], "a better horse\r\n"), message);
    assert_eq!(site.get("/account").dispatch().status(), Status::SeeOther, "the session has ended");
    let old = post(&site, "/login", &[("login", "susan"), ("password", "correct horse")]);
    assert_eq!(old.status(), Status::UnprocessableEntity);
    sign_in(&site, "susan", "a better horse");
}

#[test]
fn values_are_validated_like_in_the_form() {
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
        let error = failure(&db, &[&["user"], &arguments[..]].concat(), input);
        assert!(error.contains(why) && !error.contains("correct horse"), "{error}");
    }
    assert_eq!(User::all(&mut db.connection).unwrap().len(), 1);
}

#[test]
fn passwords_are_not_accepted_as_arguments() {
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
fn deleting_a_user_needs_confirmation() {
    let mut db = TestDb::new();
    let (susan, john) = (db.user("susan"), db.user("john"));
    db.post(&susan, "mine", 0);
    let kept = db.post(&john, "his", 1);
    assert!(failure(&db, &["user", "delete", "susan"], "susan\n").contains("--yes"));
    assert_eq!(Post::all(&mut db.connection).unwrap().len(), 2);
    assert_eq!(printed(&db, &["user", "delete", "susan", "--yes"], ""), "Deleted susan\n");
    assert_eq!(User::all(&mut db.connection).unwrap(), [john]);
    assert_eq!(Post::all(&mut db.connection).unwrap(), [kept]);
    for command in ["delete", "password"] {
        assert!(failure(&db, &["user", command, "susan"], "correct horse").contains("there is no user susan"));
    }
}

#[test]
fn the_list_escapes_control_characters() {
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
fn seeded_users_write_follow_and_sign_in() {
    let mut db = TestDb::new();
    let arguments = ["seed", "--users", "30", "--posts", "1500", "--password"];
    assert_eq!(printed(&db, &arguments, "correct horse\n"), "Added 30 people and 1500 posts\n");
    let (people, posts) = (User::all(&mut db.connection).unwrap(), Post::all(&mut db.connection).unwrap());
    assert_eq!((people.len(), posts.len()), (30, 1500));
    assert!(posts.windows(2).all(|pair| pair[0].timestamp <= pair[1].timestamp), "the newest post has the highest id");
    assert!(posts.last().unwrap().timestamp - posts[0].timestamp > chrono::TimeDelta::days(360));
    let followed: i64 = people.iter().map(|one| one.follow_counts(&mut db.connection).unwrap().1).sum();
    assert!(followed > 30, "{followed}");
    sign_in(&db.site(), &people[7].nickname, "correct horse");

    printed(&db, &["seed", "--users", "5", "--posts", "0"], "");
    assert_eq!(User::all(&mut db.connection).unwrap().len(), 35, "a second run skips taken nicknames");
}

#[test]
fn an_outdated_database_is_not_changed() {
    use diesel::connection::SimpleConnection as _;
    let mut db = TestDb::new();
    let newest = "(SELECT max(version) FROM __diesel_schema_migrations)";
    let statement = format!("DELETE FROM __diesel_schema_migrations WHERE version = {newest}");
    db.connection.batch_execute(&statement).unwrap();
    for arguments in [&["user", "list"][..], &["seed"]] {
        assert!(failure(&db, arguments, "").contains("cargo run -p db_upgrade"));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_prompts_twice_without_echo() {
    let db = TestDb::new();
    for (again, code, says) in [("another horse", 1, "the two passwords differ"), ("correct horse", 0, "Created susan")]
    {
        // `script` of util-linux runs a command in a terminal; `tty` prints the terminal's path.
        let mut script = Command::new("script");
        let line = format!("tty; exec '{}' user create susan susan@example.org", env!("CARGO_BIN_EXE_app"));
        script.args(["-qec", &line, "/dev/null"]).current_dir(db.folder.path());
        let mut script = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (mut keyboard, mut screen) = (script.stdin.take().unwrap(), script.stdout.take().unwrap());
        let mut shown = String::new();
        for (question, response) in [("Password: ", "correct horse"), ("Repeat the password: ", again)] {
            while !shown.ends_with(question) {
                let mut byte = [0];
                screen.read_exact(&mut byte).unwrap();
                shown.push(char::from(byte[0]));
            }
            let terminal = shown.lines().next().unwrap().to_owned();
            wait_until("the terminal does not echo", || {
                let settings = Command::new("stty").args(["-a", "-F", &terminal]).output().unwrap();
                String::from_utf8_lossy(&settings.stdout).contains(" -echo ")
            });
            writeln!(keyboard, "{response}").unwrap();
        }
        screen.read_to_string(&mut shown).unwrap();
        assert_eq!(script.wait().unwrap().code(), Some(code), "{shown}");
        assert!(shown.contains(says) && !shown.contains("horse"), "{shown}");
    }
}
