//! The static files: embedded in the program; a debug build reads them from disk at each request.
//!
//! A link contains a digest of the content, `/static/0123456789abcdef/style.css`, so that a browser may keep the file
//! forever: changed content has a new link.

use std::path::Path;

use rocket::fairing::{AdHoc, Fairing};
use rocket::http::ContentType;
use rocket::{get, routes};

use super::embedded::{STATIC_FILES, current, digest};
use super::error::AppError;
use super::response::{File, HandlerResult};

/// The fairing that serves them.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Static files", |rocket| async { rocket.mount("/", routes![file]) })
}

#[get("/static/<requested>/<name>")]
fn file(requested: &str, name: &str) -> HandlerResult {
    let embedded = STATIC_FILES.iter().find(|(known, _)| *known == name).ok_or(AppError::NotFound)?;
    let extension = Path::new(name).extension().and_then(|extension| extension.to_str());
    let content_type = extension.and_then(ContentType::from_extension).ok_or(AppError::NotFound)?;
    let content = current("static", embedded);
    // A page from before a deployment requests the old digest. It gets the current content, uncached.
    let cache_control = if requested == digest(&content) { "public, max-age=31536000, immutable" } else { "no-cache" };
    Ok(File::new(content, content_type, cache_control).into())
}

#[cfg(test)]
mod tests {
    use rocket::uri;

    use super::{current, digest};
    use crate::site::links;

    #[test]
    fn a_link_equals_the_uri_of_the_route() {
        for file @ (name, _) in super::STATIC_FILES {
            let uri = uri!(super::file(digest(&current("static", file)), *name)).to_string();
            assert_eq!(links::static_file(name), Some(uri));
        }
        assert_eq!(links::static_file("missing.css"), None);
    }
}
