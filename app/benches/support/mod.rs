//! What the benchmarks share: the release build of the program on a database of its own, and somebody who reads.

#![allow(dead_code, reason = "each benchmark takes what it needs")]

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use migrate::DatabaseUrl;
use ureq::config::Config;
use ureq::http::Response;
use ureq::{Agent, Body};

/// For cookies that live as long as a benchmark.
pub const SECRET_KEY: &str = "bm90IGEgc2VjcmV0LCBvbmx5IGZvciBiZW5jaG1hcms=";

fn program(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_app"));
    command.env_clear().env("MICROBLOG_HOME", home).current_dir(home).stdin(Stdio::null());
    command.env("ROCKET_PORT", "0").env("ROCKET_SECRET_KEY", SECRET_KEY).env("MICROBLOG_ATTEMPTS_PER_MINUTE", "10000");
    command
}

/// What that variable says, or the default.
pub fn number(variable: &str, default: u64) -> u64 {
    env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// The URL of the database in that folder.
pub fn url(home: &Path) -> DatabaseUrl {
    DatabaseUrl::parse("app.db", home).expect("a URL")
}

/// Made-up people and their posts, in a new database.
pub fn seed(home: &Path, users: u32, posts: u32) {
    drop(Server::start(home));
    let numbers = [users, posts].map(|number| number.to_string());
    let arguments = ["seed", "--users", &numbers[0], "--posts", &numbers[1]];
    let status = program(home).args(arguments).stdout(Stdio::null()).status().expect("the program");
    assert!(status.success(), "app seed: {status}");
}

/// The program, serving. It ends with this value.
pub struct Server {
    process: Child,
    pub address: String,
}

impl Server {
    pub fn start(home: &Path) -> Self {
        let mut process = program(home).stdout(Stdio::piped()).spawn().expect("the program");
        let stdout = BufReader::new(process.stdout.take().expect("its output"));
        let address = stdout
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("The microblog is at ").map(str::to_owned))
            .expect("the site starts");
        Self { process, address }
    }

    /// The most memory that it has held so far, in KiB. Known on Linux.
    pub fn peak_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok()).expect("Linux tells it")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}

/// Somebody who has registered. Their browser follows no redirect, takes every answer and keeps its line open.
pub struct Reader {
    agent: Agent,
    /// What it sends as `Cookie`.
    pub cookie: String,
}

impl Reader {
    /// Registers somebody, who then is signed in.
    pub fn register(address: &str, nickname: &str) -> Self {
        let config = Config::builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_idle_age(Duration::from_secs(60))
            .timeout_global(Some(Duration::from_secs(30)));
        let mut reader = Self { agent: config.build().new_agent(), cookie: String::new() };
        let email = format!("{nickname}@example.org");
        let form = [("nickname", nickname), ("email", &email), ("password", "correct horse")];
        let answer = reader.post(&format!("{address}/register"), &form).expect("an answer");
        assert_eq!(answer.status(), 303, "{nickname} registers");
        let set = answer.headers().get_all("Set-Cookie").iter().filter_map(|cookie| cookie.to_str().ok());
        let pairs: Vec<_> = set.filter_map(|cookie| cookie.split(';').next()).collect();
        // The message is for the first page alone.
        reader.cookie = pairs.into_iter().filter(|pair| !pair.starts_with("flash")).collect::<Vec<_>>().join("; ");
        reader
    }

    pub fn get(&self, link: &str) -> Result<Response<Body>, ureq::Error> {
        self.agent.get(link).header("Cookie", &self.cookie).call()
    }

    pub fn post(&self, link: &str, form: &[(&str, &str)]) -> Result<Response<Body>, ureq::Error> {
        self.agent.post(link).header("Cookie", &self.cookie).send_form(form.iter().copied())
    }
}

/// The time below which that share of them lies.
pub fn quantile(times: &mut [Duration], share: f64) -> Duration {
    times.sort_unstable();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "few")]
    let at = (times.len() as f64 * share) as usize;
    times[at.min(times.len() - 1)]
}
