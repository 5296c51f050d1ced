//! What a browser may keep: nothing of somebody who is signed in; else a page for as long as it is unchanged.

use std::io::Cursor;

use rocket::fairing::{AdHoc, Fairing};
use rocket::http::{ContentType, Header, Status};
use rocket::request::Request;
use rocket::response::Response;
use sha2::{Digest as _, Sha256};

use super::auth;

/// The fairing that says so, where the answer itself does not.
pub fn stage() -> impl Fairing {
    AdHoc::on_response("Caching", |request, response| {
        Box::pin(async move {
            if response.headers().contains("Cache-Control") {
                return;
            }
            // An answer that sets a cookie is meant for one reader: it shows the message that the cookie held.
            if auth::has_session_cookie(request) || response.headers().contains("Set-Cookie") {
                response.set_header(Header::new("Cache-Control", "no-store"));
                return;
            }
            response.set_header(Header::new("Cache-Control", "no-cache"));
            if response.status() == Status::Ok && response.content_type() == Some(ContentType::HTML) {
                response.set_header(Header::new("Vary", "Cookie"));
                tag(request, response).await;
            }
        })
    })
}

/// The `ETag` of that content.
pub fn tag_of(content: &[u8]) -> String {
    format!("\"{}\"", auth::token::hexadecimal(&Sha256::digest(content)[..16]))
}

/// Whether whoever asks has what that `ETag` stands for already (RFC 9110, 13.1.2).
pub fn is_known(request: &Request<'_>, tag: &str) -> bool {
    let mut known = request.headers().get("If-None-Match").flat_map(|list| list.split(',')).map(str::trim);
    known.any(|known| known == "*" || known.trim_start_matches("W/") == tag)
}

/// Names the page by its content, and leaves it out when the browser has it.
async fn tag(request: &Request<'_>, response: &mut Response<'_>) {
    let Ok(page) = response.body_mut().take().to_bytes().await else {
        log::error!("{}: the page cannot be read", request.uri().path());
        response.set_status(Status::InternalServerError);
        return;
    };
    let tag = tag_of(&page);
    if is_known(request, &tag) {
        response.set_status(Status::NotModified);
    } else {
        response.set_sized_body(page.len(), Cursor::new(page));
    }
    response.set_header(Header::new("ETag", tag));
}
