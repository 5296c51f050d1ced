//! The connection pool: settings, timeouts, and replacing broken connections.

use crate::support::TestDb;
use std::time::Duration;

use app::models::{NewPost, NewUser, User};
use app::site::{AppError, AppResult, Db, pool};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel_autogen::Connection;
use rocket::http::{ContentType, Status};
use rocket::local::asynchronous::Client;
use rocket::tokio::time::timeout;
use rocket_db_pools::{Database, Pool};

async fn site(db: &TestDb, databases: &str) -> Client {
    let mut config = db.config();
    config.rocket.push(config::RocketSetting { name: "databases".into(), value: databases.into() });
    Client::tracked(app::site::rocket(config).unwrap()).await.unwrap()
}

fn pragma(name: &str, connection: &mut Connection) -> QueryResult<i64> {
    diesel::dsl::sql::<BigInt>(&format!("SELECT * FROM pragma_{name}")).get_result(connection)
}

#[rocket::async_test]
async fn connections_have_the_settings_of_the_site() {
    let db = TestDb::on_sqlite();
    let site = site(&db, "{}").await;
    let pool = Db::fetch(site.rocket()).unwrap();
    let settings = pool.run(|connection| -> QueryResult<_> {
        let mode: String = diesel::dsl::sql::<Text>("SELECT * FROM pragma_journal_mode").get_result(connection)?;
        let mut value = |name| pragma(name, connection);
        Ok((value("busy_timeout")?, value("foreign_keys")?, value("synchronous")?, mode))
    });
    assert_eq!(settings.await.unwrap(), (5000, 1, 1, "wal".to_owned()));
}

#[test]
fn sqlite_keeps_the_plan_of_a_statement() {
    let mut db = TestDb::on_sqlite();
    let options = diesel::dsl::sql::<Text>("SELECT compile_options FROM pragma_compile_options");
    let options: Vec<String> = options.load(&mut db.connection).unwrap();
    assert!(options.iter().any(|option| option == "ENABLE_QPSG"), "see .cargo/config.toml: {options:?}");
}

#[test]
fn a_short_busy_timeout_is_temporary() {
    let mut db = TestDb::on_sqlite();
    let during = pool::with_short_busy_timeout(&mut db.connection, |connection| pragma("busy_timeout", connection));
    assert_eq!((during.unwrap(), pragma("busy_timeout", &mut db.connection).unwrap()), (50, 5000));
}

#[rocket::async_test]
async fn no_free_connection_is_503() {
    let db = TestDb::new();
    let site = site(&db, "{microblog={max_connections=1,connect_timeout=1}}").await;
    let held = Db::fetch(site.rocket()).unwrap().get().await.unwrap();
    let response = site.get("/").dispatch().await;
    assert_eq!(response.status(), Status::ServiceUnavailable);
    assert!(response.into_string().await.unwrap().contains("too busy just now"));
    assert_eq!(site.get("/health").dispatch().await.status(), Status::ServiceUnavailable);
    drop(held);
    assert_eq!(site.get("/").dispatch().await.status(), Status::Ok);
}

#[rocket::async_test]
async fn waiting_writers_leave_connections_to_readers() {
    let mut db = TestDb::on_sqlite();
    let site = site(&db, "{microblog={max_connections=1}}").await;
    let pool = Db::fetch(site.rocket()).unwrap();
    db.begin();
    let write = || pool.write(|connection| NewUser::new("susan", "s@example.org")?.insert(connection));
    let mut waiting = [write(), write()].map(Box::pin);
    for write in &mut waiting {
        // Begins, and waits for the lock.
        assert!(timeout(Duration::from_millis(100), write).await.is_err());
    }
    assert_eq!(site.get("/explore").dispatch().await.status(), Status::Ok);
    assert_eq!(site.get("/health").dispatch().await.status(), Status::Ok);
    db.connection.batch_execute("ROLLBACK").unwrap();
    let [first, second] = waiting;
    assert!(first.await.is_ok());
    assert!(matches!(second.await, Err(AppError::Internal(_))), "the nickname is taken");
}

#[rocket::async_test]
async fn a_panicking_query_does_not_affect_others() {
    let db = TestDb::new();
    let site = site(&db, "{microblog={max_connections=1,connect_timeout=1}}").await;
    let pool = Db::fetch(site.rocket()).unwrap();
    let panicked: AppResult<()> = pool.run(|_| -> QueryResult<()> { panic!("on purpose") }).await;
    assert!(matches!(panicked, Err(AppError::Internal(_))), "{panicked:?}");
    assert_eq!(site.get("/").dispatch().await.status(), Status::Ok);
}

#[rocket::async_test]
async fn a_replaced_file_is_not_written() {
    let mut db = TestDb::on_sqlite();
    let site = site(&db, "{microblog={max_connections=1,connect_timeout=1}}").await;
    db.user("susan");
    let file = db.folder.path().join("app.db");
    let copy = db.folder.path().join("copy.db");
    diesel::sql_query(format!("VACUUM INTO '{}'", copy.display())).execute(&mut db.connection).unwrap();
    let pool = Db::fetch(site.rocket()).unwrap();
    assert_eq!(pool.run(User::all).await.unwrap().len(), 1, "the connection is in the pool");

    for suffix in ["", "-wal", "-shm"] {
        std::fs::remove_file(db.folder.path().join(format!("app.db{suffix}"))).unwrap();
    }
    let gone = pool.run(User::all).await;
    assert!(matches!(gone, Err(AppError::Unavailable(_))), "{gone:?}");

    std::fs::rename(&copy, &file).unwrap();
    let john =
        pool.run(|connection| NewUser::new("john", "john@example.org").unwrap().insert(connection)).await.unwrap();
    let mut reopened = pool::open(&db.url).unwrap();
    assert_eq!(User::by_nickname("john", &mut reopened).unwrap(), john);
}

#[rocket::async_test]
async fn a_read_only_connection_is_replaced() {
    let db = TestDb::on_sqlite();
    let site = site(&db, "{microblog={max_connections=1,connect_timeout=1}}").await;
    let pool = Db::fetch(site.rocket()).unwrap();
    // Like a connection that was opened while the file was read-only.
    pool.write(|connection| connection.batch_execute("PRAGMA query_only = ON")).await.unwrap();
    let register = || {
        let form = "nickname=susan&email=susan%40example.org&password=correct+horse";
        site.post("/register").header(ContentType::Form).body(form).dispatch()
    };
    assert_eq!(register().await.status(), Status::ServiceUnavailable);
    assert_eq!(register().await.status(), Status::SeeOther);
}

#[rocket::async_test]
async fn a_missing_row_is_404_and_other_errors_are_500() {
    let mut db = TestDb::new();
    let site = site(&db, "{}").await;
    let pool = Db::fetch(site.rocket()).unwrap();
    let missing = pool.run(|connection| User::find(7, connection)).await;
    assert!(matches!(missing, Err(AppError::NotFound)), "{missing:?}");
    let susan = db.user("susan");
    susan.delete(&mut db.connection).unwrap();
    let orphan = pool.write(move |connection| NewPost::new(&susan, "late")?.insert(connection)).await;
    assert!(matches!(orphan, Err(AppError::NotFound)), "{orphan:?}");
    let wrong = pool.run(|connection| pragma("nothing", connection)).await;
    assert!(matches!(wrong, Err(AppError::Internal(_))), "{wrong:?}");
}

#[rocket::async_test]
async fn a_deleted_database_is_503() {
    let db = TestDb::on_sqlite();
    let site = site(&db, "{}").await;
    std::fs::remove_file(db.folder.path().join("app.db")).unwrap();
    assert_eq!(site.get("/health").dispatch().await.status(), Status::ServiceUnavailable);
    let response = site.get("/").dispatch().await;
    assert_eq!(response.status(), Status::ServiceUnavailable);
    assert!(!response.into_string().await.unwrap().contains("app.db"), "the page shows no path");
}
