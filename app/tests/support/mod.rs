//! What the tests share: a database in a folder of its own, the site on it, and the program as a process.

#![allow(dead_code, reason = "each test takes what it needs")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use app::models::session::NewSession;
use app::models::{NewPost, NewUser, Post, User};
use app::site::auth::password;
use app::site::{self, migrations, pool};
use chrono::{DateTime, NaiveDateTime};
use config::{Config, RocketSetting};
use diesel::connection::{Connection as _, InstrumentationEvent};
use diesel::sql_types::Text;
use diesel::{QueryableByName, RunQueryDsl as _};
use migrate::{Connection, DatabaseUrl};
use rocket::http::{ContentType, RawStr, Status};
use rocket::local::blocking::{Client, LocalRequest, LocalResponse};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

/// A database at the newest version, alone in a folder that goes with it.
pub struct TestDb {
    pub folder: TempDir,
    pub url: DatabaseUrl,
    pub connection: Connection,
}

impl TestDb {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::parse("app.db", folder.path()).unwrap();
        migrations::project(&url, folder.path()).unwrap().create_current().unwrap();
        let connection = pool::open(&url).unwrap();
        Self { folder, url, connection }
    }

    pub fn user(&mut self, nickname: &str) -> User {
        NewUser::new(nickname, &format!("{nickname}@example.org")).unwrap().insert(&mut self.connection).unwrap()
    }

    /// A user who can sign in, by [`OLD_PASSWORD`].
    pub fn member(&mut self, nickname: &str) -> User {
        let user = self.user(nickname);
        user.set_password_hash(&password::hash(OLD_PASSWORD.as_bytes()).unwrap(), &mut self.connection).unwrap();
        user
    }

    /// A post of that user, that many seconds after a fixed moment.
    pub fn post(&mut self, author: &User, body: &str, seconds: i64) -> Post {
        NewPost::new(author, body).unwrap().at(moment(seconds)).insert(&mut self.connection).unwrap()
    }

    /// The settings for this database.
    pub fn config(&self) -> Config {
        Config::from_environment([("MICROBLOG_POSTS_PER_PAGE".into(), "3".into())], self.folder.path()).unwrap()
    }

    /// The site on this database.
    pub fn site(&self) -> Client {
        self.site_with(&[])
    }

    /// The site, with settings of ours.
    pub fn site_of(&self, settings: &[(&str, &str)]) -> Client {
        let settings = settings.iter().map(|(name, value)| (name.into(), value.into()));
        let config = Config::from_environment(settings, self.folder.path()).unwrap();
        Client::tracked(site::rocket(config).unwrap()).unwrap()
    }

    /// The site, with settings of Rocket's.
    pub fn site_with(&self, settings: &[(&str, &str)]) -> Client {
        let mut config = self.config();
        for (name, value) in settings {
            config.rocket.push(RocketSetting { name: (*name).into(), value: (*value).into() });
        }
        Client::tracked(site::rocket(config).unwrap()).unwrap()
    }
}

/// The queries that are run while that work is done.
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

/// How the database goes about such a query, step by step.
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

/// The password of every [`TestDb::member`].
pub const OLD_PASSWORD: &str = "correct horse";

/// Sends a form.
pub fn post<'c>(site: &'c Client, path: &'c str, fields: &[(&str, &str)]) -> LocalResponse<'c> {
    let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={}", value.replace(' ', "+"))).collect();
    site.post(path).header(ContentType::Form).body(fields.join("&")).dispatch()
}

/// Signs in, which has to succeed.
pub fn sign_in(site: &Client, login: &str, password: &str) {
    let answer = post(site, "/login", &[("login", login), ("password", password)]);
    assert_eq!(answer.status(), Status::SeeOther, "{login} signs in");
}

/// Somebody's browser: it keeps its cookies, and follows no redirect.
pub struct Browser {
    pub client: Client,
    token: Option<String>,
}

/// What a browser was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub location: Option<String>,
    pub body: String,
}

impl Browser {
    /// Of somebody who is signed out.
    pub fn new(db: &TestDb) -> Self {
        Self { client: db.site(), token: None }
    }

    /// Of that user, who is signed in.
    pub fn signed_in(db: &mut TestDb, user: &User) -> Self {
        let mut token = [0; 32];
        getrandom::fill(&mut token).unwrap();
        let digit = |text: String, byte: &u8| text + &format!("{byte:02x}");
        let hexadecimal = |bytes: &[u8]| bytes.iter().fold(String::new(), digit);
        let now = chrono::Utc::now().naive_utc();
        NewSession {
            user_id: user.id,
            token_hash: &hexadecimal(&Sha256::digest(token)),
            created_at: now,
            expires_at: now + chrono::TimeDelta::hours(1),
            user_agent: "test",
        }
        .insert(&mut db.connection)
        .unwrap();
        Self { client: db.site(), token: Some(hexadecimal(&token)) }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send(self.client.get(path.to_owned()))
    }

    /// Sends a form.
    pub fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let encoded = |text: &str| RawStr::new(text).percent_encode().to_string();
        let form: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        self.send(self.client.post(path.to_owned()).header(ContentType::Form).body(form.join("&")))
    }

    fn send(&self, mut request: LocalRequest<'_>) -> Answer {
        if let Some(token) = &self.token {
            request = request.cookie(("session", token.clone()));
        }
        let answer = request.dispatch();
        Answer {
            status: answer.status().code,
            location: answer.headers().get_one("Location").map(str::to_owned),
            body: answer.into_string().unwrap_or_default(),
        }
    }
}

/// The link with that text.
pub fn link<'a>(page: &'a str, text: &str) -> Option<&'a str> {
    let before = &page[..page.find(&format!(">{text}</a>"))?];
    let tag = &before[before.rfind("<a ")?..];
    tag.split_once("href=\"")?.1.split('"').next()
}

pub fn moment(seconds: i64) -> NaiveDateTime {
    DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap().naive_utc()
}

/// The program in that folder, with no environment but what is given.
pub fn program(home: &Path, environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_app"));
    command.env_clear().env("ROCKET_PORT", "0").current_dir(home).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    for (name, value) in environment {
        command.env(name, value);
    }
    command
}

/// Runs the program in a case where it does not stay up.
pub fn refused(home: &Path, environment: &[(&str, &str)]) -> Refusal {
    let child = program(home, environment).spawn().unwrap();
    Refusal::from(Process(child).end(Duration::from_secs(20)))
}

/// How a program ended.
#[derive(Debug)]
pub struct Refusal {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Refusal {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// A process that does not outlive its test.
struct Process(Child);

impl Process {
    fn end(mut self, patience: Duration) -> Output {
        let deadline = Instant::now() + patience;
        let status = loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "the program goes on");
            std::thread::sleep(Duration::from_millis(10));
        };
        let mut output = Output { status, stdout: Vec::new(), stderr: Vec::new() };
        if let Some(mut stdout) = self.0.stdout.take() {
            stdout.read_to_end(&mut output.stdout).unwrap();
        }
        if let Some(mut stderr) = self.0.stderr.take() {
            stderr.read_to_end(&mut output.stderr).unwrap();
        }
        output
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The program, serving.
pub struct Server {
    process: Process,
    lines: Receiver<String>,
    errors: JoinHandle<String>,
    /// What it printed before it served.
    pub printed: Vec<String>,
    /// Host and port.
    pub authority: String,
}

impl Server {
    pub fn start(home: &Path, environment: &[(&str, &str)]) -> Self {
        let mut process = Process(program(home, environment).spawn().unwrap());
        let stdout = BufReader::new(process.0.stdout.take().unwrap());
        // It is read while the program runs, so that a long log does not hold it up.
        let stderr = process.0.stderr.take().unwrap();
        let errors = std::thread::spawn(move || std::io::read_to_string(stderr).unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut printed = Vec::new();
        loop {
            let line = lines.recv_timeout(Duration::from_secs(20)).expect("the site starts");
            if let Some(authority) = line.strip_prefix("The microblog is at http://") {
                return Self { process, lines, errors, printed, authority: authority.to_owned() };
            }
            printed.push(line);
        }
    }

    /// Sends a GET and returns the whole answer.
    pub fn get(&self, path: &str) -> String {
        get(&self.authority, path)
    }

    /// Sends a request with those further headers, a line each, and that form, and returns the whole answer.
    pub fn send(&self, method: &str, path: &str, headers: &str, form: &str) -> String {
        send(&self.authority, method, path, headers, form)
    }

    /// Sends a signal by its short name, and waits for the end.
    pub fn signal(self, signal: &str) -> Refusal {
        let id = self.process.0.id().to_string();
        assert!(Command::new("kill").args([format!("-{signal}"), id]).status().unwrap().success());
        let mut end = Refusal::from(self.process.end(Duration::from_secs(20)));
        end.stderr = self.errors.join().unwrap();
        end.stdout = self.lines.iter().collect::<Vec<_>>().join("\n");
        end
    }
}

/// Sends a GET to that host and port, and returns the whole answer.
pub fn get(authority: &str, path: &str) -> String {
    send(authority, "GET", path, "", "")
}

pub fn send(authority: &str, method: &str, path: &str, headers: &str, form: &str) -> String {
    let mut stream = TcpStream::connect(authority).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n{headers}").unwrap();
    let kind = "Content-Type: application/x-www-form-urlencoded";
    write!(stream, "{kind}\r\nContent-Length: {}\r\n\r\n{form}", form.len()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
