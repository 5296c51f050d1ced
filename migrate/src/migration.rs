//! The migrations folder: numbered folders with `up.sql` and `down.sql`, as Diesel lays them out.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use diesel::connection::BoxableConnection;
use diesel::migration::{Migration, MigrationMetadata, MigrationName, MigrationVersion};
use diesel::sqlite::Sqlite;

use crate::render::Sql;
use crate::sql::{excerpt, statements, tokens};
use crate::{Error, progress};

/// One migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// The revision that it leads to.
    pub number: u64,
    /// Its folder's name, `001_migration`.
    pub name: String,
    /// The SQL that applies it.
    pub up: String,
    /// The SQL that takes it back, if there is any.
    pub down: Option<String>,
}

impl Script {
    /// The version under which Diesel records it: the folder's name up to the first `_`, without any `-`.
    #[must_use]
    pub fn version(&self) -> String {
        version_of(&self.name)
    }
}

/// All migrations, in the order of their numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scripts(Vec<Script>);

impl Scripts {
    /// Reads a migrations folder. Files beside the folders, and folders whose name begins with a dot, do not count.
    ///
    /// # Errors
    ///
    /// When the folder is not there or cannot be read, when a migration's name does not begin with its number or it has
    /// no `up.sql`, and when two have one number.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let mut files = Vec::new();
        for entry in fs::read_dir(folder).map_err(|error| unreadable(folder, &error))? {
            let path = entry.map_err(|error| unreadable(folder, &error))?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()).map(str::to_owned) else {
                return Err(Error::BadScript { name: path.display().to_string(), why: "its name is not UTF-8".into() });
            };
            let is_empty = || fs::read_dir(&path).is_ok_and(|mut entries| entries.next().is_none());
            if !path.is_dir() || name.starts_with('.') || is_empty() {
                continue;
            }
            files.push((format!("{name}/"), String::new()));
            for file in ["up.sql", "down.sql"] {
                match fs::read_to_string(path.join(file)) {
                    Ok(text) => files.push((format!("{name}/{file}"), text)),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(unreadable(&path.join(file), &error)),
                }
            }
        }
        Self::from_files(files.iter().map(|(path, text)| (path.as_str(), text.as_str())))
    }

    /// Takes migrations that a program carries within itself, as pairs of a path (`001_migration/up.sql`) and a text.
    ///
    /// # Errors
    ///
    /// As [`Scripts::read`].
    pub fn embedded<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Error> {
        Self::from_files(files)
    }

    fn from_files<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Error> {
        let mut folders: BTreeMap<&str, (Option<&str>, Option<&str>)> = BTreeMap::new();
        for (path, text) in files {
            let Some((folder, file)) = path.split_once('/') else { continue };
            let entry = folders.entry(folder).or_default();
            match file {
                "up.sql" => entry.0 = Some(text),
                "down.sql" => entry.1 = Some(text),
                _ => {}
            }
        }
        let mut scripts: Vec<Script> = Vec::new();
        for (name, (up, down)) in folders {
            let bad = |why: &str| Error::BadScript { name: name.to_owned(), why: why.to_owned() };
            let number = version_of(name).parse().ok().filter(|number| *number > 0);
            let number = number.ok_or_else(|| bad("a migration's name begins with its number, as 001_migration"))?;
            let up = up.ok_or_else(|| bad("it has no up.sql"))?.to_owned();
            if let Some(other) = scripts.iter().find(|script| script.number == number) {
                return Err(Error::SameNumber { first: other.name.clone(), second: name.to_owned() });
            }
            scripts.push(Script { number, name: name.to_owned(), up, down: down.map(str::to_owned) });
        }
        scripts.sort_by_key(|script| script.number);
        Ok(Self(scripts))
    }

    /// The migrations, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Script> {
        self.0.iter()
    }

    /// The number of the newest one; 0 when there is none.
    #[must_use]
    pub fn newest(&self) -> u64 {
        self.0.last().map_or(0, |script| script.number)
    }

    /// The name of a migration that comes after that revision: `003_add_about_me`, or `003_migration` without a message.
    ///
    /// # Errors
    ///
    /// When the message holds no letter or digit, or when the number needs more digits than the newest migration's has:
    /// Diesel compares versions as text, so that `1000` would come before `999`.
    pub fn next_name(&self, after: u64, message: Option<&str>) -> Result<String, Error> {
        let width = self.0.last().map_or(3, |script| script.version().len()).max(3);
        let number = format!("{:0width$}", after + 1);
        if number.len() > width {
            return Err(Error::NumbersUsedUp { newest: after });
        }
        let words = message.unwrap_or("migration").split(|char: char| !char.is_alphanumeric());
        let words: Vec<_> = words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
        if words.is_empty() {
            return Err(Error::BadMessage(message.unwrap_or_default().to_owned()));
        }
        // A name of 60 characters fits into the 255 bytes that file systems allow, in any script.
        let slug: String = words.join("_").chars().take(60).collect();
        Ok(format!("{number}_{}", slug.trim_end_matches('_')))
    }
}

impl<'a> IntoIterator for &'a Scripts {
    type Item = &'a Script;
    type IntoIter = std::slice::Iter<'a, Script>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Writes a migration's files into a folder, which is made if it is not there: each file whole, or none.
///
/// # Errors
///
/// [`Error::CannotWrite`] names the file.
pub fn write(folder: &Path, sql: &Sql) -> Result<(), Error> {
    let failed = |path: &Path, error: &io::Error| Error::CannotWrite { path: path.to_owned(), why: error.to_string() };
    fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    let mut files = vec![("up.sql", sql.up.as_str()), ("down.sql", sql.down.as_str())];
    if sql.own_transaction {
        files.push(("metadata.toml", METADATA));
    } else {
        // One that an earlier migration left in this folder would say what is no longer true.
        let _ = fs::remove_file(folder.join("metadata.toml"));
    }
    let draft = |name: &str| folder.join(format!(".{name}.new"));
    let written = files.iter().try_for_each(|(name, text)| {
        let write = || {
            fs::File::create(draft(name))
                .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        };
        write().map_err(|error| failed(&folder.join(name), &error))
    });
    if written.is_err() {
        for (name, _) in &files {
            let _ = fs::remove_file(draft(name));
        }
        return written;
    }
    files.iter().try_for_each(|(name, _)| {
        fs::rename(draft(name), folder.join(name)).map_err(|error| failed(&folder.join(name), &error))
    })?;
    sync_folder(folder).map_err(|error| failed(folder, &error))
}

/// Makes the names in a folder outlive a power failure, where the system can: a file's own content does not tell them.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    if cfg!(unix) { fs::File::open(folder)?.sync_all() } else { Ok(()) }
}

const METADATA: &str = "# The files bring their own transaction, because they switch foreign keys off around it.\n\
                        run_in_transaction = false\n";

pub(crate) fn version_of(name: &str) -> String {
    name.split('_').next().unwrap_or_default().replace('-', "")
}

fn unreadable(path: &Path, error: &io::Error) -> Error {
    if error.kind() == io::ErrorKind::NotFound {
        return Error::NoFolder(path.to_owned());
    }
    Error::CannotRead { path: path.to_owned(), why: error.to_string() }
}

/// What a statement of a migration failed with.
#[derive(Debug, thiserror::Error)]
#[error("{why}: {statement}")]
pub(crate) struct StatementError {
    pub statement: String,
    pub why: String,
}

/// A migration as Diesel's harness runs it, a statement at a time, so that an error can name the statement.
#[derive(Debug)]
pub(crate) struct Runnable<'a>(pub &'a Script);

impl Runnable<'_> {
    fn execute(conn: &mut dyn BoxableConnection<Sqlite>, text: &str) -> Result<(), StatementError> {
        let failed = |statement: &str, why: String| StatementError { statement: excerpt(statement), why };
        let unreadable = |error| match error {
            Error::Sql { what, why } => failed(&what, why),
            other => failed(text, other.to_string()),
        };
        for statement in statements(text).map_err(unreadable)? {
            if let Some(why) = why_not(statement) {
                return Err(failed(statement, format!("{why}: take it out")));
            }
            progress::execute(conn, statement).map_err(|error| failed(statement, error.to_string()))?;
        }
        Ok(())
    }
}

/// Why a statement may not stand in a migration, if it may not: it would get around what protects the data.
fn why_not(statement: &str) -> Option<&'static str> {
    let tokens = tokens(statement).unwrap_or_default();
    let (first, rest) = tokens.split_first()?;
    let is_set = first.is("PRAGMA") && rest.iter().any(|token| ["=", "("].contains(&token.text));
    let sets = |pragma: &str| is_set && rest.iter().take(3).any(|name| name.is(pragma));
    let ends =
        first.is_any(&["BEGIN", "COMMIT", "END"]) || first.is("ROLLBACK") && !rest.iter().any(|token| token.is("TO"));
    if ends {
        Some("it would end the transaction that protects the migration")
    } else if sets("journal_mode") {
        Some("without its journal the migration could not be undone")
    } else if sets("writable_schema") {
        Some("SQLite would take any text for the schema, and no longer read the tables")
    } else if first.is_any(&["ATTACH", "DETACH"]) {
        Some("a migration changes one database: nothing protects another one")
    } else {
        None
    }
}

impl Migration<Sqlite> for Runnable<'_> {
    fn run(&self, conn: &mut dyn BoxableConnection<Sqlite>) -> diesel::migration::Result<()> {
        Ok(Self::execute(conn, &self.0.up)?)
    }

    fn revert(&self, conn: &mut dyn BoxableConnection<Sqlite>) -> diesel::migration::Result<()> {
        Ok(Self::execute(conn, self.0.down.as_deref().unwrap_or_default())?)
    }

    fn metadata(&self) -> &dyn MigrationMetadata {
        self
    }

    fn name(&self) -> &dyn MigrationName {
        self
    }
}

impl MigrationMetadata for Runnable<'_> {
    /// All pending migrations run in one transaction, which the runner begins: none brings its own.
    fn run_in_transaction(&self) -> bool {
        false
    }
}

impl MigrationName for Runnable<'_> {
    fn version(&self) -> MigrationVersion<'_> {
        MigrationVersion::from(self.0.version())
    }
}

impl fmt::Display for Runnable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.name)
    }
}

/// Where a migration's folder is written before it gets its name: `.003_add_about_me.new`, which no reader counts.
pub(crate) fn unfinished(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!(".{name}.new"))
}
