//! Shared by all pages that list posts: the position in the list, the links to other positions, a post as it is shown.

use std::ops::Range;

use chrono::{NaiveDateTime, SecondsFormat};
use rocket::form::{self, FromFormField, ValueField};
use rocket::serde::Serialize;

use crate::models::{Cursor, Feed, Mentioned, Page as Posts, Position, Post, User};
use crate::site::auth::Visitor;
use crate::site::error::{AppError, AppResult};
use crate::site::links;
use crate::site::replica::Reader;
use crate::site::templates::Page;
use crate::site::text::{self, Segment};

/// The position that the parameters of a link stand for.
pub fn position(before: Option<Cursor>, after: Option<Cursor>) -> Position {
    match (before, after) {
        (Some(cursor), _) => Position::Before(cursor),
        (None, Some(cursor)) => Position::After(cursor),
        (None, None) => Position::Newest,
    }
}

/// Loads the signed-in user, and the page of a feed at a position.
pub async fn load(
    feed: Feed,
    position: Position,
    size: u8,
    visitor: Visitor,
    reader: &Reader<'_>,
) -> AppResult<(Option<User>, Posts)> {
    reader
        .run(move |connection| {
            Ok::<_, AppError>((visitor.load(connection)?, Posts::load(&feed, position, size, connection)?))
        })
        .await
}

/// Passes a page of posts, which begins at that position, to a template, as `posts`, `newer` and `older`.
pub fn show(
    page: Page,
    posts: &Posts,
    viewer: Option<&User>,
    position: Position,
    link: impl Fn(Position) -> String,
) -> Page {
    let here = link(position);
    page.with(
        "posts",
        &posts
            .posts
            .iter()
            .map(|post| Item::new(post, viewer, &posts.mentioned).after_deletion(&here))
            .collect::<Vec<_>>(),
    )
    .with("newer", &posts.newer.map(&link))
    .with("older", &posts.older.map(&link))
}

/// A post as the templates show it.
#[derive(Serialize)]
#[serde(crate = "rocket::serde")]
pub struct Item<'a> {
    #[serde(skip)]
    id: i32,
    link: String,
    author: &'a str,
    author_page: String,
    avatar: String,
    text: &'a str,
    body: Vec<Segment<'a>>,
    time: Moment,
    is_own: bool,
    delete_page: String,
}

impl<'a> Item<'a> {
    /// A post and its author, as shown to the viewer.
    pub fn new(post: &'a (Post, User), viewer: Option<&User>, mentioned: &Mentioned) -> Self {
        Self::marked(post, viewer, mentioned, &[])
    }

    /// The same, with the byte ranges `marks` of the text marked.
    pub fn marked(
        (post, author): &'a (Post, User),
        viewer: Option<&User>,
        mentioned: &Mentioned,
        marks: &[Range<usize>],
    ) -> Self {
        Self {
            id: post.id,
            link: links::post(post.id),
            author: &author.nickname,
            author_page: links::user(&author.nickname),
            avatar: links::avatar(&author.nickname),
            text: &post.body,
            body: text::segments(&post.body, marks, mentioned),
            time: Moment::new(post.timestamp),
            is_own: viewer.is_some_and(|viewer| viewer.id == author.id),
            delete_page: links::delete_post(post.id, None),
        }
    }

    /// The same; deleting it leads to that page.
    pub fn after_deletion(self, next: &str) -> Self {
        Self { delete_page: links::delete_post(self.id, Some(next)), ..self }
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
    /// A time, given in UTC.
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
