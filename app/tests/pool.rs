//! The pool sets connections up, waits for a free one only so long, and throws a broken one away.

#![cfg(feature = "site")]

mod support;

use app::models::{NewUser, User};
use app::site::{AppError, AppResult, Db};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use migrate::Connection;
use rocket::http::{ContentType, Status};
use rocket::local::asynchronous::Client;
use rocket_db_pools::{Database, Pool};
use support::TestDb;

async fn site(db: &TestDb, databases: &str) -> Client {
    let mut config = db.config();
    config.rocket.push(config::RocketSetting { name: "databases".into(), value: databases.into() });
    Client::tracked(app::site::rocket(config).unwrap()).await.unwrap()
}

fn pragma(name: &str, connection: &mut Connection) -> QueryResult<i64> {
    diesel::dsl::sql::<BigInt>(&format!("SELECT * FROM pragma_{name}")).get_result(connection)
}

#[rocket::async_test]
async fn a_connection_waits_for_others_and_keeps_foreign_keys() {
    let db = TestDb::new();
    let site = site(&db, "{}").await;
    let pool = Db::fetch(site.rocket()).unwrap();
    let settings = pool.run(|connection| -> QueryResult<_> {
        let mode: String = diesel::dsl::sql::<Text>("SELECT * FROM pragma_journal_mode").get_result(connection)?;
        let mut value = |name| pragma(name, connection);
        Ok((value("busy_timeout")?, value("foreign_keys")?, value("synchronous")?, mode))
    });
    assert_eq!(settings.await.unwrap(), (5000, 1, 1, "wal".to_owned()));
}

#[rocket::async_test]
async fn when_no_connection_comes_free_the_answer_is_503() {
    let db = TestDb::new();
    let site = site(&db, "{microblog={max_connections=1,connect_timeout=1}}").await;
    let held = Db::fetch(site.rocket()).unwrap().get().await.unwrap();
    let answer = site.get("/").dispatch().await;
    assert_eq!(answer.status(), Status::ServiceUnavailable);
    assert!(answer.into_string().await.unwrap().contains("too busy just now"));
    assert_eq!(site.get("/health").dispatch().await.status(), Status::ServiceUnavailable);
    drop(held);
    assert_eq!(site.get("/").dispatch().await.status(), Status::Ok);
}

#[rocket::async_test]
async fn a_query_that_panics_spoils_no_other() {
    let db = TestDb::new();
    let site = site(&db, "{microblog={max_connections=1,connect_timeout=1}}").await;
    let pool = Db::fetch(site.rocket()).unwrap();
    let panicked: AppResult<()> = pool.run(|_| -> QueryResult<()> { panic!("on purpose") }).await;
    assert!(matches!(panicked, Err(AppError::Internal(_))), "{panicked:?}");
    assert_eq!(site.get("/").dispatch().await.status(), Status::Ok);
}

#[rocket::async_test]
async fn nothing_is_written_into_a_file_that_was_replaced() {
    let mut db = TestDb::new();
    let site = site(&db, "{microblog={max_connections=1,connect_timeout=1}}").await;
    db.user("susan");
    let file = db.folder.path().join("app.db");
    let copy = db.folder.path().join("copy.db");
    diesel::sql_query(format!("VACUUM INTO '{}'", copy.display())).execute(&mut db.connection).unwrap();
    let pool = Db::fetch(site.rocket()).unwrap();
    assert_eq!(pool.run(User::all).await.unwrap().len(), 1, "the connection is warm");

    for suffix in ["", "-wal", "-shm"] {
        std::fs::remove_file(db.folder.path().join(format!("app.db{suffix}"))).unwrap();
    }
    let gone = pool.run(User::all).await;
    assert!(matches!(gone, Err(AppError::Unavailable(_))), "{gone:?}");

    std::fs::rename(&copy, &file).unwrap();
    let john =
        pool.run(|connection| NewUser::new("john", "john@example.org").unwrap().insert(connection)).await.unwrap();
    let mut reopened = app::site::pool::open(&db.url).unwrap();
    assert_eq!(User::by_nickname("john", &mut reopened).unwrap(), john);
}

#[rocket::async_test]
async fn a_connection_that_can_only_read_gives_503_and_makes_room_for_one_that_writes() {
    let db = TestDb::new();
    let site = site(&db, "{microblog={max_connections=1,connect_timeout=1}}").await;
    let pool = Db::fetch(site.rocket()).unwrap();
    // As when it was opened while the file was not to be written to.
    pool.run(|connection| connection.batch_execute("PRAGMA query_only = ON")).await.unwrap();
    let register = || {
        let form = "nickname=susan&email=susan%40example.org&password=correct+horse";
        site.post("/register").header(ContentType::Form).body(form).dispatch()
    };
    assert_eq!(register().await.status(), Status::ServiceUnavailable);
    assert_eq!(register().await.status(), Status::SeeOther);
}

#[rocket::async_test]
async fn a_row_that_is_not_there_is_404_and_another_error_is_500() {
    let db = TestDb::new();
    let site = site(&db, "{}").await;
    let pool = Db::fetch(site.rocket()).unwrap();
    let missing = pool.run(|connection| User::find(7, connection)).await;
    assert!(matches!(missing, Err(AppError::NotFound)), "{missing:?}");
    let wrong = pool.run(|connection| pragma("nothing", connection)).await;
    assert!(matches!(wrong, Err(AppError::Internal(_))), "{wrong:?}");
}

#[rocket::async_test]
async fn a_database_that_is_gone_gives_503_on_health_and_an_error_page_elsewhere() {
    let db = TestDb::new();
    let site = site(&db, "{}").await;
    std::fs::remove_file(db.folder.path().join("app.db")).unwrap();
    assert_eq!(site.get("/health").dispatch().await.status(), Status::ServiceUnavailable);
    let answer = site.get("/").dispatch().await;
    assert_eq!(answer.status(), Status::ServiceUnavailable);
    assert!(!answer.into_string().await.unwrap().contains("app.db"), "no path of the machine is shown");
}
