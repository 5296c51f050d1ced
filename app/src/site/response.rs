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
    Atom(Atom),
    /// A file that browsers may cache.
    File(File),
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

impl From<Page> for Response {
    fn from(page: Page) -> Self {
        Self::Page(Box::new(page))
    }
}

impl From<Redirect> for Response {
    fn from(redirect: Redirect) -> Self {
        Self::Redirect(Box::new(redirect))
    }
}

impl From<Flash> for Response {
    fn from(flash: Flash) -> Self {
        Self::Flash(Box::new(flash))
    }
}

impl From<Atom> for Response {
    fn from(atom: Atom) -> Self {
        Self::Atom(atom)
    }
}

impl From<File> for Response {
    fn from(file: File) -> Self {
        Self::File(file)
    }
}

impl From<(Status, &'static str)> for Response {
    fn from(text: (Status, &'static str)) -> Self {
        Self::Text(text)
    }
}
