//! One post by itself, and its end.

use rocket::fairing::{AdHoc, Fairing};
use rocket::response::Redirect;
use rocket::{get, post, routes, uri};

use super::timeline::Item;
use crate::models::Post;
use crate::site::auth::Visitor;
use crate::site::flash::{Flash, FlashMessage};
use crate::site::templates::Page;
use crate::site::{AppError, AppResult, Db};

/// The fairing that serves it.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Posts", |rocket| async { rocket.mount("/", routes![show, delete]) })
}

/// The number of a post in a path. What is no number names no post, which is 404; Rocket would have made it 422.
type Id = Option<i32>;

/// The link of one.
pub fn link(id: i32) -> String {
    uri!(show(id)).to_string()
}

/// Where the form to delete one is sent.
pub fn delete_link(id: i32) -> String {
    uri!(delete(id)).to_string()
}

#[get("/post/<id>")]
async fn show(id: Id, flash: FlashMessage<'_>, visitor: Visitor, db: &Db) -> AppResult<Page> {
    let id = id.ok_or(AppError::NotFound)?;
    let (viewer, post) = db
        .run(move |connection| {
            let viewer = visitor.load(connection)?;
            let post = Post::find(id, connection)?;
            let author = post.author(connection)?;
            Ok::<_, AppError>((viewer, (post, author)))
        })
        .await?;
    Ok(Page::new("post.html").viewer(viewer.as_ref()).with("post", &Item::new(&post, viewer.as_ref())).flash(flash))
}

#[post("/post/<id>/delete")]
async fn delete(id: Id, visitor: Visitor, db: &Db) -> AppResult<Flash> {
    let id = id.ok_or(AppError::NotFound)?;
    db.write(move |connection| {
        let viewer = visitor.require(connection)?;
        let post = Post::find(id, connection)?;
        // Whose post it is, is nobody's secret; to delete it is the author's right alone.
        if post.user_id != viewer.id {
            return Err(AppError::Forbidden);
        }
        post.delete(connection).map_err(AppError::from)
    })
    .await?;
    Ok(Flash::new(Redirect::to(super::home_page()), "Your post is deleted."))
}
