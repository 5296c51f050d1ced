//! Requests to the site while another process upgrades and downgrades its database: they may wait, but never fail.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use diesel::RunQueryDsl as _;
use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::sql_types::Text;
use diesel_autogen::{Migrator, Target};

use crate::support::{Server, TestDb, get, newest};

/// SQL that recreates the table of posts: copies every row, and recreates every index and trigger.
fn rebuild(db: &mut TestDb) -> String {
    let query =
        "SELECT sql FROM sqlite_master WHERE tbl_name = 'posts' AND sql IS NOT NULL ORDER BY type = 'table' DESC";
    let objects: Vec<String> = match &mut db.connection {
        diesel_autogen::Connection::Sqlite(sqlite) => sql::<Text>(query).load(sqlite).unwrap(),
        diesel_autogen::Connection::Postgres(_) => unreachable!("the tests use SQLite"),
    };
    let table = objects[0].replacen("posts", "posts_new", 1);
    let copy = "INSERT INTO posts_new SELECT * FROM posts ORDER BY body; DROP TABLE posts;
        ALTER TABLE posts_new RENAME TO posts";
    format!("{table};\n{copy};\n{};\n", objects[1..].join(";\n"))
}

/// Copies the committed migrations into the folder, and adds one.
fn write_migrations(folder: &Path, name: &str, sql: &str) {
    let write = |name: &str, file: &str, sql: &str| {
        let migration = folder.join("sqlite").join(name);
        fs::create_dir_all(&migration).unwrap();
        fs::write(migration.join(file), sql).unwrap();
    };
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations/sqlite")).unwrap() {
        let entry = entry.unwrap();
        for file in ["up.sql", "down.sql"] {
            let sql = fs::read_to_string(entry.path().join(file)).unwrap();
            write(entry.file_name().to_str().unwrap(), file, &sql);
        }
    }
    write(name, "up.sql", sql);
    write(name, "down.sql", sql);
}

const ROWS: &str = "INSERT INTO users (id, nickname, email) VALUES (1, 'john', 'john@email.com');
    INSERT INTO posts (id, body, timestamp, user_id)
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)
        SELECT i, 'post ' || (i * 7919 % 200003), datetime(1700000000 + i, 'unixepoch'), 1 FROM n";

#[test]
fn requests_succeed_while_a_large_table_is_rebuilt() {
    let mut db = TestDb::on_sqlite();
    let newest = newest();
    let migrations = db.folder.path().join("migrations");
    write_migrations(&migrations, &format!("{:03}_rebuild", newest + 1), &rebuild(&mut db));
    db.connection.batch_execute(ROWS).unwrap();
    let server = Server::start(db.folder.path(), &[]);
    let project = Migrator::with_url(db.url.clone(), &migrations);
    for version in [newest + 1, newest] {
        let requests = requests_during(&server.authority, || {
            let steps = if version > newest {
                project.upgrade(Target::Latest)
            } else {
                project.downgrade(Target::version(version))
            };
            assert_eq!(steps.unwrap().len(), 1);
        });
        assert_eq!(project.version().unwrap(), version);
        assert!(requests > 20, "{requests} requests are too few for a meaningful test");
    }
    let end = server.stop();
    assert_eq!((end.code, end.stderr.as_str()), (Some(0), ""));
}

/// Requests the front page from three threads while `work` runs. Returns the number of requests.
fn requests_during(authority: &str, work: impl FnOnce()) -> usize {
    let (has_ended, requests) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !has_ended.load(Ordering::Relaxed) {
                    let response = get(authority, "/");
                    assert!(response.starts_with("HTTP/1.1 200 OK") && response.contains("john"), "{response}");
                    requests.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        // The threads also have to end if `work` panics.
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        has_ended.store(true, Ordering::Relaxed);
        if let Err(panic) = result {
            std::panic::resume_unwind(panic);
        }
    });
    requests.into_inner()
}
