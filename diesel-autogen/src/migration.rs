//! The migrations folder: numbered folders with `up.sql` and `down.sql`, as Diesel lays them out.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::Error;

/// One migration.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Migration {
    /// The version that it leads to.
    pub number: u64,
    /// Its folder's name, `001_migration`.
    pub name: String,
    /// The SQL that applies it.
    pub up: String,
    /// The SQL that reverts it, if there is any.
    pub down: Option<String>,
}

impl Migration {
    /// The version under which Diesel records it: the folder's name up to the first `_`, without any `-`.
    #[must_use]
    pub fn version(&self) -> String {
        version_of(&self.name)
    }

    /// Whether it was generated from the models, so that the models have mentioned all that it creates.
    pub(crate) fn is_generated(&self) -> bool {
        self.up.lines().next() == Some(GENERATED)
    }

    /// SHA-256 of `up.sql`, in hexadecimal; line ends and the line that says that it was generated do not count.
    pub(crate) fn checksum(&self) -> String {
        let text = self.up.replace("\r\n", "\n");
        let own = text.strip_prefix(GENERATED).and_then(|text| text.strip_prefix('\n')).unwrap_or(&text);
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

impl Sql {
    /// The same, marked as generated from the models.
    pub(crate) fn generated(self) -> Self {
        Self { up: format!("{GENERATED}\n{}", self.up), ..self }
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

/// All migrations, in the order of their numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Migrations(Vec<Migration>);

impl Migrations {
    /// Reads a migrations folder. Files beside the folders, and folders whose name begins with a dot, do not count.
    ///
    /// # Errors
    ///
    /// When the folder is missing or cannot be read, when a migration's name does not begin with its number or it has
    /// no `up.sql`, and when two have the same number.
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
            for file in ["up.sql", "down.sql"] {
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
        let mut migrations: Vec<Migration> = Vec::new();
        for (name, (up, down)) in folders {
            let bad = |why: &str| bad(&root.join(name), why);
            let number = version_of(name).parse().ok().filter(|number| *number > 0);
            let number = number.ok_or_else(|| bad("a migration's name begins with its number, as 001_migration"))?;
            let up = up.ok_or_else(|| bad("it has no up.sql"))?.to_owned();
            if let Some(other) = migrations.iter().find(|migration| migration.number == number) {
                return Err(bad(&format!("{} has the same number: rename one", other.name)));
            }
            migrations.push(Migration { number, name: name.to_owned(), up, down: down.map(str::to_owned) });
        }
        migrations.sort_by_key(|migration| migration.number);
        Ok(Self(migrations))
    }

    /// The migrations, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Migration> {
        self.0.iter()
    }

    /// The number of the newest one; 0 when there is none.
    #[must_use]
    pub fn newest(&self) -> u64 {
        self.0.last().map_or(0, |migration| migration.number)
    }

    /// The name of a migration after that version: `003_add_about_me`, or `003_migration` without a message.
    ///
    /// # Errors
    ///
    /// [`Error::Option`] when the message holds no letter or digit, or when the number needs more digits than the newest
    /// migration has: Diesel compares versions as text, so that `1000` would come before `999`.
    pub(crate) fn next_name(&self, after: u64, message: Option<&str>) -> Result<String, Error> {
        let width = self.0.last().map_or(3, |migration| migration.version().len()).max(3);
        let number = format!("{:0width$}", after + 1);
        if number.len() > width {
            let why =
                format!("Diesel sorts versions as text, so {number} would come before {after}; widen the numbers");
            return Err(Error::Option { option: format!("migration {number}"), why });
        }
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

pub(crate) fn version_of(name: &str) -> String {
    name.split('_').next().unwrap_or_default().replace('-', "")
}

/// Where a migration's folder is written before it gets its name: `.003_add_about_me.new`, which is never read.
pub(crate) fn draft_folder(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!(".{name}.new"))
}
