//! The pages for errors.

use rocket::fairing::{AdHoc, Fairing};
use rocket::http::Status;
use rocket::request::Request;
use rocket::{catch, catchers};

use super::templates::Page;

/// The fairing that serves them.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Error pages", |rocket| async { rocket.register("/", catchers![error_page]) })
}

#[catch(default)]
fn error_page(status: Status, _: &Request<'_>) -> Page {
    Page::new("error.html")
        .status(status)
        .with("code", &status.code)
        .with("title", &title(status))
        .with("sentence", &sentence(status))
}

fn title(status: Status) -> &'static str {
    status.reason().unwrap_or("Error")
}

fn sentence(status: Status) -> &'static str {
    match status.code {
        400 => "The request cannot be understood.",
        403 => "You may not do this from here.",
        404 => "There is nothing at this address.",
        413 => "What was sent is too large.",
        422 => "What was sent is not what this page takes.",
        503 => "The site is too busy just now. Please try again in a moment.",
        500.. => "Something went wrong on our side. It has been written to the log.",
        _ => "The request cannot be answered.",
    }
}
