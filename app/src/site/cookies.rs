//! The attributes of all cookies: `HttpOnly`, `SameSite=Lax`, and if the site's public URL is https, `Secure` and the name
//! prefix `__Host-`, which binds a cookie to the host.
//!
//! <https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Set-Cookie#cookie_prefixes>

use config::Config;
use rocket::fairing::{AdHoc, Fairing};
use rocket::http::{Cookie, SameSite};
use rocket::request::Request;

/// The fairing that holds the settings for cookies.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Cookies", |rocket| async {
        let is_secure = rocket.state::<Config>().is_some_and(Config::is_https);
        rocket.manage(Cookies { is_secure })
    })
}

/// Makes cookies.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cookies {
    is_secure: bool,
}

impl Cookies {
    /// The settings of the site that the request was sent to.
    pub fn of(request: &Request<'_>) -> Self {
        request.rocket().state().copied().unwrap_or_default()
    }

    /// The full name of a cookie. Browsers accept a name with `__Host-` only over https and without `Domain`.
    pub fn name(self, name: &str) -> String {
        if self.is_secure { format!("__Host-{name}") } else { name.to_owned() }
    }

    /// A cookie that lasts until the browser is closed, unless the caller sets an age.
    pub fn make(self, name: &str, value: String) -> Cookie<'static> {
        Cookie::build((self.name(name), value))
            .path("/")
            .http_only(true)
            .secure(self.is_secure)
            .same_site(SameSite::Lax)
            .build()
    }
}
