//! The site serves on while its database is upgraded and downgraded below it: a request may wait, and never fails.

#![cfg(feature = "site")]

#[path = "../../db_migrate/tests/support/mod.rs"]
mod scripts;
mod support;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use scripts::{Home, Run};
use support::{Server, get};

/// The same table again, with every row copied and every index made anew.
const REBUILD: &str = "CREATE TABLE posts_new (
        id INTEGER NOT NULL PRIMARY KEY, body VARCHAR(140) NOT NULL, timestamp TIMESTAMP NOT NULL,
        user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE
    );
    INSERT INTO posts_new SELECT * FROM posts ORDER BY body;
    DROP TABLE posts;
    ALTER TABLE posts_new RENAME TO posts;
    CREATE INDEX posts_timestamp_idx ON posts (timestamp);
    CREATE INDEX posts_user_id_idx ON posts (user_id);";

const ROWS: &str = "INSERT INTO users VALUES (1, 'john', 'john@email.com');
    INSERT INTO posts
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)
        SELECT i, 'post ' || (i * 7919 % 200003), datetime(1700000000 + i, 'unixepoch'), 1 FROM n";

#[test]
fn no_request_fails_while_a_big_table_is_rebuilt() {
    let home = Home::new();
    let server = Server::start(&home.path("."), &[]);
    home.add_history();
    home.add_migration("003_rebuild", REBUILD, Some(REBUILD));
    home.execute(ROWS);
    for (line, result) in [
        ("db_upgrade", "Upgraded to 3: 003_rebuild\nCurrent database version: 3\n"),
        ("db_downgrade", "Downgraded to 2: 003_rebuild taken back\nCurrent database version: 2\n"),
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
            Run::new(&[line], &output.unwrap())
        });
        assert_eq!(run.succeeds(), result);
        let meanwhile = meanwhile.into_inner();
        assert!(meanwhile > 20, "{meanwhile} requests are too few to tell");
    }
    let end = server.signal("TERM");
    assert_eq!((end.code, end.stderr.as_str()), (Some(0), ""));
}
