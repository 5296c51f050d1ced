//! What SQLite offers and Diesel's connection does not: to watch a long statement, to interrupt it or a wait, and to
//! digest the columns of a table at the speed of the scan.
//!
//! [`install`] makes every connection that the process opens from then on carry them, by
//! [`sqlite3_auto_extension`](https://www.sqlite.org/c3ref/auto_extension.html).

#![deny(missing_docs)]

mod digest;
mod wait;
mod watch;

use std::ffi::{c_char, c_int};
use std::sync::Once;

use libsqlite3_sys::{
    SQLITE_DBCONFIG_ENABLE_QPSG, SQLITE_OK, sqlite3, sqlite3_api_routines, sqlite3_auto_extension, sqlite3_db_config,
};

pub use wait::with_busy_wait;
pub use watch::{Observer, observe, rows_changed};

/// Has every SQLite connection that is opened from now on call the observer of its thread, keep the plans of its
/// statements whatever is bound to them, and know the aggregate function `column_digest`. Calling it again does nothing.
///
/// `column_digest(k, key_1, …, key_k, value_1, …, value_n)` returns a BLOB of 8 bytes for each value: over all rows, in
/// any order, the sum of a hash of the row's key and that value, its storage class included. With no values it is one
/// sum, over the keys. Two tables whose digests are equal hold the same values in the same rows, but for a chance of
/// 1 in 2⁶⁴; it does not withstand somebody who looks for two that collide.
///
/// # Panics
///
/// When SQLite has no memory left.
pub fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // SAFETY: the entry point has the signature that SQLite calls, and lives as long as the process.
        let outcome = unsafe { sqlite3_auto_extension(Some(prepare)) };
        assert_eq!(outcome, SQLITE_OK, "SQLite has no memory for its list of extensions");
    });
}

/// What SQLite calls with each connection that it has just opened.
unsafe extern "C" fn prepare(connection: *mut sqlite3, _: *mut *mut c_char, _: *const sqlite3_api_routines) -> c_int {
    // SAFETY: SQLite hands us a connection that is open and that nobody else uses yet.
    unsafe {
        watch::attach(connection);
        wait::attach(connection);
        keep_plans(connection);
        digest::attach(connection)
    }
}

/// Has a statement keep the plan that it was prepared with.
///
/// Else SQLite prepares a statement anew whenever another value is bound to its LIMIT or to what its statistics tell of,
/// and Diesel binds every LIMIT each time: <https://www.sqlite.org/queryplanner-ng.html#qpstab>.
///
/// # Safety
///
/// The connection must be open, and not be in use by another thread.
unsafe fn keep_plans(connection: *mut sqlite3) {
    // SAFETY: as the caller promises; this option takes an int and a pointer, which may be null.
    unsafe { sqlite3_db_config(connection, SQLITE_DBCONFIG_ENABLE_QPSG, 1, std::ptr::null_mut::<c_int>()) };
}
