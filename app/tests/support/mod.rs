//! What the tests share: a database in a folder of its own, the site on it, and the program as a process.

#![allow(dead_code, reason = "each test takes what it needs")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use app::models::{NewPost, NewUser, Post, User};
use app::site::{self, migrations, pool};
use chrono::{DateTime, NaiveDateTime};
use config::{Config, RocketSetting};
use migrate::Connection;
use rocket::local::blocking::Client;
use tempfile::TempDir;

/// A database at the newest version, alone in a folder that goes with it.
pub struct TestDb {
    pub folder: TempDir,
    pub url: String,
    pub connection: Connection,
}

impl TestDb {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("app.db").display());
        migrations::project(&url, folder.path()).unwrap().create_current().unwrap();
        let connection = pool::open(&url).unwrap();
        Self { folder, url, connection }
    }

    pub fn user(&mut self, nickname: &str) -> User {
        NewUser::new(nickname, &format!("{nickname}@example.org")).unwrap().insert(&mut self.connection).unwrap()
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

    /// The site, with settings of Rocket's.
    pub fn site_with(&self, settings: &[(&str, &str)]) -> Client {
        let mut config = self.config();
        for (name, value) in settings {
            config.rocket.push(RocketSetting { name: (*name).into(), value: (*value).into() });
        }
        Client::tracked(site::rocket(config).unwrap()).unwrap()
    }
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
    /// What it printed before it served.
    pub printed: Vec<String>,
    /// Host and port.
    pub authority: String,
}

impl Server {
    pub fn start(home: &Path, environment: &[(&str, &str)]) -> Self {
        let mut process = Process(program(home, environment).spawn().unwrap());
        let stdout = BufReader::new(process.0.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut printed = Vec::new();
        loop {
            let line = lines.recv_timeout(Duration::from_secs(20)).expect("the site starts");
            if let Some(authority) = line.strip_prefix("The microblog is at http://") {
                return Self { process, lines, printed, authority: authority.to_owned() };
            }
            printed.push(line);
        }
    }

    /// Sends a GET and returns the whole answer.
    pub fn get(&self, path: &str) -> String {
        get(&self.authority, path)
    }

    /// Sends a signal by its short name, and waits for the end.
    pub fn signal(self, signal: &str) -> Refusal {
        let id = self.process.0.id().to_string();
        assert!(Command::new("kill").args([format!("-{signal}"), id]).status().unwrap().success());
        let mut end = Refusal::from(self.process.end(Duration::from_secs(20)));
        end.stdout = self.lines.iter().collect::<Vec<_>>().join("\n");
        end
    }
}

/// Sends a GET to that host and port, and returns the whole answer.
pub fn get(authority: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(authority).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
