//! Devices that somebody has signed in on. Each has attempts of its own on that account, so that strangers who try
//! passwords do not lock its owner out.
//!
//! After OWASP, "Slow Down Online Guessing Attacks with Device Cookies":
//! <https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies>. The cookie holds a number
//! that nobody can guess, and the account. Rocket encrypts and signs it by the site's secret key.

use rocket::http::Cookie;
use rocket::request::Request;
use rocket::time::{Duration, OffsetDateTime};

use super::token::Token;
use crate::models::User;
use crate::site::cookies::Cookies;

const NAME: &str = "device";

/// How long a device is known after it was last signed in on, in days. Browsers keep no cookie for more than 400.
const KNOWN: i64 = 365;

/// A device that somebody has signed in on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// What its attempts are counted under.
    pub id: String,
    /// The e-mail address of the account. A nickname may change, and the key of an account that is gone may become
    /// another's.
    email: String,
}

impl Device {
    /// What the request's cookie says, if it has one of ours.
    pub fn from_request(request: &Request<'_>) -> Option<Self> {
        let cookie = request.cookies().get_private(&Cookies::of(request).name(NAME))?;
        let (id, email) = cookie.value().split_once('\n')?;
        Some(Self { id: id.to_owned(), email: email.to_owned() })
    }

    /// Whether that user has signed in here.
    pub fn knows(&self, user: &User) -> bool {
        self.email == user.email
    }
}

/// The cookie for a device on which that user has signed in; it is to be added as a private one.
pub fn cookie(user: &User, cookies: Cookies) -> Cookie<'static> {
    let mut cookie = cookies.make(NAME, format!("{}\n{}", Token::random(), user.email));
    let known = Duration::days(KNOWN);
    cookie.set_max_age(known);
    // Rocket would have a private cookie expire after a week.
    cookie.set_expires(OffsetDateTime::now_utc() + known);
    cookie
}
