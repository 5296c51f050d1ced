//! PostgreSQL: a column gets another type while others write its table.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use diesel::RunQueryDsl as _;
use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Integer};
use diesel_autogen::{Error, PlanOptions, Target, diff};

use crate::postgres::Server;
use crate::postgres_online::findings;

/// Columns with all that can hold for one.
const TABLES: &str = "CREATE TABLE users (id INTEGER PRIMARY KEY);
    CREATE TABLE posts (id INTEGER PRIMARY KEY, n INTEGER NOT NULL DEFAULT 5, title VARCHAR(20), user_id INTEGER REFERENCES users ON DELETE CASCADE,
        CONSTRAINT posts_n CHECK (n > 0), UNIQUE (n, user_id));
    CREATE INDEX posts_n_idx ON posts (n DESC, user_id);
    CREATE UNIQUE INDEX posts_title_key ON posts (title, n);
    CREATE INDEX posts_partial ON posts (abs(n)) WHERE title <> 'n';
    CREATE INDEX posts_other ON posts (title) WHERE title <> 'n' AND upper(title) <> 'user_id';
    COMMENT ON COLUMN posts.n IS 'how many';";
const ROWS: &str = "INSERT INTO users SELECT i FROM generate_series(1, 30) i;
    INSERT INTO posts SELECT i, i, nullif('t' || i, 't7'), nullif(i % 30, 0) FROM generate_series(1, 3000) i;";

fn online() -> PlanOptions {
    with!(PlanOptions { online: true, message: Some("gentle".into()), fills: vec!["posts.user_id=1".to_owned()] })
}

#[test]
fn a_new_type_keeps_all_that_holds_for_a_column_and_leads_back() {
    let change = "ALTER TABLE posts ALTER n TYPE BIGINT, ALTER n SET DEFAULT 6, ALTER user_id TYPE BIGINT";
    let Some((database, models)) = Server::changed(TABLES, ROWS, change) else { return };
    let migrator = database.migrator();
    let (start, rows) = (migrator.introspect().unwrap(), database.rows());
    let plan = migrator.plan(&models, &online()).unwrap_or_else(|error| panic!("{error}")).unwrap();
    let mut names = vec![plan.name.as_str()];
    names.extend(plan.then.iter().map(|part| part.name.as_str()));
    assert_eq!(
        names,
        ["002_gentle_copy", "003_gentle_fill", "004_gentle_swap", "005_gentle_refill", "006_gentle_drop"]
    );
    assert_eq!(findings(&plan), "");
    let mut large = plan.clone();
    large.impacts.iter_mut().chain(&mut large.down_impacts).for_each(|impact| impact.size = 2_100_000_000);
    let text = large.to_string();
    let lines: Vec<_> = text.lines().filter(|line| line.contains("2.1 GB")).collect();
    assert!(
        lines.iter().any(|line| line.starts_with("changes rows of posts, 2.1 GB: who changes the same rows")),
        "{text}"
    );
    assert!(lines.iter().all(|line| !line.contains("nobody can")), "{text}");
    migrator.apply(&plan).unwrap_or_else(|error| panic!("{error}"));
    migrator.check(&models).unwrap_or_else(|error| panic!("{error}"));
    let objects = |schema: &diesel_autogen::schema::Schema| schema.objects.clone();
    assert_eq!(objects(&migrator.introspect().unwrap()), objects(&start));
    assert_eq!(database.rows(), rows);
    // From each step back up and on.
    for steps in 1..=names.len() {
        for _ in 0..steps {
            migrator.downgrade(Target::Previous).unwrap_or_else(|error| panic!("{steps}: {error}"));
        }
        if steps == names.len() {
            assert_eq!(diff(&migrator.introspect().unwrap(), &start), []);
            assert_eq!(database.rows(), rows);
        }
        assert_eq!(migrator.upgrade(Target::Latest).unwrap_or_else(|error| panic!("{steps}: {error}")).len(), steps);
        migrator.check(&models).unwrap_or_else(|error| panic!("{steps}: {error}"));
        assert_eq!(database.rows(), rows);
    }
}

#[test]
fn each_of_these_types_becomes_another_online() {
    for (old, new, value) in [
        ("INTEGER", "TEXT", "12"),
        ("DATE", "TIMESTAMP", "2020-02-29"),
        ("TIMESTAMP", "TIMESTAMPTZ", "2020-02-29 12:00"),
        ("REAL", "DOUBLE PRECISION", "1.5"),
        ("BOOLEAN", "INTEGER", "true"),
        ("UUID", "TEXT", "c0ffee00-0000-0000-0000-000000000000"),
    ] {
        let tables = format!("CREATE TABLE t (id INTEGER PRIMARY KEY, c {old} NOT NULL, d {old});");
        let rows = format!("INSERT INTO t VALUES (1, '{value}', NULL), (2, '{value}', '{value}')");
        let using = if old == "BOOLEAN" { " USING c::integer" } else { "" };
        let change = format!("ALTER TABLE t ALTER c TYPE {new}{using}");
        let Some((database, models)) = Server::changed(&tables, &rows, &change) else { return };
        let (migrator, before) = (database.migrator(), database.rows());
        let plan = migrator.plan(&models, &online_without_fills()).unwrap_or_else(|error| panic!("{change}: {error}"));
        migrator.apply(&plan.unwrap()).unwrap_or_else(|error| panic!("{change}: {error}"));
        migrator.check(&models).unwrap();
        migrator.downgrade(Target::Version("1".into())).unwrap_or_else(|error| panic!("{change}: {error}"));
        assert_eq!(database.rows(), before, "{change}");
    }
}

fn online_without_fills() -> PlanOptions {
    with!(PlanOptions { online: true, allow_data_loss: true })
}

/// What a writer saw.
#[derive(Default)]
struct Written {
    /// The rows that must be there: id and n.
    rows: BTreeMap<i32, i64>,
    statements: usize,
    failed: Vec<String>,
    longest: Duration,
}

/// Inserts, changes and deletes rows whose id leaves `rest`, some of them two in one transaction, until the end.
fn write(database: &Server, rest: i32, is_over: &AtomicBool) -> Written {
    let mut connection = database.connect();
    let mut written = Written::default();
    let mut seed = u64::try_from(rest).unwrap() + 1;
    let mut random = |below: i32| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i32::try_from((seed >> 33) % u64::try_from(below).unwrap()).unwrap()
    };
    let mut fresh = 100_000 + rest;
    written.rows = (1..=3000).filter(|id| id % 2 == rest).map(|id| (id, i64::from(id))).collect();
    let mut value = 1_000_000 * (rest + 1);
    while !is_over.load(Ordering::Relaxed) || written.statements < 100 {
        value += 2;
        let [one, other] = [random(1500) * 2 + rest, random(1500) * 2 + rest];
        let (text, changed): (String, Vec<(i32, Option<i64>)>) = match random(4) {
            0 => {
                fresh += 2;
                let text = format!("INSERT INTO posts (id, n, title) VALUES ({fresh}, {value}, 'x{value}')");
                (text, vec![(fresh, Some(value.into()))])
            }
            1 => (format!("DELETE FROM posts WHERE id = {one}"), vec![(one, None)]),
            2 => (format!("UPDATE posts SET n = {value} WHERE id = {one}"), vec![(one, Some(value.into()))]),
            _ => (
                format!(
                    "BEGIN; UPDATE posts SET n = {value} WHERE id = {one}; \
                     UPDATE posts SET n = {value} + 1 WHERE id = {other}; COMMIT"
                ),
                vec![(one, Some(value.into())), (other, Some(i64::from(value) + 1))],
            ),
        };
        let start = Instant::now();
        let done = connection.batch_execute(&text);
        written.longest = written.longest.max(start.elapsed());
        written.statements += 1;
        match done {
            Err(error) => {
                written.failed.push(format!("{error} in {text}"));
                let _ = connection.batch_execute("ROLLBACK");
            }
            Ok(()) => changed.into_iter().for_each(|(id, n)| match n {
                None => drop(written.rows.remove(&id)),
                Some(n) if text.starts_with("INSERT") => drop(written.rows.insert(id, n)),
                Some(n) => drop(written.rows.get_mut(&id).map(|own| *own = n)),
            }),
        }
    }
    written
}

/// The rows of the table that are not as expected: id, and n here and there.
fn differing(database: &Server, expected: &BTreeMap<i32, i64>) -> Vec<(i32, Option<i64>, Option<i64>)> {
    let rows = sql::<(Integer, BigInt)>("SELECT id, n::bigint FROM posts").load(&mut database.connect()).unwrap();
    let rows: BTreeMap<i32, i64> = rows.into_iter().collect();
    let ids: BTreeSet<_> = rows.keys().chain(expected.keys()).copied().collect();
    let pairs = ids.into_iter().map(|id| (id, rows.get(&id).copied(), expected.get(&id).copied()));
    pairs.filter(|(_, own, other)| own != other).collect()
}

#[test]
fn writers_lose_no_row_and_no_statement() {
    let Some((database, models)) = Server::changed(TABLES, ROWS, "ALTER TABLE posts ALTER n TYPE BIGINT") else {
        return;
    };
    let migrator = database.migrator();
    let plan = migrator.plan(&models, &online_without_fills()).unwrap().unwrap();
    let is_over = AtomicBool::new(false);
    let written = thread::scope(|scope| {
        let writers = [0, 1].map(|rest| {
            let (database, is_over) = (&database, &is_over);
            scope.spawn(move || write(database, rest, is_over))
        });
        let applied = migrator.apply(&plan).map(|_| ());
        let reverted = applied.and_then(|()| migrator.downgrade(Target::Version("1".into())));
        let again = reverted.and_then(|_| migrator.upgrade(Target::Latest));
        is_over.store(true, Ordering::Relaxed);
        again.unwrap_or_else(|error| panic!("{error}"));
        writers.map(|writer| writer.join().unwrap())
    });
    migrator.check(&models).unwrap();
    let mut expected = BTreeMap::new();
    for written in written {
        println!("{} statements, the longest took {:?}", written.statements, written.longest);
        assert_eq!(written.failed, [""; 0]);
        expected.extend(written.rows);
    }
    assert_eq!(differing(&database, &expected), []);
}

/// The process that waits for a lock to fill a row, as soon as there is one.
fn filling(database: &Server) -> Option<String> {
    let query = "SELECT string_agg(pid::text, ',') FROM pg_stat_activity \
         WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'DO %'";
    database.query(query)
}

#[test]
fn a_killed_fill_is_run_again() {
    let Some((database, models)) = Server::changed(TABLES, ROWS, "ALTER TABLE posts ALTER n TYPE BIGINT") else {
        return;
    };
    let migrator = database.migrator();
    migrator.apply(&migrator.plan(&models, &online_without_fills()).unwrap().unwrap()).unwrap();
    migrator.downgrade(Target::Version("1".into())).unwrap();
    migrator.upgrade(Target::Version("2".into())).unwrap();
    let mut writer = database.connect();
    writer.batch_execute("BEGIN; SELECT FROM posts WHERE id = 9 FOR UPDATE").unwrap();
    let error = thread::scope(|scope| {
        let upgraded = scope.spawn(|| migrator.upgrade(Target::Latest));
        while !upgraded.is_finished() {
            if let Some(process) = filling(&database) {
                database.execute(&format!("SELECT pg_terminate_backend({process})"));
            }
        }
        upgraded.join().unwrap().unwrap_err()
    });
    assert!(matches!(error, Error::Unfinished { .. } | Error::Database { .. }), "{error:?}");
    let filled = database.query("SELECT count(n_new)::text FROM posts");
    assert_eq!(filled.as_deref(), Some("2999"), "the batches stay, and the locked row waits");
    writer.batch_execute("UPDATE posts SET n = 7000 WHERE id = 9; COMMIT").unwrap();
    database.execute("INSERT INTO posts (id, n) VALUES (4000, 4000); UPDATE posts SET n = 8000 WHERE id = 10");
    migrator.upgrade(Target::Latest).unwrap_or_else(|error| panic!("{error}"));
    migrator.check(&models).unwrap();
    let mut expected: BTreeMap<_, _> = (1..=3000).map(|id| (id, i64::from(id))).collect();
    expected.extend([(9, 7000), (10, 8000), (4000, 4000)]);
    assert_eq!(differing(&database, &expected), []);
}

#[test]
fn a_row_that_was_written_without_the_trigger_stops_the_migration() {
    let Some((database, models)) = Server::changed(TABLES, ROWS, "ALTER TABLE posts ALTER n TYPE BIGINT") else {
        return;
    };
    let migrator = database.migrator();
    migrator.apply(&migrator.plan(&models, &online_without_fills()).unwrap().unwrap()).unwrap();
    migrator.downgrade(Target::Version("3".into())).unwrap();
    let update = "UPDATE posts SET n = 9000 WHERE id = 9";
    database.execute(&format!("SET session_replication_role = replica; {update}"));
    assert_eq!(database.query("SELECT n_new::text FROM posts WHERE id = 9").as_deref(), Some("9000"));
    let off = "ALTER TABLE posts DISABLE TRIGGER USER";
    let error =
        database.connect().batch_execute(&format!("BEGIN; {off}; UPDATE posts SET n = 1 WHERE id = 9")).unwrap_err();
    assert!(error.to_string().contains("n_in_step_new"), "{error}");
}

#[test]
fn what_a_second_column_cannot_replace_is_refused_by_name() {
    let trigger = "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';";
    let refused = [
        ("posts ALTER n TYPE SMALLINT", "", "a value that the new type cannot hold"),
        ("posts ALTER title TYPE VARCHAR(10)", "", "a value that the new type cannot hold"),
        ("users ALTER id TYPE BIGINT", "", "it is part of the primary key"),
        ("posts ALTER n TYPE BIGINT", "CREATE TABLE n (n INTEGER, k INTEGER REFERENCES posts (k));", ""),
        (
            "posts ALTER k TYPE BIGINT",
            "CREATE TABLE n (k INTEGER REFERENCES posts (k));",
            "a foreign key of n refers to it",
        ),
        ("posts ALTER k TYPE BIGINT", "ALTER TABLE posts ADD k_new INTEGER;", "there is a column k_new"),
        (
            "posts ALTER k TYPE BIGINT",
            "ALTER TABLE posts ADD FOREIGN KEY (k) REFERENCES users ON DELETE SET DEFAULT;",
            "its foreign key sets a default",
        ),
        ("posts ALTER n TYPE BIGINT", "CREATE VIEW v AS SELECT n FROM posts;", "view v uses it"),
        (
            "posts ALTER n TYPE BIGINT",
            "CREATE TRIGGER t BEFORE UPDATE ON posts FOR EACH ROW EXECUTE FUNCTION f();",
            "trigger t on posts uses it, or runs when a row is filled",
        ),
        (
            "posts ALTER n TYPE BIGINT",
            "CREATE TRIGGER t AFTER INSERT OR UPDATE OF title ON posts EXECUTE FUNCTION f();",
            "",
        ),
    ];
    for (change, more, why) in refused {
        let tables = format!("{TABLES} ALTER TABLE posts ADD k INTEGER UNIQUE; {trigger} {more}");
        let change = match change {
            // PostgreSQL itself changes no type that a view uses.
            change if more.contains("VIEW") => format!("DROP VIEW v; ALTER TABLE {change}; {more}"),
            change => format!("ALTER TABLE {change}"),
        };
        let Some((database, models)) = Server::changed(&tables, ROWS_OF_ALL, &change) else { return };
        let plan = database.migrator().plan(&models, &online_without_fills());
        if why.is_empty() {
            plan.unwrap_or_else(|error| panic!("{change}; {more}: {error}"));
            continue;
        }
        let error = plan.unwrap_err().to_string();
        let start = "cannot write a migration for ";
        assert!(error.starts_with(start) && error.contains("cannot take its place") && error.contains(why), "{error}");
        assert_eq!(database.migrator().migrations().unwrap().iter().count(), 1);
    }
}

const ROWS_OF_ALL: &str = "INSERT INTO users VALUES (1); INSERT INTO posts (id, n, title) VALUES (1, 1, 't')";
