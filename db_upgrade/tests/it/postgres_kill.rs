//! On PostgreSQL, SIGKILL of `db_upgrade` or `db_downgrade`, or the end of their connection, at any moment leaves the old
//! version or the new one, with every row.
#![cfg(unix)]

use std::time::Instant;

use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::sql_types::Text;
use diesel::{PgConnection, RunQueryDsl as _};
use test_support::{Home, Running, TestDatabase, wait_until};

use crate::moments::{Subject, survives};

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

struct Ended<'a> {
    home: &'a Home,
    lines: [String; 2],
    connection: PgConnection,
    end: fn(&mut Running, &mut PgConnection) -> bool,
}

impl Subject for Ended<'_> {
    fn home(&self) -> &Home {
        self.home
    }

    fn lines(&self) -> [String; 2] {
        self.lines.clone()
    }

    fn version(&mut self) -> String {
        query(&mut self.connection, VERSION)
    }

    fn state(&mut self) -> String {
        query(&mut self.connection, STATE)
    }

    fn end(&mut self, running: &mut Running) -> bool {
        let is_ended = (self.end)(running, &mut self.connection);
        running.kill();
        is_ended
    }

    /// A session whose program is gone ends with its statement.
    fn settle(&mut self) {
        let others = "SELECT count(*)::text FROM pg_stat_activity \
                      WHERE datname = current_database() AND pid <> pg_backend_pid()";
        wait_until("every other session has ended", || query(&mut self.connection, others) == "0");
    }
}

#[test]
fn sigkill_leaves_the_old_or_the_new_version() {
    ends(5, 5_000, by_sigkill);
}

#[test]
fn a_lost_connection_leaves_the_old_or_the_new_version() {
    ends(5, 5_000, by_its_connection);
}

#[test]
#[ignore = "takes minutes, and both cores"]
fn each_leaves_the_old_or_the_new_version_of_many_rows() {
    ends(100, 100_000, by_sigkill);
    ends(100, 100_000, by_its_connection);
}

#[test]
fn an_ended_restore_leaves_the_old_or_the_new_state() {
    ends_of_restores(2, 2_000, by_sigkill);
    ends_of_restores(2, 2_000, by_its_connection);
}

#[test]
#[ignore = "takes minutes, and both cores"]
fn an_ended_restore_leaves_the_old_or_the_new_state_of_many_rows() {
    ends_of_restores(30, 50_000, by_sigkill);
    ends_of_restores(30, 50_000, by_its_connection);
}

/// Ends `db_upgrade` that often, and `db_downgrade` as often.
fn ends(times: u32, rows: u64, end: fn(&mut Running, &mut PgConnection) -> bool) {
    let Some(database) = TestDatabase::new() else { return };
    let home = home_with_rows(&database, rows);
    let lines = ["db_upgrade", "db_downgrade --allow-data-loss"].map(str::to_owned);
    let mut ended = Ended { home: &home, lines, connection: database.connect(), end };
    let old = ended.state();
    assert!(old.ends_with(&format!("{rows} people, right {rows}{rows} pets, right {rows}")), "{old}");
    let start = Instant::now();
    assert_eq!(home.run("db_upgrade").status, Some(0));
    let whole = start.elapsed();
    let new = ended.state();
    assert_ne!(old, new);
    survives(&mut ended, times, whole, [&old, &new]);
}

/// Ends the restore of a dump of version 2, which has half of the rows, that often, and of a dump of version 1 as often.
fn ends_of_restores(times: u32, rows: u64, end: fn(&mut Running, &mut PgConnection) -> bool) {
    let Some(database) = TestDatabase::new() else { return };
    let home = home_with_rows(&database, rows).with_backups(5);
    let mut connection = database.connect();
    let old = query(&mut connection, STATE);
    assert_eq!(home.run("db_upgrade").status, Some(0));
    connection.batch_execute("DELETE FROM people WHERE id % 2 = 0").unwrap();
    let new = query(&mut connection, STATE);
    assert_eq!(home.run("db_downgrade --allow-data-loss").status, Some(0));
    let restore = |version: &str| {
        let name = home.backups().into_iter().find(|name| name.contains(version)).unwrap();
        format!("db_downgrade --restore backups/{name}")
    };
    let lines = [restore("-v2-"), restore("-v1-")];
    let home = home.with_backups(0);
    let start = Instant::now();
    assert_eq!(home.run(&lines[1]).status, Some(0));
    let whole = start.elapsed();
    let mut ended = Ended { home: &home, lines, connection, end };
    assert_eq!(ended.state(), old);
    survives(&mut ended, times, whole, [&old, &new]);
}
