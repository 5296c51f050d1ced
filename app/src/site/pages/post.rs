//! The page of one post, and its deletion.

use rocket::fairing::{AdHoc, Fairing};
use rocket::response::Redirect;
use rocket::{get, post, routes};

use super::timeline::Item;
use crate::models::Post;
use crate::site::auth::Visitor;
use crate::site::error::AppError;
use crate::site::flash::{Flash, FlashMessage};
use crate::site::links;
use crate::site::pool::Db;
use crate::site::replica::Reader;
use crate::site::response::HandlerResult;
use crate::site::templates::Page;

/// The fairing that serves it.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Posts", |rocket| async { rocket.mount("/", routes![show, delete]) })
}

/// An id that is not a number is `None`, which becomes 404. Without the `Option`, Rocket would respond with 422.
#[get("/post/<id>")]
pub async fn show(id: Option<i32>, flash: FlashMessage<'_>, visitor: Visitor, reader: Reader<'_>) -> HandlerResult {
    let id = id.ok_or(AppError::NotFound)?;
    let (viewer, post) = reader
        .run(move |connection| {
            let viewer = visitor.load(connection)?;
            let post = Post::find(id, connection)?;
            let author = post.author(connection)?;
            Ok::<_, AppError>((viewer, (post, author)))
        })
        .await?;
    let item = Item::new(&post, viewer.as_ref());
    Ok(Page::new("post.html").viewer(viewer.as_ref()).with("post", &item).flash(flash).into())
}

#[post("/post/<id>/delete")]
pub async fn delete(id: Option<i32>, visitor: Visitor, db: &Db) -> HandlerResult {
    let id = id.ok_or(AppError::NotFound)?;
    db.write(move |connection| {
        let viewer = visitor.require(connection)?;
        let post = Post::find(id, connection)?;
        // 403 rather than 404: the author of a post is public.
        if post.user_id != viewer.id {
            return Err(AppError::Forbidden);
        }
        post.delete(connection).map_err(AppError::from)
    })
    .await?;
    Ok(Flash::new(Redirect::to(links::home()), "Your post is deleted.").into())
}
