//! The front page: for those who are signed in, their own posts and those of the people they follow, and the form to
//! write; for all others, everybody's newest posts.

use config::Config;
use rocket::fairing::{AdHoc, Fairing};
use rocket::form::Form;
use rocket::response::Redirect;
use rocket::{FromForm, State, get, post, routes, uri};

use super::{feeds, timeline};
use crate::models::{Cursor, Feed, NewPost, Page as Posts, Position, Post, User};
use crate::site::auth::Visitor;
use crate::site::flash::{Flash, FlashMessage};
use crate::site::forms::{self, Fields};
use crate::site::templates::Page;
use crate::site::{AppError, AppResult, Db};

/// The fairing that serves it.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Front page", |rocket| async { rocket.mount("/", routes![home, index, write]) })
}

/// The link of a page of it.
pub fn link(position: Position) -> String {
    let (before, after) = timeline::cursors(position);
    uri!(home(before = before, after = after)).to_string()
}

#[get("/?<before>&<after>")]
async fn home(
    before: Option<Cursor>,
    after: Option<Cursor>,
    flash: FlashMessage<'_>,
    visitor: Visitor,
    config: &State<Config>,
    db: &Db,
) -> AppResult<Page> {
    let (size, position) = (config.posts_per_page, timeline::position(before, after));
    let (viewer, posts) = db.run(move |connection| load(&visitor, position, size, connection)).await?;
    let form = Fields::new([("body", "")]);
    Ok(page(&form, viewer.as_ref(), &posts).flash(flash))
}

#[get("/index?<before>&<after>")]
async fn index(
    before: Option<Cursor>,
    after: Option<Cursor>,
    flash: FlashMessage<'_>,
    visitor: Visitor,
    config: &State<Config>,
    db: &Db,
) -> AppResult<Page> {
    home(before, after, flash, visitor, config, db).await
}

/// What is typed into the form.
#[derive(FromForm)]
struct Draft<'r> {
    #[field(default = "")]
    body: &'r str,
}

#[post("/", data = "<draft>")]
async fn write(
    draft: Form<Draft<'_>>,
    visitor: Visitor,
    config: &State<Config>,
    db: &Db,
) -> AppResult<Result<Flash, Page>> {
    let body = forms::tidy(draft.body);
    let form = Fields::new([("body", body.as_str())])
        .checked("body", forms::text(&body, "what you want to say", Post::BODY_LENGTH, Post::BODY_ROOM));
    if form.are_good() {
        db.write(move |connection| {
            let author = visitor.require(connection)?;
            NewPost::new(&author, &body)?.insert(connection).map_err(AppError::from)
        })
        .await?;
        return Ok(Ok(Flash::new(Redirect::to(link(Position::Newest)), "Your post is now live!")));
    }
    let size = config.posts_per_page;
    let (viewer, posts) = db
        .run(move |connection| {
            visitor.require(connection)?;
            load(&visitor, Position::Newest, size, connection)
        })
        .await?;
    Ok(Err(page(&form, viewer.as_ref(), &posts)))
}

fn load(
    visitor: &Visitor,
    position: Position,
    size: u8,
    connection: &mut migrate::Connection,
) -> AppResult<(Option<User>, Posts)> {
    let viewer = visitor.load(connection)?;
    let feed = viewer.as_ref().map_or(Feed::Everybody, |viewer| Feed::Home(viewer.id));
    let posts = Posts::load(&feed, position, size, connection)?;
    Ok((viewer, posts))
}

fn page(form: &Fields, viewer: Option<&User>, posts: &Posts) -> Page {
    let page = Page::new("home.html")
        .viewer(viewer)
        .form(form)
        .with("longest", &Post::BODY_LENGTH)
        .with("atom", &feeds::link());
    timeline::show(page, posts, viewer, link)
}
