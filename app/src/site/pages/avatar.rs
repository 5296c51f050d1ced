//! The picture of a user: a symmetric pattern of squares, drawn from the digest of the nickname.

use std::fmt::Write as _;

use rocket::fairing::{AdHoc, Fairing};
use rocket::http::ContentType;
use rocket::{get, routes};
use sha2::{Digest as _, Sha256};

use crate::site::error::AppError;
use crate::site::response::{File, HandlerResult};

/// The fairing that serves it.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Avatars", |rocket| async { rocket.mount("/", routes![avatar]) })
}

/// The picture needs no query: it exists for every nickname, with or without an account.
#[get("/avatar/<file>")]
pub fn avatar(file: &str) -> HandlerResult {
    let nickname = file.strip_suffix(".svg").ok_or(AppError::NotFound)?;
    Ok(File::new(draw(nickname), ContentType::SVG, "public, max-age=604800").into())
}

/// Five by five squares. The digest sets the left three columns; the right two mirror them.
fn draw(nickname: &str) -> String {
    let digest = Sha256::digest(nickname.as_bytes());
    let hue = u32::from(digest[0]) * 360 / 256;
    let mut path = String::new();
    for (index, byte) in digest[1..16].iter().enumerate() {
        let (column, row) = (index / 5, index % 5);
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
    fn a_picture_depends_on_the_nickname_only() {
        assert_eq!(draw("susan"), draw("susan"));
        assert_ne!(draw("susan"), draw("john"));
        assert!(!draw("<script>\"").contains("script"));
    }
}
