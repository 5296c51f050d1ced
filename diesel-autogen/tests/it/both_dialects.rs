//! A migrations folder with a folder for each kind of database: one plan writes both.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::sql_types::Text;
use diesel::{Connection as _, RunQueryDsl as _, SqliteConnection};
use diesel_autogen::schema::{
    Action, Check, Column, DefaultValue, ForeignKey, Index, IndexColumn, Schema, Table, Type,
};
use diesel_autogen::{DatabaseUrl, Error, HistoryError, Migrator, PlanOptions, Target};
use tempfile::TempDir;
use test_support::TestDatabase;

const LINE: &str = "-- Not rehearsed on this kind of database yet.\n-- Generated from the models.\n";

/// A folder with `app.db`, `migrations/sqlite` and `migrations/postgresql`.
struct Project(TempDir);

impl Project {
    fn new() -> Self {
        let project = Self(tempfile::tempdir().unwrap());
        for dialect in ["sqlite", "postgresql"] {
            fs::create_dir_all(project.migrations().join(dialect)).unwrap();
        }
        project
    }

    fn migrations(&self) -> PathBuf {
        self.0.path().join("migrations")
    }

    /// The project on its SQLite database, at version 0 or above.
    fn sqlite(&self) -> Migrator {
        let migrator = self.on(&format!("sqlite:{}", self.0.path().join("app.db").display()));
        migrator.init().unwrap();
        migrator
    }

    fn on(&self, url: &str) -> Migrator {
        let settings = with!(Settings { backups: 0, base: self.0.path().to_owned() });
        Migrator::new(url, self.migrations()).unwrap().with(settings)
    }

    fn up(&self, migration: &str) -> String {
        fs::read_to_string(self.migrations().join(migration).join("up.sql")).unwrap()
    }

    /// Every file below the migrations folder, hidden ones too, with its text.
    fn files(&self) -> BTreeMap<PathBuf, String> {
        let mut files = BTreeMap::new();
        collect(&self.migrations(), &mut files);
        files
    }

    fn execute(&self, text: &str) {
        let file = self.0.path().join("app.db").display().to_string();
        SqliteConnection::establish(&file).unwrap().batch_execute(text).unwrap();
    }

    fn script(&self, migration: &str, up: &str, down: &str) {
        let folder = self.migrations().join(migration);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("up.sql"), up).unwrap();
        fs::write(folder.join("down.sql"), down).unwrap();
    }
}

fn collect(folder: &Path, files: &mut BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.insert(path.clone(), fs::read_to_string(&path).unwrap());
        }
    }
}

fn text(length: u32) -> Type {
    Type::Text { max_length: Some(length) }
}

fn unique(table: &str, column: &str) -> Index {
    Index::new(table, [IndexColumn::asc(column)], true)
}

/// The tables of the tutorial, chapter by chapter, and a few changes after it.
fn chapters() -> Vec<Schema> {
    let users = Table::new("users", ["id"])
        .column(Column::new("id", Type::Integer))
        .column(Column::new("nickname", text(64)))
        .column(Column::new("email", text(120)))
        .index(unique("users", "nickname"))
        .index(unique("users", "email"));
    let posts = Table::new("posts", ["id"])
        .column(Column::new("id", Type::Integer))
        .column(Column::new("body", text(140)))
        .column(Column::new("timestamp", Type::Timestamp))
        .column(Column::new("user_id", Type::Integer))
        .index(Index::new("posts", [IndexColumn::asc("timestamp")], false))
        .foreign_key(ForeignKey::new(["user_id"], "users", ["id"]).on_delete(Action::Cascade));
    let mut all = vec![Schema::new([users.clone()]), Schema::new([users.clone(), posts.clone()])];
    let more = users.column(Column::new("about_me", text(140)).nullable());
    let more = more.column(Column::new("last_seen", Type::Timestamp).nullable());
    all.push(Schema::new([more.clone(), posts.clone()]));
    let followers = Table::new("followers", ["follower_id", "followed_id"])
        .column(Column::new("follower_id", Type::Integer))
        .column(Column::new("followed_id", Type::Integer))
        .foreign_key(ForeignKey::new(["follower_id"], "users", ["id"]))
        .foreign_key(ForeignKey::new(["followed_id"], "users", ["id"]));
    all.push(Schema::new([more.clone(), posts.clone(), followers.clone()]));
    let mut likes = posts.clone().column(Column::new("likes", Type::BigInt).default(DefaultValue::Number("0".into())));
    likes = likes.column(Column::new("is_draft", Type::Bool).default(DefaultValue::Bool(false)));
    likes = likes.check(Check::new("likes >= 0"));
    all.push(Schema::new([more.clone(), likes.clone(), followers.clone()]));
    // A rename, a longer text, NULL allowed, another type, a column and a table dropped.
    let mut changed = likes;
    changed.columns[1] = Column::new("text", text(500)).renamed_from("body");
    changed.columns[2] = Column::new("timestamp", Type::Timestamp).nullable();
    changed.columns[4] = Column::new("likes", text(20)).default(DefaultValue::Text("none".into()));
    changed.checks.clear();
    changed.indexes = vec![Index::new("posts", [IndexColumn::asc("text")], true).named("posts_by_text")];
    let mut fewer = more;
    fewer.columns.retain(|column| column.name != "about_me");
    fewer.indexes.pop();
    all.push(Schema::new([fewer, changed]));
    all
}

/// Writes and applies a migration for each chapter.
fn walk(migrator: &Migrator, chapters: &[Schema], options: &PlanOptions) {
    for models in chapters {
        let plan = migrator.plan(models, options).unwrap().unwrap().accept_losses();
        migrator.apply(&plan).unwrap();
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn server() -> Option<(TestDatabase, DatabaseUrl)> {
    let database = TestDatabase::new()?;
    let url = DatabaseUrl::parse(database.url(), Path::new("")).unwrap();
    Some((database, url))
}

#[test]
fn sqlite_writes_both_without_a_server() {
    let project = Project::new();
    walk(&project.sqlite(), &chapters(), &PlanOptions::default());
    let written = names(&project.migrations().join("sqlite"));
    assert_eq!(written.len(), chapters().len());
    assert_eq!(names(&project.migrations().join("postgresql")), written);
    for name in &written {
        assert!(project.up(&format!("postgresql/{name}")).starts_with(LINE), "{name}");
        assert!(project.up(&format!("sqlite/{name}")).starts_with("-- Generated"), "{name}");
    }
    project.sqlite().check(chapters().last().unwrap()).unwrap();
}

#[test]
fn postgres_replays_what_sqlite_wrote() {
    let Some((database, url)) = server() else { return };
    let (project, chapters) = (Project::new(), chapters());
    walk(&project.sqlite(), &chapters, &PlanOptions::default());
    let postgres = project.on(database.url());
    assert!(postgres.create_current().unwrap().is_current());
    postgres.check(chapters.last().unwrap()).unwrap();
    let waiting = |files: &BTreeMap<PathBuf, String>| files.values().filter(|text| text.starts_with(LINE)).count();
    assert_eq!(waiting(&project.files()), chapters.len());
    let rehearsed = project.sqlite().rehearse_on(&url, chapters.last().unwrap()).unwrap();
    assert_eq!(rehearsed.len(), chapters.len());
    assert!(rehearsed[0].starts_with("postgresql/001"), "{rehearsed:?}");
    assert_eq!(waiting(&project.files()), 0);
    // The line is no part of the checksum.
    postgres.check(chapters.last().unwrap()).unwrap();
    assert_eq!(project.sqlite().rehearse_on(&url, chapters.last().unwrap()).unwrap(), [""; 0]);
}

#[test]
fn sqlite_replays_what_postgres_wrote() {
    let Some((database, _)) = server() else { return };
    let (project, chapters) = (Project::new(), chapters());
    let postgres = project.on(database.url());
    postgres.init().unwrap();
    walk(&postgres, &chapters, &PlanOptions::default());
    // A SQLite file is always at hand.
    assert!(project.files().values().all(|text| !text.starts_with(LINE)));
    let sqlite = project.sqlite();
    sqlite.upgrade(Target::Latest).unwrap();
    sqlite.check(chapters.last().unwrap()).unwrap();
}

#[test]
fn a_server_rehearses_at_once_and_keeps_nothing() {
    let Some((database, url)) = server() else { return };
    let mut connection = database.connect();
    connection.batch_execute("CREATE TABLE theirs (id INTEGER); INSERT INTO theirs VALUES (1)").unwrap();
    let role = format!("rehearsing_{}", std::process::id());
    connection.batch_execute(&format!("CREATE ROLE {role} CREATEDB")).unwrap();
    let url = format!("{}?options=-crole%3D{role}", url.as_str());
    let url = DatabaseUrl::parse(&url, Path::new("")).unwrap();
    let (project, chapters) = (Project::new(), chapters());
    walk(&project.sqlite(), &chapters, &with!(PlanOptions { rehearse_on: Some(url) }));
    assert!(project.files().values().all(|text| !text.starts_with(LINE)));
    let tables = sql::<Text>("SELECT string_agg(tablename, ' ') FROM pg_tables WHERE schemaname = 'public'");
    assert_eq!(tables.get_result::<String>(&mut connection).unwrap(), "theirs");
    // This fails while the role owns a database.
    connection.batch_execute(&format!("DROP ROLE {role}")).unwrap();
}

/// The changes that end the walk, with rows before them: up, down and up again on both databases.
#[test]
fn rows_survive_up_down_and_up_on_both() {
    let Some((database, url)) = server() else { return };
    let (project, chapters) = (Project::new(), chapters());
    walk(&project.sqlite(), &chapters, &PlanOptions::default());
    project.sqlite().rehearse_on(&url, chapters.last().unwrap()).unwrap();
    let postgres = project.on(database.url());
    postgres.create_current().unwrap();
    let rows =
        "INSERT INTO users (id, nickname, email, about_me) VALUES (1, 'ann', 'a@b', 'hi'), (2, 'bob', 'c@d', NULL);
        INSERT INTO posts (id, body, timestamp, user_id, likes) VALUES (1, 'one', '2012-02-29 12:00:00', 1, 7);
        INSERT INTO followers VALUES (1, 2);";
    let read = "SELECT concat_ws(' ', u.id, nickname, email, about_me, p.id, body, likes, is_draft)
        FROM users u LEFT JOIN posts p ON p.user_id = u.id ORDER BY u.id";
    let file = project.0.path().join("app.db").display().to_string();
    let mut sqlite = SqliteConnection::establish(&file).unwrap();
    let last = chapters.last().unwrap();
    let mut read_sqlite = || sql::<Text>(read).load::<String>(&mut sqlite).unwrap();
    round_trip(&project.sqlite(), last, &mut read_sqlite, || project.execute(rows));
    let mut server = database.connect();
    let mut read_server = || sql::<Text>(read).load::<String>(&mut server).unwrap();
    round_trip(&postgres, last, &mut read_server, || database.connect().batch_execute(rows).unwrap());
}

/// Reverts the newest migration, fills the tables, and runs it up, down and up again.
fn round_trip(migrator: &Migrator, models: &Schema, read: &mut dyn FnMut() -> Vec<String>, fill: impl FnOnce()) {
    migrator.downgrade(Target::Previous).unwrap();
    fill();
    let before = read();
    assert_eq!(before.len(), 2);
    assert!(before[0].contains("hi 1 one 7"), "{before:?}");
    migrator.upgrade(Target::Latest).unwrap();
    migrator.check(models).unwrap();
    migrator.downgrade(Target::Previous).unwrap();
    assert_eq!(read(), before);
    migrator.upgrade(Target::Latest).unwrap();
    migrator.check(models).unwrap();
}

#[test]
fn nothing_unrehearsed_runs_on_rows() {
    let Some((database, url)) = server() else { return };
    let (project, chapters) = (Project::new(), chapters());
    walk(&project.sqlite(), &chapters[..1], &PlanOptions::default());
    let postgres = project.on(database.url());
    postgres.create_current().unwrap();
    database.connect().batch_execute("INSERT INTO users VALUES (1, 'ann', 'a@b')").unwrap();
    walk(&project.sqlite(), &chapters[1..2], &PlanOptions::default());
    let refused = |error: Error| matches!(error, Error::History(HistoryError::NotRehearsed { .. }));
    assert!(refused(postgres.upgrade(Target::Latest).unwrap_err()));
    assert!(refused(postgres.downgrade(Target::Previous).unwrap_err()));
    assert_eq!(postgres.status().unwrap().pending.len(), 1);
    postgres.rehearse_on(&url, &chapters[1]).unwrap();
    assert_eq!(postgres.upgrade(Target::Latest).unwrap().len(), 1);
    postgres.check(&chapters[1]).unwrap();
}

/// Whether planning and applying fails, and leaves every file and the version as they were. Returns the message.
fn refusal(project: &Project, migrator: &Migrator, models: &Schema, options: &PlanOptions) -> String {
    let (files, version) = (project.files(), migrator.version().unwrap());
    let done = migrator.plan(models, options).and_then(|plan| migrator.apply(&plan.unwrap().accept_losses()));
    assert_eq!(project.files(), files);
    assert_eq!(migrator.version().unwrap(), version);
    done.unwrap_err().to_string()
}

#[test]
fn what_one_kind_cannot_say_is_written_for_neither() {
    let Some((database, url)) = server() else { return };
    let with = |ty: Type| {
        let mut models = chapters().swap_remove(0);
        models.tables[0].columns.push(Column::new("more", ty).nullable());
        models
    };
    let project = Project::new();
    let postgres = project.on(database.url());
    postgres.init().unwrap();
    let why = refusal(&project, &postgres, &with(Type::Array(Type::Integer.into())), &PlanOptions::default());
    assert_eq!(why, "cannot write a migration for users.more for sqlite: SQLite has no type Array<Integer>");
    let sqlite = project.sqlite();
    let why = refusal(&project, &sqlite, &with(Type::Diesel("TimestamptzSqlite")), &PlanOptions::default());
    assert!(why.contains("users.more for postgresql: PostgreSQL has no type TimestamptzSqlite"), "{why}");
    // A trigger goes with its table, and models cannot declare it.
    walk(&sqlite, &chapters()[..2], &PlanOptions::default());
    project.script("sqlite/003_log", "CREATE TRIGGER t AFTER DELETE ON posts BEGIN SELECT 1; END;", "DROP TRIGGER t;");
    project.script("postgresql/003_log", "CREATE POLICY own ON posts USING (body <> '');", "DROP POLICY own ON posts;");
    sqlite.upgrade(Target::Latest).unwrap();
    let why = refusal(&project, &sqlite, &chapters()[0], &PlanOptions::default());
    assert!(why.contains("trigger t on posts for postgresql: models cannot declare it"), "{why}");
    // A policy that only the other kind has stands in the way, which a server finds.
    let mut models = chapters().swap_remove(1);
    models.tables[1].columns[1].ty = text(500);
    let why = refusal(&project, &sqlite, &models, &with!(PlanOptions { rehearse_on: Some(url.clone()) }));
    assert!(why.contains("policy") && why.contains("postgresql"), "{why}");
    // Without one it is written, and stays marked.
    walk(&sqlite, &[models.clone()], &PlanOptions::default());
    let files = project.files();
    let why = sqlite.rehearse_on(&url, &models).unwrap_err().to_string();
    assert!(why.starts_with("the rehearsal of postgresql/004_migration failed, nothing was changed"), "{why}");
    assert_eq!(project.files(), files);
}

#[test]
fn a_difference_between_the_folders_is_found() {
    let (project, chapters) = (Project::new(), chapters());
    let sqlite = project.sqlite();
    walk(&sqlite, &chapters[..2], &PlanOptions::default());
    sqlite.check(&chapters[1]).unwrap();
    let (one, two) =
        (project.migrations().join("postgresql/002_migration"), project.migrations().join("postgresql/002_x"));
    fs::rename(&one, &two).unwrap();
    let why = "migrations/postgresql: it lacks 002_migration, which migrations/sqlite has; both need the same";
    assert_eq!(sqlite.check(&chapters[1]).unwrap_err().to_string(), why);
    assert_eq!(refusal(&project, &sqlite, &chapters[2], &PlanOptions::default()), why);
    fs::rename(&two, &one).unwrap();
    project.script("postgresql/003_more", "SELECT 1;", "SELECT 1;");
    let why = "migrations/sqlite: it lacks 003_more, which migrations/postgresql has; both need the same";
    assert_eq!(sqlite.check(&chapters[1]).unwrap_err().to_string(), why);
}

#[test]
fn histories_that_were_written_apart_are_joined() {
    let (project, chapters) = (Project::new(), chapters());
    project.script("sqlite/001_start", "CREATE TABLE old (id INTEGER PRIMARY KEY NOT NULL);", "DROP TABLE old;");
    project.script("postgresql/001_begin", "CREATE TABLE old (id INTEGER PRIMARY KEY);", "DROP TABLE old;");
    let sqlite = project.sqlite();
    sqlite.upgrade(Target::Latest).unwrap();
    walk(&sqlite, &chapters[..1], &PlanOptions::default());
    assert!(project.up("postgresql/002_migration").contains("CREATE TABLE users"));
    sqlite.check(&chapters[0]).unwrap();
    fs::remove_dir_all(project.migrations().join("postgresql/002_migration")).unwrap();
    assert!(sqlite.check(&chapters[0]).is_err());
}

#[test]
fn a_kind_that_is_added_later_starts_with_the_newest() {
    let Some((database, _)) = server() else { return };
    let (project, chapters) = (Project::new(), chapters());
    fs::remove_dir(project.migrations().join("postgresql")).unwrap();
    let sqlite = project.sqlite();
    walk(&sqlite, &chapters[..2], &PlanOptions::default());
    fs::create_dir(project.migrations().join("postgresql")).unwrap();
    let postgres = project.on(database.url());
    postgres.init().unwrap();
    let named = with!(PlanOptions { message: Some("start".into()) });
    let why = "the message \"start\": the first migration is named 002_migration, as the newest for sqlite";
    assert_eq!(postgres.plan(&chapters[1], &named).unwrap_err().to_string(), why);
    walk(&postgres, &chapters[1..2], &PlanOptions::default());
    assert_eq!(names(&project.migrations().join("postgresql")), ["002_migration"]);
    walk(&sqlite, &chapters[2..3], &PlanOptions::default());
    assert_eq!(names(&project.migrations().join("postgresql")), ["002_migration", "003_migration"]);
    postgres.upgrade(Target::Latest).unwrap();
    postgres.check(&chapters[2]).unwrap();
}

/// A process is killed after it gave the migration its name in one folder, before the other: the state that it leaves.
#[test]
fn a_killed_process_leaves_both_or_none() {
    for (has, lacks) in [("sqlite", "postgresql"), ("postgresql", "sqlite")] {
        let (project, chapters) = (Project::new(), chapters());
        let sqlite = project.sqlite();
        walk(&sqlite, &chapters[..2], &PlanOptions::default());
        let files = project.files();
        sqlite.downgrade(Target::Previous).unwrap();
        let folder = project.migrations().join(lacks);
        fs::rename(folder.join("002_migration"), folder.join(".002_migration.new")).unwrap();
        // A draft of which no folder has the name is none of these.
        project.script(&format!("{has}/.003_migration.new"), "", "");
        assert!(matches!(sqlite.plan(&chapters[1], &PlanOptions::default()), Err(Error::History(_))));
        fs::remove_dir_all(project.migrations().join(has).join(".003_migration.new")).unwrap();
        assert_eq!(project.files(), files);
        sqlite.upgrade(Target::Latest).unwrap();
        sqlite.check(&chapters[1]).unwrap();
    }
}

/// A failure after the plan leaves no half of a pair.
#[test]
fn a_failed_run_removes_both() {
    let (project, chapters) = (Project::new(), chapters());
    let sqlite = project.sqlite();
    walk(&sqlite, &chapters[..1], &PlanOptions::default());
    let mut models = chapters[0].clone();
    models.tables[0]
        .indexes
        .push(Index::new("users", [IndexColumn::asc("email"), IndexColumn::asc("nickname")], true).named("i"));
    models.tables[0].columns[1].ty = text(3);
    let plan = sqlite.plan(&models, &PlanOptions::default()).unwrap().unwrap();
    assert!(plan.to_string().ends_with("the same for postgresql, not rehearsed yet"), "{plan}");
    let files = project.files();
    project.execute("INSERT INTO users VALUES (1, 'ann marie', 'a@b')");
    assert!(sqlite.apply(&plan).is_err());
    assert_eq!(project.files(), files);
}

#[test]
fn an_empty_migration_is_written_for_both() {
    let project = Project::new();
    assert_eq!(project.sqlite().write_empty("search").unwrap(), "migrations/sqlite/001_search");
    assert_eq!(project.up("postgresql/001_search"), project.up("sqlite/001_search"));
}

/// What only one of the databases sees changes nothing on the other.
#[test]
fn a_difference_of_one_kind_is_an_empty_migration_of_the_other() {
    let Some((database, _)) = server() else { return };
    let project = Project::new();
    let postgres = project.on(database.url());
    postgres.init().unwrap();
    // A text of any length may stay a VARCHAR on SQLite, which does not enforce lengths.
    let mut longer = chapters().swap_remove(1);
    longer.tables[1].columns[1].ty = Type::Text { max_length: None };
    walk(&postgres, &[chapters().swap_remove(1), longer.clone()], &PlanOptions::default());
    assert!(project.up("sqlite/002_migration").contains("-- Nothing changes on this kind of database."));
    let sqlite = project.sqlite();
    sqlite.upgrade(Target::Latest).unwrap();
    sqlite.check(&longer).unwrap();
    postgres.check(&longer).unwrap();
}

/// The tables after the walk, with a column of another type.
fn retyped(chapters: &[Schema]) -> Schema {
    let mut models = chapters[4].clone();
    for table in models.tables.iter_mut().filter(|table| table.name == "posts") {
        table.columns.iter_mut().filter(|column| column.name == "user_id").for_each(|column| column.ty = Type::BigInt);
        table.indexes.push(Index::new("posts", [IndexColumn::asc("user_id")], false));
    }
    models
}

#[test]
fn an_online_plan_writes_as_many_versions_for_sqlite() {
    let Some((database, _)) = server() else { return };
    let (project, chapters) = (Project::new(), chapters());
    let postgres = project.on(database.url());
    postgres.init().unwrap();
    walk(&postgres, &chapters[..5], &PlanOptions::default());
    let sqlite = project.sqlite();
    sqlite.upgrade(Target::Latest).unwrap();
    let rows = "INSERT INTO users VALUES (1, 'ann', 'a@b', NULL, NULL); INSERT INTO posts VALUES (7, 'one', '2012-02-29 12:00:00', 1, 5)";
    let rows = rows.replace("1, 5)", "1, 5, FALSE)");
    project.execute(&rows);
    database.connect().batch_execute(&rows).unwrap();
    let models = retyped(&chapters);
    let options = with!(PlanOptions { online: true, message: Some("gentle".into()) });
    let plan = postgres.plan(&models, &options).unwrap().unwrap();
    assert!(plan.to_string().contains("the same for sqlite, rehearsed"), "{plan}");
    postgres.apply(&plan).unwrap();
    assert_eq!(names(&project.migrations().join("sqlite")), names(&project.migrations().join("postgresql")));
    let count = plan.then.len() + 1;
    assert_eq!(names(&project.migrations().join("sqlite")).len(), 5 + count);
    let second = project.up(&format!("sqlite/{}", plan.then[0].name));
    assert!(
        second.contains(&format!("{} has made the change", plan.name)) && second.ends_with("SELECT 1;\n"),
        "{second}"
    );
    for migrator in [&sqlite, &postgres] {
        migrator.upgrade(Target::Latest).unwrap();
        migrator.check(&models).unwrap();
        migrator.downgrade(Target::Version("5".into())).unwrap();
        migrator.check(&models).unwrap_err();
        assert_eq!(migrator.upgrade(Target::Latest).unwrap().len(), count);
        migrator.check(&models).unwrap();
    }
    let read = "SELECT concat_ws(' ', id, body, user_id, likes) FROM posts";
    let file = project.0.path().join("app.db").display().to_string();
    let in_sqlite: String = sql::<Text>(read).get_result(&mut SqliteConnection::establish(&file).unwrap()).unwrap();
    let in_postgres: String = sql::<Text>(read).get_result(&mut database.connect()).unwrap();
    assert_eq!((in_sqlite.as_str(), in_postgres.as_str()), ("7 one 1 5", "7 one 1 5"));
}
