//! The picture of a person: squares, the same on both sides, drawn from the nickname.

use std::fmt::Write as _;

use rocket::fairing::{AdHoc, Fairing};
use rocket::http::{ContentType, Header};
use rocket::response::Responder;
use rocket::{get, routes, uri};
use sha2::{Digest as _, Sha256};

/// The fairing that serves it.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Avatars", |rocket| async { rocket.mount("/", routes![avatar]) })
}

/// The link of somebody's picture.
pub fn link(nickname: &str) -> String {
    uri!(avatar(file = format!("{nickname}.svg"))).to_string()
}

#[derive(Responder)]
struct Picture {
    svg: String,
    content_type: ContentType,
    cache: Header<'static>,
}

/// Nobody is looked up: who has no account has a picture too.
#[get("/avatar/<file>")]
fn avatar(file: &str) -> Option<Picture> {
    let nickname = file.strip_suffix(".svg")?;
    let cache = Header::new("Cache-Control", "public, max-age=604800");
    Some(Picture { svg: draw(nickname), content_type: ContentType::SVG, cache })
}

/// Five by five squares, of which the left three columns are bits of the digest and the others mirror them.
fn draw(nickname: &str) -> String {
    let digest = Sha256::digest(nickname.as_bytes());
    let hue = u32::from(digest[0]) * 360 / 256;
    let mut path = String::new();
    for (place, byte) in digest[1..16].iter().enumerate() {
        let (column, row) = (place / 5, place % 5);
        if byte % 2 == 0 {
            let _ = write!(path, "M{column} {row}h1v1h-1z");
            if column < 2 {
                let _ = write!(path, "M{} {row}h1v1h-1z", 4 - column);
            }
        }
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"-1 -1 7 7\" shape-rendering=\"crispEdges\">\
         <rect x=\"-1\" y=\"-1\" width=\"7\" height=\"7\" fill=\"hsl({hue},45%,88%)\"/>\
         <path fill=\"hsl({hue},50%,38%)\" d=\"{path}\"/></svg>"
    )
}

#[cfg(test)]
mod tests {
    use super::draw;

    #[test]
    fn a_picture_is_always_the_same_and_shows_nothing_that_was_typed() {
        assert_eq!(draw("susan"), draw("susan"));
        assert_ne!(draw("susan"), draw("john"));
        assert!(!draw("<script>\"").contains("script"));
    }
}
