//! A message that the next page shows once, such as "Your post is now live!".
//!
//! Rocket has one too, in a cookie whose name is fixed; this one is named as the site's other cookies are, and nobody
//! else can write it.

use rocket::http::CookieJar;
use rocket::request::{FromRequest, Outcome, Request};
use rocket::response::{self, Redirect, Responder};
use rocket::time::Duration;

use super::cookies::Cookies;

const NAME: &str = "flash";

/// How long the message waits for the next page, in minutes.
const WAITS: i64 = 5;

/// The way to the next page, and what it is to say.
pub struct Flash {
    to: Redirect,
    message: String,
}

impl Flash {
    /// Goes there and says that.
    pub fn new(to: Redirect, message: impl Into<String>) -> Self {
        Self { to, message: message.into() }
    }
}

impl<'r> Responder<'r, 'static> for Flash {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let mut cookie = Cookies::of(request).make(NAME, self.message);
        cookie.set_max_age(Duration::minutes(WAITS));
        request.cookies().add_private(cookie);
        self.to.respond_to(request)
    }
}

/// The message that the page before left, if there is one. It waits on until it is taken.
pub struct FlashMessage<'r> {
    cookies: Cookies,
    jar: &'r CookieJar<'r>,
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for FlashMessage<'r> {
    type Error = std::convert::Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Self::Error> {
        Outcome::Success(Self { cookies: Cookies::of(request), jar: request.cookies() })
    }
}

impl FlashMessage<'_> {
    /// Takes it, so that it is shown once.
    pub fn take(self) -> Option<String> {
        let cookie = self.jar.get_private(&self.cookies.name(NAME))?;
        self.jar.remove_private(self.cookies.make(NAME, String::new()));
        Some(cookie.value().to_owned())
    }
}
