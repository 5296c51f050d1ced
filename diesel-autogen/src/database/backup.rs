//! Backup files: their names, their number and their permissions. What a backup holds is each database's own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use chrono::{NaiveDateTime, Utc};

use crate::Error;
use crate::migration::sync_folder;
use crate::version::Version;

/// Where the backups of a database are, and what their names begin and end with: no other database shares them.
#[derive(Debug)]
pub(crate) struct Names {
    pub folder: PathBuf,
    pub stem: String,
    pub ending: &'static str,
    /// The name of one that is being written.
    pub draft: String,
}

/// A backup that was made before a run: it is kept when the run changes something, else it is removed.
#[derive(Debug)]
pub(crate) struct Backup {
    pub file: PathBuf,
    names: Names,
    is_new_folder: bool,
}

impl Backup {
    /// Makes a backup, as `backups/app-v2-20261122T101500Z.db`. `write` writes a complete, verified file of that path,
    /// with its permissions.
    pub fn make(
        names: Names,
        version: &Version,
        write: impl FnOnce(&Path) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let folder = &names.folder;
        let is_new_folder = !folder.exists();
        fs::create_dir_all(folder).map_err(Error::file("write", folder))?;
        // Its name tells databases apart, and only one process at a time gets here: what exists was left by one that
        // was killed.
        let draft = folder.join(&names.draft);
        let _ = fs::remove_file(&draft);
        let file = free_name(&names, &format!("v{version}-{}", Utc::now().format(TIME)));
        let written = write(&draft).and_then(|()| {
            fs::File::open(&draft)
                .and_then(|draft| draft.sync_all())
                .and_then(|()| fs::rename(&draft, &file))
                .and_then(|()| sync_folder(folder))
                .map_err(Error::file("write", &file))
        });
        let backup = Self { file, names, is_new_folder };
        if let Err(error) = written {
            let _ = fs::remove_file(&draft);
            backup.discard();
            return Err(error);
        }
        Ok(backup)
    }

    /// Removes the backup, and the folder when it was made for it.
    pub fn discard(self) {
        let _ = fs::remove_file(&self.file);
        if self.is_new_folder {
            // Succeeds only when it is empty.
            let _ = fs::remove_dir(&self.names.folder);
        }
    }

    /// Removes all but this backup and the newest others of this database, `keep` in all. Only a run that succeeded may
    /// do so: one that fails again and again would end with no backup at all.
    pub fn remove_older(&self, keep: usize) -> Result<(), Error> {
        remove_oldest(&self.names, &self.file, keep).map_err(Error::file("write", &self.names.folder))
    }
}

/// How the names of backups and kept files write a time.
pub(crate) const TIME: &str = "%Y%m%dT%H%M%SZ";

/// A name that no file has: within one second there may be several backups.
fn free_name(Names { folder, stem, ending, .. }: &Names, rest: &str) -> PathBuf {
    let path = |number: &str| folder.join(format!("{stem}-{rest}{number}{ending}"));
    let mut paths = std::iter::once(path("")).chain((2..).map(|number| path(&format!("-{number}"))));
    paths.find(|path| fs::symlink_metadata(path).is_err()).unwrap_or_else(|| path(""))
}

/// Makes a copy durable, with the permissions of the database and, where the system allows it, its owner.
pub(crate) fn settle(copy: &Path, database: &Path) -> io::Result<()> {
    if let Ok(metadata) = fs::metadata(database) {
        #[cfg(unix)]
        {
            use std::os::unix::fs::{MetadataExt as _, chown};
            let _ = chown(copy, Some(metadata.uid()), Some(metadata.gid()));
        }
        fs::set_permissions(copy, metadata.permissions())?;
    }
    fs::File::open(copy)?.sync_all()
}

/// Creates a file that is missing, and that only its owner may read.
pub(crate) fn create_private(file: &Path) -> Result<fs::File, Error> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file).map_err(Error::file("write", file))
}

fn remove_oldest(names: &Names, made: &Path, keep: usize) -> io::Result<()> {
    let mut copies = Vec::new();
    for entry in fs::read_dir(&names.folder)? {
        let path = entry?.path();
        let time = path.file_name().and_then(|name| time_of(name.to_str()?, names));
        // A clock that was set back makes what was just written look old.
        copies.extend(time.filter(|_| path != made).map(|time| (time, path)));
    }
    copies.sort();
    let surplus = (copies.len() + 1).saturating_sub(keep.max(1));
    copies.into_iter().take(surplus).try_for_each(|(_, path)| fs::remove_file(path))
}

/// The time of a backup, and its number within the second: `app-v2-20261122T101500Z.db`, `app-v2-20261122T101500Z-2.db`.
/// Other files in the folder are left alone.
fn time_of(name: &str, Names { stem, ending, .. }: &Names) -> Option<(NaiveDateTime, u64)> {
    let (version, time) = name.strip_prefix(stem)?.strip_prefix("-v")?.strip_suffix(*ending)?.split_once('-')?;
    let (time, number) = time.split_once('-').unwrap_or((time, "1"));
    let is_whole = version.starts_with(|char: char| char.is_ascii_digit()) && time.len() == "20261122T101500Z".len();
    Some((NaiveDateTime::parse_from_str(time, TIME).ok().filter(|_| is_whole)?, number.parse().ok()?))
}

/// The beginning of the names of a database's backups, which no two databases in a folder share: `app` for `app.db`,
/// `app.` for `app`, and the whole name for any other.
pub(crate) fn stem(database: &Path) -> String {
    let name = database.file_name().and_then(|name| name.to_str()).unwrap_or("database");
    match name.strip_suffix(".db").filter(|stem| !stem.is_empty() && !stem.contains('.')) {
        Some(stem) => stem.to_owned(),
        None if name.contains('.') => name.to_owned(),
        None => format!("{name}."),
    }
}
