//! What is different on PostgreSQL: transactions run side by side, a server can go away, and its planner chooses.

use std::thread;

use app::models::session::NewSession;
use app::models::{Cursor, Feed, NewPost, Page, Position, Session, User, search};
use app::site::pool::write_transaction;
use app::site::{AppError, AppResult, Db, pool};
use chrono::TimeDelta;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};
use diesel_autogen::{Connection, DatabaseUrl};
use rocket::http::Status;
use rocket::local::asynchronous::Client;
use rocket_db_pools::{Database as _, Pool as _};

use crate::support::{Browser, TestDb, moment, wait_until};

async fn site(db: &TestDb, databases: &str) -> Client {
    let mut config = db.config();
    config.rocket.push(config::RocketSetting { name: "databases".into(), value: databases.into() });
    Client::tracked(app::site::rocket(config).unwrap()).await.unwrap()
}

/// Waits until another connection waits for a lock.
fn wait_for_a_waiting_statement(db: &mut TestDb) {
    let waits = "SELECT EXISTS (SELECT FROM pg_stat_activity \
                 WHERE datname = current_database() AND wait_event_type = 'Lock')";
    wait_until("a statement waits for a lock", || {
        diesel::dsl::sql::<Bool>(waits).get_result(&mut db.connection).unwrap()
    });
}

#[test]
fn a_connection_has_a_name() {
    let Some(db) = TestDb::on_postgresql() else { return };
    for (parameter, name) in [("", "microblog"), ("?application_name=node1", "node1")] {
        let url = DatabaseUrl::parse(&format!("{}{parameter}", db.url.as_str()), db.folder.path()).unwrap();
        let shown =
            diesel::dsl::sql::<Text>("SHOW application_name").get_result::<String>(&mut pool::open(&url).unwrap());
        assert_eq!(shown.unwrap(), name);
    }
}

#[test]
#[cfg(not(feature = "postgres-tls"))]
fn a_build_without_tls_does_not_connect_without_it() {
    let Some(db) = TestDb::on_postgresql() else { return };
    let url = format!("{}?sslmode=require", db.url.as_str());
    let error = pool::open(&DatabaseUrl::parse(&url, db.folder.path()).unwrap()).err().unwrap().to_string();
    assert!(error.contains("do not agree on TLS"), "{error}");
}

/// `.ci/with-postgres` makes an authority, whose certificate is in `TEST_POSTGRES_AUTHORITY`.
#[test]
#[cfg(feature = "postgres-tls")]
fn a_server_is_trusted_by_its_authority_only() {
    let Some(db) = TestDb::on_postgresql() else { return };
    let authority = std::env::var("TEST_POSTGRES_AUTHORITY").expect("run this by .ci/with-postgres");
    let open = |parameters: &str| {
        let url = format!("{}?{parameters}", db.url.as_str());
        pool::open(&DatabaseUrl::parse(&url, db.folder.path()).unwrap())
    };
    let is_encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    for (parameters, expected) in
        [(format!("sslmode=verify-full&sslrootcert={authority}"), true), ("sslmode=disable".to_owned(), false)]
    {
        let connection = &mut open(&parameters).unwrap();
        assert_eq!(diesel::dsl::sql::<Bool>(is_encrypted).get_result(connection), Ok(expected), "{parameters}");
    }
    // The server's own certificate is no authority.
    let other = format!("sslmode=verify-ca&sslrootcert={}", authority.replace("authority", "server"));
    assert!(open(&other).err().unwrap().to_string().contains("do not agree on TLS"));
}

#[test]
fn two_follows_at_once_are_one() {
    let Some(mut db) = TestDb::on_postgresql() else { return };
    let (john, susan) = (db.user("john"), db.user("susan"));
    let [mut first, mut second] = [(); 2].map(|()| pool::open(&db.url).unwrap());
    first.batch_execute("BEGIN").unwrap();
    assert!(john.follow(&susan, &mut first).unwrap());
    thread::scope(|scope| {
        let again = scope.spawn(|| john.follow(&susan, &mut second).unwrap());
        wait_for_a_waiting_statement(&mut db);
        first.batch_execute("COMMIT").unwrap();
        assert!(!again.join().unwrap());
    });
}

fn start_session(user: &User, token: &str, seconds: i64, connection: &mut Connection) {
    let (created_at, expires_at) = (moment(seconds), moment(seconds) + TimeDelta::seconds(10));
    let session =
        NewSession { user_id: user.id, token_hash: token, created_at, expires_at, user_agent: "", client_ip: "" };
    session.insert(connection).unwrap();
}

#[test]
fn no_session_of_an_old_password_outlives_its_change() {
    let Some(mut db) = TestDb::on_postgresql() else { return };
    let susan = db.user("susan");
    let [mut signs_in, mut changes] = [(); 2].map(|()| pool::open(&db.url).unwrap());
    signs_in.batch_execute("BEGIN").unwrap();
    assert!(susan.has_password_hash(None, &mut signs_in).unwrap());
    thread::scope(|scope| {
        scope.spawn(|| {
            write_transaction(&mut changes, |connection| {
                susan.set_password_hash("new", connection)?;
                Session::end_all(&susan, connection)
            })
            .unwrap();
        });
        wait_for_a_waiting_statement(&mut db);
        start_session(&susan, "a", 0, &mut signs_in);
        signs_in.batch_execute("COMMIT").unwrap();
    });
    assert_eq!(Session::of(&susan, moment(0), &mut db.connection).unwrap(), []);
}

#[test]
fn expired_sessions_are_deleted_without_waiting_for_each_other() {
    let Some(mut db) = TestDb::on_postgresql() else { return };
    let susan = db.user("susan");
    for token in ["a", "b", "c"] {
        start_session(&susan, token, 0, &mut db.connection);
    }
    let mut connections = [(); 2].map(|()| pool::open(&db.url).unwrap());
    for (connection, token) in connections.iter_mut().zip(["a", "b"]) {
        connection.batch_execute("BEGIN; SET LOCAL lock_timeout = '1s'").unwrap();
        Session::end(token, connection).unwrap();
    }
    for (connection, token) in connections.iter_mut().zip(["d", "e"]) {
        start_session(&susan, token, 100, connection);
    }
    for connection in &mut connections {
        connection.batch_execute("COMMIT").unwrap();
    }
    assert_eq!(Session::of(&susan, moment(-1), &mut db.connection).unwrap().len(), 2);
}

#[test]
fn a_locked_row_does_not_fail_a_post() {
    let Some(mut db) = TestDb::on_postgresql() else { return };
    let susan = db.user("susan");
    let browser = Browser::signed_in(&mut db, &susan);
    db.begin();
    susan.set_password_hash("locks the row", &mut db.connection).unwrap();
    assert_eq!(browser.post("/", &[("body", "hello")]).status, 303);
    db.connection.batch_execute("COMMIT").unwrap();
    let susan = User::find(susan.id, &mut db.connection).unwrap();
    assert_eq!((susan.last_seen, susan.post_count(&mut db.connection).unwrap()), (None, 1));
}

const END_OTHERS: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
    WHERE datname = current_database() AND pid <> pg_backend_pid()";

#[rocket::async_test]
async fn a_lost_connection_fails_no_request() {
    let Some(mut db) = TestDb::on_postgresql() else { return };
    let susan = db.user("susan");
    let site = site(&db, "{}").await;
    let pool = Db::fetch(site.rocket()).unwrap();
    for _ in 0..2 {
        drop([pool.get().await.unwrap(), pool.get().await.unwrap(), pool.get().await.unwrap()]);
        db.connection.batch_execute(END_OTHERS).unwrap();
        assert_eq!(site.get("/").dispatch().await.status(), Status::Ok);
        db.connection.batch_execute(END_OTHERS).unwrap();
        let susan = susan.clone();
        pool.write(move |connection| NewPost::new(&susan, "hello")?.insert(connection)).await.unwrap();
    }
    assert_eq!(susan.post_count(&mut db.connection).unwrap(), 2);
}

#[rocket::async_test]
async fn a_connection_that_is_lost_twice_is_503() {
    let Some(db) = TestDb::on_postgresql() else { return };
    let site = site(&db, "{}").await;
    let pool = Db::fetch(site.rocket()).unwrap();
    let lost = pool.run(|connection| connection.batch_execute("SELECT pg_terminate_backend(pg_backend_pid())")).await;
    assert!(matches!(lost, Err(AppError::Lost(_))), "{lost:?}");
    assert_eq!(site.get("/").dispatch().await.status(), Status::Ok);
}

/// A deferred trigger ends the connection as soon as COMMIT is sent.
#[rocket::async_test]
async fn a_commit_that_may_have_succeeded_is_not_repeated() {
    let Some(mut db) = TestDb::on_postgresql() else { return };
    let susan = db.user("susan");
    db.connection
        .batch_execute(
            "CREATE SEQUENCE commits;
             CREATE FUNCTION ends() RETURNS trigger LANGUAGE plpgsql AS
                 'BEGIN PERFORM nextval(''commits''), pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';
             CREATE CONSTRAINT TRIGGER ends AFTER INSERT ON posts DEFERRABLE INITIALLY DEFERRED
                 FOR EACH ROW EXECUTE FUNCTION ends()",
        )
        .unwrap();
    let site = site(&db, "{}").await;
    let pool = Db::fetch(site.rocket()).unwrap();
    let lost = pool.write(move |connection| NewPost::new(&susan, "hello")?.insert(connection)).await;
    assert!(matches!(lost, Err(AppError::Unavailable(_))), "{lost:?}");
    let commits = diesel::dsl::sql::<BigInt>("SELECT last_value FROM commits");
    assert_eq!(commits.get_result::<i64>(&mut db.connection), Ok(1));
}

#[rocket::async_test]
async fn a_long_statement_ends_with_503() {
    let Some(db) = TestDb::on_postgresql() else { return };
    let site = site(&db, "{microblog={statement_timeout=1}}").await;
    let pool = Db::fetch(site.rocket()).unwrap();
    let slow = pool.run(|connection| connection.batch_execute("SELECT pg_sleep(60)")).await;
    assert!(matches!(slow, Err(AppError::Unavailable(_))), "{slow:?}");
}

#[rocket::async_test]
async fn a_changed_type_does_not_fail_a_request() {
    let Some(mut db) = TestDb::on_postgresql() else { return };
    let susan = db.user("susan");
    db.post(&susan, "hello", 0);
    let site = site(&db, "{microblog={max_connections=1}}").await;
    assert_eq!(site.get("/explore").dispatch().await.status(), Status::Ok);
    db.connection.batch_execute("ALTER TABLE posts ALTER body TYPE varchar(2000)").unwrap();
    assert_eq!(site.get("/explore").dispatch().await.status(), Status::Ok);
    let write = move |connection: &mut Connection| -> AppResult<_> {
        NewPost::new(&susan, "again")?.insert(connection)?;
        Ok(Page::load(&Feed::All, Position::Newest, 9, connection)?.posts.len())
    };
    let pool = Db::fetch(site.rocket()).unwrap();
    assert_eq!(pool.run(write.clone()).await.unwrap(), 2);
    db.connection.batch_execute("ALTER TABLE posts ALTER body TYPE varchar(2001)").unwrap();
    assert_eq!(pool.write(write).await.unwrap(), 3, "the first attempt is rolled back");
}

/// The number of rows and index entries that `work` reads.
fn rows_read(db: &mut TestDb, work: impl FnOnce(&mut Connection)) -> i64 {
    let count = "SELECT coalesce(sum(pg_stat_get_xact_tuples_returned(oid)), 0)::bigint FROM pg_class \
                 WHERE relnamespace = 'public'::regnamespace";
    let rows = |connection: &mut Connection| diesel::dsl::sql::<BigInt>(count).get_result::<i64>(connection);
    write_transaction(&mut db.connection, |connection| {
        let before = rows(connection)?;
        work(connection);
        Ok::<_, diesel::result::Error>(rows(connection)? - before)
    })
    .unwrap()
}

/// 200 users, of whom the 150th has half of all posts. The first follows 40 users, the second the 150th only.
const ROWS: &str =
    "INSERT INTO users (id, nickname, email) SELECT n, 'user' || n, 'e' || n FROM generate_series(1, 200) AS n;
    INSERT INTO followers SELECT 1, n FROM generate_series(2, 41) AS n;
    INSERT INTO followers VALUES (2, 150);
    INSERT INTO posts (body, timestamp, user_id)
        SELECT 'every ' || CASE WHEN n % 500 = 0 THEN 'rare' ELSE 'common' END || n,
            timestamp '2023-11-14' + n * interval '1 second', CASE WHEN n % 2 = 0 THEN 150 ELSE n % 200 + 1 END
            FROM generate_series(0, 19999) AS n;
    INSERT INTO post_tags SELECT 'rust', id FROM posts;
    ANALYZE";

#[test]
fn a_page_reads_few_rows() {
    let Some(mut db) = TestDb::on_postgresql() else { return };
    db.connection.batch_execute(ROWS).unwrap();
    let middle = Cursor { timestamp: moment(-70_000), id: 10_000 };
    for position in [Position::Newest, Position::Before(middle), Position::After(middle)] {
        for feed in [Feed::All, Feed::Of(150), Feed::Home(1), Feed::Home(2), Feed::Tagged("rust".into())] {
            let read = rows_read(&mut db, |connection| {
                assert_eq!(Page::load(&feed, position, 25, connection).unwrap().posts.len(), 25);
            });
            assert!(read < 1000, "{feed:?} {position:?}: {read} of 20,000");
        }
    }
    for word in ["every", "rare500"] {
        let read = rows_read(&mut db, |connection| {
            assert!(!search::posts(&search::SearchTerms::new(word), 0, 25, connection).unwrap().is_empty());
        });
        assert!(read < 1000, "{word}: {read} of 20,000");
    }
    let read = rows_read(&mut db, |connection| {
        let user = User::by_nickname("USER8", connection).unwrap();
        assert!(User::by_login("E8", connection).unwrap().is_some());
        assert_eq!(user.followers("", 50, connection).unwrap().len(), 1);
        assert_eq!(user.post_count(connection).unwrap(), 100);
    });
    assert!(read < 1000, "{read} of 20,000");
}
