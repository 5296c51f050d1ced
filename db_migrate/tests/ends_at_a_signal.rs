//! Ctrl-C ends a trial, and a question, and leaves everything as it was.
#![cfg(unix)]

mod support;

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use support::Home;

#[test]
fn a_trial_on_a_copy_ends_and_leaves_no_copy() {
    let home = Home::with_history();
    home.run("db_upgrade").succeeds();
    home.execute(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400000)
         INSERT INTO users (id, nickname, email) SELECT i, 'nickname ' || i, i || '@example.com' FROM n;
         DROP INDEX posts_user_id_idx;",
    );
    let before = home.contents();
    for pause in [0, 150] {
        let mut command = home.command(&["db_migrate"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stage = home.path(&format!(".rehearsal-{}", child.id()));
        while !stage.exists() {
            assert_eq!(child.try_wait().unwrap(), None, "it ended without a trial");
            sleep(Duration::from_millis(1));
        }
        sleep(Duration::from_millis(pause));
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said, "db_migrate: interrupted: nothing was changed\n", "after {pause} ms");
        assert_eq!((output.status.code(), output.stdout.len()), (Some(130), 0), "after {pause} ms");
        assert!(home.contents() == before, "after {pause} ms: {:?}", home.contents().keys());
    }
    let said = home.run("db_migrate").succeeds();
    assert!(said.ends_with("Current database version: 3\n"), "{said}");
}

#[test]
fn a_question_on_the_terminal_ends() {
    let home = Home::with_history();
    home.add_migration("003_about_me", "ALTER TABLE users ADD COLUMN about_me TEXT;", None);
    home.run("db_upgrade").succeeds_with_warning();
    home.execute("INSERT INTO users VALUES (1, 'john', 'john@email.com', 'It''s me')");
    let before = home.contents();
    let program = home.command(&["db_migrate"]);
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", program.get_program().to_str().unwrap(), "/dev/null"]);
    script.current_dir(program.get_current_dir().unwrap()).env_clear();
    script.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (mut seen, mut byte) = (Vec::new(), [0]);
    while !seen.ends_with(b"[y/N] ") {
        stdout.read_exact(&mut byte).unwrap_or_else(|_| panic!("no question: {}", String::from_utf8_lossy(&seen)));
        seen.push(byte[0]);
    }
    // What the key Ctrl-C sends: the terminal makes the signal of it.
    let start = Instant::now();
    stdin.write_all(b"\x03").unwrap();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(start.elapsed() < Duration::from_secs(2));
    assert!(rest.ends_with("\r\ndb_migrate: interrupted: nothing was changed\r\n"), "{rest:?}");
    assert!(home.contents() == before, "{:?}", home.contents().keys());
}
