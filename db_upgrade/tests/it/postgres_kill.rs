//! On PostgreSQL, SIGKILL of `db_upgrade` or `db_downgrade`, or the end of their connection, at any moment leaves the old
//! version or the new one, with every row.
#![cfg(unix)]

use std::thread::sleep;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::sql_types::Text;
use diesel::{PgConnection, RunQueryDsl as _};
use test_support::{Home, Running, TestDatabase};

const UP: &str = "ALTER TABLE people ALTER COLUMN name TYPE varchar(900), ADD COLUMN likes bigint NOT NULL DEFAULT 0;
    CREATE INDEX people_name ON people (name);
    ALTER TABLE pets ALTER COLUMN owner TYPE bigint, ALTER COLUMN owner DROP NOT NULL;";

const DOWN: &str = "ALTER TABLE pets ALTER COLUMN owner SET NOT NULL, ALTER COLUMN owner TYPE integer;
    DROP INDEX people_name;
    ALTER TABLE people DROP COLUMN likes, ALTER COLUMN name TYPE text;";

/// The columns with their types, and how many rows hold the value that was inserted.
const STATE: &str = "SELECT (SELECT string_agg(concat_ws(' ', table_name, column_name, data_type, is_nullable), ', '
            ORDER BY table_name, column_name) FROM information_schema.columns WHERE table_name IN ('people', 'pets'))
        || (SELECT string_agg(indexname, ', ' ORDER BY indexname) FROM pg_indexes WHERE tablename IN ('people', 'pets'))
        || (SELECT count(*) || ' people, right ' || count(*) FILTER (WHERE name = 'name ' || id) FROM people)
        || (SELECT count(*) || ' pets, right ' || count(*) FILTER (WHERE owner = id) FROM pets)";

const VERSION: &str = "SELECT max(version) FROM __diesel_schema_migrations";

fn home_with_rows(database: &TestDatabase, rows: u64) -> Home {
    let home = Home::new().with_database_url(database.url()).with_backups(0);
    home.run("db_create").succeeds();
    home.write(
        "migrations/postgresql/001_people/up.sql",
        "CREATE TABLE people (id integer PRIMARY KEY, name text NOT NULL);
         CREATE TABLE pets (id integer PRIMARY KEY, owner integer NOT NULL REFERENCES people ON DELETE CASCADE);",
    );
    home.write("migrations/postgresql/001_people/down.sql", "DROP TABLE pets; DROP TABLE people;");
    home.run("db_upgrade").succeeds_with_warning();
    let rows = format!(
        "INSERT INTO people SELECT i, 'name ' || i FROM generate_series(1, {rows}) i;
         INSERT INTO pets SELECT id, id FROM people"
    );
    database.connect().batch_execute(&rows).unwrap();
    home.write("migrations/postgresql/002_change/up.sql", UP);
    home.write("migrations/postgresql/002_change/down.sql", DOWN);
    home
}

fn query(connection: &mut PgConnection, query: &str) -> String {
    sql::<Text>(query).get_result(connection).unwrap()
}

/// Waits until the server has ended every other session: one whose program is gone ends with its statement.
fn wait_for_the_server(connection: &mut PgConnection) {
    let others =
        "SELECT count(*)::text FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let deadline = Instant::now() + Duration::from_secs(60);
    while query(connection, others) != "0" {
        assert!(Instant::now() < deadline, "a session does not end");
        sleep(Duration::from_millis(5));
    }
}

fn by_sigkill(running: &mut Running, _: &mut PgConnection) -> bool {
    !running.kill().success()
}

fn by_its_connection(running: &mut Running, connection: &mut PgConnection) -> bool {
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    connection.batch_execute(end).unwrap();
    let run = running.ends();
    if run.status != Some(0) {
        // One line for a person. After the commit the upgrade has succeeded, and only what follows it is missing.
        assert_eq!((run.status, run.stderr.lines().count()), (Some(1), 1), "{run:?}");
    }
    run.status != Some(0)
}

#[test]
fn sigkill_leaves_the_old_or_the_new_version() {
    survives(5, 5_000, by_sigkill);
}

#[test]
fn a_lost_connection_leaves_the_old_or_the_new_version() {
    survives(5, 5_000, by_its_connection);
}

#[test]
#[ignore = "takes minutes, and both cores"]
fn each_leaves_the_old_or_the_new_version_of_many_rows() {
    survives(100, 100_000, by_sigkill);
    survives(100, 100_000, by_its_connection);
}

/// Ends `db_upgrade` that often, and `db_downgrade` as often.
fn survives(times: u32, rows: u64, end: fn(&mut Running, &mut PgConnection) -> bool) {
    let Some(database) = TestDatabase::new() else { return };
    let home = home_with_rows(&database, rows);
    let mut connection = database.connect();
    let old = query(&mut connection, STATE);
    assert!(old.ends_with(&format!("{rows} people, right {rows}{rows} pets, right {rows}")), "{old}");
    let start = Instant::now();
    assert_eq!(home.run("db_upgrade").status, Some(0));
    let whole = start.elapsed();
    let new = query(&mut connection, STATE);
    assert_ne!(old, new);
    // How often each script was ended, how often before its commit, and how often it was run.
    let (mut ended, mut undone, mut runs) = ([0, 0], [0, 0], [0, 0]);
    while ended != [times, times] {
        let is_up = query(&mut connection, VERSION) == "001";
        let (word, way) = if is_up { ("db_upgrade", 0) } else { ("db_downgrade --allow-data-loss", 1) };
        if ended[way] == times || runs[way] % 3 == 2 {
            assert_eq!(home.run(word).status, Some(0));
            runs[way] += 1;
            continue;
        }
        // The moments are spread over the run, and a little beyond its end.
        let moment = whole.mul_f64(1.1 * f64::from(runs[way] * 37 % 100) / 100.0);
        runs[way] += 1;
        let mut running = home.start(word);
        sleep(moment);
        ended[way] += u32::from(end(&mut running, &mut connection));

        running.kill();
        wait_for_the_server(&mut connection);
        let is_old = query(&mut connection, VERSION) == "001";
        let state = query(&mut connection, STATE);
        assert_eq!(state, if is_old { old.clone() } else { new.clone() }, "{word} after {moment:?}");
        undone[way] += u32::from(is_old == is_up);
    }
    println!("{times} ends each, of which before the commit: {undone:?}");
    assert!(undone.iter().all(|undone| *undone > 0), "{undone:?}");
}
