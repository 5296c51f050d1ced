//! The kinds of database, and the one place that knows which there are.

mod backup;
mod changes;
mod driver;
mod errors;
mod history;
mod json;
mod lock;
mod poll;
#[cfg(feature = "postgres")]
mod postgres;
mod rows;
mod side_table;
#[cfg(feature = "sqlite")]
mod sqlite;
mod values;

#[cfg(all(feature = "sqlite", feature = "postgres"))]
pub use any::{AnyConnection as Connection, MultiBackend as Backend};
pub(crate) use backup::Backup;
pub(crate) use driver::{Check, Compared, Content, Database, Moved, Numbers, Restored, Row, Sandbox, Script};
pub use driver::{RowChange, RowChangeKind};
pub(crate) use lock::Lock;
pub(crate) use poll::poll;

use crate::Error;
use crate::change::{Change, Rename};
use crate::migration::Sql;
use crate::options::RenderOptions;
use crate::schema::Schema;
use crate::settings::Settings;
use crate::url::DatabaseUrl;

/// The folders of a program that writes migrations for several kinds of database: [`Database::dialect`] is the first name
/// of each kind, and a folder of another name is used where it exists.
pub(crate) const DIALECTS: [&[&str]; 2] = [&["sqlite", "sqlite3"], &["postgresql", "postgres", "pg"]];

/// How the name of a folder begins in which a copy of a database is rehearsed on.
pub(crate) const REHEARSAL_FOLDER: &str = ".rehearsal-";

/// The database of that URL: the one place that knows which kinds there are.
#[cfg_attr(
    all(feature = "sqlite", feature = "postgres"),
    expect(clippy::unnecessary_wraps, reason = "a build without one of the kinds refuses it")
)]
pub(crate) fn open(url: &DatabaseUrl, settings: &Settings) -> Result<Box<dyn Database>, Error> {
    Ok(match url.sqlite_path() {
        #[cfg(feature = "sqlite")]
        Some(path) => Box::new(sqlite::Sqlite::new(path, settings)),
        #[cfg(not(feature = "sqlite"))]
        Some(_) => return Err(without(url, settings, "this program is built without SQLite")),
        #[cfg(feature = "postgres")]
        None => Box::new(postgres::Postgres::new(url, settings)),
        #[cfg(not(feature = "postgres"))]
        None => return Err(without(url, settings, "this program is built without PostgreSQL")),
    })
}

/// The changes from one schema of models to another as SQL of PostgreSQL, without a server.
pub(crate) fn render_apart(
    from: Schema,
    models: &Schema,
    renames: impl Iterator<Item = Rename>,
    options: &RenderOptions,
) -> Result<(Vec<Change>, Sql), Error> {
    #[cfg(feature = "postgres")]
    return postgres::render_apart(from, models.clone(), renames, options);
    #[cfg(not(feature = "postgres"))]
    {
        let _ = (from, models, renames, options);
        Err(Error::NotSupported { operation: "a migration for PostgreSQL", database: "a program without PostgreSQL" })
    }
}

/// The error of a kind of database that this build does not have.
#[cfg(not(all(feature = "sqlite", feature = "postgres")))]
fn without(url: &DatabaseUrl, settings: &Settings, why: &str) -> Error {
    let name = url.sqlite_path().map_or_else(|| url.to_string(), |path| settings.shown(path));
    Error::database(&name, crate::error::DatabaseErrorKind::Other, why)
}

// The derive's code brings Diesel's own `Connection` into scope, hence the enum's other name and its own module.
#[cfg(all(feature = "sqlite", feature = "postgres"))]
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

#[cfg(all(feature = "sqlite", feature = "postgres"))]
impl Connection {
    /// Opens the database of that URL. A SQLite file is never created here.
    ///
    /// ```no_run
    /// use std::path::Path;
    ///
    /// use diesel_autogen::{Connection, DatabaseUrl};
    ///
    /// let url = std::env::var("DATABASE_URL")?;
    /// let mut connection = Connection::open(&DatabaseUrl::parse(&url, Path::new(""))?)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NoDatabase`] when a SQLite file is missing, [`Error::Database`] when the database cannot be opened.
    pub fn open(url: &DatabaseUrl) -> Result<Self, Error> {
        let Some(path) = url.sqlite_path() else {
            return postgres::establish(url).map(Self::Postgres);
        };
        if !path.exists() {
            return Err(Error::NoDatabase { database: path.display().to_string() });
        }
        sqlite::open(path).map(Self::Sqlite).map_err(|error| error.in_database(&path.display().to_string()))
    }
}
