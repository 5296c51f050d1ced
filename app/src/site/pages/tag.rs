//! The posts with a tag.

use config::Config;
use rocket::fairing::{AdHoc, Fairing};
use rocket::{State, get, routes};

use super::timeline;
use crate::models::markup::tag_key;
use crate::models::{Cursor, Feed};
use crate::site::auth::Visitor;
use crate::site::flash::FlashMessage;
use crate::site::links;
use crate::site::replica::Reader;
use crate::site::response::HandlerResult;
use crate::site::templates::Page;

/// The fairing that serves it.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Tags", |rocket| async { rocket.mount("/", routes![tag]) })
}

/// An unused tag has a page without posts.
#[get("/tag/<name>?<before>&<after>")]
pub async fn tag(
    name: &str,
    before: Option<Cursor>,
    after: Option<Cursor>,
    flash: FlashMessage<'_>,
    visitor: Visitor,
    config: &State<Config>,
    reader: Reader<'_>,
) -> HandlerResult {
    let (position, key) = (timeline::position(before, after), tag_key(name));
    let feed = Feed::Tagged(key.clone());
    let (viewer, posts) = timeline::load(feed, position, config.posts_per_page, visitor, &reader).await?;
    let page = Page::new("tag.html")
        .viewer(viewer.as_ref())
        .flash(flash)
        .with("tag", &key)
        .with("atom", &links::tag_feed(&key));
    Ok(timeline::show(page, &posts, viewer.as_ref(), position, |position| links::tag_at(&key, position)).into())
}
