//! The front page: for signed-in users, the form to write a post, their own posts and the posts of the people they
//! follow; for other visitors, all posts.

use config::Config;
use rocket::fairing::{AdHoc, Fairing};
use rocket::form::Form;
use rocket::response::Redirect;
use rocket::{FromForm, State, get, post, routes};

use super::timeline;
use crate::models::{Cursor, Feed, NewPost, Page as Posts, Position, Post, User};
use crate::site::auth::Visitor;
use crate::site::error::{AppError, AppResult};
use crate::site::flash::{Flash, FlashMessage};
use crate::site::forms::{self, Fields};
use crate::site::links;
use crate::site::pool::Db;
use crate::site::replica::Reader;
use crate::site::response::HandlerResult;
use crate::site::templates::Page;

/// The fairing that serves it.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Front page", |rocket| async { rocket.mount("/", routes![home, index, write]) })
}

#[get("/?<before>&<after>")]
pub async fn home(
    before: Option<Cursor>,
    after: Option<Cursor>,
    flash: FlashMessage<'_>,
    visitor: Visitor,
    config: &State<Config>,
    reader: Reader<'_>,
) -> HandlerResult {
    let (size, position) = (config.posts_per_page, timeline::position(before, after));
    let (viewer, posts) = reader.run(move |connection| load(&visitor, position, size, connection)).await?;
    let form = Fields::new([("body", "")]);
    Ok(page(&form, viewer.as_ref(), &posts).flash(flash).into())
}

#[get("/index?<before>&<after>")]
async fn index(
    before: Option<Cursor>,
    after: Option<Cursor>,
    flash: FlashMessage<'_>,
    visitor: Visitor,
    config: &State<Config>,
    reader: Reader<'_>,
) -> HandlerResult {
    home(before, after, flash, visitor, config, reader).await
}

#[derive(FromForm)]
struct Draft<'r> {
    #[field(default = "")]
    body: &'r str,
}

#[post("/", data = "<draft>")]
async fn write(draft: Form<Draft<'_>>, visitor: Visitor, config: &State<Config>, db: &Db) -> HandlerResult {
    let body = forms::normalize(draft.body);
    let form = Fields::new([("body", body.as_str())])
        .checked("body", forms::text(&body, "what you want to say", Post::BODY_LENGTH, Post::BODY_COLUMN_LENGTH));
    if form.is_valid() {
        db.write(move |connection| {
            let author = visitor.require(connection)?;
            NewPost::new(&author, &body)?.insert(connection).map_err(AppError::from)
        })
        .await?;
        return Ok(Flash::new(Redirect::to(links::home()), "Your post is now live!").into());
    }
    let size = config.posts_per_page;
    let (viewer, posts) = db
        .run(move |connection| {
            visitor.require(connection)?;
            load(&visitor, Position::Newest, size, connection)
        })
        .await?;
    Ok(page(&form, viewer.as_ref(), &posts).into())
}

fn load(
    visitor: &Visitor,
    position: Position,
    size: u8,
    connection: &mut diesel_autogen::Connection,
) -> AppResult<(Option<User>, Posts)> {
    let viewer = visitor.load(connection)?;
    let feed = viewer.as_ref().map_or(Feed::All, |viewer| Feed::Home(viewer.id));
    let posts = Posts::load(&feed, position, size, connection)?;
    Ok((viewer, posts))
}

fn page(form: &Fields, viewer: Option<&User>, posts: &Posts) -> Page {
    let page = Page::new("home.html")
        .viewer(viewer)
        .form(form)
        .with("max_length", &Post::BODY_LENGTH)
        .with("atom", &links::feed());
    timeline::show(page, posts, viewer, links::home_at)
}
