//! `/health`: 200 if the database responds and is at the version of the program, else 503.

use crate::support::TestDb;
use app::site::Db;
use config::RocketSetting;
use diesel::connection::SimpleConnection;
use rocket::http::Status;
use rocket::local::asynchronous::Client;
use rocket_db_pools::Database as _;

#[test]
fn a_current_database_is_healthy() {
    let db = TestDb::new();
    let site = db.site();
    let response = site.get("/health").dispatch();
    assert_eq!((response.status(), response.into_string().as_deref()), (Status::Ok, Some("ok\n")));
}

#[test]
fn a_newer_database_is_healthy() {
    let mut db = TestDb::new();
    let site = db.site();
    db.connection.batch_execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('999')").unwrap();
    assert_eq!(site.get("/health").dispatch().status(), Status::Ok);
}

#[test]
fn a_database_without_a_needed_migration_is_unhealthy() {
    for change in [
        "DELETE FROM __diesel_schema_migrations WHERE version = (SELECT max(version) FROM __diesel_schema_migrations)",
        "DROP TABLE __diesel_schema_migrations",
    ] {
        let mut db = TestDb::new();
        let site = db.site();
        db.connection.batch_execute(change).unwrap();
        assert_eq!(site.get("/health").dispatch().status(), Status::ServiceUnavailable, "{change}");
    }
}

#[rocket::async_test]
async fn a_database_that_takes_no_write_is_unhealthy() {
    let db = TestDb::on_sqlite();
    let settings = RocketSetting { name: "databases".into(), value: "{microblog={max_connections=1}}".into() };
    let mut config = db.config();
    config.rocket.push(settings);
    let site = Client::tracked(app::site::rocket(config).unwrap()).await.unwrap();
    // Fails as on a full disk: when the statement writes.
    let pool = Db::fetch(site.rocket()).unwrap();
    pool.run(|connection| connection.batch_execute("PRAGMA query_only = ON")).await.unwrap();
    assert_eq!(site.get("/health").dispatch().await.status(), Status::ServiceUnavailable);
    assert_eq!(site.get("/health").dispatch().await.status(), Status::Ok, "a new connection can write");
}
