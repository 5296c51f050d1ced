//! The settings of the microblog, read from `.env` and the environment.
//!
//! | Variable | Default | Accepted |
//! |---|---|---|
//! | `MICROBLOG_HOME` | see below | a folder that exists; only in the environment |
//! | `DATABASE_URL` | `sqlite:app.db` | a SQLite file or a PostgreSQL URL, see [`DatabaseUrl`] |
//! | `DATABASE_REPLICA_URL` | none | a PostgreSQL URL; only where `DATABASE_URL` is one |
//! | `MIGRATIONS_DIR` | `migrations` | the path of a folder, which need not exist yet |
//! | `MICROBLOG_BACKUPS` | `5` | a whole number from 0 to 1000 |
//! | `MICROBLOG_POSTS_PER_PAGE` | `25` | a whole number from 1 to 100 |
//! | `MICROBLOG_PUBLIC_ADDRESS` | none | `http://HOST` or `https://HOST`, with or without a port, no path |
//! | `MICROBLOG_TRUSTED_PROXIES` | none | IP addresses and networks, separated by commas: `127.0.0.1, 10.0.0.0/8` |
//! | `MICROBLOG_ATTEMPTS_PER_MINUTE` | `10` | a whole number from 1 to 10000 |
//! | `MICROBLOG_SEARCHES_PER_MINUTE` | `60` | a whole number from 1 to 10000 |
//! | `MICROBLOG_WRITES_PER_MINUTE` | `60` | a whole number from 1 to 10000 |
//! | `MICROBLOG_HSTS_DAYS` | `0` | a whole number from 0 to 730; above 0 only with a public address of https |
//! | `MICROBLOG_POOL_SIZE` | `16` | a whole number from 1 to 1000 |
//! | `MICROBLOG_STATEMENT_TIMEOUT` | `30` | a whole number from 0 to 3600 |
//! | `ROCKET_ADDRESS`, `ROCKET_PORT`, `ROCKET_SECRET_KEY`, … | Rocket's | what Rocket accepts |
//!
//! The **base directory** is `MICROBLOG_HOME` if it is set, else the nearest folder at or above the current one that
//! contains a file `.env`, else the current folder. Relative paths are resolved against it. Its file `.env` is read if
//! it exists.
//!
//! A variable of the environment overrides the same variable in `.env`. An empty value (`DATABASE_URL=`) is an error,
//! because it is more often a mistake in a deployment script than a request for the default.

#![deny(missing_docs)]

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf, absolute};

pub use diesel_autogen::DatabaseUrl;
use diesel_autogen::{Migrator, Settings};
pub use ipnet::IpNet;

/// The validated settings. `Debug` prints no secrets.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder that relative paths are resolved against; an absolute path.
    pub base_dir: PathBuf,
    /// `DATABASE_URL`: where the database is.
    pub database_url: DatabaseUrl,
    /// `DATABASE_REPLICA_URL`: the streaming replica that the site reads the pages of signed-out visitors from.
    pub database_replica_url: Option<DatabaseUrl>,
    /// `MIGRATIONS_DIR`: the folder that contains one folder of migrations for each kind of database; an absolute path.
    pub migrations_dir: PathBuf,
    /// `MICROBLOG_BACKUPS`: how many of the backups made before migrations are kept; 0 makes none.
    pub backups: usize,
    /// `MICROBLOG_POSTS_PER_PAGE`: the number of posts on a page, 1 to 100.
    pub posts_per_page: u8,
    /// `MICROBLOG_PUBLIC_ADDRESS`: the URL that readers type, in lower case, without a slash at the end. `None` if it is
    /// the address that the site listens on.
    pub public_address: Option<String>,
    /// `MICROBLOG_TRUSTED_PROXIES`: the proxies whose `X-Forwarded-For` header is trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// `MICROBLOG_ATTEMPTS_PER_MINUTE`: how many attempts to sign in or to register are allowed per minute, for each
    /// client IP and for each account.
    pub attempts_per_minute: NonZeroU32,
    /// `MICROBLOG_SEARCHES_PER_MINUTE`: how many searches are allowed per minute, for each client IP.
    pub searches_per_minute: NonZeroU32,
    /// `MICROBLOG_WRITES_PER_MINUTE`: how many posts, follows and other changes are allowed per minute, for each account.
    pub writes_per_minute: NonZeroU32,
    /// `MICROBLOG_HSTS_DAYS`: for how many days browsers use https only (`Strict-Transport-Security`); 0 sends no
    /// header.
    pub hsts_days: u16,
    /// `MICROBLOG_POOL_SIZE`: the largest number of database connections of the site.
    pub pool_size: u32,
    /// `MICROBLOG_STATEMENT_TIMEOUT`: after how many seconds PostgreSQL ends a statement of the site; 0 is never.
    pub statement_timeout: u32,
    /// Rocket's own settings from `.env`. The same settings in the environment override them.
    pub rocket: Vec<RocketSetting>,
}

impl Config {
    /// Reads `.env` and the environment.
    ///
    /// # Errors
    ///
    /// When a value is not accepted, or `.env` cannot be read: one line that names the variable or the file.
    pub fn load() -> Result<Self, ConfigError> {
        let start = std::env::current_dir().map_err(ConfigError::CurrentFolder)?;
        Self::from_environment(std::env::vars_os(), &start)
    }

    /// The database and its migrations folder, for the four scripts.
    #[must_use]
    pub fn migrator(&self) -> Migrator {
        let mut settings = Settings::default();
        settings.backups = self.backups;
        settings.base.clone_from(&self.base_dir);
        settings.per_database_folders = true;
        Migrator::with_url(self.database_url.clone(), &self.migrations_dir).with(settings)
    }

    /// Reads the settings from these variables and from the `.env` at or above the folder `start`.
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
        let mut variables = Variables(environment.into_iter().collect());
        let base_dir = match variables.get(HOME, |text| existing_folder(text, start))? {
            Some(home) => home,
            None => start.ancestors().find(|folder| folder.join(".env").is_file()).unwrap_or(start).to_owned(),
        };
        let env_file = read_env_file(base_dir.join(".env"))?;
        for (name, value) in &env_file {
            variables.0.entry(name.into()).or_insert_with(|| value.into());
        }
        let database_url =
            variables.get_or("DATABASE_URL", "sqlite:app.db", |text| DatabaseUrl::parse(text, &base_dir))?;
        let is_postgres = database_url.is_postgres();
        let config = Self {
            database_url,
            database_replica_url: variables.get("DATABASE_REPLICA_URL", |text| replica(text, is_postgres))?,
            migrations_dir: variables.get_or("MIGRATIONS_DIR", "migrations", |text| folder(text, &base_dir))?,
            backups: variables.get_or("MICROBLOG_BACKUPS", "5", number(0..=1000))?,
            posts_per_page: variables.get_or("MICROBLOG_POSTS_PER_PAGE", "25", number(1..=100))?,
            public_address: variables.get("MICROBLOG_PUBLIC_ADDRESS", public_address)?,
            trusted_proxies: variables.get("MICROBLOG_TRUSTED_PROXIES", networks)?.unwrap_or_default(),
            attempts_per_minute: variables.get_or("MICROBLOG_ATTEMPTS_PER_MINUTE", "10", number(1..=10_000))?,
            searches_per_minute: variables.get_or("MICROBLOG_SEARCHES_PER_MINUTE", "60", number(1..=10_000))?,
            writes_per_minute: variables.get_or("MICROBLOG_WRITES_PER_MINUTE", "60", number(1..=10_000))?,
            hsts_days: variables.get_or("MICROBLOG_HSTS_DAYS", "0", number(0..=730))?,
            pool_size: variables.get_or("MICROBLOG_POOL_SIZE", "16", number(1..=1000))?,
            statement_timeout: variables.get_or("MICROBLOG_STATEMENT_TIMEOUT", "30", number(0..=3600))?,
            rocket: rocket_settings(env_file)?,
            base_dir,
        };
        if config.hsts_days > 0 && !config.is_https() {
            let allowed = "it needs a MICROBLOG_PUBLIC_ADDRESS that begins with https://";
            return Err(ConfigError::value("MICROBLOG_HSTS_DAYS", config.hsts_days.to_string(), allowed));
        }
        Ok(config)
    }

    /// Whether the public address of the site is one of https.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.public_address.as_deref().is_some_and(|address| address.starts_with("https://"))
    }
}

const HOME: &str = "MICROBLOG_HOME";

/// Why the settings cannot be used, in one line without secrets.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The current folder was deleted, or may not be read.
    #[error("cannot read the current folder: {0}")]
    CurrentFolder(#[source] io::Error),
    /// The value of a variable is not accepted.
    #[error("{name} is {value:?}: {allowed}")]
    Value {
        /// The variable.
        name: String,
        /// Its value.
        value: String,
        /// What is accepted.
        allowed: String,
    },
    /// The value of a variable that may hold a password is not accepted.
    #[error("{name}: {allowed}")]
    Secret {
        /// The variable.
        name: String,
        /// What is accepted.
        allowed: String,
    },
    /// The file `.env` exists and cannot be read.
    #[error("cannot read {}: {source}", .file.display())]
    ReadEnvFile {
        /// The file.
        file: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The file `.env` contains something other than settings.
    #[error("{}: {problem}", .file.display())]
    EnvFile {
        /// The file.
        file: PathBuf,
        /// What is wrong, without the text of the line.
        problem: String,
    },
}

impl ConfigError {
    fn value(name: &str, value: impl Into<String>, allowed: impl Into<String>) -> Self {
        let (name, allowed) = (name.to_owned(), allowed.into());
        // Rocket reads the names of its variables in any case.
        if name.starts_with("DATABASE_") || name.to_ascii_uppercase().starts_with("ROCKET_") {
            Self::Secret { name, allowed }
        } else {
            Self::Value { name, value: value.into(), allowed }
        }
    }
}

/// One of Rocket's own settings. `Debug` prints only its name, because the value may be the secret key.
#[derive(Clone, PartialEq, Eq)]
pub struct RocketSetting {
    /// The name as in Rocket's configuration, in lower case and without `ROCKET_`: `port`.
    pub name: String,
    /// The value as in `.env`.
    pub value: String,
}

impl fmt::Debug for RocketSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RocketSetting").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The variables of the environment and, where these are not set, of `.env`.
struct Variables(HashMap<OsString, OsString>);

impl Variables {
    /// The parsed value of a variable; `None` if it is not set.
    fn get<T, E: ToString>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(value) = self.0.get(OsStr::new(name)) else { return Ok(None) };
        let Some(text) = value.to_str() else {
            return Err(ConfigError::value(name, value.to_string_lossy(), "it must be UTF-8"));
        };
        not_empty(name, text)?;
        parse(text).map(Some).map_err(|allowed| ConfigError::value(name, text, allowed.to_string()))
    }

    /// The parsed value of a variable, or of the default if it is not set.
    fn get_or<T, E: ToString>(
        &self,
        name: &str,
        default: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<T, ConfigError> {
        match self.get(name, &parse)? {
            Some(value) => Ok(value),
            None => parse(default).map_err(|allowed| ConfigError::value(name, default, allowed.to_string())),
        }
    }
}

fn not_empty(name: &str, text: &str) -> Result<(), ConfigError> {
    if text.trim().is_empty() {
        return Err(ConfigError::value(name, text, "it must not be empty; remove the variable to use the default"));
    }
    Ok(())
}

/// The variables in `.env`, in their order; none if the file does not exist.
fn read_env_file(file: PathBuf) -> Result<Vec<(String, String)>, ConfigError> {
    let text = match fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(ConfigError::ReadEnvFile { file, source }),
    };
    // Editors on Windows may write a byte order mark. dotenvy needs a line break after a space at the end.
    let text = format!("{}\n", text.trim_start_matches('\u{feff}'));
    let mut variables: Vec<(String, String)> = Vec::new();
    for item in dotenvy::from_read_iter(text.as_bytes()) {
        // dotenvy's error contains the line, which may hold a password, and no line number.
        let Ok((name, value)) = item else {
            let place = variables.last().map_or("the first setting".into(), |(name, _)| format!("what follows {name}"));
            let problem = format!(
                "{place} is not NAME=value; put a value with spaces, quotes, # or $ in single quotes: NAME='a value'"
            );
            return Err(ConfigError::EnvFile { file, problem });
        };
        if name == HOME {
            return Err(ConfigError::EnvFile { file, problem: format!("{HOME} can only be set in the environment") });
        }
        if variables.iter().any(|(other, _)| *other == name) {
            return Err(ConfigError::EnvFile { file, problem: format!("{name} is set twice") });
        }
        variables.push((name, value));
    }
    Ok(variables)
}

/// Rocket's own settings among the variables of `.env`.
fn rocket_settings(env_file: Vec<(String, String)>) -> Result<Vec<RocketSetting>, ConfigError> {
    let mut settings = Vec::new();
    for (name, value) in env_file {
        if let Some(setting) = name.to_ascii_lowercase().strip_prefix("rocket_") {
            not_empty(&name, &value)?;
            settings.push(RocketSetting { name: setting.to_owned(), value });
        }
    }
    Ok(settings)
}

fn existing_folder(text: &str, start: &Path) -> Result<PathBuf, &'static str> {
    let folder = resolve(start, text);
    if folder.is_dir() { Ok(folder) } else { Err("it must be a folder that exists") }
}

fn folder(text: &str, base_dir: &Path) -> Result<PathBuf, &'static str> {
    let folder = resolve(base_dir, text);
    if folder.is_file() { Err("it must be a folder, not a file") } else { Ok(folder) }
}

fn resolve(base: &Path, path: &str) -> PathBuf {
    let path = base.join(path);
    // This fails only for a relative base, when the current directory does not exist.
    absolute(&path).unwrap_or(path)
}

fn replica(text: &str, is_postgres: bool) -> Result<DatabaseUrl, &'static str> {
    let url = DatabaseUrl::parse(text, Path::new("/")).ok().filter(DatabaseUrl::is_postgres);
    url.filter(|_| is_postgres).ok_or("it must be postgres://…, and so must DATABASE_URL")
}

fn number<T: TryFrom<u32>>(range: RangeInclusive<u32>) -> impl Fn(&str) -> Result<T, String> {
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        let number = number.and_then(|number| T::try_from(number).ok());
        number.ok_or_else(|| format!("it must be a whole number from {} to {}", range.start(), range.end()))
    }
}

fn public_address(text: &str) -> Result<String, &'static str> {
    let address = text.strip_suffix('/').unwrap_or(text).to_ascii_lowercase();
    let host = address.strip_prefix("http://").or_else(|| address.strip_prefix("https://")).unwrap_or_default();
    if host.is_empty() || !host.chars().all(|c| c.is_ascii_alphanumeric() || "-._:[]".contains(c)) {
        return Err("it must be http://HOST or https://HOST, with or without a port, and no path");
    }
    Ok(address)
}

fn networks(text: &str) -> Result<Vec<IpNet>, &'static str> {
    let network = |text: &str| text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let networks: Result<_, _> = text.split(',').map(|text| network(text.trim())).collect();
    networks.map_err(|_| "it must be IP addresses or networks, separated by commas: 127.0.0.1, 10.0.0.0/8")
}
