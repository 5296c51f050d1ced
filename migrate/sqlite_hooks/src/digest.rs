//! The aggregate function `column_digest`.

use std::ffi::{c_int, c_void};
use std::{ptr, slice};

use libsqlite3_sys::{
    SQLITE_DETERMINISTIC, SQLITE_DIRECTONLY, SQLITE_FLOAT, SQLITE_INTEGER, SQLITE_NULL, SQLITE_TRANSIENT, SQLITE_UTF8,
    sqlite3, sqlite3_aggregate_context, sqlite3_context, sqlite3_create_function_v2, sqlite3_result_blob,
    sqlite3_result_error_nomem, sqlite3_value, sqlite3_value_blob, sqlite3_value_bytes, sqlite3_value_double,
    sqlite3_value_int64, sqlite3_value_type,
};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// # Safety
///
/// The connection must be open.
pub(crate) unsafe fn attach(connection: *mut sqlite3) -> c_int {
    let flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY;
    // SAFETY: the name ends with a zero byte; the functions live as long as the process and take no data of ours.
    unsafe {
        sqlite3_create_function_v2(
            connection,
            c"column_digest".as_ptr(),
            -1,
            flags,
            ptr::null_mut(),
            None,
            Some(step),
            Some(finish),
            None,
        )
    }
}

/// The state of one digest, in memory that SQLite zeroes, keeps and frees: how many sums there are, then the sums. To ask
/// for none gives those that are there.
unsafe fn sums<'a>(context: *mut sqlite3_context, count: usize) -> Option<&'a mut [u64]> {
    let bytes = c_int::try_from((count + 1) * size_of::<u64>()).ok()?;
    // SAFETY: SQLite returns the same memory, of the size that the first call asked for, aligned to 8 bytes, until the
    // aggregate is finished; a null pointer when there is none.
    unsafe {
        let memory = sqlite3_aggregate_context(context, bytes).cast::<u64>();
        if memory.is_null() {
            return None;
        }
        let count = if count > 0 { count } else { usize::try_from(*memory).ok()? };
        *memory = count as u64;
        Some(slice::from_raw_parts_mut(memory.add(1), count))
    }
}

unsafe extern "C" fn step(context: *mut sqlite3_context, count: c_int, values: *mut *mut sqlite3_value) {
    // SAFETY: SQLite hands over that many values, which live until this function returns.
    unsafe {
        let values = slice::from_raw_parts(values, usize::try_from(count).unwrap_or(0));
        let Some((keys, values)) = values.split_first() else { return };
        let keys = usize::try_from(sqlite3_value_int64(*keys)).unwrap_or(0).min(values.len());
        let (keys, values) = values.split_at(keys);
        let Some(sums) = sums(context, values.len().max(1)) else {
            return sqlite3_result_error_nomem(context);
        };
        let row = keys.iter().fold(0, |row, key| hash(*key, row));
        if values.is_empty() {
            sums[0] = sums[0].wrapping_add(row);
        }
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum = sum.wrapping_add(hash(*value, row));
        }
    }
}

unsafe extern "C" fn finish(context: *mut sqlite3_context) {
    // SAFETY: the sums are SQLite's own memory, of which it makes a copy.
    unsafe {
        // Without a row there is no state.
        let sums = sums(context, 0).unwrap_or_default();
        let bytes = c_int::try_from(size_of_val(sums)).unwrap_or(0);
        sqlite3_result_blob(context, sums.as_ptr().cast::<c_void>(), bytes, SQLITE_TRANSIENT());
    }
}

/// Hashes a value behind what was hashed before it, so that values of different storage class differ.
unsafe fn hash(value: *mut sqlite3_value, before: u64) -> u64 {
    // SAFETY: the value is one that SQLite has just handed over; a blob is read before anything else is asked of it.
    unsafe {
        let class = sqlite3_value_type(value);
        let seed = before.rotate_left(5).wrapping_add(u64::from(class.unsigned_abs()));
        match class {
            SQLITE_NULL => xxh3_64_with_seed(&[], seed),
            SQLITE_INTEGER => xxh3_64_with_seed(&sqlite3_value_int64(value).to_ne_bytes(), seed),
            SQLITE_FLOAT => xxh3_64_with_seed(&sqlite3_value_double(value).to_ne_bytes(), seed),
            _ => {
                let bytes = sqlite3_value_blob(value).cast::<u8>();
                let length = usize::try_from(sqlite3_value_bytes(value)).unwrap_or(0);
                // An empty one may be a null pointer.
                let bytes = if length == 0 || bytes.is_null() { &[] } else { slice::from_raw_parts(bytes, length) };
                xxh3_64_with_seed(bytes, seed)
            }
        }
    }
}
