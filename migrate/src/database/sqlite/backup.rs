//! A copy of the database before it changes, and the way back to one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use chrono::Utc;
use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::SqliteConnection;

use crate::database::{open_sqlite, sqlite_name};
use crate::progress::{Amount, step, task};
use crate::script::sync_folder;
use crate::sql::{literal, quote};
use crate::{Error, verify};

/// A copy that was made before a run: it is kept when the run changes something, else it goes again.
#[derive(Debug)]
pub(crate) struct Backup {
    pub file: PathBuf,
    folder: PathBuf,
    stem: String,
    is_new_folder: bool,
}

impl Backup {
    /// Removes the copy, and the folder when it was made for it.
    pub fn discard(self) {
        let _ = fs::remove_file(&self.file);
        if self.is_new_folder {
            // Goes only when it is empty.
            let _ = fs::remove_dir(&self.folder);
        }
    }

    /// Removes all but this copy and the newest others of this database, `keep` in all. Only a run that succeeded may do
    /// so: one that fails again and again would end with no copy at all.
    pub fn remove_older(&self, keep: usize) -> Result<(), Error> {
        remove_oldest(&self.folder, &self.stem, &self.file, keep)
            .map_err(|error| Error::CannotWrite { path: self.folder.clone(), why: error.to_string() })
    }
}

/// Another name of a damaged database, and of the journals that belong to it, before it is replaced.
pub(crate) struct Aside {
    pub file: PathBuf,
    all: Vec<PathBuf>,
}

impl Aside {
    /// Gives it that name, `app.db.damaged-20261122T101500Z`; it also keeps its own, so that it can be replaced at once.
    pub fn make(database: &Path) -> Result<Self, Error> {
        let database = fs::canonicalize(database).unwrap_or_else(|_| database.to_owned());
        let file = with(&database, &format!(".damaged-{}", Utc::now().format("%Y%m%dT%H%M%SZ")));
        let mut aside = Self { file, all: Vec::new() };
        for ending in ["", "-wal", "-journal"] {
            let (old, new) = (with(&database, ending), with(&aside.file, ending));
            if !old.exists() {
                continue;
            }
            // Some file systems know no second name.
            if let Err(error) = fs::hard_link(&old, &new).or_else(|_| fs::copy(&old, &new).map(drop)) {
                aside.discard();
                return Err(Error::CannotWrite { path: new, why: error.to_string() });
            }
            aside.all.push(new);
        }
        Ok(aside)
    }

    /// Takes that name away again.
    pub fn discard(self) {
        for file in self.all {
            let _ = fs::remove_file(file);
        }
    }
}

/// Copies the committed content of a database that holds rows into `folder`, as `app-v2-20261122T101500Z.db`, and
/// checks the copy. `None` when there is nothing in the database to lose.
///
/// The connection must not be in a transaction; another one may hold the write lock meanwhile, which makes the copy
/// the very state that the other one starts from.
pub(crate) fn back_up(
    connection: &mut SqliteConnection,
    database: &Path,
    version: u64,
    folder: &Path,
) -> Result<Option<Backup>, Error> {
    if !is_populated(connection)? {
        return Ok(None);
    }
    let is_new_folder = !folder.exists();
    let written = write_backup(connection, database, version, folder);
    if written.is_err() && is_new_folder {
        let _ = fs::remove_dir(folder);
    }
    Ok(Some(Backup { file: written?, folder: folder.to_owned(), stem: stem(database), is_new_folder }))
}

fn write_backup(
    connection: &mut SqliteConnection,
    database: &Path,
    version: u64,
    folder: &Path,
) -> Result<PathBuf, Error> {
    let failed = |why: String| Error::CannotWrite { path: folder.to_owned(), why };
    fs::create_dir_all(folder).map_err(|error| failed(format!("{error}; {WITHOUT}")))?;
    let size = size(connection)?;
    let free = fs4::available_space(folder).map_err(|error| failed(error.to_string()))?;
    if free < size {
        let (size, free) = (size / 1_000_000 + 1, free / 1_000_000);
        return Err(failed(format!("a backup needs {size} MB and there are {free} MB free; {WITHOUT}")));
    }
    // Its name tells databases apart, and only one program at a time is this far: what is there was left by one that
    // was killed.
    let name = database.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let draft = folder.join(format!(".{name}.new"));
    let _ = fs::remove_file(&draft);
    let target = free_name(folder, &format!("{}-v{version}-{}", stem(database), Utc::now().format("%Y%m%dT%H%M%SZ")));
    let copied = copy(connection, &draft, "backing up").and_then(|()| check(&draft, "quick_check")).and_then(|()| {
        settle(&draft, database)
            .and_then(|()| fs::rename(&draft, &target))
            .and_then(|()| sync_folder(folder))
            .map_err(|error| Error::CannotWrite { path: target.clone(), why: error.to_string() })
    });
    if let Err(error) = copied {
        let _ = fs::remove_file(&draft);
        return Err(match error {
            Error::CannotWrite { why, .. } if is_damage(&why) => {
                Error::Database { what: database.display().to_string(), why: format!("{why}: restore a backup") }
            }
            Error::CannotWrite { why, .. } => Error::CannotWrite { path: target, why: format!("{why}; {WITHOUT}") },
            other => other,
        });
    }
    Ok(target)
}

const WITHOUT: &str = "make room for a backup, or set MICROBLOG_BACKUPS=0 to go without";

/// A name that no file has: within one second there may be several backups.
fn free_name(folder: &Path, name: &str) -> PathBuf {
    let numbered = (2..).map(|number| format!("{name}-{number}.db"));
    let mut names = std::iter::once(format!("{name}.db")).chain(numbered).map(|name| folder.join(name));
    names.find(|path| fs::symlink_metadata(path).is_err()).unwrap_or_else(|| folder.join(format!("{name}.db")))
}

/// Makes a copy durable, with the permissions and, where that is allowed, the owner of the database: nobody shall read
/// it who may not read that, and the site shall be able to open it.
fn settle(copy: &Path, database: &Path) -> io::Result<()> {
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

/// Writes a consistent copy of a live database to a file that is not there yet, and that only its owner may read.
/// `doing` says to whoever watches what it is for.
pub(crate) fn copy(connection: &mut SqliteConnection, target: &Path, doing: &str) -> Result<(), Error> {
    let unwritable = |why: String| Error::CannotWrite { path: target.to_owned(), why };
    let name = sqlite_name(target).ok_or_else(|| unwritable("its name is not UTF-8".into()))?;
    create_private(target)?;
    let (total, vacuum) = (content(connection)?, format!("VACUUM INTO {}", literal(&name)));
    task(doing, Amount::File { path: target.to_owned(), total }, || {
        connection.batch_execute(&vacuum).map_err(|error| unwritable(error.to_string()))
    })
}

/// How many bytes of a database are in use: a copy has as many.
fn content(connection: &mut SqliteConnection) -> Result<u64, Error> {
    let size = sql::<BigInt>(
        "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
    );
    Ok(u64::try_from(size.get_result::<i64>(connection)?).unwrap_or(0))
}

/// Makes an empty file that is not there yet, and that only its owner may read.
pub(crate) fn create_private(file: &Path) -> Result<(), Error> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let made = options.open(file).map(drop);
    made.map_err(|error| Error::CannotWrite { path: file.to_owned(), why: error.to_string() })
}

/// How many bytes a database holds.
pub(crate) fn size(connection: &mut SqliteConnection) -> Result<u64, Error> {
    let size = sql::<BigInt>("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size");
    Ok(u64::try_from(size.get_result::<i64>(connection)?).unwrap_or(0))
}

/// Opens a file and has SQLite check it, by `quick_check` or `integrity_check`.
pub(crate) fn check(file: &Path, pragma: &str) -> Result<(), Error> {
    let broken = |why: String| Error::Database { what: file.display().to_string(), why };
    let mut connection = open(file)?;
    let found: Vec<String> = step("checking the backup", || {
        sql::<Text>(&format!("PRAGMA {pragma}(1)")).load(&mut connection).map_err(|error| broken(error.to_string()))
    })?;
    // SQLite reads zeros where the last page is cut off.
    let page = sql::<BigInt>("PRAGMA page_size").get_result::<i64>(&mut connection);
    let page = page.ok().and_then(|size| u64::try_from(size).ok()).unwrap_or(1).max(1);
    let length = fs::metadata(file).map_err(|error| broken(error.to_string()))?.len();
    match found.first().map(String::as_str) {
        Some("ok") if !length.is_multiple_of(page) => Err(broken("it is damaged: its end is missing".into())),
        Some("ok") => Ok(()),
        other => Err(broken(format!("it is damaged: {}", other.unwrap_or("the check says nothing")))),
    }
}

/// Opens a file that is there.
pub(crate) fn open(file: &Path) -> Result<SqliteConnection, Error> {
    if !file.is_file() {
        return Err(Error::Database { what: file.display().to_string(), why: "there is no such file".into() });
    }
    open_sqlite(file)
}

/// Puts a copy of `backup` in the place of `database`, at once: a reader sees the one or the other.
///
/// A database that another program has open is refused: it would go on writing to a file that has no name any more. So
/// is one that has been written to since its change counter was that.
pub(crate) fn restore(backup: &Path, database: &Path, counter: Option<[u8; 4]>) -> Result<(), Error> {
    // A link to a database stays one.
    let database = &fs::canonicalize(database).unwrap_or_else(|_| database.to_owned());
    let draft = database.with_file_name(format!(".{}-restore-{}.new", stem(database), std::process::id()));
    let _ = fs::remove_file(&draft);
    let restored =
        copy(&mut open(backup)?, &draft, "restoring").and_then(|()| check(&draft, "integrity_check")).and_then(|()| {
            let lock = if database.exists() { lock_out(database)? } else { None };
            if counter.is_some_and(|counter| change_counter(database).is_ok_and(|now| now != counter)) {
                let why = "another program has written to it meanwhile: stop the site first, then restore".to_owned();
                return Err(Error::Database { what: database.display().to_string(), why });
            }
            let owner = if database.exists() { database } else { backup };
            let replaced = settle(&draft, owner)
                .and_then(|()| remove_leftovers(database))
                .and_then(|()| fs::rename(&draft, database))
                .and_then(|()| database.parent().map_or(Ok(()), sync_folder))
                .map_err(|error| Error::CannotWrite { path: database.clone(), why: error.to_string() });
            drop(lock);
            replaced
        });
    if restored.is_err() {
        let _ = fs::remove_file(&draft);
    }
    restored
}

/// What SQLite changes in the file's header with every transaction: <https://www.sqlite.org/fileformat2.html#file_change_counter>.
pub(crate) fn change_counter(database: &Path) -> Result<[u8; 4], Error> {
    let mut header = [0; 28];
    let unreadable = |error: io::Error| Error::CannotRead { path: database.to_owned(), why: error.to_string() };
    // What is shorter is no database, and has no counter.
    let read = fs::File::open(database).and_then(|mut file| io::Read::read(&mut file, &mut header));
    read.map_err(unreadable)?;
    Ok([header[24], header[25], header[26], header[27]])
}

/// Locks a database that nobody else may have open. Leaving WAL mode needs it for oneself alone, and so does the
/// exclusive lock, in the other modes.
pub(crate) fn lock_out(database: &Path) -> Result<Option<SqliteConnection>, Error> {
    let mut connection = open(database)?;
    let locked = sql::<BigInt>("SELECT count(*) FROM sqlite_master")
        .get_result::<i64>(&mut connection)
        .and_then(|_| sql::<Text>("PRAGMA journal_mode = DELETE").get_result::<String>(&mut connection))
        .and_then(|_| connection.batch_execute("BEGIN EXCLUSIVE"));
    let Err(error) = locked else { return Ok(Some(connection)) };
    let said = error.to_string();
    // A file that is no database any more is one to be replaced.
    if is_damage(&said) {
        return Ok(None);
    }
    let is_used = said.contains("locked");
    let why = if is_used { "another program has it open: stop the site first, then restore".to_owned() } else { said };
    Err(Error::Database { what: database.display().to_string(), why })
}

/// Whether SQLite says that a file is damaged, or no database.
pub(crate) fn is_damage(said: &str) -> bool {
    ["file is not a database", "malformed"].iter().any(|words| said.contains(words))
}

/// A path with something behind its name.
fn with(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Removes the journals of a database that was damaged or is gone: SQLite would play them into the restored one.
fn remove_leftovers(database: &Path) -> io::Result<()> {
    for ending in ["-journal", "-wal", "-shm"] {
        match fs::remove_file(with(database, ending)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Whether any table holds a row, the bookkeeping of migrations aside.
pub(crate) fn is_populated(connection: &mut SqliteConnection) -> Result<bool, Error> {
    let mut tables = verify::tables(connection)?;
    // A search index may hold the only copy of a text.
    tables.extend(
        sql::<Text>("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'virtual'")
            .load::<String>(connection)?,
    );
    for table in tables {
        let query = format!("SELECT EXISTS (SELECT 1 FROM {})", quote(&table));
        // What a module keeps that this program does not have, nobody can say.
        if sql::<BigInt>(&query).get_result::<i64>(connection).unwrap_or(1) > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The names sort by version and not by time, so the time that ends each of them decides.
fn remove_oldest(folder: &Path, stem: &str, made: &Path, keep: usize) -> io::Result<()> {
    let mut copies = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let rest =
            name.strip_prefix(stem).and_then(|rest| rest.strip_prefix("-v")).and_then(|rest| rest.strip_suffix(".db"));
        // A clock that was set back makes what was just written look old.
        if let Some((version, time)) = rest.and_then(|rest| rest.split_once('-'))
            && path != made
            && version.parse::<u64>().is_ok()
            && is_time(time)
        {
            copies.push((time.to_owned(), path));
        }
    }
    // `-10` comes after `-9`.
    copies.sort_by_key(|(time, _)| {
        let number = time.split_once('-').and_then(|(_, number)| number.parse::<u64>().ok());
        (time.split('-').next().unwrap_or_default().to_owned(), number)
    });
    let surplus = (copies.len() + 1).saturating_sub(keep.max(1));
    copies.into_iter().take(surplus).try_for_each(|(_, path)| fs::remove_file(path))
}

/// `20261122T101500Z`, or `20261122T101500Z-2`: other files in the folder are none of our business.
fn is_time(text: &str) -> bool {
    let (time, number) = text.split_once('-').map_or((text, "1"), |(time, number)| (time, number));
    chrono::NaiveDateTime::parse_from_str(time, "%Y%m%dT%H%M%SZ").is_ok()
        && time.len() == "20261122T101500Z".len()
        && number.parse::<u64>().is_ok()
}

/// What the names of a database's copies begin with: `app` for `app.db`, and the whole name for any other, because
/// `app.sqlite` may lie beside it.
fn stem(database: &Path) -> String {
    let name = database.file_name().and_then(|name| name.to_str()).unwrap_or("database");
    name.strip_suffix(".db").filter(|stem| !stem.is_empty()).unwrap_or(name).to_owned()
}
