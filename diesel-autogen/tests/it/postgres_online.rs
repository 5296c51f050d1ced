//! PostgreSQL: indexes that were left invalid, and migrations that let the application work meanwhile.

use std::process::Command;

use diesel_autogen::schema::{Column, Schema, Table, Type};
use diesel_autogen::{Error, Impact, Lock, Migrator, Plan, PlanOptions, Sql, Target, Work, diff};

use crate::postgres::{Server, as_models, script};
use crate::support::{Scratch, listening, taken};

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
    let plan = migrator.plan(&models, &PlanOptions::default()).unwrap().unwrap();
    assert!(plan.to_string().contains("adds unique index users_name_key"), "{plan}");
    let named = "index users_name_key on users is invalid, because its creation failed: the migration that creates it \
         replaces it";
    assert_eq!(taken(&events).iter().filter(|event| *event == named).count(), 1);
    migrator.apply(&plan).unwrap();
    assert_eq!(is_valid(&database).as_deref(), Some("true"));
    migrator.check(&models).unwrap();
}

/// Tables with rows, to which each change is made online.
const TABLES: &str = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, age INTEGER);
    CREATE TABLE posts (id INTEGER PRIMARY KEY, title VARCHAR(20) NOT NULL, n INTEGER, user_id INTEGER);
    CREATE INDEX posts_n_idx ON posts (n);";
const ROWS: &str = "INSERT INTO users SELECT i, 'u' || i, nullif(i % 3, 0) FROM generate_series(1, 3000) i;
    INSERT INTO posts SELECT i, 't' || i, i, i FROM generate_series(1, 3000) i;";

/// A database with the tables, and the models that `change` makes of them.
fn changed(change: &str) -> Option<(Server, Schema)> {
    Server::changed(TABLES, ROWS, change)
}

fn online() -> PlanOptions {
    let fills = vec!["users.age=7".to_owned()];
    with!(PlanOptions { online: true, allow_data_loss: true, message: Some("gentle".into()), fills: fills })
}

const CHANGES: [(&str, &str); 12] = [
    ("CREATE INDEX posts_user_id_idx ON posts (user_id)", "index"),
    ("CREATE UNIQUE INDEX users_name_key ON users (name)", "index"),
    ("DROP INDEX posts_n_idx", "drop_index"),
    ("ALTER TABLE posts ADD CONSTRAINT posts_n CHECK (n > 0)", "not_valid validate"),
    ("ALTER TABLE posts ADD FOREIGN KEY (user_id) REFERENCES users", "not_valid validate"),
    (
        "CREATE UNIQUE INDEX users_name_key ON users (name); ALTER TABLE posts ADD FOREIGN KEY (title) REFERENCES users (name)",
        "index not_valid validate",
    ),
    ("ALTER TABLE posts ALTER n SET NOT NULL", "not_valid validate not_null"),
    ("ALTER TABLE users ALTER age SET NOT NULL", "fill not_valid validate not_null"),
    ("ALTER TABLE posts ADD k UUID NOT NULL DEFAULT gen_random_uuid()", " fill not_valid validate not_null"),
    ("ALTER TABLE posts ADD k INTEGER NOT NULL DEFAULT 3", ""),
    ("ALTER TABLE posts ALTER n TYPE BIGINT", "copy fill swap refill drop"),
    ("CREATE TABLE likes (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users)", ""),
];

#[test]
fn an_online_plan_leads_to_the_models_and_back() {
    for (change, expected) in CHANGES {
        let Some((database, models)) = changed(change) else { return };
        if change.contains("(title)") {
            database.execute("UPDATE posts SET title = 'u' || id");
        }
        let migrator = database.migrator();
        let start = migrator.introspect().unwrap();
        let plan = migrator.plan(&models, &online()).unwrap_or_else(|error| panic!("{change}: {error}")).unwrap();
        let names: Vec<_> = std::iter::once(&plan.name).chain(plan.then.iter().map(|part| &part.name)).collect();
        let labels = names.iter().map(|name| name[3..].trim_start_matches("_gentle").trim_start_matches('_'));
        assert_eq!(labels.collect::<Vec<_>>().join(" "), expected, "{change}");
        migrator.apply(&plan).unwrap_or_else(|error| panic!("{change}: {error}"));
        migrator.check(&models).unwrap_or_else(|error| panic!("{change}: {error}"));
        assert_eq!(migrator.version().unwrap(), plan.version);
        // Each step back is the one that the migrations before it make.
        for _ in &names {
            migrator.downgrade(Target::Previous).unwrap_or_else(|error| panic!("{change}: {error}"));
        }
        assert_eq!(diff(&migrator.introspect().unwrap(), &start), [], "{change}");
        assert_eq!(migrator.upgrade(Target::Latest).unwrap().len(), names.len(), "{change}");
        migrator.check(&models).unwrap_or_else(|error| panic!("{change}: {error}"));
    }
}

#[test]
fn an_online_plan_scans_no_table_that_others_want_to_write() {
    for (change, _) in CHANGES {
        let Some((database, models)) = changed(change) else { return };
        let plan = database.migrator().plan(&models, &online()).unwrap().unwrap();
        let blocks = |impact: &&Impact| impact.lock >= Lock::Share && impact.work > Work::Definition;
        assert_eq!(plan.impacts.iter().find(blocks), None, "{change}");
        assert_eq!(findings(&plan), "", "{change}");
    }
}

/// What squawk finds in the plan but rules of style and those that a step breaks knowingly: docs/safety.md says why. Nothing
/// where squawk is not installed.
pub fn findings(plan: &Plan) -> String {
    const STYLE: &str = "prefer-robust-stmts,require-timeout-settings,prefer-bigint-over-int";
    const OF_STEPS: [(&str, &str); 3] = [
        ("_not_null", ",adding-not-nullable-field,ban-drop-constraint"),
        (
            "_swap",
            ",renaming-column,renaming-object,ban-drop-constraint,ban-drop-function,adding-not-nullable-field,ban-drop-not-null,ban-drop-default",
        ),
        ("_drop", ",ban-drop-column,ban-drop-function"),
    ];
    let squawk = std::env::var("SQUAWK").unwrap_or_else(|_| "squawk".into());
    if Command::new(&squawk).arg("--version").output().is_err() {
        println!("squawk is not installed: pip install squawk-cli, and name the program in SQUAWK");
        return String::new();
    }
    let folder = tempfile::tempdir().unwrap();
    let first = (&plan.name, &plan.sql.up, !plan.sql.own_transaction);
    let rest = plan.then.iter().map(|part| (&part.name, &part.up, part.run_in_transaction));
    let mut found = String::new();
    for (name, up, is_in_transaction) in std::iter::once(first).chain(rest) {
        let file = folder.path().join(format!("{name}.sql"));
        std::fs::write(&file, up).unwrap();
        let own = OF_STEPS.iter().find(|(end, _)| name.ends_with(end)).map_or("", |(_, rules)| rules);
        let mut command = Command::new(&squawk);
        command.args(["--reporter", "gcc", "--pg-version", "15", "--exclude", &format!("{STYLE}{own}")]);
        command.args(is_in_transaction.then_some("--assume-in-transaction")).arg(&file);
        let output = command.output().unwrap();
        if !output.status.success() {
            found += &String::from_utf8_lossy(&[output.stdout, output.stderr].concat());
        }
    }
    found
}

#[test]
fn a_drop_whose_values_would_be_kept_is_refused() {
    for (change, kept) in [("ALTER TABLE posts DROP n", "drops posts.n"), ("DROP TABLE posts", "drops table posts")] {
        let Some((database, models)) = changed(change) else { return };
        let options = with!(PlanOptions { online: true, allow_data_loss: true });
        let error = database.migrator().plan(&models, &options).unwrap_err().to_string();
        assert!(error.starts_with(&format!("online: {kept}")), "{error}");
        assert!(error.contains("kept in _kept_002_posts for the downgrade"), "{error}");
        let options = with!(PlanOptions { online: true, allow_data_loss: true, no_keep: true });
        let plan = database.migrator().plan(&models, &options).unwrap().unwrap();
        assert!(plan.to_string().contains("which would be lost"), "{plan}");
    }
}

#[test]
fn values_are_filled_in_batches_as_others_write() {
    let Some((database, models)) = changed("ALTER TABLE users ALTER age SET NOT NULL") else { return };
    let plan = database.migrator().plan(&models, &online()).unwrap().unwrap();
    database.migrator().apply(&plan).unwrap();
    let ages = database.query(
        "SELECT string_agg(age || ':' || n, ' ' ORDER BY age) FROM (SELECT age, count(*) n FROM users GROUP BY age) a",
    );
    assert_eq!(ages.as_deref(), Some("1:1000 2:1000 7:1000"));
}

#[test]
fn a_type_that_changes_at_once_gets_no_second_column() {
    let Some((database, models)) = changed("ALTER TABLE posts ALTER title TYPE VARCHAR(40)") else { return };
    let plan = database.migrator().plan(&models, &online()).unwrap().unwrap();
    assert!(plan.then.is_empty() && plan.sql.up.contains("ALTER COLUMN title TYPE VARCHAR(40)"), "{}", plan.sql.up);
}

#[test]
fn a_failed_online_migration_goes_on_at_the_next_upgrade() {
    let Some((database, models)) =
        changed("CREATE INDEX users_age_idx ON users (age); CREATE UNIQUE INDEX posts_title_key ON posts (title)")
    else {
        return;
    };
    let migrator = database.migrator();
    let plan = migrator.plan(&models, &online()).unwrap().unwrap();
    database.execute("INSERT INTO posts VALUES (0, 't1')");
    let error = migrator.apply(&plan).unwrap_err();
    assert!(matches!(error, Error::Unfinished { .. }), "{error}");
    database.execute("DELETE FROM posts WHERE id = 0");
    migrator.upgrade(Target::Latest).unwrap_or_else(|error| panic!("{error}"));
    migrator.check(&models).unwrap();
}

#[test]
fn a_failed_online_migration_that_did_nothing_leaves_no_file() {
    let Some((database, models)) = changed("CREATE UNIQUE INDEX users_name_key ON users (name)") else { return };
    let migrator = database.migrator();
    let plan = migrator.plan(&models, &online()).unwrap().unwrap();
    database.execute("INSERT INTO users VALUES (0, 'u1')");
    migrator.apply(&plan).unwrap_err();
    assert_eq!(migrator.migrations().unwrap().iter().count(), 1);
    database.execute("DELETE FROM users WHERE id = 0");
    migrator.apply(&migrator.plan(&models, &online()).unwrap().unwrap()).unwrap();
    migrator.check(&models).unwrap();
}

#[test]
fn sqlite_has_no_online_migrations() {
    let scratch = Scratch::new();

    let models = Schema::new([Table::new("t", ["id"]).column(Column::new("id", Type::Integer))]);
    let error = scratch.project.plan(&models, &with!(PlanOptions { online: true })).unwrap_err();
    assert_eq!(error.to_string(), "making a migration online is not supported on SQLite");
}
