//! What went wrong with a request: stored with the request, for the error page and the log.

use std::collections::BTreeMap;
use std::time::Duration;

use rocket::http::Header;
use rocket::request::Request;

/// The details of an error, beyond its status.
#[derive(Debug, Default)]
pub struct Failure {
    /// The cause, for the log only.
    pub cause: Option<String>,
    /// How long to wait before the next attempt.
    pub retry_after: Option<Duration>,
    /// The errors of a form, by the names of its fields.
    pub form_errors: BTreeMap<&'static str, String>,
}

impl Failure {
    /// Stores the failure with the request. The first failure of a request is kept.
    pub fn record(self, request: &Request<'_>) {
        request.local_cache(|| self);
    }

    /// The failure of the request; an empty one if none was recorded.
    pub fn of<'r>(request: &'r Request<'_>) -> &'r Self {
        request.local_cache(Self::default)
    }
}

/// The header that says when to try again: rounded up, so that an attempt at that second succeeds.
pub fn retry_after(wait: Duration) -> Header<'static> {
    Header::new("Retry-After", (wait.as_secs() + 1).to_string())
}

/// Whether the client prefers JSON to a page.
pub fn prefers_json(request: &Request<'_>) -> bool {
    request.accept().is_some_and(|accept| accept.preferred().is_json())
}
