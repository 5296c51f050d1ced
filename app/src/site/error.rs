//! What a handler returns when it cannot answer.
//!
//! | error | status | for |
//! |---|---|---|
//! | [`AppError::NotFound`] | 404 | a row that is not there; `diesel::result::Error::NotFound` becomes this by `?` |
//! | [`AppError::Unavailable`] | 503 | no connection came free, the database cannot be opened |
//! | [`AppError::Internal`] | 500 | all the rest: logged, and shown as one plain sentence |
//!
//! What a reader can mend, such as a form, is no error: the handler shows the form again.

use deadpool::managed::PoolError;
use diesel::result::Error as DieselError;
use rocket::http::Status;
use rocket::request::Request;
use rocket::response::{self, Responder};

use super::pool::OpenError;
use crate::models::ModelError;

/// What a handler returns.
pub type AppResult<T> = Result<T, AppError>;

/// Why a handler cannot answer. The catchers make the page of it.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// What was asked for is not there.
    #[error("not found")]
    NotFound,
    /// The database is too busy, or cannot be reached.
    #[error("{0}")]
    Unavailable(String),
    /// Anything else.
    #[error("{0}")]
    Internal(String),
}

impl From<DieselError> for AppError {
    fn from(error: DieselError) -> Self {
        match error {
            DieselError::NotFound => Self::NotFound,
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
        let path = request.uri().path();
        Err(match self {
            Self::NotFound => Status::NotFound,
            Self::Unavailable(why) => {
                log::warn!("{} {path}: {why}", request.method());
                Status::ServiceUnavailable
            }
            Self::Internal(why) => {
                log::error!("{} {path}: {why}", request.method());
                Status::InternalServerError
            }
        })
    }
}
