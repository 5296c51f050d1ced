//! The migrations that this program was built with.

use std::collections::BTreeSet;

use super::embedded::{POSTGRESQL_MIGRATIONS, SQLITE_MIGRATIONS};
use crate::standin::{Error, Project, Scripts};

/// The migrations for the kind of database that the URL names.
///
/// # Errors
///
/// When two of them have one number, or one has no `down.sql`.
pub fn embedded(database_url: &str) -> Result<Scripts, Error> {
    Scripts::embedded(files(database_url).iter().copied())
}

/// That database together with the migrations of this program.
///
/// # Errors
///
/// As [`embedded`].
pub fn project(database_url: &str) -> Result<Project, Error> {
    Ok(Project::new(database_url, embedded(database_url)?))
}

/// Whether this program was built without a migration for that kind of database.
#[must_use]
pub fn is_empty(database_url: &str) -> bool {
    files(database_url).is_empty()
}

fn files(database_url: &str) -> &'static [(&'static str, &'static str)] {
    match migrate::connection::sqlite_path(database_url) {
        Some(_) => SQLITE_MIGRATIONS,
        None => POSTGRESQL_MIGRATIONS,
    }
}

/// The versions as `diesel_migrations` records them: what stands before the first `_` of a name.
#[must_use]
pub fn versions(database_url: &str) -> BTreeSet<String> {
    let folders = files(database_url).iter().filter_map(|(path, _)| path.split_once('/'));
    folders.map(|(folder, _)| folder.split('_').next().unwrap_or(folder).replace('-', "")).collect()
}
