//! What happens before the first request: the database is checked, or created where there is none.

use std::io;

use config::Config;
use rocket::error::ErrorKind;

use super::{migrations, pool};
use crate::standin::{Error as MigrateError, Status};

/// Why the site does not start, in one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A setting of the microblog is not allowed.
    #[error(transparent)]
    Config(#[from] config::ConfigError),
    /// A setting of Rocket is not allowed.
    #[error("{name}: {why}")]
    Setting {
        /// The variable.
        name: String,
        /// What is wrong, and what to do.
        why: String,
    },
    /// The program was built without migrations.
    #[error("this program was built without migrations: run `cargo run -p db_migrate`, then build it again")]
    NoMigrations,
    /// The database lacks migrations.
    #[error(
        "the database {database} is at version {version} and this site needs version {needed}: \
         run `cargo run -p db_upgrade`"
    )]
    Behind {
        /// The URL, without a password.
        database: String,
        /// Where it is.
        version: u64,
        /// Where it has to be.
        needed: u64,
    },
    /// The database has migrations that this program does not know.
    #[error(
        "the database {database} is at version {version} and this site is made for version {needed}: \
         start a newer build of the site, or take the database back with `cargo run -p db_downgrade -- --to {needed}` of that build"
    )]
    Ahead {
        /// The URL, without a password.
        database: String,
        /// Where it is.
        version: u64,
        /// Where it has to be.
        needed: u64,
    },
    /// The database has tables that no migration made.
    #[error(
        "the database {0} is not under version control: run `cargo run -p db_create -- --stamp N`, \
         where N is the migration that its tables are at"
    )]
    NotUnderVersionControl(String),
    /// The database cannot be opened or read.
    #[error(transparent)]
    Database(#[from] MigrateError),
    /// The database cannot be used as the site uses it.
    #[error("the database {database} cannot be used: {why}")]
    Unusable {
        /// The URL, without a password.
        database: String,
        /// What it said.
        why: String,
    },
    /// A template cannot be parsed.
    #[error("the templates are broken: {0}")]
    Templates(String),
    /// The address is taken, or is not ours.
    #[error("cannot listen on {address}: {why}; choose another with ROCKET_ADDRESS and ROCKET_PORT")]
    Bind {
        /// The address and the port.
        address: String,
        /// What the system said.
        #[source]
        why: io::Error,
    },
    /// Rocket ended with an error.
    #[error("the site has failed: {0}")]
    Launch(String),
}

impl StartError {
    /// What Rocket's error means, where the site was to listen on that address.
    #[must_use]
    pub fn from_rocket(error: &rocket::Error, address: String) -> Self {
        match error.kind() {
            ErrorKind::Bind(why) => Self::Bind { address, why: io::Error::from(why.kind()) },
            kind => Self::Launch(kind.to_string()),
        }
    }
}

/// What [`check_database`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    /// The database was there, at the version that the site needs.
    Current,
    /// There was no SQLite file: it was created and brought to that version.
    Created {
        /// The version.
        version: u64,
    },
}

/// Makes sure that the database is the one that this program was built for. A database that is there is never changed.
///
/// # Errors
///
/// When it is not, each time with the way out.
pub fn check_database(config: &Config) -> Result<Checked, StartError> {
    let url = &config.database_url;
    let project = migrations::project(url.as_str())?;
    let (status, checked) = match project.status() {
        Ok(status) => (status, Checked::Current),
        Err(MigrateError::NoDatabase(_)) if url.sqlite_path().is_some() => {
            if migrations::is_empty(url.as_str()) {
                return Err(StartError::NoMigrations);
            }
            let status = project.create_current()?;
            let version = status.version;
            (status, Checked::Created { version })
        }
        Err(MigrateError::NotUnderVersionControl) => {
            return Err(StartError::NotUnderVersionControl(url.to_string()));
        }
        Err(error) => return Err(error.into()),
    };
    require_current(url.to_string(), &status)?;
    pool::open(url.as_str())
        .map_err(|error| StartError::Unusable { database: url.to_string(), why: error.to_string() })?;
    Ok(checked)
}

fn require_current(database: String, status: &Status) -> Result<(), StartError> {
    let (version, needed) = (status.version, status.newest);
    if !status.unknown.is_empty() {
        return Err(StartError::Ahead { database, version, needed });
    }
    if !status.pending.is_empty() {
        return Err(StartError::Behind { database, version, needed });
    }
    Ok(())
}
