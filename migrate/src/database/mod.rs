//! One connection type for both databases, opened by URL.

mod url;

use std::path::Path;

use diesel::{Connection as _, PgConnection, SqliteConnection};

use crate::Error;

pub use any::{AnyConnection as Connection, MultiBackend as Backend};
pub use url::{DatabaseUrl, ParseUrlError};

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
    /// Opens the database of that URL.
    ///
    /// # Errors
    ///
    /// When the database is not there (a SQLite file is never created here), or cannot be opened.
    pub fn open(url: &DatabaseUrl) -> Result<Self, Error> {
        let Some(path) = url.sqlite_path() else {
            return PgConnection::establish(url.as_str()).map(Self::Postgres).map_err(|error| postgres_error(&error));
        };
        if !path.exists() {
            return Err(Error::NoDatabase(path.to_owned()));
        }
        open_sqlite(path).map(Self::Sqlite)
    }
}

fn postgres_error(error: &diesel::ConnectionError) -> Error {
    let message = error.to_string();
    // libpq's other messages quote parts of the URL that it could not parse, which may be the password.
    let why = if message.starts_with("connection to server") {
        message
    } else {
        "the URL is not valid, or its host is not found".into()
    };
    Error::Database { what: "the PostgreSQL server".into(), why }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_errors_show_no_password() {
        for (url, shown) in [
            ("postgres://me:secret@127.0.0.1:1/blog", "connection to server at \"127.0.0.1\", port 1 failed"),
            ("postgres://me:secret@[::1/blog", "the URL is not valid"),
            ("postgres://me:secret%zz@localhost/blog", "the URL is not valid"),
            ("postgres://me:secret", "the URL is not valid"),
        ] {
            let url = DatabaseUrl::parse(url, Path::new("/")).unwrap();
            let Err(error) = Connection::open(&url) else { panic!("{}", url.as_str()) };
            let message = error.to_string();
            assert!(message.contains(shown) && !message.contains("secret"), "{message}");
        }
    }
}
