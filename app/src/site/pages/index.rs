//! The front page: the newest posts with their authors.

use config::Config;
use rocket::fairing::{AdHoc, Fairing};
use rocket::form::{self, FromFormField, ValueField};
use rocket::http::impl_from_uri_param_identity;
use rocket::http::uri::fmt::{Formatter, Query, UriDisplay};
use rocket::request::FlashMessage;
use rocket::serde::Serialize;
use rocket::{State, get, routes, uri};

use crate::models::feed::everybody;
use crate::models::{Cursor, Page as Posts, Position, Post, User};
use crate::site::templates::Page;
use crate::site::{AppResult, Db};

/// The fairing that serves it.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Front page", |rocket| async { rocket.mount("/", routes![home, index]) })
}

/// The link of the first page.
pub fn first_page() -> String {
    uri!(home(before = _, after = _)).to_string()
}

#[get("/?<before>&<after>")]
async fn home(
    before: Option<Cursor>,
    after: Option<Cursor>,
    flash: Option<FlashMessage<'_>>,
    config: &State<Config>,
    db: &Db,
) -> AppResult<Page> {
    let size = config.posts_per_page;
    let position = match (before, after) {
        (Some(cursor), _) => Position::Before(cursor),
        (None, Some(cursor)) => Position::After(cursor),
        (None, None) => Position::Newest,
    };
    let posts = db.run(move |connection| Posts::load(everybody, position, size, connection)).await?;
    Ok(Page::new("index.html")
        .with("posts", &posts.posts.iter().map(Item::new).collect::<Vec<_>>())
        .with("newer", &posts.newer.map(link))
        .with("older", &posts.older.map(link))
        .flash(flash))
}

#[get("/index?<before>&<after>")]
async fn index(
    before: Option<Cursor>,
    after: Option<Cursor>,
    flash: Option<FlashMessage<'_>>,
    config: &State<Config>,
    db: &Db,
) -> AppResult<Page> {
    home(before, after, flash, config, db).await
}

fn link(position: Position) -> String {
    match position {
        Position::Newest => first_page(),
        Position::Before(cursor) => uri!(home(before = Some(cursor), after = _)).to_string(),
        Position::After(cursor) => uri!(home(before = _, after = Some(cursor))).to_string(),
    }
}

/// A post as the template shows it.
#[derive(Serialize)]
#[serde(crate = "rocket::serde")]
struct Item<'a> {
    author: &'a str,
    body: &'a str,
    machine_time: String,
    time: String,
}

impl<'a> Item<'a> {
    fn new((post, author): &'a (Post, User)) -> Self {
        Self {
            author: &author.nickname,
            body: &post.body,
            machine_time: post.timestamp.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            time: post.timestamp.format("%-d %B %Y, %H:%M UTC").to_string(),
        }
    }
}

impl<'v> FromFormField<'v> for Cursor {
    fn from_value(field: ValueField<'v>) -> form::Result<'v, Self> {
        field.value.parse().map_err(|error| form::Error::custom(error).into())
    }
}

impl UriDisplay<Query> for Cursor {
    fn fmt(&self, f: &mut Formatter<'_, Query>) -> std::fmt::Result {
        f.write_value(self.to_string())
    }
}

impl_from_uri_param_identity!([Query] Cursor);
