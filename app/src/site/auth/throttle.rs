//! Rate limits for passwords and registration: a number of attempts per minute, by client IP and by account.
//!
//! The key of an account is the login that was typed, whether or not the account exists, so that the limit does not reveal
//! which e-mail address belongs to which nickname. A known device of the account's user has a limit of its own instead.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

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
    client_ips: DefaultKeyedRateLimiter<IpAddr>,
    accounts: DefaultKeyedRateLimiter<String>,
    devices: DefaultKeyedRateLimiter<String>,
    clock: DefaultClock,
}

impl Throttle {
    /// Allows a burst of `per_minute` attempts, and then as many each minute.
    pub fn new(per_minute: NonZeroU32) -> Self {
        let quota = Quota::per_minute(per_minute);
        Self {
            client_ips: RateLimiter::keyed(quota),
            accounts: RateLimiter::keyed(quota),
            devices: RateLimiter::keyed(quota),
            clock: DefaultClock::default(),
        }
    }

    fn attempt(&self, client_ip: IpAddr, account: &str, device: Option<&Device>) -> Result<(), Duration> {
        check(&self.client_ips, &network(client_ip), &self.clock)?;
        match device {
            Some(device) => check(&self.devices, &device.id, &self.clock),
            None => {
                check(&self.accounts, &account.to_lowercase().chars().take(MAX_LOGIN_LENGTH).collect(), &self.clock)
            }
        }
    }
}

/// Counts an attempt for the key. The error is the time to wait.
fn check<K: Hash + Eq + Clone>(
    attempts: &DefaultKeyedRateLimiter<K>,
    key: &K,
    clock: &DefaultClock,
) -> Result<(), Duration> {
    if attempts.len() > MAX_KEYS {
        attempts.retain_recent();
    }
    attempts.check_key(key).map_err(|until| until.wait_time_from(clock.now()))
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
        self.throttle.attempt(self.client_ip, account, device).map_err(AppError::TooMany)
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Attempts<'r> {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match request.rocket().state::<Throttle>() {
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

    fn throttle() -> Throttle {
        Throttle::new(NonZeroU32::new(2).unwrap())
    }

    #[test]
    fn ips_and_accounts_are_limited_separately() {
        let (throttle, [here, there, elsewhere]) = (throttle(), [1, 2, 3].map(|n| IpAddr::from([192, 0, 2, n])));
        assert!(throttle.attempt(here, "susan", None).is_ok() && throttle.attempt(here, "john", None).is_ok());
        let wait = throttle.attempt(here, "mary", None).unwrap_err();
        assert!(wait <= Duration::from_secs(30), "{wait:?}");
        assert!(throttle.attempt(there, "mary", None).is_ok(), "a rejected attempt does not count for the account");
        assert!(throttle.attempt(there, "Susan", None).is_ok());
        assert!(throttle.attempt(elsewhere, "SUSAN", None).is_err());
    }

    #[test]
    fn an_ipv6_network_is_one_client() {
        let throttle = throttle();
        let attempt = |address: &str, account| throttle.attempt(address.parse().unwrap(), account, None);
        assert!(attempt("2001:db8::1", "a").is_ok() && attempt("2001:db8::ffff:2", "b").is_ok());
        assert!(attempt("2001:db8::3", "c").is_err());
        assert!(attempt("2001:db8:0:1::3", "d").is_ok());
    }
}
