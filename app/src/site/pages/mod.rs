//! The pages, one file each.

mod account;
mod avatar;
mod edit;
mod explore;
mod feeds;
mod follow;
mod health;
mod home;
mod people;
mod post;
mod register;
mod search;
pub mod sign_in;
mod tag;
mod timeline;
mod user;

use rocket::fairing::{AdHoc, Fairing};
use rocket::uri;

use crate::models::Position;

/// The fairing that serves them all.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Pages", |rocket| async {
        rocket
            .attach(home::stage())
            .attach(explore::stage())
            .attach(post::stage())
            .attach(user::stage())
            .attach(people::stage())
            .attach(follow::stage())
            .attach(edit::stage())
            .attach(avatar::stage())
            .attach(tag::stage())
            .attach(search::stage())
            .attach(feeds::stage())
            .attach(register::stage())
            .attach(sign_in::stage())
            .attach(account::stage())
            .attach(health::stage())
    })
}

/// The link of the front page.
pub fn home_page() -> String {
    home::link(Position::Newest)
}

/// The link of somebody's page.
pub fn user_page(nickname: &str) -> String {
    user::link(nickname, Position::Newest)
}

/// The link of the posts with that tag.
pub fn tag_page(name: &str) -> String {
    tag::link(name, Position::Newest)
}

/// The link of one post by itself.
pub fn post_page(id: i32) -> String {
    post::link(id)
}

/// The links that every page shows, by the name that the templates know them by.
pub fn links() -> [(&'static str, String); 7] {
    [
        ("home_page", home_page()),
        ("explore_page", explore::link(Position::Newest)),
        ("search_page", search::link(None, None)),
        ("login_page", uri!(sign_in::show(None::<String>)).to_string()),
        ("logout_page", uri!(sign_in::sign_out).to_string()),
        ("account_page", uri!(account::show).to_string()),
        ("register_page", uri!(register::show).to_string()),
    ]
}
