//! The migrations that the program carries lead to the tables of the models, and back.

#![cfg(feature = "site")]

mod support;

use app::models::User;
use app::site::migrations;
use support::TestDb;

#[test]
fn the_migrations_make_the_tables_of_the_models() {
    let db = TestDb::new();
    let project = migrations::project(&db.url, db.folder.path()).unwrap();
    assert_eq!(project.differences(&app::schema::schema()).unwrap(), []);
}

#[test]
fn every_migration_can_be_taken_back_and_applied_again() {
    let mut db = TestDb::new();
    let project = migrations::project(&db.url, db.folder.path()).unwrap();
    project.downgrade(Target::Version(0)).unwrap();
    assert!(User::all(&mut db.connection).is_err(), "the table is gone");
    project.upgrade(Target::Latest).unwrap();
    assert_eq!(project.differences(&app::schema::schema()).unwrap(), []);
    assert_eq!(User::all(&mut db.connection).unwrap(), []);
}
