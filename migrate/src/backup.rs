//! A copy of the database before it changes, and the way back to one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::SqliteConnection;
use diesel::{Connection as _, RunQueryDsl};

use crate::Error;
use crate::sql::{literal, quote};

/// Copies the committed content of a database that holds rows into `folder`, as `app-v2-20261122T101500Z.db`, checks
/// the copy and removes all but the newest `keep` copies. `None` when there is nothing in the database to lose.
///
/// The connection must not be in a transaction; another one may hold the write lock meanwhile, which makes the copy
/// the very state that the other one starts from.
pub(crate) fn back_up(
    connection: &mut SqliteConnection,
    database: &Path,
    version: u64,
    folder: &Path,
    keep: usize,
) -> Result<Option<PathBuf>, Error> {
    if keep == 0 || !is_populated(connection)? {
        return Ok(None);
    }
    let failed = |error: &io::Error| Error::CannotWrite { path: folder.to_owned(), why: error.to_string() };
    fs::create_dir_all(folder).map_err(|error| failed(&error))?;
    let size = sql::<BigInt>("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size");
    let size = u64::try_from(size.get_result::<i64>(connection)?).unwrap_or(0);
    let free = fs4::available_space(folder).map_err(|error| failed(&error))?;
    if free < size {
        let why = format!(
            "a backup needs {} MB and there are {} MB free; make room, or set MICROBLOG_BACKUPS=0 to go without",
            size / 1_000_000 + 1,
            free / 1_000_000
        );
        return Err(Error::CannotWrite { path: folder.to_owned(), why });
    }
    let stem = stem(database);
    let time = chrono::Utc::now().format("%Y%m%dT%H%M%SZ");
    let target = folder.join(format!("{stem}-v{version}-{time}.db"));
    let draft = folder.join(format!(".{stem}-v{version}-{time}-{}.new", std::process::id()));
    let copied = copy(connection, &draft).and_then(|()| check(&draft, "quick_check")).and_then(|()| {
        fs::rename(&draft, &target).map_err(|error| Error::CannotWrite { path: target.clone(), why: error.to_string() })
    });
    if let Err(error) = copied {
        let _ = fs::remove_file(&draft);
        return Err(error);
    }
    remove_oldest(folder, &stem, keep).map_err(|error| failed(&error))?;
    Ok(Some(target))
}

/// Writes a consistent copy of a live database to a file that is not there yet.
pub(crate) fn copy(connection: &mut SqliteConnection, target: &Path) -> Result<(), Error> {
    let unwritable = |why: String| Error::CannotWrite { path: target.to_owned(), why };
    let name = target.to_str().ok_or_else(|| unwritable("its name is not UTF-8".into()))?;
    let name = if name.starts_with("file:") { format!("./{name}") } else { name.to_owned() };
    connection.batch_execute(&format!("VACUUM INTO {}", literal(&name))).map_err(|error| unwritable(error.to_string()))
}

/// Opens a file and has SQLite check it, by `quick_check` or `integrity_check`.
pub(crate) fn check(file: &Path, pragma: &str) -> Result<(), Error> {
    let broken = |why: String| Error::Database { what: file.display().to_string(), why };
    let mut connection = open(file)?;
    let found: Vec<String> =
        sql::<Text>(&format!("PRAGMA {pragma}(1)")).load(&mut connection).map_err(|error| broken(error.to_string()))?;
    match found.first().map(String::as_str) {
        Some("ok") => Ok(()),
        other => Err(broken(format!("it is damaged: {}", other.unwrap_or("the check says nothing")))),
    }
}

/// Opens a file that is there.
pub(crate) fn open(file: &Path) -> Result<SqliteConnection, Error> {
    let broken = |why: String| Error::Database { what: file.display().to_string(), why };
    if !file.is_file() {
        return Err(broken("there is no such file".into()));
    }
    let name = file.to_str().ok_or_else(|| broken("its name is not UTF-8".into()))?;
    let name = if name.starts_with("file:") { format!("./{name}") } else { name.to_owned() };
    SqliteConnection::establish(&name).map_err(|error| broken(error.to_string()))
}

/// Puts a copy of `backup` in the place of `database`, at once: a reader sees the one or the other.
///
/// A database that another program has open is refused: it would go on writing to a file that has no name any more.
pub(crate) fn restore(backup: &Path, database: &Path) -> Result<(), Error> {
    let draft = database.with_file_name(format!(".{}-restore-{}.new", stem(database), std::process::id()));
    let _ = fs::remove_file(&draft);
    let restored = copy(&mut open(backup)?, &draft).and_then(|()| check(&draft, "integrity_check")).and_then(|()| {
        if database.exists() {
            require_unused(database)?;
        }
        fs::File::open(&draft)
            .and_then(|file| file.sync_all())
            .and_then(|()| fs::rename(&draft, database))
            .map_err(|error| Error::CannotWrite { path: database.to_owned(), why: error.to_string() })
    });
    if restored.is_err() {
        let _ = fs::remove_file(&draft);
    }
    restored
}

/// Leaving WAL mode needs the database for oneself alone; so does the exclusive lock, in the other modes.
fn require_unused(database: &Path) -> Result<(), Error> {
    let used = |_| Error::Database {
        what: database.display().to_string(),
        why: "another program has it open: stop the site first, then restore".into(),
    };
    let mut connection = open(database)?;
    // A file that is no database any more is one to be replaced.
    if sql::<BigInt>("SELECT count(*) FROM sqlite_master").get_result::<i64>(&mut connection).is_err() {
        return Ok(());
    }
    let mode: String = sql::<Text>("PRAGMA journal_mode = DELETE").get_result(&mut connection).map_err(used)?;
    if mode != "delete" {
        return Err(used(diesel::result::Error::NotFound));
    }
    connection.batch_execute("BEGIN EXCLUSIVE; COMMIT").map_err(used)
}

/// Whether any table holds a row, the bookkeeping of migrations aside.
pub(crate) fn is_populated(connection: &mut SqliteConnection) -> Result<bool, Error> {
    let query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
                 AND name NOT LIKE '\\_\\_%' ESCAPE '\\'";
    let tables: Vec<String> = sql::<Text>(query).load(connection)?;
    for table in tables {
        let query = format!("SELECT EXISTS (SELECT 1 FROM {})", quote(&table));
        if sql::<BigInt>(&query).get_result::<i64>(connection)? > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The names sort by version and not by time, so the time that ends each of them decides.
fn remove_oldest(folder: &Path, stem: &str, keep: usize) -> io::Result<()> {
    let mut copies = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let rest =
            name.strip_prefix(stem).and_then(|rest| rest.strip_prefix("-v")).and_then(|rest| rest.strip_suffix(".db"));
        if let Some((version, time)) = rest.and_then(|rest| rest.split_once('-'))
            && version.parse::<u64>().is_ok()
            && time.len() == "20261122T101500Z".len()
        {
            copies.push((time.to_owned(), path));
        }
    }
    copies.sort();
    let surplus = copies.len().saturating_sub(keep);
    copies.into_iter().take(surplus).try_for_each(|(_, path)| fs::remove_file(path))
}

fn stem(database: &Path) -> String {
    database.file_stem().and_then(|stem| stem.to_str()).unwrap_or("database").to_owned()
}
