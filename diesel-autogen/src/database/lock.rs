//! A lock file, for what no transaction can enclose. It is removed with the lock; one that a killed process left is not
//! locked.

use std::fs::{self, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// A locked file.
pub(crate) struct Lock {
    path: PathBuf,
    _file: fs::File,
}

impl Lock {
    /// The file that is locked while a migration of this database runs outside a transaction.
    pub fn beside(database: &Path) -> PathBuf {
        let path = fs::canonicalize(database).unwrap_or_else(|_| database.to_owned());
        path.with_file_name(format!(".{}.lock", path.file_name().unwrap_or_default().display()))
    }

    /// Takes the lock, if it is free.
    pub fn try_take(path: &Path) -> io::Result<Option<Self>> {
        let file = open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Self::of(path, file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Takes the lock, and waits until it is free.
    pub fn take(path: &Path) -> io::Result<Self> {
        loop {
            let file = open(path)?;
            file.lock()?;
            if let Some(lock) = Self::of(path, file) {
                return Ok(lock);
            }
        }
    }

    /// Whether any process holds the lock.
    pub fn is_held(path: &Path) -> bool {
        fs::File::open(path).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// `None` for a file that its previous holder has removed: others do not see that it is locked.
    fn of(path: &Path, file: fs::File) -> Option<Self> {
        #[cfg(unix)]
        if file.metadata().is_ok_and(|metadata| std::os::unix::fs::MetadataExt::nlink(&metadata) == 0) {
            return None;
        }
        Some(Self { path: path.to_owned(), _file: file })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Elsewhere the next holder could not see that the file was removed.
        if cfg!(unix) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn open(path: &Path) -> io::Result<fs::File> {
    fs::OpenOptions::new().write(true).create(true).truncate(false).open(path)
}
