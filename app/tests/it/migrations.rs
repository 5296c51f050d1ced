//! The embedded migrations create the schema of the models, and can be reverted.

use crate::support::TestDb;
use app::models::User;
use diesel_autogen::Target;

#[test]
fn the_migrations_create_the_schema_of_the_models() {
    let db = TestDb::new();
    let project = db.migrations();
    assert_eq!(project.differences(&app::schema::schema()).unwrap(), []);
}

#[test]
fn every_migration_can_be_reverted_and_reapplied() {
    let mut db = TestDb::new();
    let project = db.migrations();
    project.downgrade(Target::version(0)).unwrap();
    assert!(User::all(&mut db.connection).is_err(), "the table is dropped");
    project.upgrade(Target::Latest).unwrap();
    assert_eq!(project.differences(&app::schema::schema()).unwrap(), []);
    assert_eq!(User::all(&mut db.connection).unwrap(), []);
}
