//! `/health` is 200 when the database answers and is at the version of the program, and 503 else.

#![cfg(feature = "site")]

mod support;

use diesel::connection::SimpleConnection;
use rocket::http::Status;
use support::TestDb;

#[test]
fn a_current_database_is_healthy() {
    let db = TestDb::new();
    let site = db.site();
    let answer = site.get("/health").dispatch();
    assert_eq!((answer.status(), answer.into_string().as_deref()), (Status::Ok, Some("ok\n")));
}

#[test]
fn a_database_that_is_ahead_behind_or_without_version_control_is_not() {
    for change in [
        "INSERT INTO __diesel_schema_migrations (version) VALUES ('999')",
        "DELETE FROM __diesel_schema_migrations WHERE version = (SELECT max(version) FROM __diesel_schema_migrations)",
        "DROP TABLE __diesel_schema_migrations",
    ] {
        let mut db = TestDb::new();
        let site = db.site();
        db.connection.batch_execute(change).unwrap();
        assert_eq!(site.get("/health").dispatch().status(), Status::ServiceUnavailable, "{change}");
    }
}
