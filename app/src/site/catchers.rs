//! The error pages, in JSON for clients that prefer it. A 500 is logged with an id that the page shows.

use std::borrow::Cow;
use std::collections::BTreeMap;

use rocket::fairing::{AdHoc, Fairing};
use rocket::http::{Header, Status};
use rocket::request::Request;
use rocket::response::{self, Responder};
use rocket::serde::Serialize;
use rocket::serde::json::Json;
use rocket::{Route, catch, catchers};

use super::auth::Visitor;
use super::error;
use super::failure::{self, Failure};
use super::pool::Db;
use super::templates::Page;
use crate::models::User;

/// The fairing that serves them.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Error pages", |rocket| async { rocket.register("/", catchers![error_page]) })
}

/// An error as the page or the JSON shows it.
#[derive(Serialize)]
#[serde(crate = "rocket::serde")]
struct ErrorBody<'a> {
    code: u16,
    title: &'static str,
    sentence: Cow<'static, str>,
    /// The id of the log entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// The errors of the form that was sent.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    fields: &'a BTreeMap<&'static str, String>,
}

#[catch(default)]
async fn error_page(status: Status, request: &Request<'_>) -> ErrorPage {
    // The menu shows the signed-in user. Not after a server error: another query may fail as well.
    let allowed =
        if status == Status::NotFound && request.route().is_none() { other_methods(request) } else { Vec::new() };
    let status = if allowed.is_empty() { status } else { Status::MethodNotAllowed };
    let viewer = if status.class().is_client_error() { viewer(request).await } else { None };
    ErrorPage { status, allowed, viewer }
}

/// The methods of the routes with the path of the request.
fn other_methods(request: &Request<'_>) -> Vec<&'static str> {
    let path: Vec<&str> = request.uri().path().segments().collect();
    let has_path = |route: &&Route| {
        let parts: Vec<&str> = route.uri.path().split('/').filter(|part| !part.is_empty()).collect();
        parts.len() == path.len()
            && parts.iter().zip(&path).all(|(part, segment)| part.starts_with('<') || part == segment)
    };
    let mut methods: Vec<_> = request.rocket().routes().filter(has_path).map(|route| route.method.as_str()).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.sort_unstable();
    methods.dedup();
    methods
}

async fn viewer(request: &Request<'_>) -> Option<User> {
    let visitor = request.guard::<Visitor>().await.succeeded().filter(Visitor::has_token)?;
    let db = request.guard::<&Db>().await.succeeded()?;
    db.run(move |connection| visitor.load(connection)).await.ok()?
}

struct ErrorPage {
    status: Status,
    /// The methods that the address has instead, of a 405.
    allowed: Vec<&'static str>,
    viewer: Option<User>,
}

impl<'r> Responder<'r, 'static> for ErrorPage {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let Self { status, viewer, allowed } = self;
        let failure = Failure::of(request);
        let id = (status.code == 500).then(|| log_failure(failure, request));
        let (title, sentence) = (status.reason_lossy(), sentence(status, failure));
        let body = ErrorBody { code: status.code, title, sentence, id, fields: &failure.form_errors };
        let mut response = if failure::prefers_json(request) {
            (status, Json(body)).respond_to(request)?
        } else {
            Page::new("error.html").status(status).viewer(viewer.as_ref()).with("error", &body).respond_to(request)?
        };
        if !allowed.is_empty() {
            response.set_header(Header::new("Allow", allowed.join(", ")));
        }
        if let Some(time) = failure.retry_after {
            response.set_header(failure::retry_after(time));
        }
        Ok(response)
    }
}

fn log_failure(failure: &Failure, request: &Request<'_>) -> String {
    let id = getrandom::u32().map_or_else(|_| "none".into(), |number| format!("{number:08x}"));
    let cause = failure.cause.as_deref().unwrap_or("no cause was recorded; see the lines above");
    log::error!("{id} {} {}: {cause}", request.method(), request.uri().path());
    id
}

fn sentence(status: Status, failure: &Failure) -> Cow<'static, str> {
    if let Some(wait) = failure.retry_after.filter(|_| status == Status::TooManyRequests) {
        return error::try_again_in(wait).into();
    }
    let sentence = match status.code {
        400 => "The request cannot be understood.",
        403 => "You may not do this from here.",
        404 => "There is nothing at this address.",
        413 => "What was sent is too large.",
        422 => "What was sent is not what this page takes.",
        405 => "This address does not take that kind of request.",
        503 => "The site is too busy just now. Please try again in a moment.",
        500.. => "Something went wrong on our side. It has been written to the log.",
        _ => "The request cannot be answered.",
    };
    sentence.into()
}
