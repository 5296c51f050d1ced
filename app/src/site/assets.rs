//! The static files: embedded in the program, and read from disk at each request in a debug build.
//!
//! A link carries a digest of what is in the file, `/static/0123456789abcdef/style.css`, so that a browser may keep the
//! file for ever: another content has another link.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::Path;

use rocket::fairing::{AdHoc, Fairing};
use rocket::http::{ContentType, Header};
use rocket::response::Responder;
use rocket::{get, routes, uri};
use sha2::{Digest as _, Sha256};

use super::embedded::{STATIC_FILES, current};

/// The fairing that serves them.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Static files", |rocket| async { rocket.mount("/", routes![file]) })
}

/// The links that templates show, by the name that they know them by.
pub fn links() -> impl Iterator<Item = (&'static str, String)> {
    let link = |(name, path): (&'static str, &str)| {
        let file = STATIC_FILES.iter().find(|(known, _)| *known == path)?;
        Some((name, uri!(file(digest(&current("static", file)), path)).to_string()))
    };
    [("stylesheet", "style.css"), ("script", "app.js"), ("icon", "icon.svg")].into_iter().filter_map(link)
}

#[derive(Responder)]
struct Asset {
    content: Cow<'static, str>,
    content_type: ContentType,
    cache: Header<'static>,
}

#[get("/static/<asked>/<name>")]
fn file(asked: &str, name: &str) -> Option<Asset> {
    let content = current("static", STATIC_FILES.iter().find(|(known, _)| *known == name)?);
    // A page from before a deploy asks for what was there then. It gets what is there now, which is better than none.
    let is_the_one = asked == digest(&content);
    Some(Asset {
        content,
        content_type: Path::new(name).extension()?.to_str().and_then(ContentType::from_extension)?,
        cache: Header::new(
            "Cache-Control",
            if is_the_one { "public, max-age=31536000, immutable" } else { "no-cache" },
        ),
    })
}

/// The first 64 bits of the content's SHA-256, in hexadecimal.
fn digest(content: &str) -> String {
    Sha256::digest(content).iter().take(8).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
