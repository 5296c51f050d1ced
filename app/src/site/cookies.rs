//! How the site's cookies are made: out of the reach of scripts and of other sites' forms, and where the address is
//! https, bound to it and to this very host by the prefix of their name.
//!
//! <https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Set-Cookie#cookie_prefixes>

use config::Config;
use rocket::fairing::{AdHoc, Fairing};
use rocket::http::{Cookie, SameSite};
use rocket::request::Request;

/// The fairing that knows how.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Cookies", |rocket| async {
        let is_secure = rocket.state::<Config>().is_some_and(Config::is_https);
        rocket.manage(Cookies { is_secure })
    })
}

/// Makes the cookies.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cookies {
    is_secure: bool,
}

impl Cookies {
    /// Those of the site that was asked.
    pub fn of(request: &Request<'_>) -> Self {
        request.rocket().state().copied().unwrap_or_default()
    }

    /// What a cookie is called. A browser takes a name with `__Host-` only over https, and from this very host.
    pub fn name(self, name: &str) -> String {
        if self.is_secure { format!("__Host-{name}") } else { name.to_owned() }
    }

    /// A cookie that goes with the browser session, unless it is given an age.
    pub fn make(self, name: &str, value: String) -> Cookie<'static> {
        Cookie::build((self.name(name), value))
            .path("/")
            .http_only(true)
            .secure(self.is_secure)
            .same_site(SameSite::Lax)
            .build()
    }
}
