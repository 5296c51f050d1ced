//! Startup: checks that the database is at the version of this program, or creates a SQLite database.

use std::io;

use config::Config;
use diesel_autogen::{Error as MigrateError, Status, Version};
use rocket::error::ErrorKind;

use super::{migrations, pool};

/// Why the site does not start. Every message is one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A setting of the microblog is invalid.
    #[error(transparent)]
    Config(#[from] config::ConfigError),
    /// A setting of Rocket is invalid.
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
    /// The PostgreSQL database does not exist.
    #[error("{database} does not exist: run `cargo run -p db_create`, then `cargo run -p db_upgrade`")]
    NoDatabase {
        /// Its name.
        database: String,
    },
    /// The database has no history of migrations.
    #[error(
        "{database} is not under version control: run `cargo run -p db_create`, with `-- --stamp N` where it has the \
         tables of the migrations up to N already"
    )]
    NotControlled {
        /// Its name.
        database: String,
    },
    /// The database lacks migrations.
    #[error(
        "{database} is at version {version} and this site needs version {needed}: \
         run `cargo run -p db_upgrade`"
    )]
    Outdated {
        /// Its name.
        database: String,
        /// Its version.
        version: Version,
        /// The version of this program.
        needed: Version,
    },
    /// The SQLite database has migrations that are not in this program.
    #[error(
        "{database} is at version {version} and this site is made for version {needed}: \
         start a newer build of the site, or revert the migrations with `cargo run -p db_downgrade -- --to {needed}` of that build"
    )]
    Newer {
        /// Its name.
        database: String,
        /// Its version.
        version: Version,
        /// The version of this program.
        needed: Version,
    },
    /// The database cannot be opened or read.
    #[error(transparent)]
    Database(#[from] MigrateError),
    /// The site's connection settings fail on the database.
    #[error("{database} cannot be used: {why}")]
    Unusable {
        /// Its name.
        database: String,
        /// The message of the database.
        why: String,
    },
    /// A template cannot be parsed.
    #[error("the templates are broken: {0}")]
    Templates(String),
    /// The address is in use, or not an address of this machine.
    #[error("cannot listen on {address}: {why}; choose another with ROCKET_ADDRESS and ROCKET_PORT")]
    Bind {
        /// The address and the port.
        address: String,
        /// The error of the operating system.
        #[source]
        why: io::Error,
    },
    /// Rocket failed.
    #[error("the site has failed: {0}")]
    Launch(String),
}

impl StartError {
    /// Converts Rocket's error; `address` is where the site tried to listen.
    #[must_use]
    pub fn from_rocket(error: &rocket::Error, address: String) -> Self {
        match error.kind() {
            ErrorKind::Bind(why) => Self::Bind { address, why: io::Error::from(why.kind()) },
            kind => Self::Launch(kind.to_string()),
        }
    }
}

/// The result of [`check_database`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    /// The database existed, at a version that this program can use.
    Current,
    /// The SQLite file was missing. It was created and upgraded.
    Created {
        /// Its name.
        database: String,
        /// The version.
        version: Version,
    },
}

/// Checks that the database is at the version of this program. An existing database is never changed. A PostgreSQL database
/// may be at a newer version: while the nodes are replaced one by one, one of the previous release may have to start again.
///
/// # Errors
///
/// When it is not; each message says what to do.
pub fn check_database(config: &Config) -> Result<Checked, StartError> {
    let url = &config.database_url;
    let migrator = migrations::migrator(url, &config.base_dir)?;
    let found = match migrator.status() {
        Ok(status) => Some(status),
        Err(MigrateError::NoDatabase { database }) if url.is_postgres() => {
            return Err(StartError::NoDatabase { database });
        }
        Err(MigrateError::NoDatabase { .. }) => None,
        Err(MigrateError::NotControlled { database, .. }) => return Err(StartError::NotControlled { database }),
        Err(error) => return Err(error.into()),
    };
    if migrator.migrations()?.newest().is_zero() {
        return Err(StartError::NoMigrations);
    }
    let (status, checked) = if let Some(status) = found {
        (status, Checked::Current)
    } else {
        let status = migrator.create_current()?;
        let version = status.version.clone();
        (status, Checked::Created { database: migrator.database_name(), version })
    };
    require_current(migrator.database_name(), url.is_postgres(), &status)?;
    // The first connection switches a SQLite file to WAL, before other connections exist.
    pool::open(url).map_err(|why| StartError::Unusable { database: migrator.database_name(), why: why.to_string() })?;
    Ok(checked)
}

fn require_current(database: String, is_postgres: bool, status: &Status) -> Result<(), StartError> {
    let (version, needed) = (status.version.clone(), status.newest.clone());
    if !status.pending.is_empty() {
        return Err(StartError::Outdated { database, version, needed });
    }
    if status.unknown.is_empty() {
        return Ok(());
    }
    if !is_postgres {
        return Err(StartError::Newer { database, version, needed });
    }
    log::warn!("{database} is at version {version} and this site is made for version {needed}");
    Ok(())
}
