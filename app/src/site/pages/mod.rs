//! The pages, one file each.

mod health;
mod index;
mod login;

use rocket::fairing::{AdHoc, Fairing};
use rocket::uri;

/// The fairing that serves them all.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Pages", |rocket| async {
        rocket.attach(index::stage()).attach(login::stage()).attach(health::stage())
    })
}

/// The links that every page shows, by the name that the templates know them by.
pub fn links() -> [(&'static str, String); 2] {
    [("home_page", index::first_page()), ("login_page", uri!(login::show).to_string())]
}
