//! The page of a user: the text about them, and their posts.

use config::Config;
use rocket::fairing::{AdHoc, Fairing};
use rocket::response::Redirect;
use rocket::{State, get, routes};

use super::people;
use super::timeline::{self, Moment};
use crate::models::{Cursor, Feed, Page as Posts, User};
use crate::site::auth::Visitor;
use crate::site::error::AppError;
use crate::site::flash::FlashMessage;
use crate::site::replica::Reader;
use crate::site::response::HandlerResult;
use crate::site::templates::Page;
use crate::site::{links, text};

/// The fairing that serves it.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Users", |rocket| async { rocket.mount("/", routes![user]) })
}

#[get("/user/<nickname>?<before>&<after>")]
pub async fn user(
    nickname: &str,
    before: Option<Cursor>,
    after: Option<Cursor>,
    flash: FlashMessage<'_>,
    visitor: Visitor,
    config: &State<Config>,
    reader: Reader<'_>,
) -> HandlerResult {
    let (size, position) = (config.posts_per_page, timeline::position(before, after));
    let name = nickname.to_owned();
    let (viewer, user, mentioned, is_followed, written, follows, posts) = reader
        .run(move |connection| {
            let viewer = visitor.load(connection)?;
            let user = User::by_nickname(&name, connection)?;
            let is_followed = match &viewer {
                Some(viewer) => viewer.follows(&user, connection)?,
                None => false,
            };
            let (written, follows) = (user.post_count(connection)?, user.follow_counts(connection)?);
            let posts = Posts::load(&Feed::Of(user.id), position, size, connection)?;
            let mentioned = people::mentioned_by([&user], connection)?;
            Ok::<_, AppError>((viewer, user, mentioned, is_followed, written, follows, posts))
        })
        .await?;
    if user.nickname != nickname {
        // Other capitals. Browsers revalidate the redirect each time (see `caching`), so the nickname may still change.
        return Ok(Redirect::permanent(links::user_at(&user.nickname, position)).into());
    }
    let page = Page::new("user.html")
        .viewer(viewer.as_ref())
        .flash(flash)
        .with("user", &user.nickname)
        .with("avatar", &links::avatar(nickname))
        .with("about_me", &text::segments(user.about_me.as_deref().unwrap_or_default(), &[], &mentioned))
        .with("last_seen", &user.last_seen.map(Moment::new))
        .with("written", &text::count(written))
        .with("followers", &text::count(follows.0))
        .with("followers_page", &links::followers(nickname, ""))
        .with("following", &text::count(follows.1))
        .with("following_page", &links::following(nickname, ""))
        .with("is_self", &viewer.as_ref().is_some_and(|viewer| viewer.id == user.id))
        .with("is_followed", &is_followed)
        .with("edit_page", &links::edit_profile())
        .with("follow_action", &links::follow(nickname, None))
        .with("unfollow_action", &links::unfollow(nickname, None))
        .with("atom", &links::user_feed(nickname));
    Ok(timeline::show(page, &posts, viewer.as_ref(), position, |position| links::user_at(nickname, position)).into())
}
