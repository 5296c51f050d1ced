//! The site serves on while its database is upgraded and downgraded below it: a request may wait, and never fails.

#![cfg(feature = "site")]

mod support;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use diesel::RunQueryDsl as _;
use diesel::dsl::sql;
use diesel::sql_types::Text;
use migrate::DatabaseUrl;
use support::{Server, get};
use test_support::{Home, Run};

/// The table of posts again, with every row copied and every index and trigger made anew.
fn rebuild(home: &Home) -> String {
    let query =
        "SELECT sql FROM sqlite_master WHERE tbl_name = 'posts' AND sql IS NOT NULL ORDER BY type = 'table' DESC";
    let made: Vec<String> = sql::<Text>(query).load(&mut home.connect()).unwrap();
    let table = made[0].replacen("posts", "posts_new", 1);
    let copy = "INSERT INTO posts_new SELECT * FROM posts ORDER BY body; DROP TABLE posts;
        ALTER TABLE posts_new RENAME TO posts";
    format!("{table};\n{copy};\n{};\n", made[1..].join(";\n"))
}

const ROWS: &str = "INSERT INTO users (id, nickname, email) VALUES (1, 'john', 'john@email.com');
    INSERT INTO posts (id, body, timestamp, user_id)
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)
        SELECT i, 'post ' || (i * 7919 % 200003), datetime(1700000000 + i, 'unixepoch'), 1 FROM n";

#[test]
fn no_request_fails_while_a_big_table_is_rebuilt() {
    let home = Home::new();
    let server = Server::start(&home.path("."), &[]);
    home.add_committed(|_| true);
    let newest =
        app::site::migrations::embedded(&DatabaseUrl::parse("app.db", Path::new("/")).unwrap()).unwrap().newest();
    let (next, rebuild) = (newest + 1, rebuild(&home));
    let name = format!("{next:03}_rebuild");
    home.add_migration(&name, &rebuild, Some(&rebuild));
    home.execute(ROWS);
    for (line, result) in [
        ("db_upgrade", format!("Upgraded to {next}: {name}\nCurrent database version: {next}\n")),
        ("db_downgrade", format!("Downgraded to {newest}: {name} taken back\nCurrent database version: {newest}\n")),
    ] {
        let ended = AtomicBool::new(false);
        let meanwhile = AtomicUsize::new(0);
        let run = thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !ended.load(Ordering::Relaxed) {
                        let answer = get(&server.authority, "/");
                        assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("john"), "{answer}");
                        meanwhile.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            let output = home.command(&[line]).output();
            ended.store(true, Ordering::Relaxed);
            Run::new(line, output.unwrap())
        });
        // The scripts are built with the tutorial's tables here, and db_upgrade says that these are others.
        let said = if line == "db_upgrade" { run.succeeds_with_warning().0 } else { run.succeeds() };
        assert_eq!(said, result);
        let meanwhile = meanwhile.into_inner();
        assert!(meanwhile > 20, "{meanwhile} requests are too few to tell");
    }
    let end = server.signal("TERM");
    assert_eq!((end.code, end.stderr.as_str()), (Some(0), ""));
}
