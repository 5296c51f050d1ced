//! The migrations that this program was built with.

use std::path::Path;

use migrate::{Error, Project, Scripts};

use super::embedded::{POSTGRESQL_MIGRATIONS, SQLITE_MIGRATIONS};

/// The migrations for the kind of database that the URL names.
///
/// # Errors
///
/// When two of them have one number, or a name is no migration's.
pub fn embedded(database_url: &str) -> Result<Scripts, Error> {
    let is_sqlite = migrate::database::sqlite_path(database_url).is_some();
    let files = if is_sqlite { SQLITE_MIGRATIONS } else { POSTGRESQL_MIGRATIONS };
    Scripts::embedded(files.iter().copied())
}

/// That database together with the migrations of this program. Messages name files as seen from `base`.
///
/// # Errors
///
/// As [`embedded`].
pub fn project(database_url: &str, base: &Path) -> Result<Project, Error> {
    Ok(Project::embedded(database_url, embedded(database_url)?, base))
}
