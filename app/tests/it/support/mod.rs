//! Support for tests: a database in its own folder, the site on it, a browser, and the program as a process.

mod browser;
mod program;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use app::models::{NewPost, NewUser, Post, User};
use app::site::auth::password;
use app::site::{self, migrations, pool};
use chrono::{DateTime, NaiveDateTime};
use config::{Config, RocketSetting};
use diesel::connection::{Connection as _, InstrumentationEvent, SimpleConnection as _};
use diesel::sql_types::Text;
use diesel::{QueryableByName, RunQueryDsl as _};
use diesel_autogen::{Connection, DatabaseUrl, Migrator, Target};
use rocket::http::{ContentType, Status};
use rocket::local::blocking::{Client, LocalResponse};
use tempfile::TempDir;
use test_support::TestDatabase;

pub use browser::{Browser, Response, link};
pub use program::{Exit, Server, get, program, run, send};

/// A database at the newest version: SQLite in a temporary folder, or PostgreSQL where `SITE_DATABASE` is `postgresql`.
/// Then the folder's `.env` names it.
pub struct TestDb {
    pub folder: TempDir,
    pub url: DatabaseUrl,
    pub connection: Connection,
    // Dropped after the connection.
    _postgresql: Option<TestDatabase>,
}

impl TestDb {
    pub fn new() -> Self {
        if std::env::var("SITE_DATABASE").as_deref() == Ok("postgresql") {
            Self::on_postgresql().expect("TEST_POSTGRES_URL")
        } else {
            Self::on_sqlite()
        }
    }

    /// For tests of what only PostgreSQL has. `None` without a server: the test has to return.
    pub fn on_postgresql() -> Option<Self> {
        let database = TestDatabase::new()?;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(".env"), format!("DATABASE_URL='{}'", database.url())).unwrap();
        let url = DatabaseUrl::parse(database.url(), folder.path()).unwrap();
        let migrator = migrations::migrator(&url, folder.path()).unwrap();
        migrator.init().unwrap();
        migrator.upgrade(Target::Latest).unwrap();
        let connection = pool::open(&url).unwrap();
        Some(Self { folder, url, connection, _postgresql: Some(database) })
    }

    /// For tests of what only SQLite has.
    pub fn on_sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::parse("app.db", folder.path()).unwrap();
        migrations::migrator(&url, folder.path()).unwrap().create_current().unwrap();
        let connection = pool::open(&url).unwrap();
        Self { folder, url, connection, _postgresql: None }
    }

    /// The database with the embedded migrations.
    pub fn migrations(&self) -> Migrator {
        migrations::migrator(&self.url, self.folder.path()).unwrap()
    }

    /// Begins a transaction that writes.
    pub fn begin(&mut self) {
        let begin = if self.url.is_postgres() { "BEGIN" } else { "BEGIN IMMEDIATE" };
        self.connection.batch_execute(begin).unwrap();
    }

    pub fn user(&mut self, nickname: &str) -> User {
        NewUser::new(nickname, &format!("{nickname}@example.org")).unwrap().insert(&mut self.connection).unwrap()
    }

    /// A user who can sign in with [`PASSWORD`].
    pub fn user_with_password(&mut self, nickname: &str) -> User {
        let user = self.user(nickname);
        user.set_password_hash(&password::hash(PASSWORD.as_bytes()).unwrap(), &mut self.connection).unwrap();
        user
    }

    /// A post at [`moment(seconds)`](moment).
    pub fn post(&mut self, author: &User, body: &str, seconds: i64) -> Post {
        NewPost::new(author, body).unwrap().at(moment(seconds)).insert(&mut self.connection).unwrap()
    }

    /// Settings with three posts per page.
    pub fn config(&self) -> Config {
        Config::from_environment([("MICROBLOG_POSTS_PER_PAGE".into(), "3".into())], self.folder.path()).unwrap()
    }

    /// The site with the settings of [`config`](Self::config).
    pub fn site(&self) -> Client {
        self.site_with_rocket(&[])
    }

    /// The site with settings of the microblog.
    pub fn site_with(&self, settings: &[(&str, &str)]) -> Client {
        let settings = settings.iter().map(|(name, value)| (name.into(), value.into()));
        let config = Config::from_environment(settings, self.folder.path()).unwrap();
        Client::tracked(site::rocket(config).unwrap()).unwrap()
    }

    /// The site with settings of Rocket.
    pub fn site_with_rocket(&self, settings: &[(&str, &str)]) -> Client {
        let mut config = self.config();
        for (name, value) in settings {
            config.rocket.push(RocketSetting { name: (*name).into(), value: (*value).into() });
        }
        Client::tracked(site::rocket(config).unwrap()).unwrap()
    }
}

/// The password of every [`TestDb::user_with_password`].
pub const PASSWORD: &str = "correct horse";

/// The newest version.
pub fn newest() -> u64 {
    let migrations = migrations::embedded(&DatabaseUrl::parse("app.db", std::path::Path::new("/")).unwrap()).unwrap();
    migrations.newest().to_string().parse().unwrap()
}

/// A number of seconds after a fixed time.
pub fn moment(seconds: i64) -> NaiveDateTime {
    DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap().naive_utc()
}

/// The queries that `work` runs.
pub fn queries(db: &mut TestDb, work: impl FnOnce(&mut Connection)) -> Vec<String> {
    let queries = Arc::new(Mutex::new(Vec::new()));
    let seen = queries.clone();
    db.connection.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            seen.lock().unwrap().push(query.to_string());
        }
    });
    work(&mut db.connection);
    db.connection.set_instrumentation(|_: InstrumentationEvent<'_>| {});
    std::mem::take(&mut *queries.lock().unwrap())
}

/// SQLite's plan for a query from [`queries`], step by step.
pub fn plan(db: &mut TestDb, query: &str) -> Vec<String> {
    #[derive(QueryableByName)]
    struct Step {
        #[diesel(sql_type = Text)]
        detail: String,
    }
    let query = query.split(" -- binds").next().unwrap();
    let plan: Vec<Step> = diesel::sql_query(format!("EXPLAIN QUERY PLAN {query}")).load(&mut db.connection).unwrap();
    plan.into_iter().map(|step| step.detail).collect()
}

/// Sends a form.
pub fn post<'c>(site: &'c Client, path: &'c str, fields: &[(&str, &str)]) -> LocalResponse<'c> {
    let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={}", value.replace(' ', "+"))).collect();
    site.post(path).header(ContentType::Form).body(fields.join("&")).dispatch()
}

/// Signs in, and asserts success.
pub fn sign_in(site: &Client, login: &str, password: &str) {
    let response = post(site, "/login", &[("login", login), ("password", password)]);
    assert_eq!(response.status(), Status::SeeOther, "{login} signs in");
}

/// Polls a condition until it is true, and panics if it stays false.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
