//! Rate limits, each a number per minute: attempts to type a password or to register, by client IP and by account;
//! searches, by client IP; changes, by account.
//!
//! The key of an account is its id, however the user was named, or the login that was typed where there is no such account.
//! A known device of the account's user has a limit of its own instead.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use config::Config;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use rocket::http::Status;
use rocket::request::{FromRequest, Outcome, Request};

use super::device::Device;
use crate::models::User;
use crate::site::client_ip::client_ip;
use crate::site::error::{AppError, AppResult};

/// Above this number of keys, those without recent attempts are removed.
const MAX_KEYS: usize = 10_000;

/// A login is cut to this number of characters. No account's nickname or e-mail address is longer.
const MAX_LOGIN_LENGTH: usize = 200;

/// The rate limits, with their recent attempts.
pub struct Throttle {
    attempts: Limit<IpAddr>,
    accounts: Limit<Account>,
    devices: Limit<String>,
    searches: Limit<IpAddr>,
    changes: Limit<i32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Account {
    Of(i32),
    Unknown(String),
}

impl Account {
    fn new(login: &str, user: Option<&User>) -> Self {
        let typed = || login.to_lowercase().chars().take(MAX_LOGIN_LENGTH).collect();
        user.map_or_else(|| Self::Unknown(typed()), |user| Self::Of(user.id))
    }
}

impl Throttle {
    /// The limits of the settings.
    pub fn new(config: &Config) -> Self {
        let attempts = config.attempts_per_minute;
        Self {
            attempts: Limit::new(attempts),
            accounts: Limit::new(attempts),
            devices: Limit::new(attempts),
            searches: Limit::new(config.searches_per_minute),
            changes: Limit::new(config.writes_per_minute),
        }
    }

    /// Counts a change that the user makes.
    ///
    /// # Errors
    ///
    /// [`AppError::TooMany`] when the limit is exceeded.
    pub fn count_change(&self, user: &User) -> AppResult<()> {
        self.changes.count(&user.id).map_err(AppError::TooMany)
    }
}

/// A burst of a number for each key, and then as many each minute.
struct Limit<K: Hash + Eq + Clone> {
    counted: DefaultKeyedRateLimiter<K>,
    clock: DefaultClock,
}

impl<K: Hash + Eq + Clone> Limit<K> {
    fn new(per_minute: NonZeroU32) -> Self {
        Self { counted: RateLimiter::keyed(Quota::per_minute(per_minute)), clock: DefaultClock::default() }
    }

    /// Counts one for the key. The error is the time to wait.
    fn count(&self, key: &K) -> Result<(), Duration> {
        if self.counted.len() > MAX_KEYS {
            self.counted.retain_recent();
        }
        self.counted.check_key(key).map_err(|until| until.wait_time_from(self.clock.now()))
    }
}

/// The /64 network of an IPv6 address, because one client has all its 2^64 addresses; an IPv4 address itself.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

/// The rate limits of the client that sent the request.
pub struct Attempts<'r> {
    throttle: &'r Throttle,
    client_ip: IpAddr,
    device: Option<Device>,
}

impl Attempts<'_> {
    /// Counts an attempt for the login that was typed, and its user if there is one. Call it before hashing a password.
    ///
    /// # Errors
    ///
    /// [`AppError::TooMany`] when the limit is exceeded.
    pub fn count(&self, account: &str, user: Option<&User>) -> AppResult<()> {
        let device = self.device.as_ref().filter(|device| user.is_some_and(|user| device.belongs_to(user)));
        let counted = self.throttle.attempts.count(&network(self.client_ip)).and_then(|()| match device {
            Some(device) => self.throttle.devices.count(&device.id),
            None => self.throttle.accounts.count(&Account::new(account, user)),
        });
        counted.map_err(AppError::TooMany)
    }

    /// Counts a search.
    ///
    /// # Errors
    ///
    /// [`AppError::TooMany`] when the limit is exceeded.
    pub fn count_search(&self) -> AppResult<()> {
        self.throttle.searches.count(&network(self.client_ip)).map_err(AppError::TooMany)
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Attempts<'r> {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match request.rocket().state::<Arc<Throttle>>() {
            Some(throttle) => {
                let (client_ip, device) = (client_ip(request), Device::from_request(request));
                Outcome::Success(Self { throttle, client_ip, device })
            }
            None => Outcome::Error((Status::InternalServerError, ())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempts<'r>(throttle: &'r Throttle, address: &str) -> Attempts<'r> {
        Attempts { throttle, client_ip: address.parse().unwrap(), device: None }
    }

    fn throttle() -> Throttle {
        let two =
            ["ATTEMPTS", "SEARCHES", "WRITES"].map(|what| (format!("MICROBLOG_{what}_PER_MINUTE").into(), "2".into()));
        Throttle::new(&Config::from_environment(two, std::path::Path::new("/nowhere")).unwrap())
    }

    #[test]
    fn ips_and_accounts_are_limited_separately() {
        let throttle = throttle();
        let [here, there, elsewhere] = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(|ip| attempts(&throttle, ip));
        assert!(here.count("susan", None).is_ok() && here.count("john", None).is_ok());
        let wait = here.count("mary", None).unwrap_err();
        assert!(matches!(wait, AppError::TooMany(wait) if wait <= Duration::from_secs(30)), "{wait:?}");
        assert!(there.count("mary", None).is_ok(), "a rejected attempt does not count for the account");
        assert!(there.count("Susan", None).is_ok());
        assert!(elsewhere.count("SUSAN", None).is_err());
        assert!(here.count_search().is_ok(), "a search is not an attempt");
    }

    #[test]
    fn an_ipv6_network_is_one_client() {
        let throttle = throttle();
        let attempt = |address: &str, account| attempts(&throttle, address).count(account, None);
        assert!(attempt("2001:db8::1", "a").is_ok() && attempt("2001:db8::ffff:2", "b").is_ok());
        assert!(attempt("2001:db8::3", "c").is_err());
        assert!(attempt("2001:db8:0:1::3", "d").is_ok());
    }
}
