//! The migrations that this program was built with.

use std::path::Path;

use migrate::{DatabaseUrl, Error, Migrator, Migrations};

use super::embedded::{POSTGRESQL_MIGRATIONS, SQLITE_MIGRATIONS};

/// The migrations for the kind of database that the URL names.
///
/// # Errors
///
/// When two of them have one number, or a name is no migration's.
pub fn embedded(database_url: &DatabaseUrl) -> Result<Migrations, Error> {
    let files = if database_url.is_postgres() { POSTGRESQL_MIGRATIONS } else { SQLITE_MIGRATIONS };
    Migrations::embedded(files.iter().copied())
}

/// That database together with the migrations of this program. Messages name files as seen from `base`.
///
/// # Errors
///
/// As [`embedded`].
pub fn project(database_url: &DatabaseUrl, base: &Path) -> Result<Migrator, Error> {
    Ok(Migrator::embedded(database_url, embedded(database_url)?, base))
}
