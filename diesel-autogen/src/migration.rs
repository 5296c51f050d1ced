//! The migrations folder: folders with `up.sql` and `down.sql`, as Diesel lays them out and orders them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use chrono::{NaiveDateTime, Utc};
use sha2::{Digest, Sha256};

use crate::Error;
use crate::version::Version;

/// One migration.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Migration {
    /// Its folder's name: `001_migration`, `2018-01-14-171611_create_tables`.
    pub name: String,
    /// The SQL that applies it.
    pub up: String,
    /// The SQL that reverts it, if there is any.
    pub down: Option<String>,
    /// Whether it may run within a transaction. A `metadata.toml` says where it may not, as for `CREATE INDEX CONCURRENTLY`.
    pub run_in_transaction: bool,
}

impl Migration {
    /// A migration of these files.
    pub(crate) fn of(name: &str, sql: &Sql) -> Self {
        let Sql { up, down, own_transaction } = sql.clone();
        Self { name: name.to_owned(), up, down: Some(down), run_in_transaction: !own_transaction }
    }

    /// The version that it leads to, under which Diesel records it.
    #[must_use]
    pub fn version(&self) -> Version {
        Version::of_folder(&self.name)
    }

    /// Whether it was generated from the models, so that the models have mentioned all that it creates.
    pub(crate) fn is_generated(&self) -> bool {
        let own = without_line(&self.up, NOT_REHEARSED).unwrap_or(&self.up);
        own.lines().next() == Some(GENERATED)
    }

    /// Whether it was generated for a kind of database that it was not run on yet.
    pub(crate) fn is_not_rehearsed(&self) -> bool {
        without_line(&self.up, NOT_REHEARSED).is_some()
    }

    /// The same, rehearsed.
    pub(crate) fn rehearsed(self) -> Self {
        Self { up: without_line(&self.up, NOT_REHEARSED).unwrap_or(&self.up).to_owned(), ..self }
    }

    /// SHA-256 of `up.sql`, in hexadecimal; line ends and the lines that say that it was generated and not rehearsed do
    /// not count.
    pub(crate) fn checksum(&self) -> String {
        let text = self.up.replace("\r\n", "\n");
        let own = without_line(&text, NOT_REHEARSED).unwrap_or(&text);
        let own = without_line(own, GENERATED).unwrap_or(own);
        let digest = Sha256::digest(own.as_bytes());
        digest.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// The SQL of one direction; empty where there is no `down.sql`.
    pub(crate) fn sql(&self, direction: Direction) -> &str {
        match direction {
            Direction::Up => &self.up,
            Direction::Down => self.down.as_deref().unwrap_or_default(),
        }
    }
}

/// Whether a migration is applied or reverted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Up,
    Down,
}

impl Direction {
    /// The file of a migration that runs in that direction.
    pub fn file(self) -> &'static str {
        match self {
            Self::Up => "up.sql",
            Self::Down => "down.sql",
        }
    }
}

/// The content of a migration's two files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sql {
    /// The SQL that makes the changes.
    pub up: String,
    /// The SQL that reverts them.
    pub down: String,
    /// Whether a runner must not open a transaction around the files, because they switch foreign keys off, which
    /// SQLite ignores inside a transaction. The `metadata.toml` beside the files says so.
    pub own_transaction: bool,
}

/// The first line of an `up.sql` that was generated from the models.
const GENERATED: &str = "-- Generated from the models.";

/// The line before it, in a migration for a kind of database that it was not run on yet.
const NOT_REHEARSED: &str = "-- Not rehearsed on this kind of database yet.";

/// The text after its first line, where that is the given one.
fn without_line<'a>(text: &'a str, line: &str) -> Option<&'a str> {
    let rest = text.strip_prefix(line)?;
    rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix('\n'))
}

impl Sql {
    /// The same, marked as generated from the models.
    pub(crate) fn generated(self) -> Self {
        Self { up: format!("{GENERATED}\n{}", self.up), ..self }
    }

    /// The same, marked as not rehearsed.
    pub(crate) fn not_rehearsed(self) -> Self {
        Self { up: format!("{NOT_REHEARSED}\n{}", self.up), ..self }
    }

    /// Writes the files into a folder, which is created if it is missing: all of them whole, or none.
    ///
    /// # Errors
    ///
    /// [`Error::File`] names the file.
    pub fn write(&self, folder: &Path) -> Result<(), Error> {
        fs::create_dir_all(folder).map_err(Error::file("write", folder))?;
        let mut files = vec![("up.sql", self.up.as_str()), ("down.sql", self.down.as_str())];
        if self.own_transaction {
            files.push(("metadata.toml", METADATA));
        } else {
            // One of an earlier migration in this folder would no longer be true.
            let _ = fs::remove_file(folder.join("metadata.toml"));
        }
        let draft = |name: &str| folder.join(format!(".{name}.new"));
        let written = files.iter().try_for_each(|(name, text)| {
            let mut file = fs::File::create(draft(name))?;
            file.write_all(text.as_bytes()).and_then(|()| file.sync_all())
        });
        let placed = written
            .and_then(|()| files.iter().try_for_each(|(name, _)| fs::rename(draft(name), folder.join(name))))
            .and_then(|()| sync_folder(folder));
        if placed.is_err() {
            for (name, _) in &files {
                let _ = fs::remove_file(draft(name));
            }
        }
        placed.map_err(Error::file("write", folder))
    }
}

const METADATA: &str = "# The files bring their own transaction: they switch foreign keys off around it.\n\
                        run_in_transaction = false\n";

/// All migrations, in the order of their versions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Migrations(Vec<Migration>);

impl Migrations {
    /// Reads a migrations folder. Files beside the folders, and folders whose name begins with a dot, do not count.
    ///
    /// # Errors
    ///
    /// When the folder is missing or cannot be read, when a migration's name does not begin with its version or it has
    /// no `up.sql`, and when two have the same version.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let mut files = Vec::new();
        let unreadable = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => Error::NoMigrations { path: folder.to_owned(), is_missing: true },
            _ => Error::file("read", folder)(error),
        };
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
                return Err(bad(&path, "its name is not UTF-8"));
            };
            let is_empty = || fs::read_dir(&path).is_ok_and(|mut entries| entries.next().is_none());
            if !path.is_dir() || name.starts_with('.') || is_empty() {
                continue;
            }
            files.push((format!("{name}/"), String::new()));
            for file in ["up.sql", "down.sql", "metadata.toml"] {
                match fs::read_to_string(path.join(file)) {
                    Ok(text) => files.push((format!("{name}/{file}"), text)),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(Error::file("read", &path.join(file))(error)),
                }
            }
        }
        Self::from_files(files.iter().map(|(path, text)| (path.as_str(), text.as_str())), folder)
    }

    /// Takes migrations that are compiled into a program, as pairs of a path (`001_migration/up.sql`) and a text.
    ///
    /// # Errors
    ///
    /// As [`Migrations::read`].
    pub fn embedded<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Error> {
        Self::from_files(files, Path::new(""))
    }

    fn from_files<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>, root: &Path) -> Result<Self, Error> {
        let mut folders: BTreeMap<&str, [Option<&str>; 3]> = BTreeMap::new();
        for (path, text) in files {
            let Some((folder, file)) = path.split_once('/') else { continue };
            let entry = folders.entry(folder).or_default();
            match file {
                "up.sql" => entry[0] = Some(text),
                "down.sql" => entry[1] = Some(text),
                "metadata.toml" => entry[2] = Some(text),
                _ => {}
            }
        }
        let mut migrations: Vec<Migration> = Vec::new();
        for (name, [up, down, metadata]) in folders {
            let bad = |why: &str| bad(&root.join(name), why);
            if !name.starts_with(|char: char| char.is_ascii_digit()) {
                return Err(bad("a migration's name begins with its number, as 001_migration"));
            }
            let (name, up) = (name.to_owned(), up.ok_or_else(|| bad("it has no up.sql"))?.to_owned());
            let run_in_transaction = metadata.is_none_or(runs_in_transaction);
            let migration = Migration { name, up, down: down.map(str::to_owned), run_in_transaction };
            if let Some(other) = migrations.iter().find(|other| other.version().is_meant_by(&migration.version())) {
                return Err(bad(&format!("{} has the same number: rename one", other.name)));
            }
            migrations.push(migration);
        }
        migrations.sort_by_key(Migration::version);
        Ok(Self(migrations))
    }

    /// The same and one more, the newest.
    pub(crate) fn with(mut self, migration: Migration) -> Self {
        self.0.push(migration);
        self
    }

    /// The same, all rehearsed.
    pub(crate) fn rehearsed(self) -> Self {
        Self(self.0.into_iter().map(Migration::rehearsed).collect())
    }

    /// The migrations, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Migration> {
        self.0.iter()
    }

    /// The version of the newest one.
    #[must_use]
    pub fn newest(&self) -> Version {
        self.0.last().map(Migration::version).unwrap_or_default()
    }

    /// The version that a person means, if it is 0 or a migration's.
    pub(crate) fn find(&self, given: &Version) -> Option<Version> {
        let mut versions = self.iter().map(Migration::version);
        if given.is_zero() { Some(given.clone()) } else { versions.find(|version| version.is_meant_by(given)) }
    }

    /// The version that a person means as a bound, which need be no migration's.
    pub(crate) fn bound(&self, given: &Version) -> Version {
        let width = self.newest().as_str().len();
        let is_short = given.is_number() && given.as_str().len() < DATE.len();
        let padded = || Version::recorded(format!("{:0>width$}", given.as_str()));
        self.find(given).unwrap_or_else(|| if is_short { padded() } else { given.clone() })
    }

    /// The name of a migration after the newest, in the style of the folder: `003_add_about_me` after `002_…`,
    /// `2026-11-25-065007-0000_add_about_me` after Diesel's `2018-01-14-171611_…`; `migration` without a message.
    ///
    /// # Errors
    ///
    /// [`Error::Option`] when the message holds no letter or digit, or when no version in that style comes after the
    /// newest: Diesel compares versions as text, so that `1000` would come before `999`.
    pub(crate) fn next_name(&self, message: Option<&str>) -> Result<String, Error> {
        let number = self.next_number()?;
        let words = message.unwrap_or("migration").split(|char: char| !char.is_alphanumeric());
        let words: Vec<_> = words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
        if words.is_empty() {
            let option = format!("the message {:?}", message.unwrap_or_default());
            return Err(Error::Option { option, why: "it holds no letter or digit to name the migration by".into() });
        }
        // 60 characters fit into the 255 bytes that file systems allow, in any script.
        let slug: String = words.join("_").chars().take(60).collect();
        Ok(format!("{number}_{}", slug.trim_end_matches('_')))
    }

    fn next_number(&self) -> Result<String, Error> {
        let newest = self.newest();
        let next = if newest.is_number() && newest.as_str().len() < DATE.len() || newest.is_zero() {
            let width = if newest.is_zero() { 3 } else { newest.as_str().len() };
            let number: u32 = newest.to_string().parse().unwrap_or_default();
            format!("{:0width$}", number + 1)
        } else {
            next_time(&newest)
        };
        if Version::of_folder(&next) > newest {
            return Ok(next);
        }
        let newest = newest.as_str();
        let why = format!(
            "Diesel sorts versions as text, so it would come before {newest}; write the folder by hand, with a version \
             that comes after, as {newest}1"
        );
        Err(Error::Option { option: format!("migration {next}"), why })
    }
}

/// A number of so many digits is a date, or a time.
const DATE: &str = "20180114";

/// The time, in the form in which Diesel's own command line names a migration: `2026-11-25-065007-0000`. A newest
/// migration from the future, or of the same second, is followed by one of its own time.
fn next_time(newest: &Version) -> String {
    let (time, length) = ("%Y-%m-%d-%H%M%S", "20180114171611".len());
    let of_newest = newest.as_str().get(..length);
    let of_newest = of_newest.and_then(|text| NaiveDateTime::parse_from_str(text, &time.replace('-', "")).ok());
    let of_newest = of_newest.map(|newest| newest.format(time).to_string());
    let now = Utc::now().format(time).to_string();
    let start = of_newest.filter(|newest| *newest > now).unwrap_or(now);
    let mut names = (0..=u16::MAX).map(|number| format!("{start}-{number:04x}"));
    names.find(|name| Version::of_folder(name) > *newest).unwrap_or_else(|| format!("{start}-ffff"))
}

/// Whether a `metadata.toml` lets Diesel open a transaction. Where it does not say so, Diesel opens none.
fn runs_in_transaction(metadata: &str) -> bool {
    let pairs = metadata.lines().filter_map(|line| line.split('#').next()?.split_once('='));
    pairs.filter(|(key, _)| key.trim() == "run_in_transaction").any(|(_, value)| value.trim() == "true")
}

impl<'a> IntoIterator for &'a Migrations {
    type Item = &'a Migration;
    type IntoIter = std::slice::Iter<'a, Migration>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

fn bad(path: &Path, why: &str) -> Error {
    Error::Migrations { path: path.to_owned(), why: why.to_owned() }
}

/// Makes the names in a folder survive a power failure, where the system can.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    if cfg!(unix) { fs::File::open(folder)?.sync_all() } else { Ok(()) }
}

/// The folder of the migrations for a kind of database: `root` itself, or a folder in it, which it has where a program
/// writes for several kinds. `dialects` are the names in use for the folder of each kind. An empty one gets what is asked
/// for.
///
/// # Errors
///
/// When `root` holds both, so that it is unclear which are meant.
pub(crate) fn folder_for(root: &Path, dialect: &str, dialects: &[&[&str]], wants_own: bool) -> Result<PathBuf, Error> {
    let exists = |name: &&&str| root.join(name).is_dir();
    let has_own = dialects.iter().copied().flatten().any(|name| exists(&name));
    let names = dialects.iter().find(|names| names.contains(&dialect)).copied().unwrap_or_default();
    let own = names.iter().find(exists).copied().unwrap_or(dialect);
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    let flat = entries.map(|entry| entry.path()).find(|path| path.join("up.sql").is_file());
    match flat {
        Some(migration) if has_own => {
            Err(bad(&migration, "beside it are folders for each kind of database; move it into one of them"))
        }
        None if has_own || wants_own => Ok(root.join(own)),
        _ => Ok(root.to_owned()),
    }
}

/// A migration's folder, and where it is written before it gets its name: `.003_add_about_me.new`, which is never read.
#[derive(Debug)]
pub(crate) struct Place {
    pub folder: PathBuf,
    draft: PathBuf,
}

impl Place {
    /// The place of a migration in a folder that has none of its name.
    ///
    /// # Errors
    ///
    /// [`Error::Migrations`] when it exists.
    pub fn new(root: &Path, name: &str) -> Result<Self, Error> {
        let folder = root.join(name);
        if folder.exists() {
            return Err(bad(&folder, "it exists already; move it away"));
        }
        Ok(Self { folder, draft: root.join(format!(".{name}.new")) })
    }

    /// Writes the draft, in the place of one that a killed process left.
    pub fn draft(&self, sql: &Sql) -> Result<(), Error> {
        let _ = fs::remove_dir_all(&self.draft);
        sql.write(&self.draft)
    }

    /// Gives the draft its name.
    pub fn keep(&self) -> Result<(), Error> {
        fs::rename(&self.draft, &self.folder)
            .and_then(|()| self.folder.parent().map_or(Ok(()), sync_folder))
            .map_err(Error::file("write", &self.folder))
    }

    /// Removes what was written.
    pub fn remove(&self) {
        let _ = fs::remove_dir_all(&self.draft);
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The drafts in one folder of migrations that another folder has: a process was killed between the two names.
pub(crate) fn half_kept(folder: &Path, other: &Path) -> Vec<Place> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let name =
        |entry: fs::DirEntry| Some(entry.file_name().to_str()?.strip_prefix('.')?.strip_suffix(".new")?.to_owned());
    let halves = entries.filter_map(name).filter(|name| other.join(name).is_dir());
    halves.filter_map(|name| Place::new(folder, &name).ok()).collect()
}

/// Removes the line that says that a migration was not rehearsed from its `up.sql`.
///
/// # Errors
///
/// [`Error::File`] names the file, which is then as it was.
pub(crate) fn mark_rehearsed(folder: &Path) -> Result<(), Error> {
    let (file, draft) = (folder.join("up.sql"), folder.join(".up.sql.new"));
    let text = fs::read_to_string(&file).map_err(Error::file("read", &file))?;
    let Some(text) = without_line(&text, NOT_REHEARSED) else { return Ok(()) };
    fs::write(&draft, text).and_then(|()| fs::rename(&draft, &file)).map_err(Error::file("write", &file))
}
