//! The static files: embedded in the program, and read from disk at each request in a debug build.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use rocket::fairing::{AdHoc, Fairing};
use rocket::http::{ContentType, Header};
use rocket::response::Responder;
use rocket::{get, routes, uri};

use super::embedded::{STATIC_FILES, current};

/// The fairing that serves them.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Static files", |rocket| async { rocket.mount("/", routes![file]) })
}

/// The link of the style sheet.
pub fn stylesheet() -> String {
    uri!(file(Path::new("style.css"))).to_string()
}

#[derive(Responder)]
struct Asset {
    content: Cow<'static, str>,
    content_type: ContentType,
    cache: Header<'static>,
}

#[get("/static/<path..>")]
fn file(path: PathBuf) -> Option<Asset> {
    let name = path.to_str()?;
    let file = STATIC_FILES.iter().find(|(known, _)| *known == name)?;
    Some(Asset {
        content: current("static", file),
        content_type: path.extension()?.to_str().and_then(ContentType::from_extension)?,
        cache: Header::new("Cache-Control", if cfg!(debug_assertions) { "no-cache" } else { "max-age=3600" }),
    })
}
