//! The command line of all four scripts: help, version, wrong arguments, and an output that cannot be written.

use std::process::Stdio;

use test_support::{Home, PROGRAMS, Run};

#[test]
fn help_and_version_exit_with_0() {
    let home = Home::new();
    for program in PROGRAMS {
        let help = home.run(&format!("{program} --help")).succeeds();
        assert!(help.contains(&format!("Usage: {program} [OPTIONS]")), "{help}");
        let version = home.run(&format!("{program} --version")).succeeds();
        // The name is that of the package in which the program is built.
        assert!(version.ends_with(&format!(" {}\n", env!("CARGO_PKG_VERSION"))), "{version}");
    }
    assert!(home.contents().is_empty());
}

#[test]
fn names_wrong_arguments_and_exits_with_2() {
    let home = Home::with_history();
    let before = home.contents();
    let lines = PROGRAMS.map(|program| (format!("{program} --frobnicate"), "--frobnicate"));
    let wrong = [
        ("db_upgrade --to abc", "'abc' for '--to <N>'"),
        ("db_upgrade --to -1", "'-1'"),
        ("db_upgrade --to", "--to <N>"),
        ("db_upgrade 2", "'2'"),
        ("db_downgrade --to abc", "'abc' for '--to <N>'"),
        ("db_downgrade --to 1.5", "'1.5' for '--to <N>'"),
        ("db_create --stamp abc", "'abc' for '--stamp <N>'"),
        ("db_migrate --check --dry-run", "--dry-run"),
        ("db_migrate --check -m text", "--message"),
        ("db_migrate -m", "--message"),
    ];
    for (line, named) in lines.iter().map(|(line, named)| (line.as_str(), *named)).chain(wrong) {
        let run = home.run(line);
        assert_eq!((run.status, run.stdout.as_str()), (Some(2), ""), "{run:?}");
        assert!(run.stderr.contains(named), "{run:?}");
    }
    home.is_unchanged_since(&before);
}

#[test]
fn names_a_wrong_setting_and_exits_with_1() {
    let home = Home::new().with_database_url("mysql://root:secret@localhost/blog");
    for program in PROGRAMS {
        let said = home.refuses(program);
        assert!(said.starts_with("DATABASE_URL: ") && !said.contains("secret"), "{said}");
    }
}

#[test]
fn names_an_unreachable_server_without_its_password() {
    let home = Home::new().with_database_url("postgres://root:secret@127.0.0.1:1/blog");
    for program in PROGRAMS {
        assert_eq!(
            home.refuses(program),
            "the PostgreSQL database: 127.0.0.1:1: connection refused; check DATABASE_URL, and that the server is running"
        );
    }
}

#[test]
fn completes_the_work_when_the_reader_is_gone() {
    let home = Home::new();
    home.add_history();
    for words in [&["db_create"][..], &["db_upgrade"], &["db_downgrade", "--dry-run"], &["db_downgrade"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = home.command(words).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        Run::new(words[0], output).succeeds();
    }
    assert_eq!(home.run("db_create").succeeds().lines().last(), Some("Current database version: 1"));
}

#[cfg(target_os = "linux")]
#[test]
fn fails_when_the_results_cannot_be_written() {
    let home = Home::with_history();
    let words = ["db_upgrade", "--dry-run"];
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = home.command(&words).stdout(full).stderr(Stdio::piped()).output().unwrap();
    let said = Run::new(words[0], output).fails();
    assert!(said.starts_with("cannot write to standard output: No space left"), "{said}");
}
