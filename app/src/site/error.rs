//! What a handler returns when it cannot answer.
//!
//! | error | status | for |
//! |---|---|---|
//! | [`AppError::SignInFirst`] | 303 | a page for those who are signed in: the answer leads to the form |
//! | [`AppError::Forbidden`] | 403 | what belongs to somebody else |
//! | [`AppError::NotFound`] | 404 | a row that is not there; `diesel::result::Error::NotFound` becomes this by `?` |
//! | [`AppError::TooMany`] | 429 | passwords tried too often |
//! | [`AppError::Unavailable`] | 503 | no connection came free, the database cannot be opened, or not written to |
//! | [`AppError::Internal`] | 500 | all the rest: logged, and shown as one plain sentence |
//!
//! What a reader can mend, such as a form, is no error: the handler shows the form again.

use std::time::Duration;

use deadpool::managed::PoolError;
use diesel::result::Error as DieselError;
use rocket::http::Status;
use rocket::request::Request;
use rocket::response::{self, Responder};

use super::catchers::Failure;
use super::pages::sign_in;
use super::pool::OpenError;
use crate::models::ModelError;

/// What a handler returns.
pub type AppResult<T> = Result<T, AppError>;

/// Why a handler cannot answer. The catchers make the page of it.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// Nobody is signed in.
    #[error("not signed in")]
    SignInFirst,
    /// The reader may not do this.
    #[error("not allowed")]
    Forbidden,
    /// What was asked for is not there.
    #[error("not found")]
    NotFound,
    /// It was tried too often: how long to wait.
    #[error("too often, wait {0:?}")]
    TooMany(Duration),
    /// The database is too busy, or cannot be reached.
    #[error("{0}")]
    Unavailable(String),
    /// Anything else.
    #[error("{0}")]
    Internal(String),
}

/// What SQLite says of a statement that writes, where it could open the file only to read it (`SQLITE_READONLY`).
const READ_ONLY: &str = "attempt to write a readonly database";

impl AppError {
    /// Whether the connection could only read. It stays so, though the file may be written to again.
    pub(super) fn is_read_only(&self) -> bool {
        matches!(self, Self::Unavailable(why) if why == READ_ONLY)
    }
}

impl From<DieselError> for AppError {
    fn from(error: DieselError) -> Self {
        match error {
            DieselError::NotFound => Self::NotFound,
            // Another program writes for longer than a request waits; the file may not be written to.
            DieselError::DatabaseError(_, why) if why.message().contains("is locked") || why.message() == READ_ONLY => {
                Self::Unavailable(why.message().to_owned())
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

impl From<rocket_db_pools::Error<String, PoolError<OpenError>>> for AppError {
    fn from(error: rocket_db_pools::Error<String, PoolError<OpenError>>) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl<'r> Responder<'r, 'static> for AppError {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        Err(match self {
            Self::SignInFirst => return sign_in::lead_to(request).respond_to(request),
            Self::Forbidden => Status::Forbidden,
            Self::NotFound => Status::NotFound,
            Self::TooMany(wait) => {
                Failure { retry_after: Some(wait), ..Failure::default() }.leave(request);
                Status::TooManyRequests
            }
            Self::Unavailable(why) => {
                log::warn!("{} {}: {why}", request.method(), request.uri().path());
                Failure { retry_after: Some(Duration::from_secs(4)), ..Failure::default() }.leave(request);
                Status::ServiceUnavailable
            }
            Self::Internal(why) => {
                Failure { why: Some(why), ..Failure::default() }.leave(request);
                Status::InternalServerError
            }
        })
    }
}
