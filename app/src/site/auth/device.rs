//! Known devices: browsers on which a user has signed in. Each has its own rate limit for that account, so that others
//! who try passwords cannot lock the user out.
//!
//! After OWASP, "Slow Down Online Guessing Attacks with Device Cookies":
//! <https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies>. The cookie holds a random
//! id and the account. Rocket encrypts and signs it with the site's secret key.

use rocket::http::Cookie;
use rocket::request::Request;
use rocket::time::{Duration, OffsetDateTime};

use super::token::Token;
use crate::models::User;
use crate::site::cookies::Cookies;

const NAME: &str = "device";

/// How long a device is known after the last sign-in, in days. Browsers limit the age of cookies to 400 days.
const LIFETIME_DAYS: i64 = 365;

/// A known device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The key of its rate limit.
    pub id: String,
    /// The e-mail address of the account. (A nickname may change, and the id of a deleted account may be reused.)
    email: String,
}

impl Device {
    /// The device of the request, if its cookie is valid.
    pub fn from_request(request: &Request<'_>) -> Option<Self> {
        let cookie = request.cookies().get_private(&Cookies::of(request).name(NAME))?;
        let (id, email) = cookie.value().split_once('\n')?;
        Some(Self { id: id.to_owned(), email: email.to_owned() })
    }

    /// Whether that user has signed in on the device.
    pub fn belongs_to(&self, user: &User) -> bool {
        self.email == user.email
    }
}

/// The cookie for a device on which the user has signed in. Add it as a private cookie.
///
/// # Errors
///
/// When the operating system has no random numbers.
pub fn cookie(user: &User, cookies: Cookies) -> Result<Cookie<'static>, getrandom::Error> {
    let mut cookie = cookies.make(NAME, format!("{}\n{}", Token::random()?, user.email));
    let lifetime = Duration::days(LIFETIME_DAYS);
    cookie.set_max_age(lifetime);
    // By default, Rocket's private cookies expire after a week.
    cookie.set_expires(OffsetDateTime::now_utc() + lifetime);
    Ok(cookie)
}
