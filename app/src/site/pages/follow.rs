//! Following somebody, and ceasing to. Both lead back to the page where the button was.

use rocket::fairing::{AdHoc, Fairing};
use rocket::{post, routes, uri};

use super::user_page;
use crate::models::User;
use crate::site::auth::Visitor;
use crate::site::flash::Flash;
use crate::site::{AppError, AppResult, Db, local};

/// The fairing that serves them.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Following", |rocket| async { rocket.mount("/", routes![follow, unfollow]) })
}

/// Where the form to follow somebody is sent, from that page: from theirs, unless it is said.
pub fn follow_link(nickname: &str, from: Option<&str>) -> String {
    uri!(follow(nickname = nickname, next = from)).to_string()
}

/// Where the form to follow somebody no longer is sent, likewise.
pub fn unfollow_link(nickname: &str, from: Option<&str>) -> String {
    uri!(unfollow(nickname = nickname, next = from)).to_string()
}

#[post("/user/<nickname>/follow?<next>")]
async fn follow(nickname: &str, next: Option<&str>, visitor: Visitor, db: &Db) -> AppResult<Flash> {
    let name = nickname.to_owned();
    let (nickname, is_me) = db
        .write(move |connection| {
            let viewer = visitor.require(connection)?;
            let user = User::by_nickname(&name, connection)?;
            if viewer.id != user.id {
                viewer.follow(&user, connection)?;
            }
            Ok::<_, AppError>((user.nickname, viewer.id == user.id))
        })
        .await?;
    let done = format!("You are now following {nickname}!");
    Ok(back(next, &nickname, if is_me { "You can't follow yourself!" } else { &done }))
}

#[post("/user/<nickname>/unfollow?<next>")]
async fn unfollow(nickname: &str, next: Option<&str>, visitor: Visitor, db: &Db) -> AppResult<Flash> {
    let name = nickname.to_owned();
    let (nickname, is_me) = db
        .write(move |connection| {
            let viewer = visitor.require(connection)?;
            let user = User::by_nickname(&name, connection)?;
            viewer.unfollow(&user, connection)?;
            Ok::<_, AppError>((user.nickname, viewer.id == user.id))
        })
        .await?;
    let done = format!("You have stopped following {nickname}.");
    Ok(back(next, &nickname, if is_me { "You can't unfollow yourself!" } else { &done }))
}

fn back(next: Option<&str>, nickname: &str, message: &str) -> Flash {
    Flash::new(local::to(next.unwrap_or_default(), || user_page(nickname)), message)
}
