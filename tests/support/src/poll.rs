//! Waiting for a condition.

use std::thread::sleep;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(60);

/// Checks a condition every millisecond until it holds. Panics after a minute, with the condition's name.
#[track_caller]
pub fn wait_until(condition: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < LIMIT, "not within {LIMIT:?}: {condition}");
        sleep(Duration::from_millis(1));
    }
}
