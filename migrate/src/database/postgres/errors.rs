//! The one place where an error of PostgreSQL becomes one of this library.

use diesel::ConnectionError;
use diesel::result::Error as QueryError;

use crate::error::Error;

/// What work on a connection failed with, before the database's name is known.
#[derive(Debug)]
pub(super) enum Failure {
    Query(QueryError),
    Known(Error),
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        Self::Query(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Known(error)
    }
}

impl Failure {
    /// The error with the name of the database.
    pub fn explain(self, database: &str) -> Error {
        match self {
            Self::Known(error) => error,
            Self::Query(error) => {
                let why = with_advice(said(&error));
                Error::Database { database: database.to_owned(), why, source: Some(error) }
            }
        }
    }
}

/// What a connection failed with.
pub(super) fn unreachable(database: &str, failure: &ConnectionError) -> Error {
    Error::Database { database: database.to_owned(), why: with_advice(failure.to_string()), source: None }
}

/// What a statement of a migration failed with.
pub(super) fn statement(migration: &str, statement: &str, why: String) -> Error {
    Error::Statement { migration: migration.to_owned(), statement: excerpt(statement), why }
}

pub(super) fn cannot_express(object: &str, why: impl Into<String>) -> Error {
    Error::CannotExpress { object: object.to_owned(), why: why.into() }
}

/// The message of the server with its detail, which names the object that stands in the way.
pub(super) fn said(failure: &QueryError) -> String {
    let QueryError::DatabaseError(_, information) = failure else { return failure.to_string() };
    let message = information.message().trim().to_owned();
    let detail = information.details().filter(|detail| !detail.trim().is_empty());
    detail.map_or(message.clone(), |detail| format!("{message}: {}", detail.trim().replace('\n', "; ")))
}

fn with_advice(said: String) -> String {
    let advice = [
        ("lock timeout", "another process is using it; try again when that has finished"),
        ("permission denied", "the role of the URL may not do this"),
        ("must be owner", "the role of the URL may not do this"),
        ("read-only transaction", "it is read-only; connect to the primary server"),
        ("Connection refused", "check that the server runs and that the URL names its host and port"),
        ("authentication failed", "check the role and the password in the URL"),
    ];
    match advice.iter().find(|(part, _)| said.contains(part)) {
        Some((_, advice)) => format!("{}: {advice}", said.trim()),
        None => said.trim().to_owned(),
    }
}

/// The beginning of a statement, on one line.
fn excerpt(statement: &str) -> String {
    let line = statement.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= 120 {
        return line;
    }
    line.chars().take(117).collect::<String>() + "..."
}
