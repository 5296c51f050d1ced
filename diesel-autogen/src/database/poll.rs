//! Waits for a lock of this library.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Error;
use crate::error::DatabaseErrorKind;
use crate::settings::{Event, Settings};

/// How long to wait before a lock is tried again.
const PAUSE: Duration = Duration::from_millis(50);

/// Tries to take a lock until it is free, for as long as the settings say. It is not waited for within a statement:
/// PostgreSQL would wait for that statement before it creates an index concurrently.
pub(crate) fn poll(settings: &Settings, mut take: impl FnMut() -> Result<bool, Error>) -> Result<(), Error> {
    let start = Instant::now();
    let mut has_waited = false;
    while !take()? {
        if !std::mem::replace(&mut has_waited, true) {
            settings.emit(&Event::Waiting(settings.wait));
        }
        if start.elapsed() >= settings.wait {
            return Err(Error::database("", DatabaseErrorKind::Locked, "another process migrates it"));
        }
        sleep(PAUSE);
    }
    Ok(())
}
