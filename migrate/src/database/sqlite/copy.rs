//! Where a trial takes place: a folder beside the database with a copy of it, whole or a sample, that goes at the end.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::sql_types::BigInt;
use diesel::sqlite::SqliteConnection;

use crate::sample::{Bounds, Sample, sample};
use crate::sql::quote;
use crate::words::Thousands;
use crate::{Error, Project, backup, verify};

/// The folder of a trial. It goes at the end; what a killed program left goes with the next trial, which knows by the
/// lock that nobody is at work in it.
pub(super) struct Stage {
    folder: PathBuf,
    _lock: fs::File,
    sample: Option<Sample>,
    /// Whether the values are compared.
    pub verify: bool,
}

impl Stage {
    /// Copies the database, or a sample of it where it is too large for the settings or the disk, which is then told.
    pub fn new(project: &Project, connection: &mut SqliteConnection) -> Result<Self, Error> {
        let path = project.sqlite_path()?;
        // A link to a database may lie where there is no room.
        let database = fs::canonicalize(&path).unwrap_or(path);
        let parent = database.parent().unwrap_or(Path::new("."));
        sweep(parent);
        let folder = parent.join(format!("{STAGE}{}", std::process::id()));
        let failed =
            |why: &dyn fmt::Display| Error::CannotWrite { path: folder.clone(), why: format!("{NO_COPY}: {why}") };
        let free = fs4::available_space(parent).map_err(|error| failed(&error))?;
        let size = backup::size(connection)?;
        let extent = Extent::of(size, free, project.settings.whole_copy);
        let (needed, left) = (Bytes(size.saturating_mul(COPIES)), Bytes(free));
        if extent == Extent::None {
            return Err(failed(&format!("a trial needs {needed}, and {left} are free")));
        }
        let mut stage = Self::create(folder.clone()).map_err(|error| failed(&error))?;
        stage.verify = project.settings.verify;
        let copied = match extent {
            Extent::Sample(bytes) => {
                let bounds = Bounds { rows: project.settings.sample_rows, bytes };
                sample(connection, &database, &stage.before(), bounds).map(Some)
            }
            _ => backup::copy(connection, &stage.before(), "copying the database to try the migration").map(|()| None),
        };
        stage.sample = copied.map_err(|error| match error {
            Error::CannotWrite { why, .. } => failed(&why),
            Error::Query(error) if error.to_string().contains("disk") => failed(&error),
            other => other,
        })?;
        if let Some(Sample { rows, of }) = stage.sample {
            let why = if size > project.settings.whole_copy {
                format!("{} holds {}", project.database(), Bytes(size))
            } else {
                format!("a whole copy of {} needs {needed}, and {left} are free", project.database())
            };
            (project.settings.tell)(&format!(
                "{why}: the migration is tried on a sample of {} of its {} rows",
                Thousands(rows),
                Thousands(of)
            ));
        }
        Ok(stage)
    }

    fn create(folder: PathBuf) -> io::Result<Self> {
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&folder)?;
        let lock = fs::File::create(folder.join("lock")).and_then(|file| file.lock().map(|()| file));
        match lock {
            Ok(lock) => Ok(Self { folder, _lock: lock, sample: None, verify: true }),
            Err(error) => {
                let _ = fs::remove_dir_all(&folder);
                Err(error)
            }
        }
    }

    /// The rows as they are before the migration.
    pub fn before(&self) -> PathBuf {
        self.folder.join("before.db")
    }

    fn copy(&self) -> PathBuf {
        self.folder.join("copy.db")
    }

    /// The copy that the migration runs on, as it is before.
    pub fn open_copy(&self) -> Result<SqliteConnection, Error> {
        self.duplicate(&self.before(), &self.copy())?;
        let mut copy = backup::open(&self.copy())?;
        // Nobody needs it after a power cut. 32 MB of memory spare many reads.
        copy.batch_execute("PRAGMA synchronous = OFF; PRAGMA cache_size = -32000")?;
        Ok(copy)
    }

    /// Takes the copy as it is now for what is before the next migration. Nobody may have it open.
    pub fn advance(&self) -> Result<(), Error> {
        fs::rename(self.copy(), self.before()).map_err(|error| self.full(&error.to_string()))
    }

    fn duplicate(&self, from: &Path, to: &Path) -> Result<(), Error> {
        fs::copy(from, to).map(drop).map_err(|error| self.full(&error.to_string()))
    }

    /// That there is no room for what a migration does to the copy.
    pub fn full(&self, why: &str) -> Error {
        Error::CannotWrite { path: self.folder.clone(), why: format!("{NO_COPY}: {why}") }
    }

    /// What the trial is made on: `a copy of 2,000 rows`.
    pub fn words(&self) -> Result<String, Error> {
        if let Some(Sample { rows, of }) = self.sample {
            return Ok(format!("a sample of {} of {} rows", Thousands(rows), Thousands(of)));
        }
        let mut before = backup::open(&self.before())?;
        let mut rows = 0;
        for table in verify::tables(&mut before)? {
            let count = sql::<BigInt>(&format!("SELECT count(*) FROM {}", quote(&table)));
            rows += count.get_result::<i64>(&mut before)?.unsigned_abs();
        }
        Ok(match rows {
            0 => "a copy without rows".into(),
            1 => "a copy of 1 row".into(),
            rows => format!("a copy of {} rows", Thousands(rows)),
        })
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

const STAGE: &str = ".rehearsal-";

const NO_COPY: &str = "no copy can be made to try the migration on";

/// A trial has two copies, and one of them may grow to twice its size while a table is rebuilt.
const COPIES: u64 = 3;

/// The most bytes of a sample, and the least with which one is worth the while.
const SAMPLE_BYTES: std::ops::RangeInclusive<u64> = (1 << 20)..=(256 << 20);

/// How much of a database is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    Whole,
    /// A sample of that many bytes.
    Sample(u64),
    None,
}

impl Extent {
    fn of(size: u64, free: u64, whole_copy: u64) -> Self {
        // Others write to the same disk meanwhile: a sample may take a part of what is left.
        let sample = (free / (COPIES + 1) / 2).min(*SAMPLE_BYTES.end());
        if size <= whole_copy && size.saturating_mul(COPIES) <= free {
            Self::Whole
        } else if sample >= *SAMPLE_BYTES.start() {
            Self::Sample(sample)
        } else {
            Self::None
        }
    }
}

/// Removes what trials left that were killed.
fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_stage = entry.file_name().to_str().is_some_and(|name| name.starts_with(STAGE)) && path.is_dir();
        let is_free = || match fs::File::open(path.join("lock")) {
            Ok(file) => file.try_lock().is_ok(),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        if is_stage && is_free() {
            let _ = fs::remove_dir_all(&path);
        }
    }
}

/// A size in the unit that suits it: `3.2 GB`.
struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name) = match self.0 {
            0..1_000_000 => (1_000, "kB"),
            1_000_000..1_000_000_000 => (1_000_000, "MB"),
            _ => (1_000_000_000, "GB"),
        };
        let tenths = (self.0.saturating_mul(10) + unit / 2) / unit;
        write!(f, "{}.{} {name}", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_taken_where_a_whole_copy_is_too_large_for_the_settings_or_the_disk() {
        let (mb, gb) = (1 << 20, 1 << 30);
        assert_eq!(Extent::of(gb, 100 * gb, gb), Extent::Whole);
        assert_eq!(Extent::of(gb + 1, 100 * gb, gb), Extent::Sample(256 * mb));
        assert_eq!(Extent::of(gb, 3 * gb - 1, gb), Extent::Sample(256 * mb));
        assert_eq!(Extent::of(gb, 80 * mb, gb), Extent::Sample(10 * mb));
        assert_eq!(Extent::of(gb, 2 * mb, gb), Extent::None);
        assert_eq!(Extent::of(100, 1000, gb), Extent::Whole);
    }

    #[test]
    fn sizes_are_written_for_people() {
        let words = [4096, 3_200_000, 3_200_000_000].map(|size| Bytes(size).to_string());
        assert_eq!(words, ["4.1 kB", "3.2 MB", "3.2 GB"]);
    }
}
