//! A person: what they say of themselves, and their posts.

use config::Config;
use rocket::fairing::{AdHoc, Fairing};
use rocket::response::Redirect;
use rocket::{State, get, routes, uri};

use super::timeline::{self, Moment};
use super::{avatar, edit, feeds, follow, people};
use crate::models::{Cursor, Feed, Page as Posts, Position, User};
use crate::site::auth::Visitor;
use crate::site::flash::FlashMessage;
use crate::site::templates::Page;
use crate::site::{AppError, AppResult, Db, text};

/// The fairing that serves it.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("People's pages", |rocket| async { rocket.mount("/", routes![user]) })
}

/// The link of a page of somebody's posts.
pub fn link(nickname: &str, position: Position) -> String {
    let (before, after) = timeline::cursors(position);
    uri!(user(nickname = nickname, before = before, after = after)).to_string()
}

#[get("/user/<nickname>?<before>&<after>")]
async fn user(
    nickname: &str,
    before: Option<Cursor>,
    after: Option<Cursor>,
    flash: FlashMessage<'_>,
    visitor: Visitor,
    config: &State<Config>,
    db: &Db,
) -> AppResult<Result<Page, Redirect>> {
    let (size, position) = (config.posts_per_page, timeline::position(before, after));
    let name = nickname.to_owned();
    let (viewer, user, is_followed, written, follows, posts) = db
        .run(move |connection| {
            let viewer = visitor.load(connection)?;
            let user = User::by_nickname(&name, connection)?;
            let is_followed = match &viewer {
                Some(viewer) => viewer.follows(&user, connection)?,
                None => false,
            };
            let (written, follows) = (user.post_count(connection)?, user.follow_counts(connection)?);
            let posts = Posts::load(&Feed::Of(user.id), position, size, connection)?;
            Ok::<_, AppError>((viewer, user, is_followed, written, follows, posts))
        })
        .await?;
    if user.nickname != nickname {
        // Another spelling. A browser asks again each time, see `caching`, so that a spelling can change.
        return Ok(Err(Redirect::permanent(link(&user.nickname, position))));
    }
    let page = Page::new("user.html")
        .viewer(viewer.as_ref())
        .flash(flash)
        .with("user", &user.nickname)
        .with("avatar", &avatar::link(nickname))
        .with("about_me", &text::segments(user.about_me.as_deref().unwrap_or_default(), &[]))
        .with("last_seen", &user.last_seen.map(Moment::new))
        .with("written", &text::count(written))
        .with("followers", &text::count(follows.0))
        .with("followers_page", &people::followers_link(nickname, ""))
        .with("following", &text::count(follows.1))
        .with("following_page", &people::following_link(nickname, ""))
        .with("is_me", &viewer.as_ref().is_some_and(|viewer| viewer.id == user.id))
        .with("is_followed", &is_followed)
        .with("edit_page", &edit::link())
        .with("follow_action", &follow::follow_link(nickname, None))
        .with("unfollow_action", &follow::unfollow_link(nickname, None))
        .with("atom", &feeds::user_link(nickname));
    Ok(Ok(timeline::show(page, &posts, viewer.as_ref(), |position| link(nickname, position))))
}
