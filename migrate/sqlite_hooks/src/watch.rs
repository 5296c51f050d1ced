//! A look at what SQLite does while it does it, and a way to end it.

use std::cell::{Cell, RefCell};
use std::ffi::{c_char, c_int, c_void};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use libsqlite3_sys::{sqlite3, sqlite3_int64, sqlite3_progress_handler, sqlite3_update_hook};

/// Is called again and again while SQLite works, with the number of rows that were inserted, updated or deleted in
/// tables with a rowid since it was set. [`ControlFlow::Break`] interrupts the statement.
///
/// It must not use a SQLite connection of this thread.
pub type Observer = Box<dyn FnMut(u64) -> ControlFlow<()>>;

thread_local! {
    static OBSERVER: RefCell<Option<Observer>> = const { RefCell::new(None) };
    static ROWS: Cell<u64> = const { Cell::new(0) };
}

/// How many instructions of its virtual machine SQLite runs between two calls: some thousand calls a second, and often
/// enough where each row is large.
const INSTRUCTIONS: c_int = 10_000;

/// Sets the observer of the calling thread, or takes it away.
pub fn observe(observer: Option<Observer>) {
    ROWS.set(0);
    OBSERVER.set(observer);
}

/// The number of rows that the observer would be called with now.
#[must_use]
pub fn rows_changed() -> u64 {
    ROWS.get()
}

/// Asks the observer of the calling thread whether the work goes on.
pub(crate) fn goes_on() -> bool {
    let goes_on = catch_unwind(AssertUnwindSafe(|| {
        // An observer that came here by using SQLite itself is not called again.
        OBSERVER.with(|observer| match observer.try_borrow_mut() {
            Ok(mut observer) => observer.as_mut().is_none_or(|observer| observer(ROWS.get()).is_continue()),
            Err(_) => true,
        })
    }));
    goes_on.unwrap_or(false)
}

/// # Safety
///
/// The connection must be open, and not be in use by another thread.
pub(crate) unsafe fn attach(connection: *mut sqlite3) {
    // SAFETY: as the caller promises; both functions live as long as the process and take no data of ours.
    unsafe {
        sqlite3_progress_handler(connection, INSTRUCTIONS, Some(progress), ptr::null_mut());
        sqlite3_update_hook(connection, Some(updated), ptr::null_mut());
    }
}

/// Returns something else than 0 to interrupt.
unsafe extern "C" fn progress(_: *mut c_void) -> c_int {
    c_int::from(!goes_on())
}

unsafe extern "C" fn updated(_: *mut c_void, _: c_int, _: *const c_char, _: *const c_char, _: sqlite3_int64) {
    ROWS.set(ROWS.get() + 1);
}
