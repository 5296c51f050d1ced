//! The errors of handlers.
//!
//! | error | status | meaning |
//! |---|---|---|
//! | [`AppError::SignInFirst`] | 303 | the page is for signed-in users: redirects to the sign-in form |
//! | [`AppError::Forbidden`] | 403 | the row belongs to another user |
//! | [`AppError::NotFound`] | 404 | the row does not exist; `diesel::result::Error::NotFound` becomes this by `?` |
//! | [`AppError::TooMany`] | 429 | too many attempts to sign in |
//! | [`AppError::Unavailable`] | 503 | no free connection, or the database cannot be opened or written |
//! | [`AppError::Lost`] | 503 | the connection to the database was lost, also when the work was done again on a new one |
//! | [`AppError::Internal`] | 500 | everything else: logged, and shown as one plain sentence |
//!
//! Invalid input in a form is not an error: the handler shows the form again.

use std::time::Duration;

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use rocket::http::{Method, Status};
use rocket::request::Request;
use rocket::response::{self, Redirect, Responder};

use super::failure::Failure;
use super::flash::Flash;
use super::links;
use crate::models::ModelError;

/// The result of the work of a handler.
pub type AppResult<T> = Result<T, AppError>;

/// Why a handler cannot respond. The catchers make the page.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The visitor is not signed in.
    #[error("not signed in")]
    SignInFirst,
    /// The user may not do this.
    #[error("not allowed")]
    Forbidden,
    /// The requested row does not exist.
    #[error("not found")]
    NotFound,
    /// Too many attempts: how long to wait.
    #[error("too many attempts, wait {0:?}")]
    TooMany(Duration),
    /// The database is busy, or cannot be reached.
    #[error("{0}")]
    Unavailable(String),
    /// The connection to the database was lost.
    #[error("{0}")]
    Lost(String),
    /// Anything else.
    #[error("{0}")]
    Internal(String),
}

/// PostgreSQL's message for a prepared statement that would return another type, since a migration.
pub(super) const STALE_PLAN: &str = "cached plan must not change result type";

/// Parts of the messages of a database that is busy or read-only, of which no error kind tells.
const UNAVAILABLE: [&str; 8] = [
    // SQLite: another program holds the write lock for longer than the busy timeout, or the file is read-only.
    "is locked",
    "attempt to write a readonly database",
    "disk is full",
    // PostgreSQL.
    "canceling statement due to",
    STALE_PLAN,
    "deadlock detected",
    "read-only transaction",
    "the database system is",
];

/// Parts of PostgreSQL's messages for a connection that was lost.
const LOST: [&str; 3] = ["server closed the connection", "terminating connection", "no connection to the server"];

impl From<DieselError> for AppError {
    fn from(error: DieselError) -> Self {
        let is_one_of = |parts: &[&str], message: &str| parts.iter().any(|part| message.contains(part));
        match error {
            // Also when the row that a new row refers to was deleted meanwhile.
            DieselError::NotFound | DieselError::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _) => {
                Self::NotFound
            }
            // PostgreSQL has no row with the character NUL.
            DieselError::DatabaseError(_, information) if information.message().contains("byte sequence") => {
                Self::NotFound
            }
            DieselError::DatabaseError(kind, information)
                if matches!(kind, DatabaseErrorKind::ClosedConnection) || is_one_of(&LOST, information.message()) =>
            {
                Self::Lost(information.message().to_owned())
            }
            DieselError::DatabaseError(_, information) if is_one_of(&UNAVAILABLE, information.message()) => {
                Self::Unavailable(information.message().to_owned())
            }
            error => Self::Internal(error.to_string()),
        }
    }
}

impl From<ModelError> for AppError {
    fn from(error: ModelError) -> Self {
        match error {
            ModelError::Database(error) => error.into(),
            error => Self::Internal(error.to_string()),
        }
    }
}

impl From<getrandom::Error> for AppError {
    fn from(error: getrandom::Error) -> Self {
        Self::Internal(format!("no random numbers: {error}"))
    }
}

impl<'r> Responder<'r, 'static> for AppError {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        Err(match self {
            Self::SignInFirst => return redirect_to_sign_in(request).respond_to(request),
            Self::Forbidden => Status::Forbidden,
            Self::NotFound => Status::NotFound,
            Self::TooMany(wait) => {
                Failure { retry_after: Some(wait), ..Failure::default() }.record(request);
                Status::TooManyRequests
            }
            Self::Unavailable(cause) | Self::Lost(cause) => {
                log::warn!("{} {}: {cause}", request.method(), request.uri().path());
                Failure { retry_after: Some(Duration::from_secs(4)), ..Failure::default() }.record(request);
                Status::ServiceUnavailable
            }
            Self::Internal(cause) => {
                Failure { cause: Some(cause), ..Failure::default() }.record(request);
                Status::InternalServerError
            }
        })
    }
}

/// The sentence of a 429.
#[must_use]
pub fn try_again_in(wait: Duration) -> String {
    // Rounded up, so that an attempt at that second succeeds.
    let seconds = wait.as_secs() + 1;
    format!("That was too often. Please try again in {seconds} {}.", if seconds == 1 { "second" } else { "seconds" })
}

/// After signing in, the user returns to the requested page.
fn redirect_to_sign_in(request: &Request<'_>) -> Flash {
    let next = (request.method() == Method::Get).then(|| request.uri().to_string());
    Flash::new(Redirect::to(links::sign_in(next.as_deref())), "Please sign in to see this page.")
}
