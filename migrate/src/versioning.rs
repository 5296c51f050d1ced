//! A database's versions, up and down: with [`control`](crate::control) and [`plan`](crate::plan) the functions of the
//! tutorial's `migrate.versioning.api`, over Diesel's migrations.

use std::path::Path;

use diesel::RunQueryDsl;
use diesel::dsl::sql;
use diesel::sql_types::BigInt;
use diesel::sqlite::SqliteConnection;

use crate::backup::{self, Backup};
use crate::run::{Direction, run_all, transaction};
use crate::script::{Script, Scripts};
use crate::sql::{literal, tokens};
use crate::status::{applied, newest, pending, revertible, status};
use crate::verify::Invariants;
use crate::{Error, Project, Status, history, progress};

/// A migration that was applied, or taken back, and the version that this led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The database's version after it.
    pub version: u64,
    /// The migration's folder.
    pub name: String,
    /// The SQL that ran, or would run.
    pub sql: String,
}

impl Project {
    /// The number of the newest migration that was applied.
    ///
    /// # Errors
    ///
    /// When there is no database, or it is not under version control.
    pub fn db_version(&self) -> Result<u64, Error> {
        Ok(newest(&applied(&mut self.open()?).map_err(self.explained())?))
    }

    /// Where the database stands among the migrations. Reads only.
    ///
    /// # Errors
    ///
    /// When there is no database, or it is not under version control.
    pub fn status(&self) -> Result<Status, Error> {
        let mut connection = self.open()?;
        status(&mut connection, &self.scripts()?).map_err(|error| self.explain(error))
    }

    /// Applies every pending migration, or those up to `to`, all in one transaction, after a backup.
    ///
    /// # Errors
    ///
    /// [`Error::Migration`] names the migration and the statement; the database is then as it was.
    pub fn upgrade(&self, to: Option<u64>) -> Result<Vec<Step>, Error> {
        let (scripts, mut connection) = self.scripts_and_connection()?;
        let (mut names, mut backup) = (Vec::new(), None);
        let applied = self.transaction(&mut connection, |connection| {
            let pending = pending(connection, &scripts, to)?;
            names = pending.iter().map(|script| script.name.clone()).collect();
            if !pending.is_empty() {
                backup = self.back_up(newest(&applied(connection)?))?;
            }
            let texts: Vec<_> = pending.iter().map(|script| script.up.as_str()).collect();
            self.verified(connection, &texts, |connection| run_all(connection, &pending, Direction::Up))?;
            adopt_applied(connection, &scripts)?;
            Ok(pending.into_iter().map(step_up).collect())
        });
        self.finish(applied, backup, &names)
    }

    /// What [`upgrade`](Self::upgrade) would run. Reads only.
    ///
    /// # Errors
    ///
    /// As [`upgrade`](Self::upgrade), but for what only running finds out.
    pub fn pending(&self, to: Option<u64>) -> Result<Vec<Step>, Error> {
        let (scripts, mut connection) = self.scripts_and_connection()?;
        let pending = pending(&mut connection, &scripts, to).map_err(|error| self.explain(error))?;
        Ok(pending.into_iter().map(step_up).collect())
    }

    /// Takes back the newest migration, or all above `to`, in one transaction, after a backup.
    ///
    /// # Errors
    ///
    /// [`Error::AtVersionZero`] when there is none, [`Error::NoDown`] when one cannot be taken back; the database is
    /// then as it was.
    pub fn downgrade(&self, to: Option<u64>) -> Result<Vec<Step>, Error> {
        let (scripts, mut connection) = self.scripts_and_connection()?;
        let (mut names, mut backup) = (Vec::new(), None);
        let taken_back = self.transaction(&mut connection, |connection| {
            let steps = self.steps_down(connection, &scripts, to)?;
            names = steps.iter().map(|(script, _)| script.name.clone()).collect();
            if let Some((newest, _)) = steps.first() {
                backup = self.back_up(newest.number)?;
            }
            self.tell_of_purged(connection, &steps)?;
            let texts: Vec<_> = steps.iter().filter_map(|(script, _)| script.down.as_deref()).collect();
            self.verified(connection, &texts, |connection| {
                run_all(connection, &steps.iter().map(|(script, _)| *script).collect::<Vec<_>>(), Direction::Down)
            })?;
            adopt_applied(connection, &scripts)?;
            Ok(steps.into_iter().map(step_down).collect())
        });
        self.finish(taken_back, backup, &names)
    }

    /// Does the work of a run, and looks before it and after it for what must stay.
    pub(crate) fn verified(
        &self,
        connection: &mut SqliteConnection,
        texts: &[&str],
        work: impl FnOnce(&mut SqliteConnection) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if !self.settings.verify || texts.is_empty() {
            return work(connection);
        }
        let before = progress::step("looking at the rows", || Invariants::of(connection, texts))?;
        work(connection)?;
        progress::step("verifying the rows", || before.require(connection))
    }

    /// Says which values a downgrade cannot bring back, because their side table was purged.
    fn tell_of_purged(&self, connection: &mut SqliteConnection, steps: &[(&Script, u64)]) -> Result<(), Error> {
        for (script, _) in steps {
            let prefix = format!("_kept_{}_", script.version());
            let down = script.down.as_deref().unwrap_or_default();
            // Each is made anew there where it is gone: CREATE TABLE IF NOT EXISTS name.
            let tokens = tokens(down).unwrap_or_default();
            let made = tokens.windows(3).filter(|words| words[0].is("NOT") && words[1].is("EXISTS"));
            let mut names: Vec<_> = made.map(|words| words[2].name()).collect();
            names.retain(|name| name.starts_with(&prefix));
            names.sort();
            names.dedup();
            for name in names {
                let query = format!("SELECT count(*) FROM sqlite_master WHERE name = {}", literal(&name));
                if sql::<BigInt>(&query).get_result::<i64>(connection)? == 0 {
                    let table = name.strip_prefix(&prefix).unwrap_or(&name);
                    let (script, at) = (&script.name, self.database());
                    (self.settings.tell)(&format!(
                        "what {script} kept aside of table {table} in {at} was purged: those values do not come back"
                    ));
                }
            }
        }
        Ok(())
    }

    /// What [`downgrade`](Self::downgrade) would run. Reads only.
    ///
    /// # Errors
    ///
    /// As [`downgrade`](Self::downgrade), but for what only running finds out.
    pub fn revertible(&self, to: Option<u64>) -> Result<Vec<Step>, Error> {
        let (scripts, mut connection) = self.scripts_and_connection()?;
        let steps = self.steps_down(&mut connection, &scripts, to).map_err(|error| self.explain(error))?;
        Ok(steps.into_iter().map(step_down).collect())
    }

    fn steps_down<'a>(
        &self,
        connection: &mut SqliteConnection,
        scripts: &'a Scripts,
        to: Option<u64>,
    ) -> Result<Vec<(&'a Script, u64)>, Error> {
        revertible(connection, scripts, to)?.ok_or_else(|| Error::AtVersionZero { database: self.database() })
    }

    /// Copies the database before it changes, by a connection of its own: the caller's holds the write lock.
    pub(crate) fn back_up(&self, version: u64) -> Result<Option<Backup>, Error> {
        if self.settings.backups == 0 {
            return Ok(None);
        }
        let path = self.sqlite_path()?;
        let folder = path.parent().unwrap_or(Path::new("")).join("backups");
        backup::back_up(&mut self.open_file(&path)?, &path, version, &folder)
    }

    pub(crate) fn tell_of(&self, backup: &Backup) {
        (self.settings.tell)(&format!("backup saved as {}", self.shown(&backup.file)));
    }

    /// Says where the backup is, or removes it when the run changed nothing.
    pub(crate) fn finish<T>(
        &self,
        run: Result<T, Error>,
        backup: Option<Backup>,
        names: &[String],
    ) -> Result<T, Error> {
        match (&run, backup) {
            (Ok(_), Some(backup)) => {
                self.tell_of(&backup);
                // The run is done and stays done: a surplus backup is no reason to call it a failure.
                if let Err(error) = backup.remove_older(self.settings.backups) {
                    (self.settings.tell)(&format!("an old backup is still there: {}", self.located(error)));
                }
            }
            (Err(_), Some(backup)) => backup.discard(),
            _ => {}
        }
        run.map_err(|error| blame(self.located(error), names))
    }

    /// A transaction that says so when it has to wait for the database.
    pub(crate) fn transaction<T>(
        &self,
        connection: &mut SqliteConnection,
        work: impl FnOnce(&mut SqliteConnection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.tell_of_wait("BEGIN IMMEDIATE")?;
        progress::begin();
        let result = transaction(connection, &self.database(), work).map_err(progress::or_interrupted)?;
        progress::done();
        Ok(result)
    }
}

/// Records the checksum of every migration that is applied.
pub(crate) fn adopt_applied(connection: &mut SqliteConnection, scripts: &Scripts) -> Result<(), Error> {
    let applied = applied(connection)?;
    let applied: Vec<_> = scripts.iter().filter(|script| applied.contains(&script.version())).collect();
    history::adopt(connection, &applied)
}

fn step_up(script: &Script) -> Step {
    Step { version: script.number, name: script.name.clone(), sql: script.up.clone() }
}

fn step_down((script, version): (&Script, u64)) -> Step {
    Step { version, name: script.name.clone(), sql: script.down.clone().unwrap_or_default() }
}

/// Foreign keys are checked once, after all migrations of a run: names those that ran.
fn blame(error: Error, names: &[String]) -> Error {
    match error {
        Error::ForeignKeys { count, example, .. } => {
            Error::ForeignKeys { migrations: names.join(", "), count, example }
        }
        other => other,
    }
}
