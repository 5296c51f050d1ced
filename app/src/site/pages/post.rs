//! The page of one post, and its deletion, which is asked for on a page of its own.

use diesel_autogen::Connection;
use rocket::fairing::{AdHoc, Fairing};
use rocket::{get, post, routes};

use super::timeline::Item;
use crate::models::{Mentioned, Post, User};
use crate::site::auth::Visitor;
use crate::site::error::{AppError, AppResult};
use crate::site::flash::{Flash, FlashMessage};
use crate::site::pool::Db;
use crate::site::replica::Reader;
use crate::site::response::HandlerResult;
use crate::site::templates::Page;
use crate::site::{links, safe_redirect};

/// The fairing that serves it.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Posts", |rocket| async { rocket.mount("/", routes![show, ask, delete]) })
}

/// An id that is not a number is `None`, which becomes 404. Without the `Option`, Rocket would respond with 422.
#[get("/post/<id>")]
pub async fn show(id: Option<i32>, flash: FlashMessage<'_>, visitor: Visitor, reader: Reader<'_>) -> HandlerResult {
    let id = id.ok_or(AppError::NotFound)?;
    let (viewer, post, mentioned) = reader.run(move |connection| load(id, &visitor, connection)).await?;
    let item = Item::new(&post, viewer.as_ref(), &mentioned);
    Ok(Page::new("post.html").viewer(viewer.as_ref()).with("post", &item).flash(flash).into())
}

type Loaded = (Option<User>, (Post, User), Mentioned);

fn load(id: i32, visitor: &Visitor, connection: &mut Connection) -> AppResult<Loaded> {
    let viewer = visitor.load(connection)?;
    let post = Post::find(id, connection)?;
    let author = post.author(connection)?;
    let mentioned = Mentioned::load([post.body.as_str()], connection)?;
    Ok((viewer, (post, author), mentioned))
}

/// Asks whether to delete a post.
#[get("/post/<id>/delete?<next>")]
pub async fn ask(id: Option<i32>, next: Option<&str>, visitor: Visitor, db: &Db) -> HandlerResult {
    let id = id.ok_or(AppError::NotFound)?;
    let (viewer, post, mentioned) = db
        .run(move |connection| {
            visitor.require(connection)?;
            load(id, &visitor, connection)
        })
        .await?;
    if viewer.as_ref().is_none_or(|viewer| viewer.id != post.1.id) {
        return Err(AppError::Forbidden);
    }
    let back = next.filter(|next| safe_redirect::is_local(next)).map_or_else(links::home, str::to_owned);
    Ok(Page::new("delete_post.html")
        .viewer(viewer.as_ref())
        .with("post", &Item::new(&post, None, &mentioned))
        .with("action", &links::delete_post(id, Some(&back)))
        .with("back", &back)
        .into())
}

#[post("/post/<id>/delete?<next>")]
pub async fn delete(id: Option<i32>, next: Option<&str>, visitor: Visitor, db: &Db) -> HandlerResult {
    let id = id.ok_or(AppError::NotFound)?;
    db.write(move |connection| {
        let viewer = visitor.require_to_change(connection)?;
        let post = Post::find(id, connection)?;
        // 403 rather than 404: the author of a post is public.
        if post.user_id != viewer.id {
            return Err(AppError::Forbidden);
        }
        post.delete(connection).map_err(AppError::from)
    })
    .await?;
    Ok(Flash::new(safe_redirect::to(next.unwrap_or_default(), links::home), "Your post is deleted.").into())
}
