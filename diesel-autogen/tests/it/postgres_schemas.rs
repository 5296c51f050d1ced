//! Tables of other PostgreSQL schemas than the current one.

use diesel_autogen::schema::{Column, ForeignKey, Index, IndexColumn, Schema, Table, Type};
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
    assert!(sql.up.contains("\nCREATE SCHEMA IF NOT EXISTS auth;\n"), "{}", sql.up);
    assert!(sql.up.contains("author_id INTEGER NOT NULL REFERENCES auth.users (id)"), "{}", sql.up);
    assert_eq!(sql.up.matches("SCHEMA").count() + sql.down.matches("SCHEMA").count(), 1, "{}", sql.down);
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
    assert_eq!(losses[0].to_string(), "drops auth.people.seen: 1 of 2 rows holds a value, which would be lost");
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

#[test]
fn changes_are_made_online_in_any_schema() {
    let Some(server) = Server::new() else { return };
    let mut models = first::schema();
    models.tables.extend([table(None, "a.b"), table(Some("Au.th"), "Us.ers")]);
    migrate(&server, &models);
    server.execute(ROWS);
    server.execute("INSERT INTO \"a.b\" VALUES (1, 'text'); INSERT INTO \"Au.th\".\"Us.ers\" VALUES (2, 'text')");
    let before = models.clone();
    for at in [1, 3, 4] {
        let table = &mut models.tables[at];
        let column = table.columns.iter_mut().find(|column| ["nickname", "parent"].contains(&column.name.as_str()));
        let column = column.unwrap();
        column.nullable = false;
        let name = column.name.clone();
        table.indexes = vec![Index::new(&table.name, [IndexColumn::asc(&name)], true)];
        table.checks.push(diesel_autogen::schema::Check::new("id > 0").named("positive"));
    }
    let fills = ["auth.users.nickname=none", "\"a.b\".parent=1", "\"Au.th\".\"Us.ers\".parent=2"];
    let options = with!(PlanOptions { online: true, allow_data_loss: true, fills: fills.map(str::to_owned).to_vec() });
    let migrator = server.migrator();
    let plan = migrator.plan(&models, &options).unwrap().unwrap().accept_losses();
    migrator.apply(&plan).unwrap_or_else(|error| panic!("{error}\n{plan}"));
    assert_agrees(&migrator, &models);
    let parents = "SELECT concat(a.parent, b.parent) FROM \"a.b\" a, \"Au.th\".\"Us.ers\" b";
    assert_eq!(server.query(parents).unwrap(), "12");
    migrator.downgrade(Target::Version("1".into())).unwrap();
    assert_eq!(migrator.differences(&before).unwrap(), []);
}

/// A table with a key, a unique text, and a reference to itself.
fn table(schema: Option<&str>, name: &str) -> Table {
    let key = ForeignKey::new(["parent"], name, ["id"]);
    let text = Type::Text { max_length: None };
    let table = Table::new(name, ["id"])
        .column(Column::new("id", Type::Integer))
        .column(Column::new("text", text))
        .column(Column::new("parent", Type::Integer).nullable())
        .index(Index::new(name, [IndexColumn::asc("text")], true))
        .foreign_key(schema.map_or(key.clone(), |schema| key.in_schema(schema)));
    schema.map_or(table.clone(), |schema| table.in_schema(schema))
}

/// Names that could be taken for one another, each with the name as SQL writes it.
const HOSTILE: [(Option<&str>, &str, &str); 9] = [
    (None, "a.b", r#""a.b""#),
    (Some("a"), "b", "a.b"),
    (None, "b", "b"),
    (Some("a.b"), "c", r#""a.b".c"#),
    (Some("a"), "b.c", r#"a."b.c""#),
    (None, "a.b.c", r#""a.b.c""#),
    (None, "\"a\".\"b\"", r#""""a"".""b""""#),
    (Some("_kept_1_a"), "b", "_kept_1_a.b"),
    (Some("select"), "Ta\"ble' ü", r#""select"."Ta""ble' ü""#),
];

#[test]
fn names_are_never_mixed_up() {
    let Some(server) = Server::new() else { return };
    let tables = |is_new: bool| {
        Schema::new(HOSTILE.map(|(schema, name, _)| {
            let mut table = table(schema, name);
            if is_new {
                table.columns.remove(1);
                table.indexes.clear();
            }
            table
        }))
    };
    migrate(&server, &tables(false));
    for (at, (_, _, sql)) in (1..).zip(&HOSTILE) {
        server.execute(&format!("INSERT INTO {sql} VALUES ({at}, 'text {at}', {at})"));
    }
    migrate(&server, &tables(true));
    let migrator = server.migrator();
    migrator.rehearse(Target::Latest).unwrap();
    migrator.downgrade(Target::Previous).unwrap();
    for (at, (_, _, sql)) in (1..).zip(&HOSTILE) {
        let rows = server.query(&format!("SELECT string_agg(concat_ws(' ', id, text, parent), ', ') FROM {sql}"));
        assert_eq!(rows.unwrap(), format!("{at} text {at} {at}"), "{sql}");
    }
    migrator.upgrade(Target::Latest).unwrap();
    assert_agrees(&migrator, &tables(true));
    // Only one of the tables goes, and comes back. Models in Rust cannot name the schema `a.b`: its table stays.
    for (dropped, (_, _, name)) in HOSTILE.iter().enumerate().filter(|(_, table)| table.0 != Some("a.b")) {
        let mut models = tables(true);
        models.tables.remove(dropped);
        migrate(&server, &models);
        let count =
            |(_, _, sql): &(_, _, &str)| server.query(&format!("SELECT to_regclass({})::text", literal(sql))).is_some();
        let left: Vec<_> = HOSTILE.iter().enumerate().filter(|(_, table)| !count(table)).map(|(at, _)| at).collect();
        assert_eq!(left, [dropped]);
        migrator.downgrade(Target::Previous).unwrap();
        assert_eq!(server.query(&format!("SELECT id::text FROM {name}")).unwrap(), (dropped + 1).to_string());
        server.remove_last();
    }
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[test]
fn the_search_path_of_the_url_is_honoured() {
    let Some(server) = Server::new() else { return };
    server.execute("CREATE SCHEMA blog; CREATE TABLE users (id INTEGER, other TEXT)");
    let migrator = server.migrator_with("?options=-csearch_path%3Dblog");
    migrator.init().unwrap();
    let plan = migrator.plan(&first::schema(), &PlanOptions::default()).unwrap().unwrap();
    migrator.apply(&plan).unwrap();
    assert_agrees(&migrator, &first::schema());
    server.execute(&format!("SET search_path = blog; {ROWS}"));
    assert_eq!(server.query("SELECT name FROM blog.users").unwrap(), "susan");
    let plan = migrator.plan(&second::schema(), &PlanOptions::default()).unwrap().unwrap().accept_losses();
    migrator.apply(&plan).unwrap();
    migrator.downgrade(Target::Previous).unwrap();
    migrator.upgrade(Target::Latest).unwrap();
    assert_agrees(&migrator, &second::schema());
    // Here `public` is another schema.
    let mut models = second::schema();
    models.tables.push(Table::new("users", []).column(Column::new("id", Type::Integer).nullable()).in_schema("public"));
    let plan = migrator.plan(&models, &PlanOptions::default()).unwrap().unwrap().accept_losses();
    assert!(plan.to_string().starts_with("changes table public.users:\n  drops other"), "{plan}");
    migrator.apply(&plan).unwrap();
    assert_agrees(&migrator, &models);
}

#[test]
fn another_programs_tables_are_left_alone() {
    let Some(server) = Server::new() else { return };
    server.execute(
        "CREATE SCHEMA auth; CREATE TABLE auth.keys (id INTEGER PRIMARY KEY, secret TEXT DEFAULT 'x' UNIQUE); \
         CREATE INDEX keys_lower ON auth.keys (lower(secret)); \
         CREATE FUNCTION auth.f() RETURNS TRIGGER LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; \
         CREATE TRIGGER t BEFORE UPDATE ON auth.keys FOR EACH ROW EXECUTE FUNCTION auth.f(); \
         CREATE VIEW auth.v AS SELECT id FROM auth.keys; INSERT INTO auth.keys VALUES (1)",
    );
    migrate(&server, &first::schema());
    server.execute(ROWS);
    server.execute("UPDATE auth.keys SET secret = 'y'");
    migrate(&server, &second::schema());
    let migrator = server.migrator();
    migrator.downgrade(Target::Previous).unwrap();
    assert_eq!(
        server.query("SELECT concat(secret, ' ', (SELECT count(*) FROM auth.v)) FROM auth.keys").unwrap(),
        "y 1"
    );
    // A table that the models had is dropped, and kept for the downgrade.
    let mut models = first::schema();
    models.tables.retain(|table| table.schema.is_none());
    models.tables[1].foreign_keys.clear();
    server.remove_last();
    let plan = migrator.plan(&models, &PlanOptions::default()).unwrap().unwrap();
    let losses: Vec<_> = plan.losses.iter().map(ToString::to_string).collect();
    assert_eq!(losses[0], "drops table auth.users: it holds 1 row, kept in _kept_002_auth.users");
    migrator.apply(&plan.accept_losses()).unwrap();
    assert_agrees(&migrator, &models);
    assert_eq!(server.query("SELECT email FROM \"_kept_002_auth.users\"").unwrap(), "susan@example.org");
    migrator.downgrade(Target::Previous).unwrap();
    assert_eq!(server.query("SELECT email FROM auth.users").unwrap(), "susan@example.org");
    assert_eq!(server.query("SELECT count(*)::text FROM auth.keys").unwrap(), "1");
}

#[test]
fn renames_are_asked_for_by_path() {
    let Some(server) = Server::new() else { return };
    migrate(&server, &first::schema());
    server.execute(ROWS);
    let mut models = first::schema();
    (models.tables[1].name, models.tables[1].columns[1].name) = ("people".into(), "address".into());
    models.tables[1].indexes.remove(0);
    models.tables[1].columns[4].nullable = false;
    models.tables[2].foreign_keys[0].table = "people".into();
    server.execute("UPDATE auth.users SET nickname = NULL");
    let renames = ["auth.users=auth.people", "auth.people.email=address"].map(str::to_owned);
    let migrator = server.migrator();
    let mut options = with!(PlanOptions { renames: renames.to_vec() });
    let plan = migrator.plan(&models, &options).unwrap().unwrap().accept_losses();
    assert!(migrator.apply(&plan).unwrap_err().to_string().contains("makes auth.users.nickname NOT NULL"));
    options.fills = vec!["auth.people.nickname=nobody".into()];
    let plan = migrator.plan(&models, &options).unwrap().unwrap().accept_losses();
    migrator.apply(&plan).unwrap();
    assert_eq!(
        server.query("SELECT concat_ws(' ', address, nickname) FROM auth.people").unwrap(),
        "susan@example.org nobody"
    );
    assert_agrees(&migrator, &models);
    migrator.downgrade(Target::Previous).unwrap();
    migrator.upgrade(Target::Latest).unwrap();

    let mut models = second::schema();
    models.tables[0] = table(Some("auth"), "users");
    let options = with!(PlanOptions { renames: vec!["users=auth.users".into()] });
    let error = migrator.plan(&models, &options).unwrap_err();
    assert!(matches!(error, Error::CannotExpress { .. }), "{error}");
}

#[test]
fn a_printed_schema_declares_all_of_it() {
    let Some(server) = Server::new() else { return };
    migrate(&server, &first::schema());
    let printed = server.migrator().print_schema().unwrap();
    let account = "    #[sql_name = \"users\"]
    auth.auth_users (id) {
        id -> Integer,
        #[max_length = 64]
        #[unique]
        email -> VarChar,
        #[default = 0]
        #[check = \"logins >= 0\"]
        logins -> Integer,
        #[index]
        #[references(users, on_delete = cascade)]
        user_id -> Nullable<Integer>,
        nickname -> Nullable<Text>,
    }
";
    assert!(printed.contains(account), "{printed}");
    assert!(printed.contains("#[references(auth_users)]\n"), "{printed}");
    server.execute("CREATE SCHEMA later; CREATE TABLE later.users (id INTEGER PRIMARY KEY)");
    assert_eq!(server.migrator().print_schema().unwrap(), printed);
    let models = Schema::new([table(Some("later"), "t")]);
    assert!(server.migrator().print_schema_with(&models).unwrap().contains("later.later_users (id) {"));
}
