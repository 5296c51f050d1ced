//! The static files: embedded in the program, and read from disk at each request in a debug build.

use std::path::{Path, PathBuf};

use rocket::fairing::{AdHoc, Fairing};
use rocket::http::{ContentType, Header};
use rocket::response::Responder;
use rocket::{get, routes, uri};

use super::embedded::STATIC_FILES;

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
    content: String,
    content_type: ContentType,
    cache: Header<'static>,
}

#[get("/static/<path..>")]
fn file(path: PathBuf) -> Option<Asset> {
    let name = path.to_str()?;
    let (name, embedded) = STATIC_FILES.iter().find(|(known, _)| *known == name)?;
    let on_disk = cfg!(debug_assertions)
        .then(|| std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("static").join(name)).ok())
        .flatten();
    Some(Asset {
        content: on_disk.unwrap_or_else(|| (*embedded).to_owned()),
        content_type: path.extension()?.to_str().and_then(ContentType::from_extension)?,
        cache: Header::new("Cache-Control", if cfg!(debug_assertions) { "no-cache" } else { "max-age=3600" }),
    })
}
