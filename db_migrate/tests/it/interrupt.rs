//! Ctrl-C ends a rehearsal and a question, and leaves everything as it was.
#![cfg(unix)]

use test_support::{Home, Terminal, wait_until};

const SAID: &str = "db_migrate: interrupted: nothing was changed\n";

#[test]
fn a_rehearsal_ends_and_leaves_no_copy() {
    let home = Home::with_history();
    home.run("db_upgrade").succeeds();
    home.execute(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400000)
         INSERT INTO users (id, nickname, email) SELECT i, 'nickname ' || i, i || '@example.com' FROM n;
         DROP INDEX posts_user_id_idx;",
    );
    let before = home.contents();
    for moment in ["the copy is being made", "the copy is there"] {
        let mut running = home.start("db_migrate");
        let copy = home.path(&format!(".rehearsal-{}", running.id()));
        wait_until(moment, || {
            let size: u64 = std::fs::read_dir(&copy).map_or(0, |entries| {
                entries.flatten().filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
            });
            copy.exists() && (moment == "the copy is being made" || size > 1_000_000)
        });
        let run = running.signal("INT").ends();
        assert_eq!((run.status, run.stdout.as_str(), run.stderr.as_str()), (Some(130), "", SAID), "{moment}");
        home.is_unchanged_since(&before);
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
    let (status, rest) = Terminal::start(&home, "db_migrate").shows("[y/N] ").interrupts();
    assert!(status == Some(130) && rest.ends_with(&format!("\n{SAID}")), "{status:?} {rest:?}");
    home.is_unchanged_since(&before);
}
