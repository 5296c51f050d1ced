//! Passwords: hashed by Argon2id, with the least parameters that OWASP names, and never on the threads that serve.
//!
//! <https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#argon2id>: 19 MiB, 2 passes, 1 lane.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::available_parallelism;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use rocket::tokio::sync::Semaphore;
use rocket::tokio::task::spawn_blocking;

use crate::site::{AppError, AppResult};

/// How many characters a password has at least, and at most.
pub const LENGTH: std::ops::RangeInclusive<usize> = 8..=128;

/// Hashes passwords, as many at once as the machine has cores: each takes 19 MiB.
pub struct Passwords {
    permits: Arc<Semaphore>,
    /// The hash of a password that nobody has: to compare with it takes as long as with a real one.
    nobodys: Arc<str>,
    hashed: AtomicU64,
}

/// What comparing a password with a hash gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is another one, or there is none.
    Wrong,
    /// It is the one.
    Right,
    /// It is the one, and this is its hash under today's parameters, to be stored.
    Rehashed(String),
}

impl Default for Passwords {
    fn default() -> Self {
        let permits = available_parallelism().map_or(2, std::num::NonZero::get);
        Self {
            permits: Arc::new(Semaphore::new(permits)),
            nobodys: hash(b"").unwrap_or_default().into(),
            hashed: AtomicU64::new(0),
        }
    }
}

impl Passwords {
    /// How many passwords were hashed so far, to store or to compare them.
    pub fn hashed(&self) -> u64 {
        self.hashed.load(Ordering::Relaxed)
    }

    /// The hash of a new password, as a PHC string.
    ///
    /// # Errors
    ///
    /// [`AppError::Internal`] when it cannot be hashed.
    pub async fn hash(&self, password: &str) -> AppResult<String> {
        let password = password.to_owned();
        self.work(move || hash(password.as_bytes())).await?.ok_or_else(|| AppError::Internal("no password hash".into()))
    }

    /// Compares a password with the hash of a user. Where there is no hash, because there is no such user, it takes the
    /// same time and says no.
    ///
    /// # Errors
    ///
    /// [`AppError::Internal`] when the work is cut off.
    pub async fn verify(&self, password: &str, stored: Option<String>) -> AppResult<Verdict> {
        let (password, nobodys) = (password.to_owned(), self.nobodys.clone());
        self.work(move || {
            let matches = matches(password.as_bytes(), stored.as_deref().unwrap_or(&nobodys));
            match stored {
                Some(stored) if matches && is_outdated(&stored, &nobodys) => {
                    hash(password.as_bytes()).map_or(Verdict::Right, Verdict::Rehashed)
                }
                Some(_) if matches => Verdict::Right,
                _ => Verdict::Wrong,
            }
        })
        .await
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> AppResult<T> {
        let ended = |why: &dyn std::fmt::Display| AppError::Internal(format!("hashing a password: {why}"));
        self.hashed.fetch_add(1, Ordering::Relaxed);
        let permit = self.permits.clone().acquire_owned().await.map_err(|error| ended(&error))?;
        spawn_blocking(move || {
            let _permit = permit;
            work()
        })
        .await
        .map_err(|error| ended(&error))
    }
}

/// Hashes a password at once, on this thread: for the programs of the command line.
#[must_use]
pub fn hash(password: &[u8]) -> Option<String> {
    argon2().hash_password(password).ok().map(|hash| hash.to_string())
}

fn argon2() -> Argon2<'static> {
    // Its defaults are OWASP's; they are spelled out so that a change of theirs changes nothing here unseen.
    let params = Params::new(19 * 1024, 2, 1, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn matches(password: &[u8], stored: &str) -> bool {
    PasswordHash::new(stored).is_ok_and(|stored| argon2().verify_password(password, &stored).is_ok())
}

/// Whether a hash was made with other parameters than today's.
fn is_outdated(stored: &str, todays: &str) -> bool {
    let kind = |text: &str| text.splitn(5, '$').take(4).map(str::to_owned).collect::<Vec<_>>();
    kind(stored) != kind(todays)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rocket::async_test]
    async fn a_password_is_known_by_its_hash() {
        let passwords = Passwords::default();
        let hash = passwords.hash("correct horse").await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_ne!(passwords.hash("correct horse").await.unwrap(), hash);
        assert_eq!(passwords.verify("correct horse", Some(hash.clone())).await.unwrap(), Verdict::Right);
        assert_eq!(passwords.verify("Correct horse", Some(hash)).await.unwrap(), Verdict::Wrong);
        assert_eq!(passwords.verify("", None).await.unwrap(), Verdict::Wrong);
    }

    #[rocket::async_test]
    async fn a_hash_with_other_parameters_is_made_anew() {
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(64, 1, 1, None).unwrap());
        let stored = weak.hash_password(b"correct horse").unwrap().to_string();
        let passwords = Passwords::default();
        let Verdict::Rehashed(hash) = passwords.verify("correct horse", Some(stored.clone())).await.unwrap() else {
            panic!("it is kept");
        };
        assert!(!is_outdated(&hash, &passwords.nobodys) && is_outdated(&stored, &passwords.nobodys));
        assert_eq!(passwords.verify("wrong", Some(stored)).await.unwrap(), Verdict::Wrong);
    }
}
