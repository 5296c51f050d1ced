//! Diesel's errors, as kinds of error: the kind of an error is decided by the message.

use crate::Error;
use crate::error::DatabaseErrorKind;
use crate::schema::{Schema, Type};
use crate::text::excerpt;

impl From<diesel::result::Error> for Error {
    /// The error of a database that is named later.
    fn from(source: diesel::result::Error) -> Self {
        let kind = kind(&source.to_string());
        Self::Database { database: String::new(), kind, source: source.into() }
    }
}

impl Error {
    /// An error of that database, with its name.
    pub(crate) fn in_database(mut self, name: &str) -> Self {
        if let Self::Database { database, .. } = &mut self
            && database.is_empty()
        {
            name.clone_into(database);
        }
        self
    }

    /// The error with another name of its database.
    pub(crate) fn renamed(mut self, name: &str) -> Self {
        if let Self::Database { database, .. } | Self::NoDatabase { database } = &mut self {
            name.clone_into(database);
        }
        self
    }

    /// What a database's driver said while it connected; the database is named later.
    pub(crate) fn connecting(error: diesel::ConnectionError) -> Self {
        let kind = kind(&error.to_string());
        Self::Database { database: String::new(), kind, source: error.into() }
    }

    /// A failure that no driver reported.
    pub(crate) fn database(database: &str, kind: DatabaseErrorKind, message: impl Into<String>) -> Self {
        Self::Database { database: database.to_owned(), kind, source: message.into().into() }
    }

    /// A statement of a migration that failed, or that may not be in one.
    pub(crate) fn statement(
        migration: &str,
        statement: &str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Statement { migration: migration.to_owned(), statement: excerpt(statement), source: source.into() }
    }

    /// A change that this library cannot write as SQL.
    pub(crate) fn cannot_express(object: &str, why: impl Into<String>) -> Self {
        Self::CannotExpress { object: object.to_owned(), why: why.into() }
    }

    /// What the database itself said.
    pub(crate) fn cause(&self) -> String {
        if let Self::Database { source, .. } = self { source.to_string() } else { self.to_string() }
    }

    pub(crate) fn kind(&self) -> Option<DatabaseErrorKind> {
        match self {
            Self::Database { kind, .. } => Some(*kind),
            Self::Statement { source, .. } => Some(kind(&source.to_string())),
            _ => None,
        }
    }
}

/// Refuses models with a column whose type the database does not have.
pub(super) fn refuse(models: &Schema, database: &str, has: impl Fn(&Type) -> bool) -> Result<(), Error> {
    let mut columns = models.tables.iter().flat_map(|table| table.columns.iter().map(move |column| (table, column)));
    columns.find(|(_, column)| !has(&column.ty)).map_or(Ok(()), |(table, column)| {
        let object = format!("{}.{}", table.name, column.name);
        Err(Error::CannotExpress { object, why: format!("{database} has no type {}", column.ty) })
    })
}

fn kind(message: &str) -> DatabaseErrorKind {
    let found: [Option<DatabaseErrorKind>; _] = [
        #[cfg(feature = "sqlite")]
        super::sqlite::errors::kind(message),
        #[cfg(feature = "postgres")]
        super::postgres::errors::kind(message),
    ];
    found.into_iter().flatten().next().unwrap_or(DatabaseErrorKind::Other)
}
