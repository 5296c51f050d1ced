//! How often somebody may try a password or register: so many times a minute from one address, and on one account.
//!
//! An account is what was typed as its name: whether there is such an account makes no difference, and nobody learns
//! which e-mail address belongs to which nickname. A device that its user has signed in on has attempts of its own, in
//! place of those that it shares with all others.

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
use crate::site::{AppError, AppResult, client};

/// How many addresses, accounts or devices are kept before those are forgotten that may try again as they like.
const MANY: usize = 10_000;

/// How many characters of an account's name count: no account has more.
const LONGEST: usize = 200;

/// The attempts of the last minute.
pub struct Throttle {
    addresses: DefaultKeyedRateLimiter<IpAddr>,
    accounts: DefaultKeyedRateLimiter<String>,
    devices: DefaultKeyedRateLimiter<String>,
    clock: DefaultClock,
}

impl Throttle {
    /// So many at once, and then as many each minute.
    pub fn new(per_minute: NonZeroU32) -> Self {
        let quota = Quota::per_minute(per_minute);
        Self {
            addresses: RateLimiter::keyed(quota),
            accounts: RateLimiter::keyed(quota),
            devices: RateLimiter::keyed(quota),
            clock: DefaultClock::default(),
        }
    }

    fn attempt(&self, address: IpAddr, account: &str, known: Option<&Device>) -> Result<(), Duration> {
        check(&self.addresses, &household(address), &self.clock)?;
        match known {
            Some(device) => check(&self.devices, &device.id, &self.clock),
            None => check(&self.accounts, &account.to_lowercase().chars().take(LONGEST).collect(), &self.clock),
        }
    }
}

/// Counts an attempt under that key, or says how long to wait.
fn check<K: Hash + Eq + Clone>(
    attempts: &DefaultKeyedRateLimiter<K>,
    key: &K,
    clock: &DefaultClock,
) -> Result<(), Duration> {
    if attempts.len() > MANY {
        attempts.retain_recent();
    }
    attempts.check_key(key).map_err(|until| until.wait_time_from(clock.now()))
}

/// An address of version 6 stands for its network: whoever has one has 2^64 of them.
fn household(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

/// The attempts of whoever sent the request.
pub struct Attempts<'r> {
    throttle: &'r Throttle,
    address: IpAddr,
    device: Option<Device>,
}

impl Attempts<'_> {
    /// Counts an attempt on what was typed as an account's name, which leads to that user, if to any; to be called before
    /// a password is hashed.
    ///
    /// # Errors
    ///
    /// [`AppError::TooMany`] when there were too many.
    pub fn count(&self, account: &str, user: Option<&User>) -> AppResult<()> {
        let known = self.device.as_ref().filter(|device| user.is_some_and(|user| device.knows(user)));
        self.throttle.attempt(self.address, account, known).map_err(AppError::TooMany)
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Attempts<'r> {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match request.rocket().state::<Throttle>() {
            Some(throttle) => {
                let (address, device) = (client::address(request), Device::from_request(request));
                Outcome::Success(Self { throttle, address, device })
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
    fn an_address_and_an_account_have_their_attempts_each() {
        let (throttle, [here, there, elsewhere]) = (throttle(), [1, 2, 3].map(|n| IpAddr::from([192, 0, 2, n])));
        assert!(throttle.attempt(here, "susan", None).is_ok() && throttle.attempt(here, "john", None).is_ok());
        let wait = throttle.attempt(here, "mary", None).unwrap_err();
        assert!(wait > Duration::from_secs(20) && wait <= Duration::from_secs(30), "{wait:?}");
        assert!(throttle.attempt(there, "mary", None).is_ok(), "what was refused does not count against the account");
        assert!(throttle.attempt(there, "Susan", None).is_ok());
        assert!(throttle.attempt(elsewhere, "SUSAN", None).is_err());
    }

    #[test]
    fn all_addresses_of_one_network_of_version_6_are_one() {
        let throttle = throttle();
        let attempt = |address: &str, account| throttle.attempt(address.parse().unwrap(), account, None);
        assert!(attempt("2001:db8::1", "a").is_ok() && attempt("2001:db8::ffff:2", "b").is_ok());
        assert!(attempt("2001:db8::3", "c").is_err());
        assert!(attempt("2001:db8:0:1::3", "d").is_ok());
    }
}
