//! What the program does, one command a file.

mod ask;
mod invented;
pub mod seed;
pub mod serve;
pub mod user;

use std::io::{self, Write};

use app::models::{ModelError, User};
use app::site::pool::{self, OpenError};
use app::site::startup::{self, Checked};
use app::site::{StartError, logging};
use config::Config;
use diesel::result::Error as DieselError;
use migrate::Connection;
use rocket::config::LogLevel;

/// Why a command failed, in one line.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error("the database: {0}")]
    Database(#[from] DieselError),
    #[error("nobody here is called {0}: `app user list` shows who is")]
    Nobody(String),
    #[error("{0}")]
    Refused(String),
    #[error("standard input: {0}")]
    Input(#[from] io::Error),
}

impl From<config::ConfigError> for CommandError {
    fn from(error: config::ConfigError) -> Self {
        Self::Start(error.into())
    }
}

/// Opens the database, as the site does before it serves: it is created where there is none, and must be current.
fn open() -> Result<Connection, CommandError> {
    logging::start(LogLevel::Critical);
    let config = Config::load()?;
    check(&config)?;
    Ok(pool::open(&config.database_url)?)
}

fn check(config: &Config) -> Result<(), StartError> {
    if let Checked::Created { database, version } = startup::check_database(config)? {
        say(&format!("Created {database} at version {version}"));
    }
    Ok(())
}

fn find(nickname: &str, connection: &mut Connection) -> Result<User, CommandError> {
    match User::by_nickname(nickname, connection) {
        Err(DieselError::NotFound) => Err(CommandError::Nobody(nickname.to_owned())),
        found => Ok(found?),
    }
}

/// Writes a line for the person at the terminal, or for whoever reads the pipe, if they still do.
fn say(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
