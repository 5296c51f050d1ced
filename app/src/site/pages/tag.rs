//! The posts with a tag.

use config::Config;
use rocket::fairing::{AdHoc, Fairing};
use rocket::{State, get, routes, uri};

use super::{feeds, timeline};
use crate::models::markup::tag_key;
use crate::models::{Cursor, Feed, Position};
use crate::site::auth::Visitor;
use crate::site::flash::FlashMessage;
use crate::site::templates::Page;
use crate::site::{AppResult, Db};

/// The fairing that serves it.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Tags", |rocket| async { rocket.mount("/", routes![tag]) })
}

/// The link of a page of the posts with that tag.
pub fn link(name: &str, position: Position) -> String {
    let (before, after) = timeline::cursors(position);
    uri!(tag(name = name, before = before, after = after)).to_string()
}

/// A tag that nobody has used yet is a page without posts.
#[get("/tag/<name>?<before>&<after>")]
async fn tag(
    name: &str,
    before: Option<Cursor>,
    after: Option<Cursor>,
    flash: FlashMessage<'_>,
    visitor: Visitor,
    config: &State<Config>,
    db: &Db,
) -> AppResult<Page> {
    let (position, key) = (timeline::position(before, after), tag_key(name));
    let feed = Feed::Tagged(key.clone());
    let (viewer, posts) = timeline::load(feed, position, config.posts_per_page, visitor, db).await?;
    let page = Page::new("tag.html")
        .viewer(viewer.as_ref())
        .flash(flash)
        .with("tag", &key)
        .with("atom", &feeds::tag_link(&key));
    Ok(timeline::show(page, &posts, viewer.as_ref(), |position| link(&key, position)))
}
