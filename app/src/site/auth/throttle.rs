//! How often somebody may try a password or register: so many times a minute from one address, and on one account.
//!
//! An account is what was typed as its name. Whether there is such an account makes no difference.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use rocket::http::Status;
use rocket::request::{FromRequest, Outcome, Request};

use crate::site::{AppError, AppResult, client};

/// How many addresses or accounts are kept before those are forgotten that may try again as they like.
const MANY: usize = 10_000;

/// How many characters of an account's name count: no account has more.
const LONGEST: usize = 200;

/// The attempts of the last minute.
pub struct Throttle {
    addresses: DefaultKeyedRateLimiter<IpAddr>,
    accounts: DefaultKeyedRateLimiter<String>,
    clock: DefaultClock,
}

impl Throttle {
    /// So many at once, and then as many each minute.
    pub fn new(per_minute: NonZeroU32) -> Self {
        let quota = Quota::per_minute(per_minute);
        Self {
            addresses: RateLimiter::keyed(quota),
            accounts: RateLimiter::keyed(quota),
            clock: DefaultClock::default(),
        }
    }

    fn attempt(&self, address: IpAddr, account: &str) -> Result<(), Duration> {
        if self.addresses.len() > MANY {
            self.addresses.retain_recent();
        }
        if self.accounts.len() > MANY {
            self.accounts.retain_recent();
        }
        let account: String = account.to_lowercase().chars().take(LONGEST).collect();
        let now = self.clock.now();
        self.addresses.check_key(&household(address)).map_err(|until| until.wait_time_from(now))?;
        self.accounts.check_key(&account).map_err(|until| until.wait_time_from(now))
    }
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
}

impl Attempts<'_> {
    /// Counts an attempt on that account; to be called before a password is hashed.
    ///
    /// # Errors
    ///
    /// [`AppError::TooMany`] when there were too many.
    pub fn count(&self, account: &str) -> AppResult<()> {
        self.throttle.attempt(self.address, account).map_err(AppError::TooMany)
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Attempts<'r> {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match request.rocket().state::<Throttle>() {
            Some(throttle) => Outcome::Success(Self { throttle, address: client::address(request) }),
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
        assert!(throttle.attempt(here, "susan").is_ok() && throttle.attempt(here, "john").is_ok());
        let wait = throttle.attempt(here, "mary").unwrap_err();
        assert!(wait > Duration::from_secs(20) && wait <= Duration::from_secs(30), "{wait:?}");
        assert!(throttle.attempt(there, "mary").is_ok(), "what was refused does not count against the account");
        assert!(throttle.attempt(there, "Susan").is_ok());
        assert!(throttle.attempt(elsewhere, "SUSAN").is_err());
    }

    #[test]
    fn all_addresses_of_one_network_of_version_6_are_one() {
        let throttle = throttle();
        let attempt = |address: &str, account| throttle.attempt(address.parse().unwrap(), account);
        assert!(attempt("2001:db8::1", "a").is_ok() && attempt("2001:db8::ffff:2", "b").is_ok());
        assert!(attempt("2001:db8::3", "c").is_err());
        assert!(attempt("2001:db8:0:1::3", "d").is_ok());
    }
}
