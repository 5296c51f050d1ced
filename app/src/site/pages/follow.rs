//! Following somebody, and ceasing to.

use rocket::fairing::{AdHoc, Fairing};
use rocket::response::Redirect;
use rocket::{post, routes, uri};

use super::user_page;
use crate::models::User;
use crate::site::auth::Visitor;
use crate::site::flash::Flash;
use crate::site::{AppError, AppResult, Db};

/// The fairing that serves them.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Following", |rocket| async { rocket.mount("/", routes![follow, unfollow]) })
}

/// Where the form to follow somebody is sent.
pub fn follow_link(nickname: &str) -> String {
    uri!(follow(nickname)).to_string()
}

/// Where the form to follow somebody no longer is sent.
pub fn unfollow_link(nickname: &str) -> String {
    uri!(unfollow(nickname)).to_string()
}

#[post("/user/<nickname>/follow")]
async fn follow(nickname: &str, visitor: Visitor, db: &Db) -> AppResult<Flash> {
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
    let back = Redirect::to(user_page(&nickname));
    Ok(if is_me {
        Flash::new(back, "You can't follow yourself!")
    } else {
        Flash::new(back, format!("You are now following {nickname}!"))
    })
}

#[post("/user/<nickname>/unfollow")]
async fn unfollow(nickname: &str, visitor: Visitor, db: &Db) -> AppResult<Flash> {
    let name = nickname.to_owned();
    let (nickname, is_me) = db
        .write(move |connection| {
            let viewer = visitor.require(connection)?;
            let user = User::by_nickname(&name, connection)?;
            viewer.unfollow(&user, connection)?;
            Ok::<_, AppError>((user.nickname, viewer.id == user.id))
        })
        .await?;
    let back = Redirect::to(user_page(&nickname));
    Ok(if is_me {
        Flash::new(back, "You can't unfollow yourself!")
    } else {
        Flash::new(back, format!("You have stopped following {nickname}."))
    })
}
