//! Support for benchmarks: the release build of the program on its own database, and a client.

#![allow(dead_code, reason = "each benchmark uses a part of this module")]

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use diesel_autogen::DatabaseUrl;
use ureq::config::Config;
use ureq::http::Response;
use ureq::{Agent, Body};

/// The secret key for cookies.
pub const SECRET_KEY: &str = "bm90IGEgc2VjcmV0LCBvbmx5IGZvciBiZW5jaG1hcms=";

fn program(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_app"));
    command.env_clear().env("MICROBLOG_HOME", home).current_dir(home).stdin(Stdio::null());
    command.env("ROCKET_PORT", "0").env("ROCKET_SECRET_KEY", SECRET_KEY).env("MICROBLOG_ATTEMPTS_PER_MINUTE", "10000");
    command.env("MICROBLOG_SEARCHES_PER_MINUTE", "10000").env("MICROBLOG_WRITES_PER_MINUTE", "10000");
    command
}

/// The number in that environment variable, or the default.
pub fn number(variable: &str, default: u64) -> u64 {
    env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// The URL of the database in that folder, or of the one that its `.env` names.
pub fn url(home: &Path) -> DatabaseUrl {
    config::Config::from_environment([], home).expect("the settings").database_url
}

/// Creates a database with fake users and posts.
pub fn seed(home: &Path, users: u32, posts: u32) {
    drop(Server::start(home));
    let numbers = [users, posts].map(|number| number.to_string());
    let arguments = ["seed", "--users", &numbers[0], "--posts", &numbers[1]];
    let status = program(home).args(arguments).stdout(Stdio::null()).status().expect("the program");
    assert!(status.success(), "app seed: {status}");
}

/// The program, serving the site until this value is dropped.
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

    /// The peak memory of the program so far, in KiB. Linux only.
    pub fn peak_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok()).expect("/proc is Linux only")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}

/// A signed-in client. It follows no redirects, accepts every status, and keeps its connection open.
pub struct Client {
    agent: Agent,
    /// Its `Cookie` header.
    pub cookie: String,
}

impl Client {
    /// A client with that `Cookie` header, which keeps at most this number of idle connections.
    pub fn new(idle: usize, cookie: impl Into<String>) -> Self {
        let config = Config::builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_idle_age(Duration::from_secs(60))
            .max_idle_connections_per_host(idle)
            .timeout_global(Some(Duration::from_secs(30)));
        Self { agent: config.build().new_agent(), cookie: cookie.into() }
    }

    /// Registers a user.
    pub fn register(address: &str, nickname: &str) -> Self {
        Self::new(3, "").sign_up(address, nickname)
    }

    /// This client, signed in as a new user.
    pub fn sign_up(mut self, address: &str, nickname: &str) -> Self {
        let email = format!("{nickname}@example.org");
        let form = [("nickname", nickname), ("email", &email), ("password", "correct horse")];
        let response = self.post(&format!("{address}/register"), &form).expect("a response");
        assert_eq!(response.status(), 303, "{nickname} registers");
        // The flash message is for the first page only.
        let pairs = cookies(&response).filter(|pair| !pair.starts_with("flash"));
        self.cookie = pairs.collect::<Vec<_>>().join("; ");
        self
    }

    pub fn get(&self, link: &str) -> Result<Response<Body>, ureq::Error> {
        self.agent.get(link).header("Cookie", &self.cookie).call()
    }

    pub fn post(&self, link: &str, form: &[(&str, &str)]) -> Result<Response<Body>, ureq::Error> {
        self.agent.post(link).header("Cookie", &self.cookie).send_form(form.iter().copied())
    }
}

/// The cookies that a response sets, as `name=value`.
pub fn cookies(response: &Response<Body>) -> impl Iterator<Item = &str> {
    let set = response.headers().get_all("Set-Cookie").iter().filter_map(|cookie| cookie.to_str().ok());
    set.filter_map(|cookie| cookie.split(';').next())
}

/// The quantile of the times.
pub fn quantile(times: &mut [Duration], share: f64) -> Duration {
    times.sort_unstable();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "few")]
    let at = (times.len() as f64 * share) as usize;
    times[at.min(times.len() - 1)]
}
