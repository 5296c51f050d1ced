//! The embedded migrations create the schema of the models, and can be reverted.

use std::path::Path;

use crate::support::TestDb;
use app::models::User;
use diesel_autogen::schema::Schema;
use diesel_autogen::{Migrator, Target};
use test_support::TestDatabase;

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

/// Tables, columns that are not generated, keys and indexes: what both kinds of database say in the same way.
fn shape(schema: &Schema) -> Vec<String> {
    let mut lines = Vec::new();
    for table in &schema.tables {
        let name = &table.name;
        lines.push(format!("{name}: key {}", table.primary_key.join(", ")));
        let columns = table.columns.iter().filter(|column| !column.generated);
        lines.extend(columns.map(|column| format!("{name}.{}: nullable {}", column.name, column.nullable)));
        lines.extend(table.foreign_keys.iter().map(|key| format!("{name}: {key}")));
        lines.extend(table.indexes.iter().map(|index| format!("{name}: {index}")));
    }
    lines.sort();
    lines
}

#[test]
fn the_committed_histories_lead_to_the_same_schema() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
    let Some(database) = TestDatabase::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = format!("sqlite:{}", folder.path().join("app.db").display());
    let schemas = [file.as_str(), database.url()].map(|url| {
        let migrator = Migrator::new(url, &root).unwrap();
        migrator.create_current().unwrap();
        // It fails, too, where the folders differ in a number or a name.
        migrator.check(&app::schema::schema()).unwrap();
        migrator.introspect().unwrap()
    });
    assert_eq!(shape(&schemas[0]), shape(&schemas[1]));
}
