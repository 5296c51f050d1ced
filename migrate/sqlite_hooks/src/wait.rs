//! A wait for another connection that the observer can end.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::time::{Duration, Instant};
use std::{ptr, thread};

use libsqlite3_sys::{sqlite3, sqlite3_busy_handler};

use crate::watch;

thread_local! {
    static WAIT: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    static START: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Has the connections that `open` opens wait that long for another one that holds the database, as `PRAGMA
/// busy_timeout` does, but ask the observer meanwhile: `ControlFlow::Break` ends the wait, with "database is locked".
///
/// The pragma, given to such a connection, puts an end to this. Without [`install`](crate::install) nothing waits.
pub fn with_busy_wait<T>(wait: Duration, open: impl FnOnce() -> T) -> T {
    WAIT.set(wait);
    let opened = open();
    WAIT.set(Duration::ZERO);
    opened
}

/// # Safety
///
/// The connection must be open, and not be in use by another thread.
pub(crate) unsafe fn attach(connection: *mut sqlite3) {
    let milliseconds = usize::try_from(WAIT.get().as_millis()).unwrap_or(usize::MAX);
    if milliseconds > 0 {
        // SAFETY: as the caller promises; the function lives as long as the process, and what it is called with is a
        // number that is never read as an address.
        unsafe { sqlite3_busy_handler(connection, Some(wait), ptr::without_provenance_mut(milliseconds)) };
    }
}

/// Returns 0 when the wait is over, something else after a pause. `calls` counts the calls of one wait.
unsafe extern "C" fn wait(milliseconds: *mut c_void, calls: c_int) -> c_int {
    if calls == 0 {
        START.set(Some(Instant::now()));
    }
    let waited = START.get().map_or(Duration::ZERO, |start| start.elapsed());
    let left = Duration::from_millis(milliseconds.addr() as u64).saturating_sub(waited);
    if left.is_zero() || !watch::goes_on() {
        return 0;
    }
    // Short at first, for most waits are.
    let pause = Duration::from_millis(u64::try_from(calls).unwrap_or(0).saturating_add(1).min(50));
    thread::sleep(pause.min(left));
    1
}
