//! The links of all pages and forms: paths with percent-encoded arguments.
//!
//! Every module may use this one, because it uses no handler: `uri!` would need the handlers, and they need the links.
//! The path of a handler is therefore written twice, in its route attribute and here. Tests in `pages` and `assets`
//! compare each link with what `uri!` makes of the handler.

use std::borrow::Cow;
use std::fmt::Write as _;

use rocket::http::RawStr;

use super::embedded::{self, STATIC_FILES};
use crate::models::Position;

/// The links that every template can use, with their names in the templates.
pub fn for_templates() -> impl Iterator<Item = (&'static str, String)> {
    let pages = [
        ("home_page", home()),
        ("explore_page", explore()),
        ("search_page", search(None, None)),
        ("login_page", sign_in(None)),
        ("logout_page", sign_out()),
        ("account_page", account()),
        ("register_page", register()),
    ];
    let files = [("stylesheet", "style.css"), ("script", "app.js"), ("icon", "icon.svg")];
    pages.into_iter().chain(files.into_iter().filter_map(|(name, file)| Some((name, static_file(file)?))))
}

/// The front page.
pub fn home() -> String {
    home_at(Position::Newest)
}

/// The front page at a position.
pub fn home_at(position: Position) -> String {
    feed_page("/", position)
}

/// All posts.
pub fn explore() -> String {
    explore_at(Position::Newest)
}

/// All posts at a position.
pub fn explore_at(position: Position) -> String {
    feed_page("/explore", position)
}

/// The Atom feed of all posts.
pub fn feed() -> String {
    "/feed.atom".into()
}

/// The page of a user.
pub fn user(nickname: &str) -> String {
    user_at(nickname, Position::Newest)
}

/// The page of a user, with the posts at a position.
pub fn user_at(nickname: &str, position: Position) -> String {
    feed_page(&format!("/user/{}", encoded(nickname)), position)
}

/// The Atom feed of a user's posts.
pub fn user_feed(nickname: &str) -> String {
    format!("/user/{}/feed.atom", encoded(nickname))
}

/// The picture of a user.
pub fn avatar(nickname: &str) -> String {
    format!("/avatar/{}.svg", encoded(nickname))
}

/// The page of a user's followers whose nicknames sort after `after`; all of them if it is empty.
pub fn followers(nickname: &str, after: &str) -> String {
    let after = (!after.is_empty()).then_some(after);
    with_query(format!("/user/{}/followers", encoded(nickname)), &[("after", after)])
}

/// The page of the people whom a user follows, as [`followers`].
pub fn following(nickname: &str, after: &str) -> String {
    let after = (!after.is_empty()).then_some(after);
    with_query(format!("/user/{}/following", encoded(nickname)), &[("after", after)])
}

/// The form action that follows a user and then redirects to `next`, by default to the user's page.
pub fn follow(nickname: &str, next: Option<&str>) -> String {
    with_query(format!("/user/{}/follow", encoded(nickname)), &[("next", next)])
}

/// The form action that unfollows a user, as [`follow`].
pub fn unfollow(nickname: &str, next: Option<&str>) -> String {
    with_query(format!("/user/{}/unfollow", encoded(nickname)), &[("next", next)])
}

/// The posts with a tag.
pub fn tag(name: &str) -> String {
    tag_at(name, Position::Newest)
}

/// The posts with a tag at a position.
pub fn tag_at(name: &str, position: Position) -> String {
    feed_page(&format!("/tag/{}", encoded(name)), position)
}

/// The Atom feed of the posts with a tag.
pub fn tag_feed(name: &str) -> String {
    format!("/tag/{}/feed.atom", encoded(name))
}

/// The page of one post.
pub fn post(id: i32) -> String {
    format!("/post/{id}")
}

/// The page and form action that deletes a post and then redirects to `next`.
pub fn delete_post(id: i32, next: Option<&str>) -> String {
    with_query(format!("/post/{id}/delete"), &[("next", next)])
}

/// A page of search results; the first page is 1.
pub fn search(query: Option<&str>, page: Option<usize>) -> String {
    let page = page.map(|page| page.to_string());
    with_query("/search".into(), &[("q", query), ("page", page.as_deref())])
}

/// The page and form action to sign in, which then redirects to `next`.
pub fn sign_in(next: Option<&str>) -> String {
    with_query("/login".into(), &[("next", next)])
}

/// The form action to sign out.
pub fn sign_out() -> String {
    "/logout".into()
}

/// The page and form action to register.
pub fn register() -> String {
    "/register".into()
}

/// The page and form action to edit one's profile.
pub fn edit_profile() -> String {
    "/edit".into()
}

/// The page of one's account.
pub fn account() -> String {
    "/account".into()
}

/// The form action to change one's password.
pub fn change_password() -> String {
    "/account/password".into()
}

/// The form action to end one of one's sessions.
pub fn end_session(id: i32) -> String {
    format!("/account/sessions/{id}/end")
}

/// The form action to end all one's sessions.
pub fn sign_out_everywhere() -> String {
    "/account/sign-out-everywhere".into()
}

/// The form action to delete one's account.
pub fn delete_account() -> String {
    "/account/delete".into()
}

/// A static file, if it exists. The link contains a digest of the content, so it changes with the content.
pub fn static_file(name: &str) -> Option<String> {
    let file = STATIC_FILES.iter().find(|(known, _)| *known == name)?;
    Some(format!("/static/{}/{name}", embedded::digest(&embedded::current("static", file))))
}

fn feed_page(path: &str, position: Position) -> String {
    let (before, after) = match position {
        Position::Newest => (None, None),
        Position::Before(cursor) => (Some(cursor.to_string()), None),
        Position::After(cursor) => (None, Some(cursor.to_string())),
    };
    with_query(path.into(), &[("before", before.as_deref()), ("after", after.as_deref())])
}

/// The path with the parameters that have a value.
fn with_query(path: String, parameters: &[(&str, Option<&str>)]) -> String {
    let mut link = path;
    let mut separator = '?';
    for (name, value) in parameters {
        if let Some(value) = value {
            let _ = write!(link, "{separator}{name}={}", encoded(value));
            separator = '&';
        }
    }
    link
}

fn encoded(text: &str) -> Cow<'_, RawStr> {
    RawStr::new(text).percent_encode()
}
