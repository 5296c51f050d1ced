//! The hooks, on real connections.

use std::ops::ControlFlow;
use std::ptr;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::sql_types::Binary;
use diesel::{Connection as _, RunQueryDsl as _, SqliteConnection};

fn connection(rows: &str) -> SqliteConnection {
    sqlite_hooks::install();
    let mut connection = SqliteConnection::establish(":memory:").unwrap();
    connection.batch_execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a, b)").unwrap();
    if !rows.is_empty() {
        connection.batch_execute(&format!("INSERT INTO t VALUES {rows}")).unwrap();
    }
    connection
}

fn digest(rows: &str, arguments: &str) -> Vec<u8> {
    sql::<Binary>(&format!("SELECT column_digest({arguments}) FROM t")).get_result(&mut connection(rows)).unwrap()
}

#[test]
fn a_digest_has_eight_bytes_for_each_value_and_one_sum_over_the_keys_alone() {
    assert_eq!(digest("(1, 'x', 2)", "1, id, a, b").len(), 16);
    assert_eq!(digest("(1, 'x', 2)", "2, a, b").len(), 8);
    assert_eq!(digest("", "1, id, a, b"), [0_u8; 0]);
}

#[test]
fn the_order_of_the_rows_does_not_matter_and_their_keys_do() {
    let one = digest("(1, 'x', 2), (2, 'y', 3)", "1, id, a, b");
    assert_eq!(one, digest("(2, 'y', 3), (1, 'x', 2)", "1, id, a, b"));
    assert_ne!(one, digest("(1, 'y', 3), (2, 'x', 2)", "1, id, a, b"));
}

#[test]
fn a_change_shows_in_its_own_column_alone() {
    let (before, after) = (digest("(1, 'x', 2)", "1, id, a, b"), digest("(1, 'x', 4)", "1, id, a, b"));
    assert_eq!(before[..8], after[..8]);
    assert_ne!(before[8..], after[8..]);
}

#[test]
fn values_of_different_storage_class_differ() {
    let values = ["1", "1.0", "'1'", "x'31'", "NULL", "''", "x''"];
    let digests: std::collections::HashSet<_> =
        values.iter().map(|value| digest(&format!("(1, {value}, 0)"), "1, id, a")).collect();
    assert_eq!(digests.len(), values.len());
}

#[test]
fn a_value_that_moves_to_the_next_column_is_seen() {
    assert_ne!(digest("(1, 'ab', 'c')", "2, a, b"), digest("(1, 'a', 'bc')", "2, a, b"));
}

#[test]
fn an_observer_sees_the_rows_and_can_interrupt() {
    let mut connection = connection("");
    let fill = "INSERT INTO t WITH RECURSIVE n (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM n LIMIT 100000) \
                SELECT n, n, n FROM n";
    let seen = std::rc::Rc::new(std::cell::Cell::new(0));
    let saw = seen.clone();
    sqlite_hooks::observe(Some(Box::new(move |rows| {
        saw.set(rows);
        ControlFlow::Continue(())
    })));
    connection.batch_execute(fill).unwrap();
    assert!((1..=100_000).contains(&seen.get()), "{}", seen.get());
    connection.batch_execute("DELETE FROM t").unwrap();
    sqlite_hooks::observe(Some(Box::new(
        |rows| if rows > 10 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) },
    )));
    assert_eq!(connection.batch_execute(fill).unwrap_err().to_string(), "interrupted");
    sqlite_hooks::observe(None);
    connection.batch_execute(fill).unwrap();
}

#[test]
fn a_wait_for_another_connection_ends_after_its_time_or_when_the_observer_says_so() {
    sqlite_hooks::install();
    let file = std::env::temp_dir().join(format!("sqlite_hooks-{}.db", std::process::id()));
    let open = |wait| {
        let wait = Duration::from_millis(wait);
        sqlite_hooks::with_busy_wait(wait, || SqliteConnection::establish(file.to_str().unwrap())).unwrap()
    };
    let mut holder = open(0);
    holder.batch_execute("CREATE TABLE t (a); BEGIN EXCLUSIVE").unwrap();
    let waited = |mut connection: SqliteConnection| {
        let start = Instant::now();
        let said = connection.batch_execute("BEGIN IMMEDIATE").unwrap_err().to_string();
        assert_eq!(said, "database is locked");
        u64::try_from(start.elapsed().as_millis()).unwrap()
    };
    assert!(waited(open(0)) < 200);
    assert!((300..2_000).contains(&waited(open(300))));
    let mut patient = open(60_000);
    let start = Instant::now();
    sqlite_hooks::observe(Some(Box::new(move |_| {
        if start.elapsed().as_millis() > 200 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })));
    assert!((100..2_000).contains(&waited(open(60_000))));
    sqlite_hooks::observe(None);
    holder.batch_execute("COMMIT").unwrap();
    patient.batch_execute("BEGIN IMMEDIATE; COMMIT").unwrap();
    drop((holder, patient));
    std::fs::remove_file(file).unwrap();
}

#[test]
fn a_statement_is_prepared_once_whatever_is_bound_to_its_limit() {
    use libsqlite3_sys as ffi;

    sqlite_hooks::install();
    let mut connection = ptr::null_mut();
    let mut statement = ptr::null_mut();
    // SAFETY: each pointer comes from SQLite's call before, and the texts end in a null byte.
    let prepared_again = unsafe {
        assert_eq!(ffi::sqlite3_open(c":memory:".as_ptr(), &raw mut connection), ffi::SQLITE_OK);
        let sql = c"SELECT name FROM sqlite_schema ORDER BY name LIMIT ?1";
        let prepared = ffi::sqlite3_prepare_v2(connection, sql.as_ptr(), -1, &raw mut statement, ptr::null_mut());
        assert_eq!(prepared, ffi::SQLITE_OK);
        for limit in 1..5 {
            ffi::sqlite3_bind_int(statement, 1, limit);
            assert_eq!(ffi::sqlite3_step(statement), ffi::SQLITE_DONE);
            ffi::sqlite3_reset(statement);
        }
        let prepared_again = ffi::sqlite3_stmt_status(statement, ffi::SQLITE_STMTSTATUS_REPREPARE, 0);
        ffi::sqlite3_finalize(statement);
        ffi::sqlite3_close(connection);
        prepared_again
    };
    assert_eq!(prepared_again, 0);
}
