//! Says who is waited for, when another program holds the database.

use std::path::Path;
use std::time::Duration;

use diesel::connection::SimpleConnection;

use crate::database::open_sqlite;
use crate::{Error, Project};

impl Project {
    /// Says so when a statement would have to wait now. The statement is not kept: whoever needs it runs it again, and
    /// waits.
    pub(crate) fn tell_of_wait(&self, statement: &str) -> Result<(), Error> {
        // By a connection that ends with the statement, and waits for what is over in a moment.
        let (path, moment) = (self.sqlite_path()?, Duration::from_millis(50));
        let probe = sqlite_hooks::with_busy_wait(moment, || open_sqlite(&path))?.batch_execute(statement);
        if probe.is_err_and(|error| error.to_string().contains("database is locked")) {
            let (seconds, database) = (self.settings.wait.as_secs(), self.database());
            let who = writer(&self.sqlite_path()?);
            let who = who.map_or_else(|| "another program that".to_owned(), |who| format!("{who}, which"));
            (self.settings.tell)(&format!("waiting up to {seconds} s for {who} is writing to {database}"));
        }
        Ok(())
    }
}

/// The program that is writing to a database, as `db_upgrade (process 4711)`, where the system lists who holds locks.
#[cfg(target_os = "linux")]
fn writer(database: &Path) -> Option<String> {
    use std::fs;
    use std::os::unix::fs::MetadataExt as _;

    let mut log = database.as_os_str().to_owned();
    log.push("-shm");
    // The bytes that a writer locks: in the database, or in the index of the write-ahead log.
    // <https://www.sqlite.org/fileformat2.html#the_lock_byte_page>, <https://www.sqlite.org/walformat.html#locks>
    let places = [(fs::metadata(database), 0x4000_0001), (fs::metadata(log), 120)];
    let inode = |metadata: &std::io::Result<fs::Metadata>| metadata.as_ref().map_or(0, fs::Metadata::ino);
    let holder = fs::read_to_string("/proc/locks").ok()?.lines().find_map(|line| {
        // As in `3: POSIX  ADVISORY  WRITE 4711 fe:00:5678 120 120`.
        let [_, "POSIX", _, "WRITE", process, file, start, end] = line.split_whitespace().collect::<Vec<_>>()[..]
        else {
            return None;
        };
        let file: u64 = file.rsplit(':').next()?.parse().ok()?;
        let (start, end): (u64, u64) = (start.parse().ok()?, end.parse().unwrap_or(u64::MAX));
        let is_held = places.iter().any(|(place, byte)| inode(place) == file && (start..=end).contains(byte));
        is_held.then(|| process.to_owned())
    })?;
    let program = fs::read_to_string(format!("/proc/{holder}/comm")).ok()?;
    Some(format!("{} (process {holder})", program.trim_end()))
}

#[cfg(not(target_os = "linux"))]
fn writer(_database: &Path) -> Option<String> {
    None
}
