//! The URL of a database: a SQLite file or a PostgreSQL server.

use std::fmt;
use std::path::{Path, absolute};

/// Where a database is.
///
/// | Text | Database |
/// |---|---|
/// | `sqlite:app.db`, `sqlite://app.db`, `app.db` | the SQLite file `app.db` in the base directory |
/// | `sqlite:/srv/app.db`, `sqlite:///srv/app.db`, `/srv/app.db` | the SQLite file `/srv/app.db` |
/// | `postgres://USER:PASSWORD@HOST/DATABASE`, `postgresql://…` | a database of a PostgreSQL server |
///
/// A PostgreSQL URL may hold a password. `Display` and `Debug` print no part of it; [`as_str`](Self::as_str) does.
///
/// ```
/// use std::path::Path;
///
/// use diesel_autogen::DatabaseUrl;
///
/// let url = DatabaseUrl::parse("sqlite:app.db", Path::new("/srv"))?;
/// assert_eq!(url.sqlite_path(), Some(Path::new("/srv/app.db")));
///
/// let url = DatabaseUrl::parse("postgres://me:secret@localhost/blog", Path::new("/srv"))?;
/// assert_eq!(url.to_string(), "the PostgreSQL database");
/// # Ok::<(), diesel_autogen::ParseUrlError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl {
    /// `sqlite:` and an absolute path, or a PostgreSQL URL.
    url: String,
}

impl DatabaseUrl {
    /// Parses a URL, or the path of a SQLite file. A relative path is resolved against `base_dir`.
    ///
    /// # Errors
    ///
    /// When the text has none of the accepted forms, or names a folder. The error does not contain the text.
    pub fn parse(text: &str, base_dir: &Path) -> Result<Self, ParseUrlError> {
        if is_postgres(text) {
            return Ok(Self { url: text.to_owned() });
        }
        let path = match text.strip_prefix("sqlite:") {
            Some(rest) => rest.strip_prefix("//").unwrap_or(rest),
            None => text,
        };
        if path.is_empty() {
            return Err(ParseUrlError::NoFile);
        }
        if path.starts_with(":memory:") {
            return Err(ParseUrlError::InMemory);
        }
        // A colon separates a scheme, an equals sign the parameters of libpq: "host=localhost password=secret".
        if path.contains("://") || !text.starts_with("sqlite:") && text.contains([':', '=']) {
            return Err(ParseUrlError::UnknownForm);
        }
        if path.rsplit('/').next().is_some_and(|name| name.contains('?')) {
            return Err(ParseUrlError::Parameters);
        }
        let file = base_dir.join(path);
        // This fails only for a relative base directory, when the current directory does not exist.
        let file = absolute(&file).unwrap_or(file);
        if path.ends_with('/') || file.is_dir() {
            return Err(ParseUrlError::Folder);
        }
        let file = file.to_str().ok_or(ParseUrlError::NotUtf8)?;
        Ok(Self { url: format!("sqlite:{file}") })
    }

    /// The URL: `sqlite:` and an absolute path, or the PostgreSQL URL as it was given, with its password.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// The absolute path of the SQLite file; `None` for PostgreSQL.
    #[must_use]
    pub fn sqlite_path(&self) -> Option<&Path> {
        self.url.strip_prefix("sqlite:").map(Path::new)
    }

    /// The URL of another database of the same PostgreSQL server.
    pub(crate) fn on_same_server(&self, database: &str) -> Self {
        let (rest, query) = self.url.split_once('?').unwrap_or((&self.url, ""));
        let start = rest.find("://").map_or(0, |at| at + 3);
        let path = rest[start..].find('/').map_or(rest.len(), |at| start + at);
        // The parameter would count more than the path.
        let is_kept = |parameter: &&str| !parameter.is_empty() && !parameter.starts_with("dbname=");
        let query = query.split('&').filter(is_kept).collect::<Vec<_>>().join("&");
        let query = if query.is_empty() { query } else { format!("?{query}") };
        Self { url: format!("{}/{database}{query}", &rest[..path]) }
    }

    /// Whether the database is on a PostgreSQL server.
    #[must_use]
    pub fn is_postgres(&self) -> bool {
        is_postgres(&self.url)
    }
}

fn is_postgres(text: &str) -> bool {
    text.starts_with("postgres://") || text.starts_with("postgresql://")
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_postgres() { "the PostgreSQL database" } else { &self.url })
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

/// Why a text is not a [`DatabaseUrl`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseUrlError {
    /// The text is empty, or has nothing after `sqlite:`.
    #[error("the URL names no file")]
    NoFile,
    /// The path is a folder.
    #[error("the URL names a folder, not a file")]
    Folder,
    /// The path is `:memory:`.
    #[error("a database in memory ends with the program: write the path of a file")]
    InMemory,
    /// The path has parameters, as in `sqlite:app.db?mode=ro`.
    #[error("a SQLite URL has no parameters: write nothing after the path")]
    Parameters,
    /// The URL has another scheme, or the text is a list of parameters.
    #[error("write sqlite:app.db, sqlite:///srv/app.db or postgres://user:password@host/database")]
    UnknownForm,
    /// The base directory is not UTF-8.
    #[error("the path of the base directory is not UTF-8")]
    NotUtf8,
}
