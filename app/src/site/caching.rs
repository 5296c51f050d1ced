//! What browsers may cache: nothing for signed-in users; otherwise each page, validated by its `ETag`.

use std::io::Cursor;

use rocket::fairing::{AdHoc, Fairing};
use rocket::http::{ContentType, Header, Status};
use rocket::request::Request;
use rocket::response::Response;
use sha2::{Digest as _, Sha256};

use super::auth;

/// The fairing that sets `Cache-Control` on responses that do not set it.
pub fn stage() -> impl Fairing {
    AdHoc::on_response("Caching", |request, response| {
        Box::pin(async move {
            if response.headers().contains("Cache-Control") {
                return;
            }
            // A response that sets a cookie is for one browser: it may show a flash message.
            if auth::has_session_cookie(request) || response.headers().contains("Set-Cookie") {
                response.set_header(Header::new("Cache-Control", "no-store"));
                return;
            }
            response.set_header(Header::new("Cache-Control", "no-cache"));
            if response.status() == Status::Ok && response.content_type() == Some(ContentType::HTML) {
                response.set_header(Header::new("Vary", "Cookie"));
                set_etag(request, response).await;
            }
        })
    })
}

/// The `ETag` of the content.
pub fn etag(content: &[u8]) -> String {
    format!("\"{}\"", auth::token::hexadecimal(&Sha256::digest(content)[..16]))
}

/// Whether the client has the content with that `ETag` already (`If-None-Match`, RFC 9110, 13.1.2).
pub fn is_unchanged(request: &Request<'_>, tag: &str) -> bool {
    let mut known = request.headers().get("If-None-Match").flat_map(|list| list.split(',')).map(str::trim);
    known.any(|known| known == "*" || known.trim_start_matches("W/") == tag)
}

/// Sets the `ETag`, and drops the body if the client has the page already.
async fn set_etag(request: &Request<'_>, response: &mut Response<'_>) {
    let Ok(page) = response.body_mut().take().to_bytes().await else {
        log::error!("{}: the page cannot be read", request.uri().path());
        response.set_status(Status::InternalServerError);
        return;
    };
    let tag = etag(&page);
    if is_unchanged(request, &tag) {
        response.set_status(Status::NotModified);
    } else {
        response.set_sized_body(page.len(), Cursor::new(page));
    }
    response.set_header(Header::new("ETag", tag));
}
