//! Puts a database under version control: a new one, or one that has its tables already.

use std::fs;
use std::path::{Path, PathBuf};

use diesel::RunQueryDsl;
use diesel::sql_types::Text;
use diesel::sqlite::SqliteConnection;

use crate::introspect::sqlite::introspect;
use crate::run::transaction;
use crate::script::{Script, Scripts};
use crate::status::{check_target, has_tables, is_controlled, prepare, status};
use crate::{Change, Error, Project, Status, diff, history, rehearse};

/// What [`Project::version_control`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Control {
    /// Whether the database was put under version control now, and not before.
    pub is_new: bool,
    /// Its version.
    pub version: u64,
}

impl Project {
    /// Puts the database under version control, at version 0; creates it, and the migrations folder, where they are
    /// missing. With `stamp`, records migrations 1 to `stamp` as applied in a database whose tables are already what
    /// they make. A database that is under version control stays as it is.
    ///
    /// # Errors
    ///
    /// [`Error::Edited`], [`Error::Ahead`] and [`Error::OutOfOrder`] when the migrations are not what was applied,
    /// [`Error::NotUnderVersionControl`] when there are tables and no stamp, [`Error::StampDiffers`] when the tables are
    /// not what the stamp says, and whatever keeps a file from being made.
    pub fn version_control(&self, stamp: Option<u64>) -> Result<Control, Error> {
        let path = self.sqlite_path()?;
        if !path.exists() && stamp.is_some_and(|stamp| stamp > 0) {
            return Err(Error::NothingToStamp(self.shown(&path).into()));
        }
        let is_ours = create(&path);
        let new_folders = self.missing_folders();
        let result = self
            .create_folder()
            .and_then(|()| self.open_file(&path))
            .and_then(|mut connection| self.control(&mut connection, stamp));
        if let Err(error) = &result {
            remove_if(is_ours, &path, error);
            for folder in new_folders {
                let _ = fs::remove_dir(folder);
            }
        }
        result
    }

    /// The migrations folder and those above it that are not there, the innermost first.
    fn missing_folders(&self) -> Vec<PathBuf> {
        let ancestors = self.folder().into_iter().flat_map(Path::ancestors);
        ancestors.take_while(|folder| !folder.exists()).map(Path::to_owned).collect()
    }

    fn create_folder(&self) -> Result<(), Error> {
        let Some(folder) = self.folder() else { return Ok(()) };
        fs::create_dir_all(folder)
            .map_err(|error| Error::CannotWrite { path: self.shown(folder).into(), why: error.to_string() })
    }

    fn control(&self, connection: &mut SqliteConnection, stamp: Option<u64>) -> Result<Control, Error> {
        if is_controlled(connection).map_err(self.explained())? {
            let scripts = self.scripts()?;
            let status = status(connection, &scripts).map_err(|error| self.explain(error))?;
            let version = status.version;
            if stamp.is_some_and(|stamp| stamp != version) {
                return Err(Error::AlreadyControlled { database: self.database(), version });
            }
            status.require_history(&scripts)?;
            return Ok(Control { is_new: false, version });
        }
        let scripts = self.scripts()?;
        let stamped = match stamp {
            None if has_tables(connection).map_err(self.explained())? => {
                return Err(Error::NotUnderVersionControl { database: self.database() });
            }
            None | Some(0) => Vec::new(),
            Some(stamp) => self.stampable(connection, &scripts, stamp)?,
        };
        transaction(connection, &self.database(), |connection| {
            prepare(connection)?;
            for script in &stamped {
                diesel::sql_query("INSERT INTO __diesel_schema_migrations (version) VALUES ($1)")
                    .bind::<Text, _>(script.version())
                    .execute(connection)?;
            }
            history::adopt(connection, &stamped.iter().collect::<Vec<_>>())
        })?;
        Ok(Control { is_new: true, version: stamp.unwrap_or(0) })
    }

    /// The migrations up to `stamp`, when the tables are what they make.
    pub(crate) fn stampable(
        &self,
        connection: &mut SqliteConnection,
        scripts: &Scripts,
        stamp: u64,
    ) -> Result<Vec<Script>, Error> {
        check_target(scripts, stamp)?;
        let stamped: Vec<_> = scripts.iter().filter(|script| script.number <= stamp).cloned().collect();
        let mut scratch = rehearse::replayed(&stamped.iter().collect::<Vec<_>>())?;
        let (live, made) = (introspect(connection)?, introspect(&mut scratch)?);
        let differs = |change: &Change| !matches!(change, Change::DropObject(_));
        let differences: Vec<_> = diff(&live, &made).into_iter().filter(differs).collect();
        if differences.is_empty() {
            return Ok(stamped);
        }
        let differences: Vec<_> =
            differences.iter().map(|change| format!("it {}", rehearse::one_line(change))).collect();
        let differences = format!("to become that {}", differences.join("; "));
        Err(Error::StampDiffers { database: self.database(), stamp, differences })
    }

    /// Creates a database that is not there yet and applies every migration to it: all or nothing.
    ///
    /// # Errors
    ///
    /// Whatever fails; no database is left behind then.
    pub fn create_current(&self) -> Result<Status, Error> {
        let path = self.sqlite_path()?;
        let is_ours = create(&path);
        let result = self.version_control(None).and_then(|_| self.upgrade(None)).and_then(|_| self.status());
        if let Err(error) = &result {
            remove_if(is_ours, &path, error);
        }
        result
    }
}

/// Makes an empty file, which is an empty database to SQLite. Says whether it was this call that made it: of several
/// programs that start at once, only one may remove it again.
fn create(path: &Path) -> bool {
    fs::OpenOptions::new().write(true).create_new(true).open(path).is_ok()
}

/// Removes a file that this run made and could not fill, unless another program is busy with it.
fn remove_if(is_ours: bool, path: &Path, error: &Error) {
    if is_ours && !error.to_string().contains("is locked") {
        let _ = fs::remove_file(path);
    }
}
