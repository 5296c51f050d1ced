//! A message that the next page shows once, such as "Your post is now live!".
//!
//! Rocket's own flash message has a cookie with a fixed name and no signature. This cookie is named like the site's other
//! cookies, and it is encrypted.

use rocket::http::CookieJar;
use rocket::request::{FromRequest, Outcome, Request};
use rocket::response::{self, Redirect, Responder};
use rocket::time::Duration;

use super::cookies::Cookies;

const NAME: &str = "flash";

/// The lifetime of the message, in minutes.
const LIFETIME: i64 = 5;

/// A redirect to a page that shows a message.
pub struct Flash {
    to: Redirect,
    message: String,
}

impl Flash {
    /// A redirect with that message.
    pub fn new(to: Redirect, message: impl Into<String>) -> Self {
        Self { to, message: message.into() }
    }
}

impl<'r> Responder<'r, 'static> for Flash {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let mut cookie = Cookies::of(request).make(NAME, self.message);
        cookie.set_max_age(Duration::minutes(LIFETIME));
        request.cookies().add_private(cookie);
        self.to.respond_to(request)
    }
}

/// The message of the previous response, if there is one. It is kept until a page takes it.
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
    /// Returns the message and deletes its cookie.
    pub fn take(self) -> Option<String> {
        let cookie = self.jar.get_private(&self.cookies.name(NAME))?;
        self.jar.remove_private(self.cookies.make(NAME, String::new()));
        Some(cookie.value().to_owned())
    }
}
