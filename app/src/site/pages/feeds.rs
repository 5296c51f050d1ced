//! The newest posts for feed readers: everybody's, a person's, a tag's.

use rocket::fairing::{AdHoc, Fairing};
use rocket::{get, routes, uri};

use super::{explore, tag, user};
use crate::models::markup::tag_key;
use crate::models::{Feed, Page as Posts, Position, User};
use crate::site::atom::{self, Address, Atom};
use crate::site::{AppError, AppResult, Db};

/// How many posts a feed lists.
const SIZE: u8 = 25;

/// The fairing that serves them.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Feeds", |rocket| async { rocket.mount("/", routes![of_all, of_user, of_tag]) })
}

/// The link of everybody's feed.
pub fn link() -> String {
    uri!(of_all).to_string()
}

/// The link of a person's feed.
pub fn user_link(nickname: &str) -> String {
    uri!(of_user(nickname)).to_string()
}

/// The link of a tag's feed.
pub fn tag_link(name: &str) -> String {
    uri!(of_tag(name)).to_string()
}

#[get("/feed.atom")]
async fn of_all(address: Address, db: &Db) -> AppResult<Atom> {
    let posts = db.run(|connection| Posts::load(&Feed::Everybody, Position::Newest, SIZE, connection)).await?;
    Ok(atom::feed(&address, "microblog", &explore::link(Position::Newest), &link(), &posts.posts))
}

#[get("/user/<nickname>/feed.atom")]
async fn of_user(nickname: &str, address: Address, db: &Db) -> AppResult<Atom> {
    let name = nickname.to_owned();
    let (nickname, posts) = db
        .run(move |connection| {
            let user = User::by_nickname(&name, connection)?;
            let posts = Posts::load(&Feed::Of(user.id), Position::Newest, SIZE, connection)?;
            Ok::<_, AppError>((user.nickname, posts))
        })
        .await?;
    let title = format!("{nickname} on microblog");
    let page = user::link(&nickname, Position::Newest);
    Ok(atom::feed(&address, &title, &page, &user_link(&nickname), &posts.posts))
}

#[get("/tag/<name>/feed.atom")]
async fn of_tag(name: &str, address: Address, db: &Db) -> AppResult<Atom> {
    let key = tag_key(name);
    let feed = Feed::Tagged(key.clone());
    let posts = db.run(move |connection| Posts::load(&feed, Position::Newest, SIZE, connection)).await?;
    let title = format!("#{key} on microblog");
    Ok(atom::feed(&address, &title, &tag::link(&key, Position::Newest), &tag_link(&key), &posts.posts))
}
