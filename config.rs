//! Every setting of the microblog, read once from `.env` and the environment.
//!
//! | variable | default | allowed |
//! |---|---|---|
//! | `MICROBLOG_HOME` | see below | a folder that exists |
//! | `DATABASE_URL` | `sqlite:app.db` | a SQLite file or a PostgreSQL URL, see [`DatabaseUrl`] |
//! | `MIGRATIONS_DIR` | `migrations` | a folder, which need not exist yet |
//! | `MICROBLOG_BACKUPS` | `5` | how many backups are kept, from 0 (none is made) to 1000 |
//! | `MICROBLOG_POSTS_PER_PAGE` | `25` | a whole number from 1 to 100 |
//! | `MICROBLOG_PUBLIC_ADDRESS` | where the site listens | `http://HOST`, `https://HOST`, a port after it or not |
//! | `MICROBLOG_TRUSTED_PROXIES` | none | addresses and networks, with commas between: `127.0.0.1, 10.0.0.0/8, ::1` |
//! | `MICROBLOG_ATTEMPTS_PER_MINUTE` | `10` | a whole number from 1 to 10000 |
//! | `MICROBLOG_HSTS_DAYS` | `0` | a whole number from 0 (no header) to 730, with a public address of https |
//! | `ROCKET_ADDRESS`, `ROCKET_PORT`, `ROCKET_SECRET_KEY`, … | Rocket's own | what Rocket allows |
//!
//! The **base directory** is `MICROBLOG_HOME` if that is set, else the nearest folder at or above the current one that
//! holds a file `.env`, else the current folder. Relative paths hang on it, so that a program finds the same files from
//! any folder of the checkout, and in `/srv`. The file `.env` of the base directory is read; it need not be there.
//!
//! A variable of the real environment wins over `.env`. A variable that is set to nothing (`DATABASE_URL=`) is an error:
//! it is more often a slip in a deployment script than a wish for the default.

#![deny(missing_docs)]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, Read};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The settings, each one validated.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder that relative paths hang on; absolute.
    pub base_dir: PathBuf,
    /// Where the database is: `DATABASE_URL`.
    pub database_url: DatabaseUrl,
    /// The folder of the migrations, which holds one folder for each kind of database; absolute: `MIGRATIONS_DIR`.
    pub migrations_dir: PathBuf,
    /// How many copies of the database are kept of those made before a migration runs; 0 makes none:
    /// `MICROBLOG_BACKUPS`.
    pub backups: usize,
    /// How many posts a page lists, 1 to 100: `MICROBLOG_POSTS_PER_PAGE`.
    pub posts_per_page: u8,
    /// The address that readers type, without a slash at the end: `MICROBLOG_PUBLIC_ADDRESS`. `None` when it is not
    /// set: the site is then reached where it listens.
    pub public_address: Option<String>,
    /// Who is believed when it says, by `X-Forwarded-For`, from which address a request came to it:
    /// `MICROBLOG_TRUSTED_PROXIES`.
    pub trusted_proxies: Vec<Network>,
    /// How often a minute one address, and one account, may try to sign in or to register:
    /// `MICROBLOG_ATTEMPTS_PER_MINUTE`.
    pub attempts_per_minute: NonZeroU32,
    /// For how many days a browser is told to come by https only; 0 tells it nothing: `MICROBLOG_HSTS_DAYS`.
    pub hsts_days: u16,
    /// Rocket's own settings that `.env` holds and the environment does not.
    pub rocket: Vec<RocketSetting>,
}

impl Config {
    /// Reads `.env` and the environment.
    ///
    /// # Errors
    ///
    /// When a value is not allowed, or `.env` cannot be read: one line that names the variable or the file.
    pub fn load() -> Result<Self, ConfigError> {
        let start = std::env::current_dir().map_err(ConfigError::CurrentFolder)?;
        Self::from_environment(std::env::vars_os(), &start)
    }

    /// Reads the settings from these variables and from the `.env` found at or above the folder `start`.
    ///
    /// # Errors
    ///
    /// As [`Config::load`].
    ///
    /// ```
    /// let folder = tempfile::tempdir()?;
    /// let config = config::Config::from_environment([("DATABASE_URL".into(), "sqlite:blog.db".into())], folder.path())?;
    /// assert_eq!(config.database_url.sqlite_path(), Some(folder.path().join("blog.db").as_path()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_environment(
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        start: &Path,
    ) -> Result<Self, ConfigError> {
        let environment: BTreeMap<OsString, OsString> = environment.into_iter().collect();
        let base_dir = base_dir(environment.get(&OsString::from("MICROBLOG_HOME")), start)?;
        let variables = Variables { environment, file: read_env_file(&base_dir.join(".env"))? };
        let public_address =
            variables.get("MICROBLOG_PUBLIC_ADDRESS")?.map(|text| public_address(&text)).transpose()?;

        Ok(Self {
            database_url: DatabaseUrl::parse(
                variables.get("DATABASE_URL")?.as_deref().unwrap_or("sqlite:app.db"),
                &base_dir,
            )?,
            migrations_dir: folder(variables.get("MIGRATIONS_DIR")?.as_deref().unwrap_or("migrations"), &base_dir)?,
            backups: variables.get("MICROBLOG_BACKUPS")?.map_or(Ok(5), |text| backups(&text))?,
            posts_per_page: variables.get("MICROBLOG_POSTS_PER_PAGE")?.map_or(Ok(25), |text| posts_per_page(&text))?,
            trusted_proxies: variables
                .get("MICROBLOG_TRUSTED_PROXIES")?
                .map_or(Ok(Vec::new()), |text| trusted_proxies(&text))?,
            attempts_per_minute: attempts_per_minute(
                variables.get("MICROBLOG_ATTEMPTS_PER_MINUTE")?.as_deref().unwrap_or("10"),
            )?,
            hsts_days: variables
                .get("MICROBLOG_HSTS_DAYS")?
                .map_or(Ok(0), |text| hsts_days(&text, public_address.as_deref()))?,
            public_address,
            rocket: variables.rocket()?,
            base_dir,
        })
    }

    /// Whether readers come by https.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.public_address.as_deref().is_some_and(|address| address.starts_with("https://"))
    }
}

/// Why the settings cannot be used, in one line. No password is ever in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The current folder is gone, or may not be entered.
    #[error("the current folder cannot be read: {0}")]
    CurrentFolder(#[source] io::Error),
    /// A variable holds a value that is not allowed.
    #[error("{name} is {value}: {allowed}")]
    Value {
        /// The variable.
        name: String,
        /// Its value in quotes, with passwords hidden and control characters escaped.
        value: String,
        /// What is allowed instead.
        allowed: String,
    },
    /// A line of `.env` is no setting.
    #[error("{}, line {line}: {why}", shown_path(.file))]
    EnvLine {
        /// The file.
        file: PathBuf,
        /// The number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// The file `.env` is there and cannot be read.
    #[error("cannot read {}: {why}", shown_path(.file))]
    EnvFile {
        /// The file.
        file: PathBuf,
        /// What the system said.
        #[source]
        why: io::Error,
    },
}

impl ConfigError {
    fn value(name: &str, value: &str, allowed: impl Into<String>) -> Self {
        Self::Value { name: name.into(), value: shown(value), allowed: allowed.into() }
    }
}

/// One of Rocket's own settings. Its value may be the secret key, so `Debug` shows the name alone.
#[derive(Clone, PartialEq, Eq)]
pub struct RocketSetting {
    /// The name as Rocket's configuration has it, without `ROCKET_`, in small letters: `port`.
    pub name: String,
    /// The value as it stands in `.env`.
    pub value: String,
}

impl fmt::Debug for RocketSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=***", self.name)
    }
}

/// An address, or all addresses that begin with the same bits: `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Whether the address is one of them.
    ///
    /// ```
    /// let network: config::Network = "10.0.0.0/8".parse().unwrap();
    /// assert!(network.contains([10, 1, 2, 3].into()) && !network.contains([11, 1, 2, 3].into()));
    /// ```
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let differ = match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => (network.to_bits() ^ address.to_bits()).leading_zeros(),
            (IpAddr::V6(network), IpAddr::V6(address)) => (network.to_bits() ^ address.to_bits()).leading_zeros(),
            _ => return false,
        };
        differ >= self.bits.into()
    }
}

impl FromStr for Network {
    type Err = NoNetwork;

    fn from_str(text: &str) -> Result<Self, NoNetwork> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| NoNetwork)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), str::parse).map_err(|_| NoNetwork)?;
        if bits > most { Err(NoNetwork) } else { Ok(Self { address, bits }) }
    }
}

/// The text is no [`Network`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no IP address and no network")]
pub struct NoNetwork;

/// Where the database is.
///
/// | written as | means |
/// |---|---|
/// | `sqlite:app.db`, `sqlite://app.db`, `app.db` | the SQLite file `app.db` in the base directory |
/// | `sqlite:/srv/app.db`, `sqlite:///srv/app.db`, `/srv/app.db` | that SQLite file |
/// | `postgres://USER:PASSWORD@HOST/DATABASE`, `postgresql://…` | a PostgreSQL server |
///
/// `Display` and `Debug` hide the password; [`as_str`](Self::as_str) does not.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl {
    url: String,
}

impl DatabaseUrl {
    /// The URL in one form: `sqlite:` and an absolute path, or a PostgreSQL URL as it was given, password and all.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// The SQLite file, absolute; `None` for PostgreSQL.
    #[must_use]
    pub fn sqlite_path(&self) -> Option<&Path> {
        self.url.strip_prefix("sqlite:").map(Path::new)
    }

    fn parse(text: &str, base_dir: &Path) -> Result<Self, ConfigError> {
        let refused = |why: &str| Err(ConfigError::value("DATABASE_URL", text, format!("{why}; {DATABASE_URL_FORMS}")));
        if text.chars().any(char::is_control) {
            return refused("it holds a control character");
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self { url: text.into() });
        }
        let path = match scheme(text) {
            Some("sqlite") => text.strip_prefix("sqlite://").unwrap_or(&text["sqlite:".len()..]),
            Some("postgres" | "postgresql") => return refused("two slashes are missing after the colon"),
            Some(_) => return refused("no such kind of database is known"),
            None => text,
        };
        if path.is_empty() {
            return refused("it names no file");
        }
        if path.contains(":memory:") {
            return refused("a database in memory is gone when the program ends");
        }
        if path.contains('?') {
            return refused("parameters after ? are not taken");
        }
        if path.to_ascii_lowercase().contains("password=") {
            return refused("a list of parameters is not taken");
        }
        if path.ends_with('/') || path == "." || path == ".." || path.ends_with("/.") || path.ends_with("/..") {
            return refused("it names a folder, not a file");
        }
        let path = absolute(base_dir, path);
        if path.is_dir() {
            return refused("it names a folder, not a file");
        }
        match path.to_str() {
            Some(path) => Ok(Self { url: format!("sqlite:{path}") }),
            None => refused("the base directory's name is not UTF-8"),
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.sqlite_path() {
            Some(_) => f.write_str(&self.url),
            None => f.write_str(&hide_password(&self.url)),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl(\"{self}\")")
    }
}

const DATABASE_URL_FORMS: &str =
    "write sqlite:app.db, sqlite:///absolute/app.db, the path of a file, or postgres://user:password@host/database";

/// The variables of the environment and of `.env`, where the environment wins.
struct Variables {
    environment: BTreeMap<OsString, OsString>,
    file: BTreeMap<String, String>,
}

impl Variables {
    fn get(&self, name: &str) -> Result<Option<String>, ConfigError> {
        let value = match self.environment.get(&OsString::from(name)) {
            Some(value) => Some(utf8(name, value)?),
            None => self.file.get(name).cloned(),
        };
        value.map(|value| not_empty(name, value)).transpose()
    }

    /// The `ROCKET_*` variables of `.env` that the environment does not set. Rocket reads names in any case.
    fn rocket(&self) -> Result<Vec<RocketSetting>, ConfigError> {
        let in_environment = |name: &str| {
            self.environment.keys().any(|key| key.to_str().is_some_and(|key| key.eq_ignore_ascii_case(name)))
        };
        let mut settings = Vec::new();
        for (name, value) in &self.file {
            let lower = name.to_ascii_lowercase();
            if let Some(short) = lower.strip_prefix("rocket_")
                && !short.is_empty()
                && !in_environment(name)
            {
                settings.push(RocketSetting { name: short.into(), value: not_empty(name, value.clone())? });
            }
        }
        Ok(settings)
    }
}

fn utf8(name: &str, value: &OsString) -> Result<String, ConfigError> {
    match value.to_str() {
        Some(text) => Ok(text.to_owned()),
        None => Err(ConfigError::value(name, &value.to_string_lossy(), "it must be UTF-8")),
    }
}

fn not_empty(name: &str, value: String) -> Result<String, ConfigError> {
    if value.trim().is_empty() {
        return Err(ConfigError::value(name, &value, "it must not be empty; remove the variable to get the default"));
    }
    Ok(value)
}

fn base_dir(home: Option<&OsString>, start: &Path) -> Result<PathBuf, ConfigError> {
    let Some(home) = home else {
        let found = start.ancestors().find(|folder| folder.join(".env").is_file());
        return Ok(found.unwrap_or(start).to_owned());
    };
    let text = not_empty("MICROBLOG_HOME", utf8("MICROBLOG_HOME", home)?)?;
    let folder = absolute(start, &text);
    if !folder.is_dir() {
        return Err(ConfigError::value("MICROBLOG_HOME", &text, "it must be a folder that exists"));
    }
    Ok(folder)
}

fn folder(text: &str, base_dir: &Path) -> Result<PathBuf, ConfigError> {
    if text.chars().any(char::is_control) {
        return Err(ConfigError::value("MIGRATIONS_DIR", text, "it must be the path of a folder"));
    }
    let path = absolute(base_dir, text);
    if path.exists() && !path.is_dir() {
        return Err(ConfigError::value("MIGRATIONS_DIR", text, "it must be a folder, and a file is there"));
    }
    Ok(path)
}

/// The path below `base`, or itself when it is absolute, without `.` parts and doubled slashes.
fn absolute(base: &Path, path: &str) -> PathBuf {
    let path = base.join(path);
    // It fails for an empty path, or when there is no current folder to hang a relative base on: then the path as it is.
    std::path::absolute(&path).unwrap_or(path)
}

fn backups(text: &str) -> Result<usize, ConfigError> {
    let refused = || ConfigError::value("MICROBLOG_BACKUPS", text, "it must be a whole number from 0 to 1000");
    usize::from_str(text).ok().filter(|number| *number <= 1000).ok_or_else(refused)
}

fn posts_per_page(text: &str) -> Result<u8, ConfigError> {
    let refused = || ConfigError::value("MICROBLOG_POSTS_PER_PAGE", text, "it must be a whole number from 1 to 100");
    u8::from_str(text).ok().filter(|number| (1..=100).contains(number)).ok_or_else(refused)
}

fn public_address(text: &str) -> Result<String, ConfigError> {
    let address = text.strip_suffix('/').unwrap_or(text).to_ascii_lowercase();
    let host = address.strip_prefix("http://").or_else(|| address.strip_prefix("https://"));
    match host {
        Some(host) if is_host_and_port(host) => Ok(address),
        _ => Err(ConfigError::value(
            "MICROBLOG_PUBLIC_ADDRESS",
            text,
            "it must be http://HOST or https://HOST, with a port after it or not, and no path: https://blog.example.org",
        )),
    }
}

fn trusted_proxies(text: &str) -> Result<Vec<Network>, ConfigError> {
    let networks: Result<_, _> = text.split(',').map(|part| part.trim().parse()).collect();
    let allowed = "it must be IP addresses or networks, with commas between: 127.0.0.1, 10.0.0.0/8";
    networks.map_err(|_| ConfigError::value("MICROBLOG_TRUSTED_PROXIES", text, allowed))
}

fn attempts_per_minute(text: &str) -> Result<NonZeroU32, ConfigError> {
    let refused =
        || ConfigError::value("MICROBLOG_ATTEMPTS_PER_MINUTE", text, "it must be a whole number from 1 to 10000");
    NonZeroU32::from_str(text).ok().filter(|number| number.get() <= 10_000).ok_or_else(refused)
}

fn hsts_days(text: &str, public_address: Option<&str>) -> Result<u16, ConfigError> {
    let refused = |allowed| ConfigError::value("MICROBLOG_HSTS_DAYS", text, allowed);
    match u16::from_str(text) {
        Ok(0) => Ok(0),
        Ok(1..=730) if !public_address.is_some_and(|address| address.starts_with("https://")) => {
            Err(refused("it needs a MICROBLOG_PUBLIC_ADDRESS that begins with https://"))
        }
        Ok(days @ 1..=730) => Ok(days),
        _ => Err(refused("it must be a whole number from 0 to 730")),
    }
}

fn is_host_and_port(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) if address.parse::<std::net::Ipv6Addr>().is_ok() => ("localhost", port),
        Some(_) => return false,
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let port_fits =
        port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok_and(|n| n > 0));
    port_fits
        && host.split('.').all(|label| {
            !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        })
}

/// Reads the lines of `.env`; a file that is not there has none.
fn read_env_file(file: &Path) -> Result<BTreeMap<String, String>, ConfigError> {
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(why) => return Err(ConfigError::EnvFile { file: file.into(), why }),
    };
    let wrong = |line: usize, why: &str| ConfigError::EnvLine { file: file.into(), line, why: why.into() };
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        wrong(1 + String::from_utf8_lossy(before).matches('\n').count(), "it must be UTF-8")
    })?;
    // dotenvy takes a last line that ends in a space for one that goes on.
    if !text.ends_with('\n') {
        text.push('\n');
    }

    let lines = std::rc::Rc::new(std::cell::Cell::new(0));
    let reader = LineByLine { rest: text.trim_start_matches('\u{feff}').as_bytes(), lines: lines.clone() };
    let mut variables = BTreeMap::new();
    for item in dotenvy::Iter::new(reader) {
        let (name, value) = item.map_err(|error| {
            // An open quote is noticed at its end only; the text that dotenvy hands back tells how far back it began.
            let within = match &error {
                dotenvy::Error::LineParse(text, _) => text.strip_suffix('\n').unwrap_or(text).matches('\n').count(),
                _ => 0,
            };
            // Never show the line itself: it may hold a password.
            wrong(
                lines.get() - within,
                "write NAME=value, and quote a value that holds spaces, quotes, # or $: NAME='a value'",
            )
        })?;
        if name == "MICROBLOG_HOME" {
            return Err(wrong(
                lines.get(),
                "MICROBLOG_HOME says where .env is, so it can only stand in the environment",
            ));
        }
        if variables.insert(name.clone(), value).is_some() {
            return Err(wrong(lines.get(), &format!("{name} is set a second time")));
        }
    }
    Ok(variables)
}

/// Hands out one line at a read and counts them, so that an error can name its line.
struct LineByLine<'a> {
    rest: &'a [u8],
    lines: std::rc::Rc<std::cell::Cell<usize>>,
}

impl Read for LineByLine<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let line_end = self.rest.iter().position(|byte| *byte == b'\n').map_or(self.rest.len(), |at| at + 1);
        let length = line_end.min(buffer.len());
        buffer[..length].copy_from_slice(&self.rest[..length]);
        self.lines.set(self.lines.get() + usize::from(buffer[..length].ends_with(b"\n")));
        self.rest = &self.rest[length..];
        Ok(length)
    }
}

/// What stands before the first colon, where that is a scheme and no part of a path.
fn scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once(':')?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-._=@".contains(c));
    is_scheme.then_some(scheme)
}

/// A value as an error shows it: in quotes, on one line, not endless, without passwords.
fn shown(value: &str) -> String {
    let hidden = hide_password(value);
    let mut text: String = hidden.chars().take(200).flat_map(char::escape_debug).collect();
    if hidden.chars().count() > 200 {
        text.push('…');
    }
    format!("\"{text}\"")
}

fn shown_path(path: &Path) -> String {
    let mut text = String::new();
    for c in path.to_string_lossy().chars() {
        if c.is_control() { text.extend(c.escape_debug()) } else { text.push(c) }
    }
    text
}

/// The text with `***` for whatever may be a password in a URL or in a list of parameters.
///
/// It hides too much rather than too little: all between the first colon and the last `@`, whatever stands between
/// them, and the value of every parameter that is not known to be harmless.
fn hide_password(text: &str) -> String {
    let start = text.find("://").map_or(0, |at| at + 3);
    let (head, rest) = text.split_at(start);
    if start == 0 && scheme(rest) != Some("sqlite") {
        let lower = rest.to_ascii_lowercase();
        if let Some(equals) = lower.find("pass").and_then(|at| lower[at..].find('=').map(|equals| at + equals)) {
            return format!("{}***", &rest[..=equals]);
        }
    }
    let rest = match (rest.find(':'), rest.rfind('@')) {
        (Some(colon), Some(at)) if colon < at => format!("{}***{}", &rest[..=colon], &rest[at..]),
        // Where a port should be and is not: somebody forgot the host behind the password.
        (Some(colon), None) if start > 0 && !rest.starts_with('[') && !head.starts_with("sqlite") => {
            let end = rest[colon..].find(['/', '?']).map_or(rest.len(), |end| colon + end);
            let is_port = rest[colon + 1..end].bytes().all(|byte| byte.is_ascii_digit());
            if is_port { rest.to_owned() } else { format!("{}***", &rest[..=colon]) }
        }
        _ => rest.to_owned(),
    };
    match rest.split_once('?') {
        Some((before, parameters)) => {
            let parameters: Vec<_> = parameters.split('&').map(hide_parameter).collect();
            format!("{head}{before}?{}", parameters.join("&"))
        }
        None => format!("{head}{rest}"),
    }
}

fn hide_parameter(parameter: &str) -> String {
    const HARMLESS: [&str; 8] =
        ["application_name", "connect_timeout", "dbname", "host", "mode", "port", "sslmode", "user"];
    match parameter.split_once('=') {
        Some((name, _)) if HARMLESS.contains(&name) => parameter.to_owned(),
        Some((name, _)) => format!("{name}=***"),
        None => "***".to_owned(),
    }
}
