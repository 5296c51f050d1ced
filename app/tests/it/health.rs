//! `/health`: 200 if the database responds and is at the version of the program, else 503.

use crate::support::TestDb;
use diesel::connection::SimpleConnection;
use rocket::http::Status;

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
