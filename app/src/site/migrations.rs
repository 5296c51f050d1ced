//! The migrations that are embedded in this program.

use std::collections::BTreeSet;
use std::path::Path;

use migrate::{Error, Project, Script, Scripts};

use super::embedded::{POSTGRESQL_MIGRATIONS, SQLITE_MIGRATIONS};

/// The migrations for the kind of database that the URL names.
///
/// # Errors
///
/// When two migrations have the same number, or a file has no valid name.
pub fn embedded(database_url: &str) -> Result<Scripts, Error> {
    let is_sqlite = migrate::database::sqlite_path(database_url).is_some();
    let files = if is_sqlite { SQLITE_MIGRATIONS } else { POSTGRESQL_MIGRATIONS };
    Scripts::embedded(files.iter().copied())
}

/// The versions of the embedded migrations, as Diesel records them.
///
/// # Errors
///
/// As [`embedded`].
pub fn versions(database_url: &str) -> Result<BTreeSet<String>, Error> {
    Ok(embedded(database_url)?.iter().map(Script::version).collect())
}

/// The database at that URL together with the embedded migrations. Messages name files relative to `base`.
///
/// # Errors
///
/// As [`embedded`].
pub fn project(database_url: &str, base: &Path) -> Result<Project, Error> {
    Ok(Project::embedded(database_url, embedded(database_url)?, base))
}
