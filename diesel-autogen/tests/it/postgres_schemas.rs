//! Tables of other PostgreSQL schemas than the current one.

use diesel_autogen::schema::Schema;
use diesel_autogen::{Error, Migrator, PlanOptions, Target};

use crate::postgres::Server;

mod first {
    diesel_autogen::schema! {
        users (id) {
            id -> Integer,
            name -> Text,
        }

        #[sql_name = "users"]
        auth.accounts (id) {
            id -> Integer,
            #[unique]
            #[max_length = 64]
            email -> VarChar,
            #[default = 0]
            #[check = "logins >= 0"]
            logins -> Integer,
            #[references(users, on_delete = cascade)]
            #[index]
            user_id -> Nullable<Integer>,
            nickname -> Nullable<Text>,
        }

        posts (id) {
            id -> Integer,
            #[references(accounts)]
            author_id -> Integer,
        }
    }
}

mod second {
    diesel_autogen::schema! {
        users (id) {
            id -> Integer,
            name -> Text,
        }

        #[renamed_from = "users"]
        auth.people (id) {
            id -> Integer,
            #[unique]
            #[max_length = 128]
            #[renamed_from = "email"]
            address -> VarChar,
            #[default = 1]
            logins -> BigInt,
            #[references(users, on_delete = set_null)]
            user_id -> Nullable<Integer>,
            #[index]
            seen -> Nullable<Timestamp>,
        }

        posts (id) {
            id -> Integer,
            #[references(people, on_delete = cascade)]
            author_id -> Integer,
        }
    }
}

/// Migrates to these models, whatever is lost, and returns the SQL. Afterwards models and database agree.
fn migrate(server: &Server, models: &Schema) -> diesel_autogen::Sql {
    let migrator = server.migrator();
    migrator.init().unwrap();
    let plan = migrator.plan(models, &PlanOptions::default()).unwrap().expect("a difference").accept_losses();
    migrator.apply(&plan).unwrap_or_else(|error| panic!("{error}\n{}", plan.sql.up));
    assert_agrees(&migrator, models);
    plan.sql
}

fn assert_agrees(migrator: &Migrator, models: &Schema) {
    assert_eq!(migrator.plan(models, &PlanOptions::default()).unwrap().map(|plan| plan.to_string()), None);
    migrator.check(models).unwrap();
}

const ROWS: &str = "INSERT INTO users VALUES (1, 'susan'); \
    INSERT INTO auth.users (id, email, user_id, nickname) VALUES (7, 'susan@example.org', 1, 'su'); \
    INSERT INTO posts VALUES (3, 7)";

#[test]
fn a_schema_and_its_tables_are_created() {
    let Some(server) = Server::new() else { return };
    let sql = migrate(&server, &first::schema());
    assert!(sql.up.starts_with("CREATE SCHEMA IF NOT EXISTS auth;\n"), "{}", sql.up);
    assert!(sql.up.contains("author_id INTEGER NOT NULL REFERENCES auth.users (id)"), "{}", sql.up);
    assert!(sql.up.contains("CREATE UNIQUE INDEX users_email_key ON auth.users (email)"), "{}", sql.up);
    server.execute(ROWS);
    server.execute("DELETE FROM posts; DELETE FROM users");
    assert_eq!(server.query("SELECT count(*)::text FROM auth.users").unwrap(), "0");
}

#[test]
fn changes_keep_the_values_up_and_down() {
    let Some(server) = Server::new() else { return };
    migrate(&server, &first::schema());
    server.execute(ROWS);
    let sql = migrate(&server, &second::schema());
    assert!(sql.up.contains("ALTER TABLE auth.users RENAME TO people;\n"), "{}", sql.up);
    let people = "SELECT concat_ws(' ', id, address, logins, user_id) FROM auth.people";
    assert_eq!(server.query(people).unwrap(), "7 susan@example.org 0 1");
    let migrator = server.migrator();
    server.execute("INSERT INTO auth.people (id, address) VALUES (8, 'john@example.org')");
    let losses = migrator.downgrade_losses(Target::Previous).unwrap();
    assert!(losses.is_empty(), "{losses:?}");
    server.execute("UPDATE auth.people SET seen = now() WHERE id = 8");
    let losses = migrator.downgrade_losses(Target::Previous).unwrap();
    assert_eq!(losses[0].to_string(), "drops auth.people.seen: 1 of 2 rows hold a value, which would be lost");
    migrator.downgrade(Target::Previous).unwrap();
    let users =
        "SELECT string_agg(concat_ws(' ', id, email, logins, user_id, nickname), ', ' ORDER BY id) FROM auth.users";
    assert_eq!(server.query(users).unwrap(), "7 susan@example.org 0 1 su, 8 john@example.org 1");
    println!("{}", migrator.rehearse(Target::Latest).unwrap());
    migrator.upgrade(Target::Latest).unwrap();
    assert_agrees(&migrator, &second::schema());
    migrator.downgrade(Target::Version("0".into())).unwrap();
    assert_eq!(server.query("SELECT to_regclass('auth.users')::text"), None);
    migrator.upgrade(Target::Latest).unwrap();
    assert_agrees(&migrator, &second::schema());
}
