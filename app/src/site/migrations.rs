//! The migrations that are embedded in this program.

use std::collections::BTreeSet;
use std::path::Path;

use diesel_autogen::{DatabaseUrl, Error, Migrations, Migrator, Settings};

use super::embedded::{POSTGRESQL_MIGRATIONS, SQLITE_MIGRATIONS};

/// The migrations for the kind of database that the URL names.
///
/// # Errors
///
/// When two migrations have the same number, or a file has no valid name.
pub fn embedded(database_url: &DatabaseUrl) -> Result<Migrations, Error> {
    let files = if database_url.is_postgres() { POSTGRESQL_MIGRATIONS } else { SQLITE_MIGRATIONS };
    Migrations::embedded(files.iter().copied())
}

/// The versions of the embedded migrations, as Diesel records them.
///
/// # Errors
///
/// As [`embedded`].
pub fn versions(database_url: &DatabaseUrl) -> Result<BTreeSet<String>, Error> {
    Ok(embedded(database_url)?.iter().map(|migration| migration.version().as_str().to_owned()).collect())
}

/// The database at that URL together with the embedded migrations. Messages name files relative to `base`.
///
/// # Errors
///
/// As [`embedded`].
pub fn migrator(database_url: &DatabaseUrl, base: &Path) -> Result<Migrator, Error> {
    let mut settings = Settings::default();
    base.clone_into(&mut settings.base);
    Ok(Migrator::embedded(database_url.clone(), embedded(database_url)?).with(settings))
}
