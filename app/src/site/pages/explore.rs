//! All posts.

use config::Config;
use rocket::fairing::{AdHoc, Fairing};
use rocket::{State, get, routes};

use super::timeline;
use crate::models::{Cursor, Feed};
use crate::site::auth::Visitor;
use crate::site::flash::FlashMessage;
use crate::site::links;
use crate::site::replica::Reader;
use crate::site::response::HandlerResult;
use crate::site::templates::Page;

/// The fairing that serves it.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Explore", |rocket| async { rocket.mount("/", routes![explore]) })
}

#[get("/explore?<before>&<after>")]
pub async fn explore(
    before: Option<Cursor>,
    after: Option<Cursor>,
    flash: FlashMessage<'_>,
    visitor: Visitor,
    config: &State<Config>,
    reader: Reader<'_>,
) -> HandlerResult {
    let position = timeline::position(before, after);
    let (viewer, posts) = timeline::load(Feed::All, position, config.posts_per_page, visitor, &reader).await?;
    let page = Page::new("explore.html").viewer(viewer.as_ref()).flash(flash).with("atom", &links::feed());
    Ok(timeline::show(page, &posts, viewer.as_ref(), position, links::explore_at).into())
}
