//! Following and unfollowing a user. Both redirect to the page with the button.

use rocket::fairing::{AdHoc, Fairing};
use rocket::{post, routes};

use crate::models::User;
use crate::site::auth::Visitor;
use crate::site::error::AppError;
use crate::site::flash::Flash;
use crate::site::pool::Db;
use crate::site::response::HandlerResult;
use crate::site::{links, safe_redirect};

/// The fairing that serves them.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Following", |rocket| async { rocket.mount("/", routes![follow, unfollow]) })
}

#[post("/user/<nickname>/follow?<next>")]
pub async fn follow(nickname: &str, next: Option<&str>, visitor: Visitor, db: &Db) -> HandlerResult {
    let name = nickname.to_owned();
    let (nickname, is_self) = db
        .write(move |connection| {
            let viewer = visitor.require_to_change(connection)?;
            let user = User::by_nickname(&name, connection)?;
            if viewer.id != user.id {
                viewer.follow(&user, connection)?;
            }
            Ok::<_, AppError>((user.nickname, viewer.id == user.id))
        })
        .await?;
    let message = format!("You are now following {nickname}!");
    Ok(back(next, &nickname, if is_self { "You can't follow yourself!" } else { &message }).into())
}

#[post("/user/<nickname>/unfollow?<next>")]
pub async fn unfollow(nickname: &str, next: Option<&str>, visitor: Visitor, db: &Db) -> HandlerResult {
    let name = nickname.to_owned();
    let (nickname, is_self) = db
        .write(move |connection| {
            let viewer = visitor.require_to_change(connection)?;
            let user = User::by_nickname(&name, connection)?;
            viewer.unfollow(&user, connection)?;
            Ok::<_, AppError>((user.nickname, viewer.id == user.id))
        })
        .await?;
    let message = format!("You have stopped following {nickname}.");
    Ok(back(next, &nickname, if is_self { "You can't unfollow yourself!" } else { &message }).into())
}

fn back(next: Option<&str>, nickname: &str, message: &str) -> Flash {
    Flash::new(safe_redirect::to(next.unwrap_or_default(), || links::user(nickname)), message)
}
