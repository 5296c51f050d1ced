//! Atom feeds of the newest posts: all posts, a user's, a tag's.

use rocket::fairing::{AdHoc, Fairing};
use rocket::{get, routes};

use crate::models::markup::tag_key;
use crate::models::{Feed, Page as Posts, Position, User};
use crate::site::atom::{self, BaseUrl};
use crate::site::error::AppError;
use crate::site::links;
use crate::site::replica::Reader;
use crate::site::response::HandlerResult;

/// The number of posts in a feed.
const SIZE: u8 = 25;

/// The fairing that serves them.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Feeds", |rocket| async { rocket.mount("/", routes![of_all, of_user, of_tag]) })
}

#[get("/feed.atom")]
pub async fn of_all(base: BaseUrl, reader: Reader<'_>) -> HandlerResult {
    let posts = reader.run(|connection| Posts::load(&Feed::All, Position::Newest, SIZE, connection)).await?;
    Ok(atom::feed(&base, "microblog", &links::explore(), &links::feed(), &posts.posts).into())
}

#[get("/user/<nickname>/feed.atom")]
pub async fn of_user(nickname: &str, base: BaseUrl, reader: Reader<'_>) -> HandlerResult {
    let name = nickname.to_owned();
    let (nickname, posts) = reader
        .run(move |connection| {
            let user = User::by_nickname(&name, connection)?;
            let posts = Posts::load(&Feed::Of(user.id), Position::Newest, SIZE, connection)?;
            Ok::<_, AppError>((user.nickname, posts))
        })
        .await?;
    let title = format!("{nickname} on microblog");
    Ok(atom::feed(&base, &title, &links::user(&nickname), &links::user_feed(&nickname), &posts.posts).into())
}

#[get("/tag/<name>/feed.atom")]
pub async fn of_tag(name: &str, base: BaseUrl, reader: Reader<'_>) -> HandlerResult {
    let key = tag_key(name);
    let feed = Feed::Tagged(key.clone());
    let posts = reader.run(move |connection| Posts::load(&feed, Position::Newest, SIZE, connection)).await?;
    let title = format!("#{key} on microblog");
    Ok(atom::feed(&base, &title, &links::tag(&key), &links::tag_feed(&key), &posts.posts).into())
}
