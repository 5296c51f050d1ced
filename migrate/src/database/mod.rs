//! One connection type for both databases, opened by URL.

use std::path::{Path, PathBuf};

use diesel::{Connection as _, PgConnection, SqliteConnection};

use crate::Error;

pub use any::{AnyConnection as Connection, MultiBackend as Backend};

// The derive's code brings Diesel's own `Connection` into scope, hence the enum's other name and its own module.
#[allow(missing_docs, reason = "what the derive writes has no doc comments")]
mod any {
    use diesel::{PgConnection, SqliteConnection};

    /// A connection to SQLite or to PostgreSQL. Diesel's queries run on it as on either.
    #[derive(diesel::MultiConnection)]
    pub enum AnyConnection {
        /// A SQLite database file.
        Sqlite(SqliteConnection),
        /// A PostgreSQL server.
        Postgres(PgConnection),
    }
}

impl Connection {
    /// Opens the database of that URL: `sqlite:PATH`, `postgres://…` or `postgresql://…`.
    ///
    /// # Errors
    ///
    /// When the database is not there (a SQLite file is never created here), or cannot be opened.
    pub fn open(url: &str) -> Result<Self, Error> {
        let Some(path) = sqlite_path(url) else {
            return PgConnection::establish(url)
                .map(Self::Postgres)
                .map_err(|error| Error::Database { what: "the PostgreSQL server".into(), why: error.to_string() });
        };
        if !path.exists() {
            return Err(Error::NoDatabase(path));
        }
        open_sqlite(&path).map(Self::Sqlite)
    }
}

/// Opens a SQLite file, which is created if it is not there.
pub(crate) fn open_sqlite(path: &Path) -> Result<SqliteConnection, Error> {
    let failed = |why: String| Error::Database { what: path.display().to_string(), why };
    let name = sqlite_name(path).ok_or_else(|| failed("its name is not UTF-8".into()))?;
    SqliteConnection::establish(&name).map_err(|error| failed(error.to_string()))
}

/// A file's name as SQLite takes it: one that begins with `file:` would be taken for a URI, and a path never shall.
/// `None` when it is not UTF-8.
pub(crate) fn sqlite_name(path: &Path) -> Option<String> {
    let name = path.to_str()?;
    Some(if name.starts_with("file:") { format!("./{name}") } else { name.to_owned() })
}

/// The file that a `sqlite:` URL names; `None` for a URL of PostgreSQL.
#[must_use]
pub fn sqlite_path(url: &str) -> Option<PathBuf> {
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return None;
    }
    let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:")).unwrap_or(url);
    Some(PathBuf::from(path))
}
