//! The pages for errors, in JSON for who asks for JSON. A 500 is logged under an id that the page shows.

use std::collections::BTreeMap;
use std::time::Duration;

use rocket::fairing::{AdHoc, Fairing};
use rocket::http::Status;
use rocket::request::Request;
use rocket::response::{self, Responder};
use rocket::serde::Serialize;
use rocket::serde::json::Json;
use rocket::{catch, catchers};

use super::Db;
use super::auth::Visitor;
use super::templates::Page;
use crate::models::User;

/// The fairing that serves them.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Error pages", |rocket| async { rocket.register("/", catchers![error_page]) })
}

/// What whoever failed knows of it, left at the request for the page and the log.
#[derive(Debug, Default)]
pub struct Failure {
    /// For the log alone.
    pub why: Option<String>,
    /// When to try again.
    pub retry_after: Option<Duration>,
    /// What is wrong with a form, by the names of its fields.
    pub mistakes: BTreeMap<&'static str, String>,
}

impl Failure {
    /// Leaves it there; what was left first stays.
    pub fn leave(self, request: &Request<'_>) {
        request.local_cache(|| self);
    }
}

/// What a reader is told.
#[derive(Serialize)]
#[serde(crate = "rocket::serde")]
struct Told<'a> {
    code: u16,
    title: &'static str,
    sentence: &'static str,
    /// Where the log says more.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// What is wrong with the form that was sent.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    fields: &'a BTreeMap<&'static str, String>,
}

/// Whether whoever asks would rather have JSON than a page.
pub fn is_json_asked(request: &Request<'_>) -> bool {
    request.accept().is_some_and(|accept| accept.preferred().is_json())
}

#[catch(default)]
async fn error_page(status: Status, request: &Request<'_>) -> ErrorPage {
    // The menu is that of whoever is signed in, unless the site itself fails: asking the database may fail again.
    let viewer = if status.class().is_client_error() { viewer(request).await } else { None };
    ErrorPage { status, viewer }
}

async fn viewer(request: &Request<'_>) -> Option<User> {
    let visitor = request.guard::<Visitor>().await.succeeded().filter(Visitor::has_token)?;
    let db = request.guard::<&Db>().await.succeeded()?;
    db.run(move |connection| visitor.load(connection)).await.ok()?
}

struct ErrorPage {
    status: Status,
    viewer: Option<User>,
}

impl<'r> Responder<'r, 'static> for ErrorPage {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let Self { status, viewer } = self;
        let failure = request.local_cache(Failure::default);
        let id = (status.code == 500).then(|| log_failure(failure, request));
        let (title, sentence) = (status.reason_lossy(), sentence(status));
        let told = Told { code: status.code, title, sentence, id, fields: &failure.mistakes };
        let mut answer = if is_json_asked(request) {
            (status, Json(told)).respond_to(request)?
        } else {
            Page::new("error.html").status(status).viewer(viewer.as_ref()).with("error", &told).respond_to(request)?
        };
        if let Some(time) = failure.retry_after {
            // Rounded up: who comes at that second is let in.
            answer.set_raw_header("Retry-After", (time.as_secs() + 1).to_string());
        }
        Ok(answer)
    }
}

fn log_failure(failure: &Failure, request: &Request<'_>) -> String {
    let id = getrandom::u32().map_or_else(|_| "none".into(), |number| format!("{number:08x}"));
    let why = failure.why.as_deref().unwrap_or("no reason was given; what stands above may tell");
    log::error!("{id} {} {}: {why}", request.method(), request.uri().path());
    id
}

fn sentence(status: Status) -> &'static str {
    match status.code {
        400 => "The request cannot be understood.",
        403 => "You may not do this from here.",
        404 => "There is nothing at this address.",
        413 => "What was sent is too large.",
        422 => "What was sent is not what this page takes.",
        429 => "That was tried too often. Please wait a moment, then try again.",
        503 => "The site is too busy just now. Please try again in a moment.",
        500.. => "Something went wrong on our side. It has been written to the log.",
        _ => "The request cannot be answered.",
    }
}
