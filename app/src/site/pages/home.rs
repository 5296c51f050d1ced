//! The front page: for signed-in users, the form to write a post, their own posts and the posts of the people they
//! follow; for other visitors, all posts.

use config::Config;
use diesel_autogen::Connection;
use rocket::fairing::{AdHoc, Fairing};
use rocket::form::Form;
use rocket::response::Redirect;
use rocket::{FromForm, State, get, post, routes};

use super::people::{self, Person, Viewer};
use super::{sign_in, timeline};
use crate::models::{Cursor, Feed, Mentioned, NewPost, Page as Posts, Position, Post, User};
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
    let loaded = reader.run(move |connection| load(&visitor, position, size, connection)).await?;
    Ok(page(&Fields::new([("body", "")]), &loaded).flash(flash).into())
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
    let mut form = Fields::new([("body", body.as_str())])
        .checked("body", forms::text(&body, "what you want to say", Post::BODY_LENGTH, Post::BODY_COLUMN_LENGTH));
    if form.is_valid() {
        let (author, unsent) = (visitor.clone(), [("body", body.clone())]);
        let written = db.write(move |connection| {
            let author = author.require_to_change(connection)?;
            NewPost::new(&author, &body)?.insert(connection).map_err(AppError::from)
        });
        match written.await {
            Ok(_) => return Ok(Flash::new(Redirect::to(links::home()), "Your post is now live!").into()),
            Err(AppError::SignInFirst) => return Ok(sign_in::keep(links::home(), &unsent).into()),
            Err(error) => form.add_wait("body", error)?,
        }
    }
    let size = config.posts_per_page;
    let loaded = db
        .run(move |connection| {
            visitor.require(connection)?;
            load(&visitor, Position::Newest, size, connection)
        })
        .await?;
    Ok(page(&form, &loaded).into())
}

/// What the page shows.
struct Loaded {
    viewer: Option<User>,
    position: Position,
    posts: Posts,
    /// People to follow, for who follows nobody yet.
    suggested: Vec<User>,
    mentioned: Mentioned,
}

/// The number of suggested people.
const SUGGESTED: usize = 5;

/// The number of posts that strangers see, who find all of them on another page.
const TEASER: u8 = 10;

fn load(visitor: &Visitor, position: Position, size: u8, connection: &mut Connection) -> AppResult<Loaded> {
    let viewer = visitor.load(connection)?;
    let (feed, size) = match &viewer {
        Some(viewer) => (Feed::Home(viewer.id), size),
        None => (Feed::All, size.min(TEASER)),
    };
    let posts = Posts::load(&feed, position, size, connection)?;
    let is_short = posts.newer.is_none() && posts.older.is_none();
    let suggested = match &viewer {
        Some(viewer) if is_short && !viewer.follows_anyone(connection)? => viewer.suggested(SUGGESTED, connection)?,
        _ => Vec::new(),
    };
    let mentioned = people::mentioned_by(&suggested, connection)?;
    Ok(Loaded { viewer, position, posts, suggested, mentioned })
}

fn page(form: &Fields, Loaded { viewer, position, posts, suggested, mentioned }: &Loaded) -> Page {
    let (viewer, here) = (viewer.as_ref(), links::home());
    let stranger = viewer.map(Viewer::of_strangers);
    let person = |user| Person::new(user, mentioned, &[], &[]).seen_by(stranger.as_ref(), user, &here);
    let page = Page::new("home.html")
        .viewer(viewer)
        .form(form)
        .with("max_length", &Post::BODY_LENGTH)
        .with("people", &suggested.iter().map(person).collect::<Vec<_>>())
        .with("atom", &links::feed());
    timeline::show(page, posts, viewer, *position, if viewer.is_some() { links::home_at } else { links::explore_at })
}
