//! A copy of a database to rehearse migrations on, in a folder beside it that is removed at the end.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use diesel::SqliteConnection;
use diesel::connection::SimpleConnection as _;

use super::catalog::{row_counts, texts};
use super::connection::{Sqlite, file_name, open};
use super::errors::readable;
use super::{backup, introspect, rows, run, scratch};
use crate::Error;
use crate::database::Lock;
use crate::database::{Compared, Database as _, REHEARSAL_FOLDER, RowChange, Sandbox};
use crate::migration::{Direction, Migration};
use crate::schema::Schema;
use crate::settings::{Event, Settings};
use crate::text::{counted, literal};

/// The folder of a rehearsal. What a killed process left is removed by the next rehearsal, which sees by the lock that
/// no process uses it.
pub(super) struct Copy {
    folder: PathBuf,
    _lock: fs::File,
    db: Sqlite,
    with_rows: bool,
    settings: Settings,
}

/// A rehearsal needs the copy, its snapshot, and room for the copy to grow while a table is rebuilt.
const COPIES: u64 = 3;

/// It is locked while a rehearsal creates its folder and removes abandoned ones.
const LOCK_FILE: &str = ".rehearsal-lock";

impl Copy {
    /// Copies the database; without its rows where they exceed the limit or the free space.
    pub fn new(database: &mut Sqlite) -> Result<Self, Error> {
        // A link to a database may be where there is no room.
        let path = fs::canonicalize(&database.path).unwrap_or_else(|_| database.path.clone());
        let parent = path.parent().unwrap_or(Path::new("."));
        let lock_file = parent.join(LOCK_FILE);
        let (folder, lock) = create(parent, &lock_file).map_err(Error::file("write", &lock_file))?;
        let (settings, db) = (database.settings.clone(), Sqlite::new(&folder.join("copy.db"), &database.settings));
        let mut copy = Self { folder, _lock: lock, db, with_rows: false, settings };
        let free = fs4::available_space(parent).map_err(Error::file("read", parent))?;
        let size = database.with(backup::size)?;
        let limit = copy.settings.rehearsal_limit.min(free / COPIES);
        copy.with_rows = size <= limit;
        if copy.with_rows {
            let target = copy.db.path.clone();
            let copied = copy.settings.step("copying the database for a rehearsal", || {
                database.with(|connection| backup::copy(connection, &target))
            });
            let copied = copied.map_err(|error| backup::no_room(error, "rehearsal", &copy.folder))?;
            if let Some(why) = copied.by_pages {
                copy.settings.emit(&Event::BackupByPages(why));
            }
        } else {
            copy.settings.emit(&Event::RehearsedWithoutRows { size, limit });
            let schema = database.with(|connection| introspect::read(connection, &[]))?;
            copy.db.with(|connection| scratch::create(connection, &schema).map(drop))?;
            copy.db.record(&database.history()?.unwrap_or_default())?;
        }
        // The copy need not survive a power failure.
        copy.db
            .with(|connection| Ok(connection.batch_execute("PRAGMA synchronous = OFF; PRAGMA cache_size = -32000")?))?;
        Ok(copy)
    }

    fn before(&self) -> PathBuf {
        self.folder.join("before.db")
    }

    /// Views and triggers may name the database that they are in, which gets another name when it is attached.
    fn strip(&self) -> Result<(), Error> {
        let mut before = open(&self.before())?;
        // The triggers of a view are dropped with it.
        let query = "SELECT 'DROP ' || type || ' IF EXISTS \"' || replace(name, '\"', '\"\"') || '\";' FROM sqlite_master \
             WHERE type IN ('view', 'trigger')";
        let statements = texts(&mut before, query)?.concat();
        Ok(before.batch_execute(&format!("PRAGMA synchronous = OFF; BEGIN; {statements} COMMIT"))?)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Sandbox for Copy {
    fn description(&mut self) -> Result<String, Error> {
        if !self.with_rows {
            return Ok("an empty copy".into());
        }
        let rows: u64 = self.db.with(|connection| Ok(row_counts(connection)?.values().sum()))?;
        Ok(if rows == 0 { "a copy without rows".into() } else { format!("a copy of {}", counted(rows, "row")) })
    }

    fn introspect(&mut self) -> Result<Schema, Error> {
        self.db.introspect()
    }

    fn snapshot(&mut self) -> Result<(), Error> {
        fs::copy(&self.db.path, self.before()).map(drop).map_err(Error::file("write", &self.before()))?;
        self.strip()
    }

    fn run(&mut self, migration: &Migration, direction: Direction) -> Result<(), Error> {
        let ran = self.db.with(|connection| {
            let keys_on = run::prepare(connection)?;
            connection.batch_execute("BEGIN")?;
            let ran = run::run(connection, &[migration], direction, true, &self.settings);
            run::finish(connection, ran.map(drop), keys_on)
        });
        ran.map_err(|error| backup::no_room(error, "rehearsal", &self.folder))
    }

    fn compare_rows(&mut self, tables: &[Compared]) -> Result<Vec<RowChange>, Error> {
        let before = file_name(&self.before())?;
        let settings = self.settings.clone();
        self.db.with(|connection| {
            connection.batch_execute(&format!("ATTACH {} AS before", literal(&before)))?;
            let compare = |connection: &mut SqliteConnection| {
                let each = tables.iter().map(|table| {
                    let step = format!("comparing {}", table.before.name);
                    settings.step(&step, || readable(rows::compare(connection, table)))
                });
                let changes = each.collect::<Result<Vec<_>, _>>()?;
                Ok(changes.into_iter().flatten().flatten().collect())
            };
            let changes = compare(connection);
            connection.batch_execute("DETACH before")?;
            changes
        })
    }
}

/// Creates a folder that no other rehearsal has, and locks it.
fn create(parent: &Path, lock_file: &Path) -> io::Result<(PathBuf, fs::File)> {
    // A folder is not locked yet when it is created: no other rehearsal may look for abandoned ones then.
    let _lock = Lock::take(lock_file)?;
    remove_abandoned(parent);
    let name = |number: u32| format!("{REHEARSAL_FOLDER}{}-{number}", std::process::id());
    let mut folders = (1..).map(|number| parent.join(name(number))).filter(|folder| !folder.exists());
    let folder = folders.next().unwrap_or_else(|| parent.join(name(0)));
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(&folder)?;
    let lock = fs::File::create(folder.join("lock")).and_then(|file| file.lock().map(|()| file));
    if lock.is_err() {
        let _ = fs::remove_dir_all(&folder);
    }
    Ok((folder, lock?))
}

/// Removes what killed rehearsals left.
fn remove_abandoned(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_ours =
            entry.file_name().to_str().is_some_and(|name| name.starts_with(REHEARSAL_FOLDER)) && path.is_dir();
        let is_free = || match fs::File::open(path.join("lock")) {
            Ok(file) => file.try_lock().is_ok(),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        if is_ours && is_free() {
            let _ = fs::remove_dir_all(&path);
        }
    }
}
