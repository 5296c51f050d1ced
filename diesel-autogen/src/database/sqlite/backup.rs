//! Copies of a SQLite database, and the way back to one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use chrono::Utc;
use diesel::SqliteConnection;
use diesel::connection::SimpleConnection as _;

use super::catalog::{self, number, texts};
use super::connection::{Sqlite, file_name, open};
use super::errors::readable;
use crate::Error;
use crate::database::backup::{Names, TIME, create_private, settle, stem};
use crate::database::{Backup, Check, Content, Database as _, Restored};
use crate::error::DatabaseErrorKind;
use crate::migration::sync_folder;
use crate::settings::Event;
use crate::text::{Bytes, literal};
use crate::version::Version;

/// Copies the committed content of a database, and checks the copy. `None` when it holds no rows.
///
/// The connection must not be in a transaction; another one may hold the write lock meanwhile, so that the copy is the
/// very state that the other one starts from.
pub(super) fn back_up(database: &mut Sqlite, version: &Version) -> Result<Option<Backup>, Error> {
    if !database.has_rows()? {
        return Ok(None);
    }
    let (path, settings) = (database.path.clone(), database.settings.clone());
    let size = database.with(size)?;
    let free = path.parent().and_then(|folder| fs4::available_space(folder).ok());
    if let Some(free) = free.filter(|free| *free < size) {
        let why = format!("no room for a backup: {} are needed and {} are free", Bytes(size), Bytes(free));
        let source = io::Error::new(io::ErrorKind::StorageFull, why);
        return Err(Error::File { action: "write", path: path.with_file_name("backups"), source });
    }
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let names = Names {
        folder: path.with_file_name("backups"),
        stem: stem(&path),
        ending: ".db",
        draft: format!(".{name}.new"),
    };
    let made = Backup::make(names, version, |draft| {
        let copied = settings.step("backing up", || database.with(|connection| copy(connection, draft)));
        let copied = copied.map_err(|error| no_room(error, "backup", draft))?;
        if let Some(why) = copied.by_pages {
            settings.emit(&Event::BackupByPages(why));
        }
        settings.step("checking the backup", || check(draft, "quick_check"))?;
        settle(draft, &path).map_err(Error::file("write", draft))
    });
    made.map(Some)
}

/// How a copy was made.
pub(super) struct Copied {
    /// Why its pages were copied as they are, free ones included, where that was necessary.
    pub by_pages: Option<String>,
}

/// Writes a consistent copy of a live database to a file that is missing, and that only its owner may read.
///
/// `VACUUM INTO` needs every collation and function that the schema uses. Where one is missing the pages are copied, in
/// memory.
pub(super) fn copy(connection: &mut SqliteConnection, target: &Path) -> Result<Copied, Error> {
    create_private(target)?;
    let vacuum = format!("VACUUM INTO {}", literal(&file_name(target)?));
    match connection.batch_execute(&vacuum).map_err(Error::from) {
        Ok(()) => Ok(Copied { by_pages: None }),
        Err(error) if error.kind() == Some(DatabaseErrorKind::Missing) => {
            let pages = connection.serialize_database_to_buffer();
            fs::write(target, pages.try_as_slice()?).map_err(Error::file("write", target))?;
            Ok(Copied { by_pages: Some(error.cause()) })
        }
        Err(error) => Err(error),
    }
}

/// An error that means that the disk is full, with the file that needs room.
pub(super) fn no_room(error: Error, what: &str, file: &Path) -> Error {
    if error.kind() != Some(DatabaseErrorKind::Full) {
        return error;
    }
    let source = io::Error::new(io::ErrorKind::StorageFull, format!("no room for a {what}"));
    Error::File { action: "write", path: file.to_owned(), source }
}

/// The size of a database in bytes.
pub(super) fn size(connection: &mut SqliteConnection) -> Result<u64, Error> {
    Ok(number(connection, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")?.unsigned_abs())
}

/// Checks a file with SQLite's `quick_check` or `integrity_check`.
fn check(file: &Path, pragma: &str) -> Result<(), Error> {
    let shown = file.display().to_string();
    let damaged = |why: String| Error::database(&shown, DatabaseErrorKind::Damaged, why);
    let mut connection = open_existing(file)?;
    let found = texts(&mut connection, &format!("PRAGMA {pragma}(1)"));
    // The schema is sound where only the application can read all of it.
    let found = readable(found.map_err(|error| error.in_database(&shown)))?;
    let found = found.unwrap_or_else(|| vec!["ok".into()]);
    // SQLite reads zeros where the last page is cut off.
    let page = number(&mut connection, "PRAGMA page_size")?.unsigned_abs().max(1);
    let length = fs::metadata(file).map_err(Error::file("read", file))?.len();
    match found.first().map(String::as_str) {
        Some("ok") if !length.is_multiple_of(page) => Err(damaged("its end is missing".into())),
        Some("ok") => Ok(()),
        Some(message) if super::errors::kind(message) == Some(DatabaseErrorKind::Missing) => Ok(()),
        other => Err(damaged(other.unwrap_or("the check says nothing").to_owned())),
    }
}

fn open_existing(file: &Path) -> Result<SqliteConnection, Error> {
    if !file.is_file() {
        return Err(Error::NoDatabase { database: file.display().to_string() });
    }
    open(file)
}

/// Puts a copy of a backup in the place of a database, at once: a reader sees the one or the other.
pub(super) fn restore(database: &mut Sqlite, file: &Path, check_version: &mut Check<'_>) -> Result<Restored, Error> {
    let (path, settings) = (database.path.clone(), database.settings.clone());
    let (shown, own) = (settings.shown(file), database.name());
    let named = |error: Error| error.renamed(&shown);
    settings.step("checking the backup", || check(file, "integrity_check")).map_err(named)?;
    let mut copy = Sqlite::new(file, &settings);
    let (history, has_checksums) = (copy.history().map_err(named)?, copy.with(catalog::has_checksums)?);
    let content = Content { history, has_checksums, tables: None, database: &mut copy };
    let version = check_version(&shown, content).map_err(named)?;
    drop(copy);
    let (mut counter, mut replaced, mut damaged) = (None, None, Vec::new());
    if path.exists() {
        let lock = lock_out(&path).map_err(|error| error.renamed(&own))?;
        counter = Some(change_counter(&path)?);
        // The copy is made by another connection.
        let is_database = lock.map(drop).is_some();
        match is_database.then(|| database.back_up_replaced()).transpose() {
            Ok(Some(backup)) => replaced = backup,
            Err(error) if !is_damage(error.kind()) => return Err(error),
            // That is why it is restored; and something may still be read from it.
            Ok(None) | Err(_) => damaged = keep_damaged(&path)?,
        }
        database.connection = None;
    }
    let restored = settings.step("restoring", || replace(file, &path, counter)).map_err(|error| error.renamed(&own));
    match restored {
        Ok(()) => {
            if let Some(file) = damaged.first() {
                settings.emit(&Event::DamagedKept(settings.shown(file)));
            }
            Ok(Restored { version, replaced })
        }
        Err(error) => {
            discard(&damaged);
            replaced.into_iter().for_each(Backup::discard);
            Err(error)
        }
    }
}

/// A database that another process has open is refused: it would go on writing to a file without a name. So is one
/// that was written to since its change counter was read.
fn replace(backup: &Path, database: &Path, counter: Option<[u8; 4]>) -> Result<(), Error> {
    // A link to a database stays one.
    let database = &fs::canonicalize(database).unwrap_or_else(|_| database.to_owned());
    let draft = database.with_file_name(format!(".{}-restore-{}.new", stem(database), std::process::id()));
    let _ = fs::remove_file(&draft);
    let copied = copy(&mut open_existing(backup)?, &draft);
    let replaced = copied.and_then(|_| check(&draft, "integrity_check")).and_then(|()| {
        let lock = if database.exists() { lock_out(database)? } else { None };
        if counter.is_some_and(|counter| change_counter(database).is_ok_and(|now| now != counter)) {
            let why = "another process has written to it meanwhile";
            return Err(Error::database("", DatabaseErrorKind::InUse, why));
        }
        let owner = if database.exists() { database } else { backup };
        let moved = settle(&draft, owner)
            .and_then(|()| remove_journals(database))
            .and_then(|()| fs::rename(&draft, database))
            .and_then(|()| database.parent().map_or(Ok(()), sync_folder))
            .map_err(Error::file("write", database));
        drop(lock);
        moved
    });
    if replaced.is_err() {
        let _ = fs::remove_file(&draft);
    }
    replaced
}

/// What SQLite changes in the file's header with every transaction:
/// <https://www.sqlite.org/fileformat2.html#file_change_counter>.
fn change_counter(database: &Path) -> Result<[u8; 4], Error> {
    let mut header = [0; 28];
    // What is shorter is no database, and has no counter.
    let read = fs::File::open(database).and_then(|mut file| io::Read::read(&mut file, &mut header));
    read.map_err(Error::file("read", database))?;
    Ok([header[24], header[25], header[26], header[27]])
}

/// Locks a database that no other process may have open; `None` for a file that is no database any more. Leaving WAL
/// mode needs it exclusively, and so does the exclusive lock in the other modes.
fn lock_out(database: &Path) -> Result<Option<SqliteConnection>, Error> {
    let mut connection = open_existing(database)?;
    let locked = number(&mut connection, "SELECT count(*) FROM sqlite_master")
        .and_then(|_| texts(&mut connection, "PRAGMA journal_mode = DELETE"))
        .and_then(|_| Ok(connection.batch_execute("BEGIN EXCLUSIVE")?));
    match locked {
        Ok(()) => Ok(Some(connection)),
        Err(error) if is_damage(error.kind()) => Ok(None),
        Err(error) if error.kind() == Some(DatabaseErrorKind::Locked) => {
            Err(Error::database("", DatabaseErrorKind::InUse, "another process has it open"))
        }
        Err(error) => Err(error),
    }
}

fn is_damage(kind: Option<DatabaseErrorKind>) -> bool {
    matches!(kind, Some(DatabaseErrorKind::NotADatabase | DatabaseErrorKind::Damaged))
}

/// Gives a damaged database and its journals another name, `app.db.damaged-20261122T101500Z`, and returns the new names.
/// They also keep their own, so that the database can be replaced at once.
fn keep_damaged(database: &Path) -> Result<Vec<PathBuf>, Error> {
    let database = fs::canonicalize(database).unwrap_or_else(|_| database.to_owned());
    let file = with_ending(&database, &format!(".damaged-{}", Utc::now().format(TIME)));
    let mut names = Vec::new();
    for ending in ["", "-wal", "-journal"] {
        let (old, new) = (with_ending(&database, ending), with_ending(&file, ending));
        // Some file systems have no second names.
        match fs::hard_link(&old, &new).or_else(|_| fs::copy(&old, &new).map(drop)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                discard(&names);
                return Err(Error::file("write", &new)(error));
            }
            Err(_) => {}
            Ok(()) => names.push(new),
        }
    }
    Ok(names)
}

fn discard(files: &[PathBuf]) {
    for file in files {
        let _ = fs::remove_file(file);
    }
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Removes the journals of a database that was damaged or is missing: SQLite would apply them to the restored one.
fn remove_journals(database: &Path) -> io::Result<()> {
    for ending in ["-journal", "-wal", "-shm"] {
        match fs::remove_file(with_ending(database, ending)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
