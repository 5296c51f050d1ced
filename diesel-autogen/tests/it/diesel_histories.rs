//! A project that Diesel's own command line maintains: both tools work on its folder and its database, in any order.
//! What the command line calls is called here: `FileBasedMigrations` and `MigrationHarness`.

use std::fs;
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::migration::{Migration as _, MigrationSource as _};
use diesel::sql_types::Text;
use diesel::{QueryResult, RunQueryDsl as _};
use diesel_autogen::schema::{Column, Schema, Table, Type};
use diesel_autogen::{Backend, Connection, DatabaseUrl, Error, HistoryError, Migrator, PlanOptions, Target};
use diesel_migrations::{FileBasedMigrations, MigrationHarness as _};
use tempfile::TempDir;
use test_support::TestDatabase;

use crate::support::{Events, listening, taken};

/// A flat folder of migrations, and a database on which no tool has worked yet.
pub struct Project {
    folder: TempDir,
    pub url: DatabaseUrl,
    pub migrator: Migrator,
    pub events: Events,
    _server: Option<TestDatabase>,
}

const USERS: &str = "2018-01-14-171611_create_users";
const POSTS: &str = "2024-03-13_170000_create_posts";

impl Project {
    pub fn new(server: Option<TestDatabase>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = server.as_ref().map_or("app.db", |server| server.url());
        let url = DatabaseUrl::parse(url, folder.path()).unwrap();
        let settings = with!(Settings { base: folder.path().to_owned() });
        let migrator = Migrator::with_url(url.clone(), folder.path().join("migrations"));
        let (migrator, events) = listening(&migrator, settings);
        let project = Self { folder, url, migrator, events, _server: server };
        project.write(USERS, "CREATE TABLE users (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(64) NOT NULL);");
        project.write(POSTS, "CREATE TABLE posts (id INTEGER NOT NULL PRIMARY KEY, body TEXT NOT NULL);");
        project
    }

    /// One on SQLite and, where there is a server, one on PostgreSQL.
    pub fn each(test: impl Fn(&Self)) {
        test(&Self::new(None));
        if let Some(server) = TestDatabase::new() {
            test(&Self::new(Some(server)));
        }
    }

    pub fn migrations(&self) -> PathBuf {
        self.folder.path().join("migrations")
    }

    /// Writes a migration whose `down.sql` drops the table that its name ends with.
    pub fn write(&self, name: &str, up: &str) {
        let folder = self.migrations().join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("up.sql"), up).unwrap();
        let table = name.rsplit('_').next().unwrap();
        fs::write(folder.join("down.sql"), format!("DROP TABLE {table};")).unwrap();
    }

    pub fn connect(&self) -> Connection {
        if let Some(path) = self.url.sqlite_path().filter(|path| !path.exists()) {
            fs::write(path, "").unwrap();
        }
        Connection::open(&self.url).unwrap()
    }

    pub fn execute(&self, statements: &str) {
        self.connect().batch_execute(statements).unwrap_or_else(|error| panic!("{error} in {statements}"));
    }

    pub fn query(&self, query: &str) -> QueryResult<Vec<String>> {
        sql::<Text>(query).load(&mut self.connect())
    }

    /// `diesel migration run`: the versions that it applied.
    pub fn diesel_run(&self) -> Vec<String> {
        let source = FileBasedMigrations::from_path(self.migrations()).unwrap();
        let mut connection = self.connect();
        connection.run_pending_migrations(source).unwrap().iter().map(ToString::to_string).collect()
    }

    /// `diesel migration revert`: the version that it reverted.
    fn diesel_revert(&self) -> String {
        let source = FileBasedMigrations::from_path(self.migrations()).unwrap();
        self.connect().revert_last_migration(source).unwrap().to_string()
    }

    /// `diesel migration pending`.
    fn diesel_pending(&self) -> Vec<String> {
        let source = FileBasedMigrations::from_path(self.migrations()).unwrap();
        let pending = self.connect().pending_migrations(source).unwrap();
        pending.iter().map(|migration| migration.name().to_string()).collect()
    }

    /// Plans, writes and applies a migration to these models. Returns its folder.
    fn migrate(&self, models: &Schema) -> String {
        let plan = self.migrator.plan(models, &PlanOptions::default()).unwrap().unwrap().accept_losses();
        self.migrator.apply(&plan).unwrap_or_else(|error| panic!("{error} in {}", plan.sql.up))
    }

    fn version(&self) -> String {
        self.migrator.version().unwrap().to_string()
    }
}

/// The models; `users` with its name or without.
fn models(has_name: bool) -> Schema {
    let text = |max_length| Type::Text { max_length };
    let mut users = Table::new("users", ["id"]).column(Column::new("id", Type::Integer));
    if has_name {
        users = users.column(Column::new("name", text(Some(64))));
    }
    let posts = Table::new("posts", ["id"]).column(Column::new("id", Type::Integer));
    Schema::new([users, posts.column(Column::new("body", text(None)))])
}

const TAKEN_OVER: &str = "checksums recorded of 2 migrations that another program applied";

#[test]
fn takes_over_with_one_line_and_nothing_more() {
    Project::each(|project| {
        project.diesel_run();
        project.execute("INSERT INTO users (id, name) VALUES (1, 'john')");
        let before = project.migrator.introspect().unwrap();
        assert_eq!(project.migrator.upgrade(Target::Latest).unwrap(), []);
        assert_eq!(taken(&project.events), [TAKEN_OVER]);
        assert_eq!(project.migrator.upgrade(Target::Latest).unwrap(), []);
        assert_eq!(taken(&project.events), [""; 0]);
        assert_eq!(project.migrator.introspect().unwrap(), before);
        assert!(!project.folder.path().join("backups").exists());
        assert_eq!(project.diesel_run(), [""; 0]);
        // From now on an edit is noticed.
        project.write(USERS, "SELECT 1;");
        let error = project.migrator.upgrade(Target::Latest).unwrap_err().to_string();
        assert_eq!(error, format!("migration {USERS} was edited after it was applied"));
    });
}

#[test]
fn init_takes_over_too() {
    Project::each(|project| {
        project.diesel_run();
        let init = project.migrator.init().unwrap();
        assert_eq!((init.is_new, init.version.to_string().as_str()), (false, "20240313"));
        assert_eq!(taken(&project.events), [TAKEN_OVER]);
        project.migrator.init().unwrap();
        assert_eq!(taken(&project.events), [""; 0]);
    });
}

#[test]
fn every_operation_that_records_other_checksums_says_so() {
    Project::each(|project| {
        project.diesel_run();
        project.migrate(&models(false));
        assert_eq!(taken(&project.events), [TAKEN_OVER]);
    });
    Project::each(|project| {
        project.diesel_run();
        project.migrator.accept_edited("20240313").unwrap();
        assert_eq!(taken(&project.events), [TAKEN_OVER]);
        project.migrator.accept_edited("20240313").unwrap();
        assert_eq!(taken(&project.events), [""; 0]);
    });
}

#[test]
fn orders_versions_as_diesel_does() {
    Project::each(|project| {
        for name in [
            "00000000000000_first",
            "20151219180527_old",
            "2026-12-01-000000_b",
            "2026-11-25-065007-0000_a",
            "2026-11-25-065007-0001_c",
            "2026-11-25-065007_d",
        ] {
            project.write(name, &format!("CREATE TABLE {} (id INTEGER)", name.rsplit('_').next().unwrap()));
        }
        let diesel = project.diesel_pending();
        project.migrator.init().unwrap();
        assert_eq!(project.migrator.status().unwrap().pending, diesel);
        let steps = project.migrator.upgrade(Target::Latest).unwrap();
        assert_eq!(steps.iter().map(|step| step.name.clone()).collect::<Vec<_>>(), diesel);
        assert_eq!(project.version(), "20261201000000");
        for name in diesel.iter().rev().take(3) {
            assert_eq!(project.migrator.downgrade(Target::Previous).unwrap()[0].name, *name);
        }
        for name in diesel.iter().rev().skip(3) {
            let version = name.split('_').next().unwrap().replace('-', "");
            assert_eq!(project.diesel_revert(), version);
        }
        assert_eq!(project.version(), "0");
    });
}

#[test]
fn diesel_reverts_what_was_upgraded_and_runs_it_again() {
    Project::each(|project| {
        project.migrator.init().unwrap();
        assert_eq!(project.migrator.upgrade(Target::Latest).unwrap().len(), 2);
        assert_eq!(project.diesel_revert(), "20240313");
        assert_eq!(project.migrator.status().unwrap().pending, [POSTS]);
        assert_eq!(project.diesel_run(), ["20240313"]);
        project.migrator.check(&models(true)).unwrap();
        assert_eq!(project.diesel_revert(), "20240313");
        assert_eq!(project.migrator.upgrade(Target::Latest).unwrap().len(), 1);
        project.migrator.check(&models(true)).unwrap();
        assert_eq!(project.diesel_run(), [""; 0]);
    });
}

#[test]
fn reverts_what_diesel_applied() {
    Project::each(|project| {
        project.diesel_run();
        project.migrator.check(&models(true)).unwrap();
        assert_eq!(project.migrator.downgrade(Target::Previous).unwrap()[0].name, POSTS);
        assert_eq!(project.diesel_run(), ["20240313"]);
        assert_eq!(project.migrator.downgrade(Target::version(0)).unwrap().len(), 2);
        assert_eq!(project.diesel_pending(), [USERS, POSTS]);
        assert_eq!(project.diesel_run().len(), 2);
        project.migrator.check(&models(true)).unwrap();
    });
}

#[test]
fn an_edit_that_diesel_applied_again_is_no_edit() {
    Project::each(|project| {
        project.migrator.init().unwrap();
        project.migrator.upgrade(Target::Latest).unwrap();
        taken(&project.events);
        // As `diesel migration redo` does.
        project.diesel_revert();
        project.write(POSTS, "CREATE TABLE posts (id INTEGER NOT NULL PRIMARY KEY, body TEXT NOT NULL); -- edited");
        project.diesel_run();
        project.migrator.check(&models(true)).unwrap();
        assert_eq!(project.migrator.status().unwrap().edited, [""; 0]);
        assert_eq!(project.migrator.upgrade(Target::Latest).unwrap(), []);
        assert_eq!(taken(&project.events), [TAKEN_OVER.replace("2 migrations", "1 migration")]);
        project.write(POSTS, "SELECT 1;");
        assert_eq!(project.migrator.status().unwrap().edited, [POSTS]);
    });
}

#[test]
fn diesel_reverts_and_runs_a_migration_with_side_tables() {
    Project::each(|project| {
        project.diesel_run();
        project.execute("INSERT INTO users (id, name) VALUES (1, 'john')");
        let folder = project.migrate(&models(false));
        let name = Path::new(&folder).file_name().unwrap().to_str().unwrap().to_owned();
        let version = name.split('_').next().unwrap().replace('-', "");
        let values = || project.query("SELECT name FROM users");
        let kept = || project.query(&format!("SELECT name FROM _kept_{version}_users"));
        assert_eq!(kept().unwrap(), ["john"]);
        assert_eq!(project.diesel_revert(), version);
        assert_eq!(values().unwrap(), ["john"]);
        assert!(kept().is_err(), "the side table is dropped");
        assert_eq!(project.migrator.status().unwrap().pending, [name.as_str()]);
        assert_eq!(project.diesel_run(), [version.as_str()]);
        assert_eq!(kept().unwrap(), ["john"]);
        project.migrator.check(&models(false)).unwrap();
        project.migrator.downgrade(Target::Previous).unwrap();
        assert_eq!(values().unwrap(), ["john"]);
        project.migrator.upgrade(Target::Latest).unwrap();
        assert_eq!(project.diesel_revert(), version);
        project.migrator.check(&models(true)).unwrap_err();
        assert_eq!(values().unwrap(), ["john"]);
    });
}

#[test]
fn leaves_nothing_else_in_a_folder_of_diesel() {
    Project::each(|project| {
        let names = || {
            let entries = fs::read_dir(project.migrations()).unwrap();
            let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        };
        project.migrator.init().unwrap();
        project.migrator.upgrade(Target::Latest).unwrap();
        assert_eq!(names(), [USERS, POSTS]);
        let folder = project.migrate(&models(false));
        let name = folder.strip_prefix("migrations/").unwrap();
        assert_eq!(names(), [USERS, POSTS, name]);
        project.execute("INSERT INTO users (id) VALUES (1)");
        project.migrator.rehearse(Target::Latest).unwrap();
        project.migrator.downgrade(Target::Previous).unwrap();
        // A migration that cannot be written leaves nothing either.
        fs::remove_dir_all(project.migrations().join(name)).unwrap();
        let plan = project.migrator.plan(&models(false), &PlanOptions::default()).unwrap().unwrap().accept_losses();
        project.execute("CREATE TABLE other (id INTEGER)");
        fs::create_dir(project.migrations().join(&plan.name)).unwrap();
        project.migrator.apply(&plan).unwrap_err();
        fs::remove_dir(project.migrations().join(&plan.name)).unwrap();
        assert_eq!(names(), [USERS, POSTS]);
    });
}

#[test]
fn names_a_migration_as_diesel_does() {
    Project::each(|project| {
        project.diesel_run();
        let clock = || chrono::Utc::now().format("migrations/%Y-%m-%d-%H%M%S").to_string();
        let before = clock();
        let folder = project.migrate(&models(false));
        let (time, name) = folder.rsplit_once("-0000_").unwrap();
        assert!(name == "migration" && *before <= *time && *time <= *clock(), "{folder}");
        let version = time.trim_start_matches("migrations/").replace('-', "") + "0000";
        assert_eq!((project.version(), project.diesel_revert()), (version.clone(), version));
    });
}

#[test]
fn a_missing_down_sql_is_an_error_when_it_is_needed() {
    Project::each(|project| {
        fs::remove_file(project.migrations().join(POSTS).join("down.sql")).unwrap();
        project.diesel_run();
        project.migrator.check(&models(true)).unwrap();
        project.migrator.upgrade(Target::Latest).unwrap();
        let error = project.migrator.downgrade(Target::Previous).unwrap_err();
        assert!(matches!(&error, Error::History(HistoryError::NoDown { name }) if name == POSTS), "{error}");
        assert_eq!(project.version(), "20240313");
    });
}

const SETUP: &str = "00000000000000_diesel_initial_setup";

/// What `diesel setup` writes has functions like these.
fn write_setup(project: &Project) {
    project.write(
        SETUP,
        "CREATE OR REPLACE FUNCTION diesel_set_updated_at() RETURNS trigger AS $$
         BEGIN
             IF NEW IS DISTINCT FROM OLD THEN NEW.updated_at := now(); END IF;
             RETURN NEW;
         END $$ LANGUAGE plpgsql;
         CREATE OR REPLACE FUNCTION diesel_manage_updated_at(_tbl regclass) RETURNS VOID AS $$
         BEGIN
             EXECUTE format('CREATE TRIGGER set_updated_at BEFORE UPDATE ON %s
                             FOR EACH ROW EXECUTE PROCEDURE diesel_set_updated_at()', _tbl);
         END $$ LANGUAGE plpgsql;",
    );
    let down = "DROP FUNCTION IF EXISTS diesel_manage_updated_at(_tbl regclass);
                DROP FUNCTION IF EXISTS diesel_set_updated_at();";
    fs::write(project.migrations().join(SETUP).join("down.sql"), down).unwrap();
}

#[test]
fn the_functions_of_the_initial_setup_stay() {
    let Some(server) = TestDatabase::new() else { return };
    let project = Project::new(Some(server));
    write_setup(&project);
    project.write(
        "2024-03-14-000000_create_notes",
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, updated_at TIMESTAMP NOT NULL);
         SELECT diesel_manage_updated_at('notes');",
    );
    project.diesel_run();
    let notes = Table::new("notes", ["id"]).column(Column::new("id", Type::Integer));
    let notes = notes.column(Column::new("updated_at", Type::Timestamp));
    let with_notes = |mut models: Schema| {
        models.tables.push(notes.clone());
        models
    };
    project.migrator.check(&with_notes(models(true))).unwrap();
    project.execute("INSERT INTO users (id, name) VALUES (1, 'john')");
    project.migrate(&with_notes(models(false)));
    project.migrator.check(&with_notes(models(false))).unwrap();
    project.migrator.downgrade(Target::Previous).unwrap();
    project.migrator.rehearse(Target::Latest).unwrap();
    let functions =
        || project.query("SELECT proname::text FROM pg_proc WHERE proname LIKE 'diesel%' ORDER BY 1").unwrap();
    assert_eq!(functions(), ["diesel_manage_updated_at", "diesel_set_updated_at"]);
    // The version of the setup is not 0, the one before it.
    project.migrator.downgrade(Target::version("00000000000000")).unwrap();
    assert_eq!((project.version().as_str(), functions().len()), ("00000000000000", 2));
    project.migrator.downgrade(Target::version("0")).unwrap();
    assert_eq!((project.version().as_str(), functions().len()), ("0", 0));
    project.migrator.rehearse(Target::Latest).unwrap();
    project.migrator.upgrade(Target::Latest).unwrap();
    assert_eq!(project.diesel_run(), [""; 0]);
}

#[test]
fn metadata_toml_keeps_a_migration_out_of_the_transaction() {
    Project::each(|project| {
        let name = "2025-01-01-000000_index_users";
        let (up, down) = if project.url.is_postgres() {
            ("CREATE INDEX CONCURRENTLY names ON users (name);", "DROP INDEX CONCURRENTLY names;")
        } else {
            ("BEGIN; CREATE INDEX names ON users (name); COMMIT; VACUUM;", "BEGIN; DROP INDEX names; COMMIT;")
        };
        project.write(name, up);
        fs::write(project.migrations().join(name).join("down.sql"), down).unwrap();
        project.write("2025-01-02-000000_create_likes", "CREATE TABLE likes (id INTEGER);");
        project.migrator.init().unwrap();
        let error = project.migrator.upgrade(Target::Latest).unwrap_err();
        assert!(matches!(error, Error::Statement { .. }), "{error}");
        assert_eq!(project.version(), "0");
        let metadata = project.migrations().join(name).join("metadata.toml");
        fs::write(metadata, "# why\nrun_in_transaction = false # as it is\n").unwrap();
        assert!(matches!(project.migrator.rehearse(Target::Latest), Err(Error::Rehearsal { .. })));
        assert_eq!(project.migrator.upgrade(Target::Latest).unwrap().len(), 4);
        assert_eq!((project.version().as_str(), project.diesel_run()), ("20250102000000", vec![]));
        assert_eq!(project.migrator.status().unwrap().edited, [""; 0]);
        project.migrator.downgrade(Target::Previous).unwrap();
        assert_eq!(project.migrator.downgrade(Target::Previous).unwrap().len(), 1);
        assert_eq!((project.version().as_str(), project.diesel_pending().len()), ("20240313", 2));
        project.diesel_run();
        assert_eq!(project.migrator.downgrade(Target::version(0)).unwrap().len(), 4);
    });
}

#[test]
fn names_what_stays_of_a_migration_without_a_transaction() {
    Project::each(|project| {
        let name = "2025-01-01-000000_likes";
        let begin = if project.url.is_postgres() { "" } else { "VACUUM;" };
        project.write(name, &format!("{begin} CREATE TABLE likes (id INTEGER); CREATE TABLE users (id INTEGER);"));
        fs::write(project.migrations().join(name).join("metadata.toml"), "run_in_transaction = false").unwrap();
        project.migrator.init().unwrap();
        let error = project.migrator.upgrade(Target::Latest).unwrap_err();
        let said = format!("migration {name} failed outside a transaction, its earlier statements stay: ");
        assert!(error.to_string().starts_with(&said) && error.to_string().ends_with("CREATE TABLE users (id INTEGER)"));
        assert_eq!((project.version().as_str(), project.query("SELECT '' FROM likes").unwrap().len()), ("20240313", 0));
    });
}

#[test]
fn reads_metadata_toml_as_diesel_does() {
    let project = Project::new(None);
    for metadata in
        ["", "run_in_transaction = true", "run_in_transaction=false", "# run_in_transaction = true", "a = 1"]
    {
        fs::write(project.migrations().join(USERS).join("metadata.toml"), metadata).unwrap();
        let source = FileBasedMigrations::from_path(project.migrations()).unwrap();
        let migrations: Vec<Box<dyn diesel::migration::Migration<Backend>>> = source.migrations().unwrap();
        let users = migrations.iter().find(|migration| migration.name().to_string() == USERS).unwrap();
        let own = project.migrator.migrations().unwrap();
        assert_eq!(own.iter().next().unwrap().run_in_transaction, users.metadata().run_in_transaction(), "{metadata}");
    }
}
