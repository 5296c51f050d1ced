//! The migrations that this program was built with.

use std::path::Path;

use migrate::{DatabaseUrl, Error, Project, Scripts};

use super::embedded::{POSTGRESQL_MIGRATIONS, SQLITE_MIGRATIONS};

/// The migrations for the kind of database that the URL names.
///
/// # Errors
///
/// When two of them have one number, or a name is no migration's.
pub fn embedded(database_url: &DatabaseUrl) -> Result<Scripts, Error> {
    let files = if database_url.is_postgres() { POSTGRESQL_MIGRATIONS } else { SQLITE_MIGRATIONS };
    Scripts::embedded(files.iter().copied())
}

/// That database together with the migrations of this program. Messages name files as seen from `base`.
///
/// # Errors
///
/// As [`embedded`].
pub fn project(database_url: &DatabaseUrl, base: &Path) -> Result<Project, Error> {
    Ok(Project::embedded(database_url, embedded(database_url)?, base))
}
