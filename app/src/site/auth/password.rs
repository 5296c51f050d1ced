//! Passwords: hashed by Argon2id with OWASP's minimum parameters, on blocking threads.
//!
//! <https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#argon2id>: 19 MiB, 2 passes, 1 lane.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::available_parallelism;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use rocket::tokio::sync::Semaphore;
use rocket::tokio::task::spawn_blocking;

use crate::site::error::{AppError, AppResult};

/// The number of characters of a password.
pub const LENGTH: std::ops::RangeInclusive<usize> = 8..=128;

/// Hashes passwords, at most one per core at a time, because each hash takes 19 MiB.
pub struct Passwords {
    permits: Arc<Semaphore>,
    /// Verified when there is no stored hash, so that the response takes the same time.
    dummy_hash: Arc<str>,
    hashed: AtomicU64,
}

/// The result of verifying a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The password is wrong, or there is no hash.
    Wrong,
    /// The password is right.
    Right,
    /// The password is right. Store this new hash, which has the current parameters.
    Rehashed(String),
}

impl Default for Passwords {
    fn default() -> Self {
        let permits = available_parallelism().map_or(2, std::num::NonZero::get);
        Self {
            permits: Arc::new(Semaphore::new(permits)),
            dummy_hash: hash(b"").unwrap_or_default().into(),
            hashed: AtomicU64::new(0),
        }
    }
}

impl Passwords {
    /// The number of passwords hashed so far, to store or to verify them.
    pub fn hashed(&self) -> u64 {
        self.hashed.load(Ordering::Relaxed)
    }

    /// The hash of a new password, as a PHC string.
    ///
    /// # Errors
    ///
    /// [`AppError::Internal`] when hashing fails.
    pub async fn hash(&self, password: &str) -> AppResult<String> {
        let password = password.to_owned();
        self.work(move || hash(password.as_bytes()))
            .await?
            .ok_or_else(|| AppError::Internal("the password cannot be hashed".into()))
    }

    /// Verifies a password against the hash of a user. Without a hash, the result is `Wrong` after the same time.
    ///
    /// # Errors
    ///
    /// [`AppError::Internal`] when the work is cancelled.
    pub async fn verify(&self, password: &str, stored: Option<String>) -> AppResult<Verdict> {
        let (password, dummy) = (password.to_owned(), self.dummy_hash.clone());
        self.work(move || {
            let matches = matches(password.as_bytes(), stored.as_deref().unwrap_or(&dummy));
            match stored {
                Some(stored) if matches && is_outdated(&stored, &dummy) => {
                    hash(password.as_bytes()).map_or(Verdict::Right, Verdict::Rehashed)
                }
                Some(_) if matches => Verdict::Right,
                _ => Verdict::Wrong,
            }
        })
        .await
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> AppResult<T> {
        let cancelled = |error: &dyn std::fmt::Display| AppError::Internal(format!("hashing a password: {error}"));
        self.hashed.fetch_add(1, Ordering::Relaxed);
        let permit = self.permits.clone().acquire_owned().await.map_err(|error| cancelled(&error))?;
        spawn_blocking(move || {
            let _permit = permit;
            work()
        })
        .await
        .map_err(|error| cancelled(&error))
    }
}

/// Hashes a password on the current thread, for the command line.
#[must_use]
pub fn hash(password: &[u8]) -> Option<String> {
    argon2().hash_password(password).ok().map(|hash| hash.to_string())
}

fn argon2() -> Argon2<'static> {
    // OWASP's values, which are the crate's defaults today. They must not change with an update of the crate.
    let params = Params::new(19 * 1024, 2, 1, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn matches(password: &[u8], stored: &str) -> bool {
    PasswordHash::new(stored).is_ok_and(|stored| argon2().verify_password(password, &stored).is_ok())
}

/// Whether a hash has other parameters than the current one.
fn is_outdated(stored: &str, current: &str) -> bool {
    let parameters = |text: &str| text.splitn(5, '$').take(4).map(str::to_owned).collect::<Vec<_>>();
    parameters(stored) != parameters(current)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rocket::async_test]
    async fn a_password_is_verified_by_its_hash() {
        let passwords = Passwords::default();
        let hash = passwords.hash("correct horse").await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_ne!(passwords.hash("correct horse").await.unwrap(), hash);
        assert_eq!(passwords.verify("correct horse", Some(hash.clone())).await.unwrap(), Verdict::Right);
        assert_eq!(passwords.verify("Correct horse", Some(hash)).await.unwrap(), Verdict::Wrong);
        assert_eq!(passwords.verify("", None).await.unwrap(), Verdict::Wrong);
    }

    #[rocket::async_test]
    async fn a_hash_with_old_parameters_is_replaced() {
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(64, 1, 1, None).unwrap());
        let stored = weak.hash_password(b"correct horse").unwrap().to_string();
        let passwords = Passwords::default();
        let Verdict::Rehashed(hash) = passwords.verify("correct horse", Some(stored.clone())).await.unwrap() else {
            panic!("the hash was not replaced");
        };
        assert!(!is_outdated(&hash, &passwords.dummy_hash) && is_outdated(&stored, &passwords.dummy_hash));
        assert_eq!(passwords.verify("wrong", Some(stored)).await.unwrap(), Verdict::Wrong);
    }
}
