//! Devices that somebody has signed in on. Each has attempts of its own on that account, so that strangers who try
//! passwords do not lock its owner out.
//!
//! After OWASP, "Slow Down Online Guessing Attacks with Device Cookies":
//! <https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies>. The cookie holds a number
//! that nobody can guess, and the account. Rocket encrypts and signs it by the site's secret key.

use rocket::http::Cookie;
use rocket::request::Request;

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
    /// The nickname and the e-mail address that the account is signed in to by.
    names: Vec<String>,
}

impl Device {
    /// What the request's cookie says, if it has one of ours.
    pub fn from_request(request: &Request<'_>) -> Option<Self> {
        let cookie = request.cookies().get_private(&Cookies::of(request).name(NAME))?;
        let mut parts = cookie.value().split('\n').map(str::to_owned);
        Some(Self { id: parts.next()?, names: parts.collect() })
    }

    /// Whether somebody has signed in here by that name, or by the other one of that account. An e-mail address in other
    /// capitals may be another account's.
    pub fn knows(&self, account: &str) -> bool {
        match self.names.as_slice() {
            [nickname, email] => nickname.eq_ignore_ascii_case(account) || email == account,
            _ => false,
        }
    }
}

/// The cookie for a device on which that user has signed in; it is to be added as a private one.
pub fn cookie(user: &User, cookies: Cookies) -> Cookie<'static> {
    let mut cookie = cookies.make(NAME, format!("{}\n{}\n{}", Token::random(), user.nickname, user.email));
    cookie.set_max_age(rocket::time::Duration::days(KNOWN));
    cookie
}

#[cfg(test)]
mod tests {
    use super::Device;

    #[test]
    fn an_address_in_other_capitals_is_not_known_for_it_may_be_another_account() {
        let device = Device { id: "1".into(), names: vec!["Susan".into(), "VICTIM@x.example".into()] };
        assert!(device.knows("susan") && device.knows("VICTIM@x.example"));
        assert!(!device.knows("victim@x.example") && !device.knows("john"));
    }
}
