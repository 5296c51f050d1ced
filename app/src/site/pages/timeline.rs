//! What the pages that list posts have in common: the place in the list, the links to the next places, a post as it is
//! shown.

use std::ops::Range;

use chrono::{NaiveDateTime, SecondsFormat};
use rocket::form::{self, FromFormField, ValueField};
use rocket::http::impl_from_uri_param_identity;
use rocket::http::uri::fmt::{Formatter, Query, UriDisplay};
use rocket::serde::Serialize;

use super::{avatar, post};
use crate::models::{Cursor, Feed, Page as Posts, Position, Post, User};
use crate::site::auth::Visitor;
use crate::site::templates::Page;
use crate::site::text::{self, Segment};
use crate::site::{AppError, AppResult, Db};

/// The position that a link asks for.
pub fn position(before: Option<Cursor>, after: Option<Cursor>) -> Position {
    match (before, after) {
        (Some(cursor), _) => Position::Before(cursor),
        (None, Some(cursor)) => Position::After(cursor),
        (None, None) => Position::Newest,
    }
}

/// The cursors that stand in the link of a position.
pub fn cursors(position: Position) -> (Option<Cursor>, Option<Cursor>) {
    match position {
        Position::Newest => (None, None),
        Position::Before(cursor) => (Some(cursor), None),
        Position::After(cursor) => (None, Some(cursor)),
    }
}

/// Who looks at a feed, and the page of it at that position.
pub async fn load(
    feed: Feed,
    position: Position,
    size: u8,
    visitor: Visitor,
    db: &Db,
) -> AppResult<(Option<User>, Posts)> {
    db.run(move |connection| {
        Ok::<_, AppError>((visitor.load(connection)?, Posts::load(&feed, position, size, connection)?))
    })
    .await
}

/// Hands a template a page of posts, as `posts`, `newer` and `older`.
pub fn show(page: Page, posts: &Posts, viewer: Option<&User>, link: impl Fn(Position) -> String) -> Page {
    page.with("posts", &posts.posts.iter().map(|post| Item::new(post, viewer)).collect::<Vec<_>>())
        .with("newer", &posts.newer.map(&link))
        .with("older", &posts.older.map(&link))
}

/// A post as the templates show it.
#[derive(Serialize)]
#[serde(crate = "rocket::serde")]
pub struct Item<'a> {
    link: String,
    author: &'a str,
    author_page: String,
    avatar: String,
    text: &'a str,
    body: Vec<Segment<'a>>,
    time: Moment,
    is_mine: bool,
    delete_action: String,
}

impl<'a> Item<'a> {
    /// A post and its author, for whoever looks at it.
    pub fn new(post: &'a (Post, User), viewer: Option<&User>) -> Self {
        Self::marked(post, viewer, &[])
    }

    /// The same, with those bytes of the text marked.
    pub fn marked((post, author): &'a (Post, User), viewer: Option<&User>, marks: &[Range<usize>]) -> Self {
        Self {
            link: post::link(post.id),
            author: &author.nickname,
            author_page: super::user_page(&author.nickname),
            avatar: avatar::link(&author.nickname),
            text: &post.body,
            body: text::segments(&post.body, marks),
            time: Moment::new(post.timestamp),
            is_mine: viewer.is_some_and(|viewer| viewer.id == author.id),
            delete_action: post::delete_link(post.id),
        }
    }
}

/// A time in UTC, for programs and for people.
#[derive(Serialize)]
#[serde(crate = "rocket::serde")]
pub struct Moment {
    machine: String,
    text: String,
}

impl Moment {
    /// That time, which is in UTC.
    pub fn new(time: NaiveDateTime) -> Self {
        Self {
            machine: time.and_utc().to_rfc3339_opts(SecondsFormat::Secs, true),
            text: time.format("%-d %B %Y, %H:%M UTC").to_string(),
        }
    }
}

impl<'v> FromFormField<'v> for Cursor {
    fn from_value(field: ValueField<'v>) -> form::Result<'v, Self> {
        field.value.parse().map_err(|error| form::Error::custom(error).into())
    }
}

impl UriDisplay<Query> for Cursor {
    fn fmt(&self, f: &mut Formatter<'_, Query>) -> std::fmt::Result {
        f.write_value(self.to_string())
    }
}

impl_from_uri_param_identity!([Query] Cursor);
