//! Everybody's posts.

use config::Config;
use rocket::fairing::{AdHoc, Fairing};
use rocket::{State, get, routes, uri};

use super::{feeds, timeline};
use crate::models::{Cursor, Feed, Position};
use crate::site::auth::Visitor;
use crate::site::flash::FlashMessage;
use crate::site::templates::Page;
use crate::site::{AppResult, Db};

/// The fairing that serves it.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Explore", |rocket| async { rocket.mount("/", routes![explore]) })
}

/// The link of a page of it.
pub fn link(position: Position) -> String {
    let (before, after) = timeline::cursors(position);
    uri!(explore(before = before, after = after)).to_string()
}

#[get("/explore?<before>&<after>")]
async fn explore(
    before: Option<Cursor>,
    after: Option<Cursor>,
    flash: FlashMessage<'_>,
    visitor: Visitor,
    config: &State<Config>,
    db: &Db,
) -> AppResult<Page> {
    let position = timeline::position(before, after);
    let (viewer, posts) = timeline::load(Feed::Everybody, position, config.posts_per_page, visitor, db).await?;
    let page = Page::new("explore.html").viewer(viewer.as_ref()).flash(flash).with("atom", &feeds::link());
    Ok(timeline::show(page, &posts, viewer.as_ref(), link))
}
