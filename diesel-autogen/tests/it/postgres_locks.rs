//! PostgreSQL: what a plan says of locks, rewrites and scans is what the server does, and a wait for a lock is short.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::{PgConnection, RunQueryDsl as _};
use diesel_autogen::{Event, Lock, Migrator, Plan, Sql, Target, Work};

use crate::postgres::{Server, script};

/// Two tables with rows, to which each case makes one change.
const TABLES: &str = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
    CREATE TABLE posts (id INTEGER PRIMARY KEY, title VARCHAR(20) NOT NULL, n INTEGER, user_id INTEGER);
    CREATE INDEX posts_n_idx ON posts (n);
    CREATE TABLE likes (id INTEGER PRIMARY KEY, user_id INTEGER CONSTRAINT likes_user_id_fkey REFERENCES users (id));";
const ROWS: &str = "INSERT INTO users SELECT i, 'u' || i FROM generate_series(1, 50) i;
    INSERT INTO posts SELECT i, 't' || i, i, i FROM generate_series(1, 50) i;
    INSERT INTO likes SELECT i, i FROM generate_series(1, 50) i;";

/// A database with the tables, the plan that leads to what `change` makes of them, and its statements.
fn planned(change: &str) -> Option<(Server, Plan)> {
    let (database, models) = Server::changed(TABLES, ROWS, change)?;
    let options = with!(PlanOptions { no_keep: true, allow_data_loss: true, no_rehearsal: true });
    let plan = database.migrator().plan(&models, &options).unwrap_or_else(|error| panic!("{change}: {error}"));
    Some((database, plan.unwrap_or_else(|| panic!("{change}: no plan"))))
}

/// The strongest lock on each table, and the work on it.
type Effects = BTreeMap<String, (Lock, Work)>;

fn promised(plan: &Plan) -> Effects {
    let mut effects = Effects::new();
    for impact in &plan.impacts {
        let (lock, work) = effects.entry(impact.table.clone()).or_insert((impact.lock, impact.work));
        (*lock, *work) = ((*lock).max(impact.lock), (*work).max(impact.work));
    }
    effects
}

/// What this transaction holds and did, from the server's own views.
fn observed(connection: &mut PgConnection, files: &BTreeMap<String, i64>) -> Effects {
    let query = "SELECT relname::text, mode, pg_relation_filenode(c.oid)::bigint, pg_stat_get_xact_numscans(c.oid) \
         FROM pg_locks JOIN pg_class c ON c.oid = relation WHERE pid = pg_backend_pid() AND relkind = 'r' \
         AND relnamespace = 'public'::regnamespace";
    let rows: Vec<(String, String, i64, i64)> = sql::<(Text, Text, BigInt, BigInt)>(query).load(connection).unwrap();
    let mut effects = Effects::new();
    for (table, mode, file, scans) in rows {
        let lock = match mode.as_str() {
            "AccessExclusiveLock" => Lock::AccessExclusive,
            "ShareRowExclusiveLock" => Lock::ShareRowExclusive,
            "ShareLock" => Lock::Share,
            "ShareUpdateExclusiveLock" => Lock::ShareUpdateExclusive,
            "RowExclusiveLock" => Lock::RowExclusive,
            _ => continue,
        };
        let Some(old) = files.get(&table) else { continue };
        let scanned = if scans > 0 { Work::Scan } else { Work::Definition };
        let work = if file == *old { scanned } else { Work::Rewrite };
        let effect = effects.entry(table).or_insert((lock, work));
        effect.0 = effect.0.max(lock);
    }
    effects
}

fn files(connection: &mut PgConnection) -> BTreeMap<String, i64> {
    let query = "SELECT tablename::text, pg_relation_filenode(tablename::regclass)::bigint FROM pg_tables \
         WHERE schemaname = 'public' AND tablename NOT LIKE '\\_\\_%'";
    sql::<(Text, BigInt)>(query).load::<(String, i64)>(connection).unwrap().into_iter().collect()
}

#[test]
fn a_plan_says_what_the_server_locks_rewrites_and_scans() {
    let index = "CREATE INDEX posts_user_id_idx ON posts (user_id)";
    let changes = [
        (index, "posts", Lock::Share, Work::Scan),
        ("CREATE UNIQUE INDEX users_name_key ON users (name)", "users", Lock::Share, Work::Scan),
        ("DROP INDEX posts_n_idx", "posts", Lock::AccessExclusive, Work::Definition),
        ("ALTER TABLE posts ALTER title TYPE VARCHAR(40)", "posts", Lock::AccessExclusive, Work::Definition),
        ("ALTER TABLE posts ALTER title TYPE TEXT", "posts", Lock::AccessExclusive, Work::Definition),
        ("ALTER TABLE posts ALTER title TYPE VARCHAR(10)", "posts", Lock::AccessExclusive, Work::Rewrite),
        ("ALTER TABLE posts ALTER n TYPE BIGINT", "posts", Lock::AccessExclusive, Work::Rewrite),
        ("ALTER TABLE posts ALTER n SET NOT NULL", "posts", Lock::AccessExclusive, Work::Scan),
        ("ALTER TABLE posts ALTER title DROP NOT NULL", "posts", Lock::AccessExclusive, Work::Definition),
        ("ALTER TABLE posts ALTER n SET DEFAULT 7", "posts", Lock::AccessExclusive, Work::Definition),
        ("ALTER TABLE posts ADD k INTEGER NOT NULL DEFAULT 3", "posts", Lock::AccessExclusive, Work::Definition),
        ("ALTER TABLE posts ADD k TIMESTAMP NOT NULL DEFAULT now()", "posts", Lock::AccessExclusive, Work::Definition),
        ("ALTER TABLE posts ADD k UUID DEFAULT gen_random_uuid()", "posts", Lock::AccessExclusive, Work::Rewrite),
        ("ALTER TABLE posts DROP n", "posts", Lock::AccessExclusive, Work::Definition),
        ("ALTER TABLE posts ADD CHECK (n > 0)", "posts", Lock::AccessExclusive, Work::Scan),
        ("ALTER TABLE posts ADD FOREIGN KEY (user_id) REFERENCES users", "posts", Lock::ShareRowExclusive, Work::Scan),
        ("ALTER TABLE likes DROP CONSTRAINT likes_user_id_fkey", "users", Lock::AccessExclusive, Work::Definition),
        ("DROP TABLE likes", "users", Lock::AccessExclusive, Work::Definition),
        (
            "CREATE TABLE t (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users)",
            "users",
            Lock::ShareRowExclusive,
            Work::Definition,
        ),
    ];
    for (change, table, lock, work) in changes {
        let Some((database, plan)) = planned(change) else { return };
        assert_eq!(promised(&plan).get(table), Some(&(lock, work)), "{change}: {:?}", plan.impacts);
        let mut connection = database.connect();
        let files = files(&mut connection);
        connection.batch_execute(&format!("BEGIN; {}", plan.sql.up)).unwrap();
        let promised: Vec<_> =
            promised(&plan).into_iter().filter(|(name, _)| table_exists(&mut connection, name)).collect();
        let observed: Vec<_> = observed(&mut connection, &files).into_iter().collect();
        assert_eq!(promised, observed, "{change}: {}", plan.sql.up);
    }
}

fn table_exists(connection: &mut PgConnection, table: &str) -> bool {
    let found = sql::<Nullable<Text>>(&format!("SELECT to_regclass('{table}')::text"));
    found.get_result::<Option<String>>(connection).unwrap().is_some()
}

#[test]
fn a_plan_names_large_tables_in_plain_words() {
    let Some((_, mut plan)) = planned("ALTER TABLE posts ALTER n TYPE BIGINT") else { return };
    assert!(!plan.to_string().contains("rewrites"), "a small table is no matter: {plan}");
    plan.impacts.iter_mut().for_each(|impact| impact.size = 2_100_000_000);
    let expected = "rewrites posts, 2.1 GB: nobody can read or write it meanwhile \
         (ACCESS EXCLUSIVE, ALTER TABLE posts ALTER COLUMN n TYPE BIGINT)";
    assert!(plan.to_string().lines().any(|line| line == expected), "{plan}");
    assert!(plan.impacts.iter().all(diesel_autogen::Impact::is_noticeable));
}

#[test]
fn a_plan_knows_the_size_of_a_table() {
    let Some((database, plan)) = planned("ALTER TABLE posts ALTER n TYPE BIGINT") else { return };
    let size = database.query("SELECT pg_total_relation_size('posts')::text").unwrap();
    assert_eq!(plan.impacts[0].size.to_string(), size);
}

/// A migrator with a pending `up`, whose attempts last `timeout`, and what is sent when others block it.
fn pending(database: &Server, up: &str, timeout: Duration, wait: Duration) -> (Migrator, Receiver<String>) {
    database.write("001_first", &script(TABLES, "SELECT 1"));
    database.migrator().init().unwrap();
    database.migrator().upgrade(Target::Latest).unwrap();
    database.write("002_second", &script(up, "ALTER TABLE posts DROP k"));
    let (sender, events) = channel();
    let mut settings = database.migrator().settings().clone();
    (settings.lock_timeout, settings.wait) = (timeout, wait);
    let settings = settings.on_event(move |event| {
        if let Event::Blocked { .. } = event {
            let _ = sender.send(event.to_string());
        }
    });
    (database.migrator().with(settings), events)
}

/// A session that has read posts in a transaction that is still open, and the number of its process.
fn reader(database: &Server) -> (PgConnection, String) {
    let mut connection = database.connect();
    connection.batch_execute("SET application_name = 'report'; BEGIN; SELECT FROM posts").unwrap();
    let process = diesel::select(sql::<Text>("pg_backend_pid()::text")).get_result(&mut connection).unwrap();
    (connection, process)
}

const ADD: &str = "ALTER TABLE posts ADD k INTEGER";
const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_blocked_upgrade_does_not_queue_the_readers() {
    for is_alone in [false, true] {
        let Some(database) = Server::new() else { return };
        let (migrator, events) = pending(&database, ADD, SHORT, LONG);
        if is_alone {
            let sql = Sql { own_transaction: true, ..script(ADD, "ALTER TABLE posts DROP k") };
            database.write("002_second", &sql);
        }
        let (mut report, process) = reader(&database);
        let upgrade = thread::spawn(move || migrator.upgrade(Target::Latest));
        let waiting = "SELECT count(*)::text FROM pg_locks WHERE NOT granted AND relation = 'posts'::regclass";
        while database.query(waiting).as_deref() == Some("0") {
            thread::yield_now();
        }
        // The report still reads, and the upgrade has not given up.
        database.execute("SELECT count(*) FROM posts");
        let event = events.recv().unwrap();
        assert!(event.starts_with(&format!("waiting for process {process} (report), which holds a lock")), "{event}");
        report.batch_execute("COMMIT").unwrap();
        assert_eq!(upgrade.join().unwrap().unwrap().len(), 1);
        database.execute("SELECT k FROM posts");
    }
}

#[test]
fn the_last_error_names_who_blocks() {
    let Some(database) = Server::new() else { return };
    let (migrator, events) = pending(&database, ADD, SHORT * 2, Duration::ZERO);
    let (_report, process) = reader(&database);
    let error = migrator.upgrade(Target::Latest).unwrap_err().to_string();
    let expected = format!(
        "migration 002_second failed, nothing was changed: canceling statement due to lock timeout: \
         process {process} (report) holds the lock in: {ADD}"
    );
    assert_eq!(error, expected);
    assert!(events.try_recv().is_err(), "there was one attempt");
    assert_eq!(migrator.version().unwrap().to_string(), "1");
}

#[test]
fn a_lock_timeout_in_a_migration_counts() {
    let Some(database) = Server::new() else { return };
    let up = format!("SET LOCAL lock_timeout = '1ms'; {ADD}");
    // With the settings alone the reader would be waited for.
    let (migrator, _) = pending(&database, &up, Duration::from_secs(3600), Duration::ZERO);
    let (_report, _) = reader(&database);
    let error = migrator.upgrade(Target::Latest).unwrap_err().to_string();
    assert!(error.contains("lock timeout"), "{error}");
}

#[test]
fn a_migration_that_is_written_is_tried_again() {
    let Some((database, plan)) = planned("ALTER TABLE posts ADD k INTEGER") else { return };
    let (sender, events) = channel();
    let mut settings = database.migrator().settings().clone();
    settings.lock_timeout = SHORT;
    let settings = settings.on_event(move |event| {
        if let Event::Blocked { .. } = event {
            let _ = sender.send(());
        }
    });
    let migrator = database.migrator().with(settings);
    let (mut report, _) = reader(&database);
    let apply = thread::spawn(move || migrator.apply(&plan));
    events.recv().unwrap();
    report.batch_execute("COMMIT").unwrap();
    apply.join().unwrap().unwrap();
    assert!(database.migrator().status().unwrap().is_current());
}
