//! PostgreSQL: indexes that were left invalid, and migrations that let the application work meanwhile.

use diesel_autogen::{Error, Migrator, Sql, Target};

use crate::postgres::{Server, as_models, script};
use crate::support::{listening, taken};

const USERS: &str = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL)";
const CONCURRENTLY: &str = "CREATE UNIQUE INDEX CONCURRENTLY users_name_key ON users (name)";

/// A database whose second migration cannot create its index, because two users have one name.
fn failed() -> Option<(Server, Migrator)> {
    let database = Server::new()?;
    database.write("001_first", &script(USERS, "DROP TABLE users"));
    let migrator = database.migrator();
    migrator.init().unwrap();
    migrator.upgrade(Target::Latest).unwrap();
    database.execute("INSERT INTO users VALUES (1, 'ann'), (2, 'ann')");
    let sql = Sql { own_transaction: true, ..script(CONCURRENTLY, "DROP INDEX CONCURRENTLY users_name_key") };
    database.write("002_second", &sql);
    assert!(matches!(migrator.upgrade(Target::Latest), Err(Error::Unfinished { .. })));
    Some((database, migrator))
}

fn is_valid(database: &Server) -> Option<String> {
    database.query(
        "SELECT string_agg(indisvalid::text, ',') FROM pg_index WHERE indexrelid::regclass::text = 'users_name_key'",
    )
}

#[test]
fn the_next_run_replaces_an_index_that_was_left_invalid() {
    let Some((database, migrator)) = failed() else { return };
    assert_eq!(is_valid(&database).as_deref(), Some("false"));
    database.execute("UPDATE users SET name = 'bob' WHERE id = 2");
    assert_eq!(migrator.upgrade(Target::Latest).unwrap().len(), 1);
    assert_eq!(is_valid(&database).as_deref(), Some("true"));
}

#[test]
fn an_index_that_was_left_invalid_is_named_and_planned_again() {
    let Some((database, migrator)) = failed() else { return };
    let other = Server::new().unwrap();
    other.execute(&format!("{USERS}; {}", CONCURRENTLY.replace("CONCURRENTLY ", "")));
    database.execute("UPDATE users SET name = 'bob' WHERE id = 2");
    database.remove("002_second");
    let models = as_models(other.migrator().introspect().unwrap());
    let (migrator, events) = listening(&migrator, migrator.settings().clone());
    let plan = migrator.plan(&models, &with!(PlanOptions {})).unwrap().unwrap();
    assert!(plan.to_string().contains("adds unique index users_name_key"), "{plan}");
    let named = "index users_name_key on users is invalid, because its creation failed: the migration that creates it \
         replaces it";
    assert_eq!(taken(&events).iter().filter(|event| *event == named).count(), 1);
    migrator.apply(&plan).unwrap();
    assert_eq!(is_valid(&database).as_deref(), Some("true"));
    migrator.check(&models).unwrap();
}
