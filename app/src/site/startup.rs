//! What happens before the first request: the database is checked, or created where there is none.

use std::io;

use config::Config;
use migrate::{Error as MigrateError, Status};
use rocket::error::ErrorKind;

use super::{migrations, pool};

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
        "{database} is at version {version} and this site needs version {needed}: \
         run `cargo run -p db_upgrade`"
    )]
    Behind {
        /// Its name.
        database: String,
        /// Where it is.
        version: u64,
        /// Where it has to be.
        needed: u64,
    },
    /// The database has migrations that this program does not know.
    #[error(
        "{database} is at version {version} and this site is made for version {needed}: \
         start a newer build of the site, or take the database back with `cargo run -p db_downgrade -- --to {needed}` of that build"
    )]
    Ahead {
        /// Its name.
        database: String,
        /// Where it is.
        version: u64,
        /// Where it has to be.
        needed: u64,
    },
    /// The database cannot be opened or read.
    #[error(transparent)]
    Database(#[from] MigrateError),
    /// The database cannot be used as the site uses it.
    #[error("{database} cannot be used: {why}")]
    Unusable {
        /// Its name.
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
        /// Its name.
        database: String,
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
    let project = migrations::project(url, &config.base_dir)?;
    let found = match project.status() {
        Ok(status) => Some(status),
        Err(MigrateError::NoDatabase(_)) => None,
        Err(error) => return Err(error.into()),
    };
    if project.scripts()?.newest() == 0 {
        return Err(StartError::NoMigrations);
    }
    let (status, checked) = if let Some(status) = found {
        (status, Checked::Current)
    } else {
        let status = project.create_current()?;
        let version = status.version;
        (status, Checked::Created { database: project.database(), version })
    };
    require_current(project.database(), &status)?;
    // The first connection turns the journal of a SQLite file to WAL, while nobody else is there.
    pool::open(url).map_err(|why| StartError::Unusable { database: project.database(), why: why.to_string() })?;
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
