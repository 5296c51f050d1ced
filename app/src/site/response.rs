//! What a handler returns: one type for all responses, or an error, which the catchers turn into a page.

use std::borrow::Cow;

use rocket::http::{ContentType, Header, Status};
use rocket::response::{Redirect, Responder};

use super::atom::Atom;
use super::error::AppError;
use super::flash::Flash;
use super::templates::Page;

/// The result of a handler.
pub type HandlerResult = Result<Response, AppError>;

/// A response of any kind. `.into()` makes it.
#[derive(Responder)]
pub enum Response {
    /// A page.
    Page(Box<Page>),
    /// A redirect.
    Redirect(Box<Redirect>),
    /// A redirect to a page that shows a message.
    Flash(Box<Flash>),
    /// An Atom feed.
    Atom(Box<Atom>),
    /// A file that browsers may cache.
    File(Box<File>),
    /// Plain text, for programs.
    Text((Status, &'static str)),
}

/// A file that browsers may cache.
#[derive(Responder)]
pub struct File {
    content: Cow<'static, str>,
    content_type: ContentType,
    cache_control: Header<'static>,
}

impl File {
    /// A file with that `Cache-Control`.
    pub fn new(content: impl Into<Cow<'static, str>>, content_type: ContentType, cache_control: &'static str) -> Self {
        Self { content: content.into(), content_type, cache_control: Header::new("Cache-Control", cache_control) }
    }
}

macro_rules! impl_from {
    ($($kind:ident),*) => {$(
        impl From<$kind> for Response {
            fn from(response: $kind) -> Self {
                Self::$kind(Box::new(response))
            }
        }
    )*};
}

impl_from!(Page, Redirect, Flash, Atom, File);

impl From<(Status, &'static str)> for Response {
    fn from(text: (Status, &'static str)) -> Self {
        Self::Text(text)
    }
}
