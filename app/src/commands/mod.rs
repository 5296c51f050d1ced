//! The commands of the program, one file each.

mod fake_data;
mod prompt;
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
use diesel_autogen::Connection;
use rocket::config::LogLevel;

/// Why a command failed. Every message is one line.
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
    #[error("there is no user {0}: `app user list` lists all users")]
    NoUser(String),
    #[error("{0}")]
    Invalid(String),
    #[error("standard input: {0}")]
    Input(#[from] io::Error),
}

impl From<config::ConfigError> for CommandError {
    fn from(error: config::ConfigError) -> Self {
        Self::Start(error.into())
    }
}

/// Opens the database as the site does: creates it if it does not exist, and checks its version.
fn open() -> Result<Connection, CommandError> {
    logging::start(LogLevel::Critical);
    let config = Config::load()?;
    check(&config)?;
    Ok(pool::open(&config.database_url)?)
}

fn check(config: &Config) -> Result<(), StartError> {
    if let Checked::Created { database, version } = startup::check_database(config)? {
        print_line(&format!("Created {database} at version {version}"));
    }
    Ok(())
}

fn find(nickname: &str, connection: &mut Connection) -> Result<User, CommandError> {
    match User::by_nickname(nickname, connection) {
        Err(DieselError::NotFound) => Err(CommandError::NoUser(nickname.to_owned())),
        found => Ok(found?),
    }
}

/// Prints a line. A closed pipe is not an error.
fn print_line(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
