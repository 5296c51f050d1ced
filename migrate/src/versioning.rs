//! A database's versions: the functions of the tutorial's `migrate.versioning.api`, over Diesel's migrations.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::SqliteConnection;

use crate::backup::{self, Backup};
use crate::introspect::sqlite::introspect;
use crate::loss::{Loss, losses};
use crate::render::{Fill, Options, Sql};
use crate::run::{Direction, explain, run, transaction};
use crate::schema::Schema;
use crate::script::{Script, Scripts, unfinished, version_of, write};
use crate::sql::{Token, literal, quote, tokens};
use crate::status::{applied, check_target, has_tables, is_controlled, newest, pending, prepare, revertible, status};
use crate::verify::Counts;
use crate::{Change, Error, Project, Rename, Status, diff, history, rehearse, rename};

/// What [`Project::version_control`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Control {
    /// Whether the database was put under version control now, and not before.
    pub is_new: bool,
    /// Its version.
    pub version: u64,
}

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

/// What a migration shall be like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wishes {
    /// What it does, in words that name its folder.
    pub message: Option<String>,
    /// Values for the rows that have none where one must be, as `table.column=value`.
    pub fills: Vec<String>,
    /// Columns and tables that only change their names, as `table.column=new_name` and `table=new_name`.
    pub renames: Vec<String>,
    /// Keep nothing aside of what the upgrade drops or converts.
    pub no_keep: bool,
    /// Do not try it on a copy of the data.
    pub no_rehearsal: bool,
}

/// A migration that is not written yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The folder that it will have.
    pub name: String,
    /// The revision that it leads to.
    pub number: u64,
    /// What it changes.
    pub changes: Vec<Change>,
    /// What it would lose of the rows that are there.
    pub losses: Vec<Loss>,
    /// Its SQL.
    pub sql: Sql,
}

impl fmt::Display for Plan {
    /// Says every change in plain words, and what it would lose.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let changes: Vec<_> = self.changes.iter().map(ToString::to_string).collect();
        f.write_str(&changes.join("\n"))?;
        self.losses.iter().try_for_each(|loss| write!(f, "\nattention: {loss}"))
    }
}

impl Plan {
    /// The plan of one who has read its losses and wants it nevertheless. A value that is needed is still needed.
    #[must_use]
    pub fn accept_losses(mut self) -> Self {
        self.losses.retain(|loss| loss.needs_fill);
        self
    }

    /// Both files, each below its name.
    #[must_use]
    pub fn files(&self) -> String {
        let Self { name, sql, .. } = self;
        format!("\n-- {name}/up.sql\n{}\n-- {name}/down.sql\n{}", sql.up, sql.down)
    }

    fn require_no_loss(&self) -> Result<(), Error> {
        let words = |needs_fill: bool| {
            let found = self.losses.iter().filter(|loss| loss.needs_fill == needs_fill);
            found.map(|loss| loss.words.clone()).collect::<Vec<_>>().join("; ")
        };
        match (words(true), words(false)) {
            (_, lost) if !lost.is_empty() => Err(Error::WouldLose(lost)),
            (missing, _) if !missing.is_empty() => Err(Error::NeedsFill(missing)),
            _ => Ok(()),
        }
    }
}

impl Project {
    /// Puts the database under version control, at version 0; creates it, and the migrations folder, where they are
    /// missing. With `stamp`, records migrations 1 to `stamp` as applied in a database whose tables are already what
    /// they make. A database that is under version control stays as it is.
    ///
    /// # Errors
    ///
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
            let version = newest(&applied(connection).map_err(self.explained())?);
            return match stamp {
                Some(stamp) if stamp != version => Err(Error::AlreadyControlled { database: self.database(), version }),
                _ => Ok(Control { is_new: false, version }),
            };
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
    fn stampable(
        &self,
        connection: &mut SqliteConnection,
        scripts: &Scripts,
        stamp: u64,
    ) -> Result<Vec<Script>, Error> {
        check_target(scripts, stamp)?;
        let stamped: Vec<_> = scripts.iter().filter(|script| script.number <= stamp).cloned().collect();
        let mut scratch = rehearse::in_memory()?;
        transaction(&mut scratch, "a scratch database", |scratch| {
            stamped.iter().try_for_each(|script| run(scratch, script, Direction::Up))
        })?;
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

    /// Compares the models with the database: what a migration would have to change. Reads only.
    ///
    /// # Errors
    ///
    /// When there is no database, it is not under version control, or it cannot be understood.
    pub fn differences(&self, models: &Schema) -> Result<Vec<Change>, Error> {
        let mut connection = self.open()?;
        Ok(diff(&introspect(&mut connection).map_err(|error| self.explain(error))?, models))
    }

    /// Fails when migrations are pending, or the database is not what the models expect.
    ///
    /// # Errors
    ///
    /// [`Error::Pending`], [`Error::Drift`] with the differences in plain words, and what
    /// [`status`](Self::status) and [`differences`](Self::differences) fail with.
    pub fn require_agreement(&self, models: &Schema) -> Result<(), Error> {
        let scripts = self.scripts()?;
        self.status()?.require_current(&scripts)?;
        let differences: Vec<_> = self.differences(models)?.iter().map(rehearse::one_line).collect();
        if differences.is_empty() {
            return Ok(());
        }
        Err(Error::Drift { database: self.database(), differences: differences.join("; ") })
    }

    /// Compares the models with the database and works out the migration between them, which is tried, up and down, on
    /// an empty copy and on a copy of the data. `None` when they agree. Nothing is written.
    ///
    /// # Errors
    ///
    /// [`Error::Pending`] and [`Error::Ahead`] when the database is not where the migrations end; what
    /// [`render`](crate::render()) and the trial refuse.
    pub fn make_update_script(&self, models: &Schema, wishes: &Wishes) -> Result<Option<Plan>, Error> {
        let mut connection = self.open()?;
        let scripts = self.scripts()?;
        let status = status(&mut connection, &scripts).map_err(|error| self.explain(error))?;
        status.require_current(&scripts)?;
        let live = introspect(&mut connection).map_err(|error| self.explain(error))?;
        let name = scripts.next_name(status.version, wishes.message.as_deref())?;
        let options = Options {
            keep: Some(version_of(&name)).filter(|_| !wishes.no_keep),
            renames: wishes.renames.iter().map(|rename| Rename::parse(rename)).collect::<Result<_, _>>()?,
            fills: wishes.fills.iter().map(|fill| Fill::parse(fill, models)).collect::<Result<_, _>>()?,
        };
        let (changes, sql) = rehearse::compare(&live, models, &options)?;
        if changes.is_empty() {
            return Ok(None);
        }
        let (old_changes, old_options) = rename::in_old_names(&changes, &options);
        let mut losses = losses(&mut connection, &old_changes, &old_options).map_err(|error| self.explain(error))?;
        losses.extend(rename::alike(&changes));
        // A value that is missing would only fail the trial: it is asked for first.
        if !wishes.no_rehearsal && losses.iter().all(|loss| !loss.needs_fill) {
            rehearse::on_copy_of_data(
                &mut connection,
                &self.sqlite_path()?,
                (&live, models),
                &sql,
                options.keep.is_some(),
            )
            .map_err(|error| self.explain(error))?;
        }
        Ok(Some(Plan { name, number: status.version + 1, changes, losses, sql }))
    }

    /// Writes a planned migration and applies it, both or neither. Returns the path of its folder as seen from the base.
    ///
    /// # Errors
    ///
    /// [`Error::WouldLose`] and [`Error::NeedsFill`] when the plan has losses that nobody accepted,
    /// [`Error::ScriptExists`] when a folder of that name is there, [`Error::Migration`] when a statement fails on the
    /// rows that are in the database, and whatever keeps a file from being written.
    pub fn apply(&self, plan: &Plan) -> Result<String, Error> {
        plan.require_no_loss()?;
        let Some(root) = self.folder() else {
            return Err(Error::NoScripts(PathBuf::from("a migrations folder")));
        };
        let folder = root.join(&plan.name);
        let script = Script {
            number: plan.number,
            name: plan.name.clone(),
            up: plan.sql.up.clone(),
            down: Some(plan.sql.down.clone()),
        };
        let mut connection = self.open()?;
        let draft = unfinished(root, &plan.name);
        // The folder that this run has made, and it alone, goes when the run fails: another one may have made its own.
        let (mut made, mut backup) = (None, None);
        let applied = self.transaction(&mut connection, |connection| {
            let scripts = self.scripts()?;
            status(connection, &scripts)?.require_version(plan.number - 1, &scripts)?;
            if folder.exists() {
                return Err(Error::ScriptExists(self.shown(&folder).into()));
            }
            backup = self.back_up(plan.number - 1)?;
            let _ = fs::remove_dir_all(&draft);
            made = Some(&draft);
            write(&draft, &plan.sql)?;
            self.verified(connection, &[&script.up], |connection| run(connection, &script, Direction::Up))?;
            history::adopt(connection, &scripts.iter().chain([&script]).collect::<Vec<_>>())?;
            fs::rename(&draft, &folder)
                .map_err(|error| Error::CannotWrite { path: folder.clone(), why: error.to_string() })?;
            made = Some(&folder);
            Ok(())
        });
        if let (Err(_), Some(folder)) = (&applied, made) {
            let _ = fs::remove_dir_all(folder);
        }
        self.finish(applied, backup, std::slice::from_ref(&plan.name))?;
        Ok(self.shown(&folder))
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
            let version = status(connection, &scripts)?.version;
            names = pending.iter().map(|script| script.name.clone()).collect();
            if !pending.is_empty() {
                backup = self.back_up(version)?;
            }
            let texts: Vec<_> = pending.iter().map(|script| script.up.as_str()).collect();
            self.verified(connection, &texts, |connection| {
                pending.iter().try_for_each(|script| run(connection, script, Direction::Up))
            })?;
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
                steps.iter().try_for_each(|(script, _)| run(connection, script, Direction::Down))
            })?;
            adopt_applied(connection, &scripts)?;
            Ok(steps.into_iter().map(step_down).collect())
        });
        self.finish(taken_back, backup, &names)
    }

    /// Does the work of a run, and counts the rows of every table before and after it.
    fn verified(
        &self,
        connection: &mut SqliteConnection,
        texts: &[&str],
        work: impl FnOnce(&mut SqliteConnection) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if !self.settings.verify || texts.is_empty() {
            return work(connection);
        }
        let before = Counts::of(connection)?;
        work(connection)?;
        before.require(connection, texts)
    }

    /// Says which values a downgrade cannot bring back, because their side table was purged.
    fn tell_of_purged(&self, connection: &mut SqliteConnection, steps: &[(&Script, u64)]) -> Result<(), Error> {
        for (script, _) in steps {
            let prefix = format!("_kept_{}_", script.version());
            let down = script.down.as_deref().unwrap_or_default();
            let mut names: Vec<_> = tokens(down).unwrap_or_default().iter().map(Token::name).collect();
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

    /// Takes a migration's file, which was edited after it was applied, for what was applied.
    ///
    /// # Errors
    ///
    /// When no applied migration has that number.
    pub fn accept_edited(&self, number: u64) -> Result<(), Error> {
        let (scripts, mut connection) = self.scripts_and_connection()?;
        self.transaction(&mut connection, |connection| {
            let applied = applied(connection)?;
            let is_meant = |script: &&Script| script.number == number && applied.contains(&script.version());
            let script = scripts.iter().find(is_meant);
            let script = script.ok_or(Error::NotApplied { wanted: number, version: newest(&applied) })?;
            adopt_applied(connection, &scripts)?;
            history::accept(connection, script)
        })
    }

    /// Removes what migrations kept aside, or what those below revision `before` did: personal data must not linger.
    /// Their downgrades still work, with defaults for the values. Returns each side table and how many rows it held.
    ///
    /// # Errors
    ///
    /// When the database cannot be written.
    pub fn purge_kept(&self, before: Option<u64>) -> Result<Vec<(String, i64)>, Error> {
        let mut connection = self.open()?;
        // Else the values would stay in the file, in pages that are free.
        connection.batch_execute("PRAGMA secure_delete = ON").map_err(self.explained())?;
        self.transaction(&mut connection, |connection| {
            let query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE '\\_kept\\_%' ESCAPE '\\' ORDER BY name";
            let mut purged = Vec::new();
            for name in sql::<Text>(query).load::<String>(connection)? {
                let revision = name.split('_').nth(2).and_then(|digits| digits.parse::<u64>().ok());
                if revision.is_some_and(|revision| before.is_none_or(|before| revision < before)) {
                    let rows = sql::<BigInt>(&format!("SELECT count(*) FROM {}", quote(&name))).get_result(connection)?;
                    connection.batch_execute(&format!("DROP TABLE {}", quote(&name)))?;
                    purged.push((name, rows));
                }
            }
            Ok(purged)
        })
    }

    /// Puts a backup in the database's place, after checking that it is whole and of this project, and returns its
    /// version. What is in its place is backed up first, unless it is damaged.
    ///
    /// # Errors
    ///
    /// When the file is no such backup, or another program has the database open.
    pub fn restore(&self, file: &Path) -> Result<u64, Error> {
        let path = self.sqlite_path()?;
        // A backup is named as seen from the base, and that is what one copies.
        let based = self.in_base(file);
        let file = if file.exists() { file } else { &based };
        let explained = |error| self.explain_file(file, error);
        backup::check(file, "integrity_check").map_err(explained)?;
        let version = self.version_of_backup(&mut backup::open(file).map_err(explained)?).map_err(explained)?;
        let at_database = |error| self.explain_file(&path, error);
        if path.exists() {
            drop(backup::lock_out(&path).map_err(at_database)?);
        }
        // What is damaged cannot be copied, and is why one restores.
        let current = self.db_version().ok().map_or(Ok(None), |version| self.back_up(version)).map_err(at_database)?;
        let restored = backup::restore(file, &path).map_err(at_database);
        match (&restored, current) {
            (Ok(()), Some(backup)) => self.tell_of(&backup),
            (Err(_), Some(backup)) => backup.discard(),
            _ => {}
        }
        restored.map(|()| version)
    }

    fn version_of_backup(&self, copy: &mut SqliteConnection) -> Result<u64, Error> {
        let foreign = |why: &str| Error::Database { what: String::new(), why: format!("not of this project: {why}") };
        if !is_controlled(copy)? {
            return Err(foreign("no migration was ever applied to it"));
        }
        let scripts = self.scripts()?;
        let status = status(copy, &scripts)?;
        if !status.unknown.is_empty() {
            return Err(Error::Ahead { unknown: status.unknown, newest: status.newest });
        }
        // One migration may have been edited since. When no checksum is right, others have made that database.
        let applied = scripts.iter().filter(|script| !status.pending.contains(&script.name)).count();
        if applied > 0 && status.edited.len() == applied {
            return Err(foreign("the migrations that were applied to it are others"));
        }
        Ok(status.version)
    }

    fn explain_file(&self, file: &Path, error: Error) -> Error {
        match error {
            Error::Database { why, .. } => Error::Database { what: self.shown(file), why },
            Error::Query(error) => explain(&self.shown(file), &error),
            other => self.located(other),
        }
    }

    /// Copies the database before it changes, by a connection of its own: the caller's holds the write lock.
    fn back_up(&self, version: u64) -> Result<Option<Backup>, Error> {
        if self.settings.backups == 0 {
            return Ok(None);
        }
        let path = self.sqlite_path()?;
        let folder = path.parent().unwrap_or(Path::new("")).join("backups");
        backup::back_up(&mut self.open_file(&path)?, &path, version, &folder)
    }

    fn tell_of(&self, backup: &Backup) {
        (self.settings.tell)(&format!("backup saved as {}", self.shown(&backup.file)));
    }

    /// Says where the backup is, or removes it when the run changed nothing.
    fn finish<T>(&self, run: Result<T, Error>, backup: Option<Backup>, names: &[String]) -> Result<T, Error> {
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
    fn transaction<T>(
        &self,
        connection: &mut SqliteConnection,
        work: impl FnOnce(&mut SqliteConnection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let patience = |wait: u128| format!("PRAGMA busy_timeout = {wait}");
        connection.batch_execute(&patience(0)).map_err(self.explained())?;
        let probe = connection.batch_execute("BEGIN IMMEDIATE; ROLLBACK");
        if probe.is_err() {
            // Of the two statements it may be the second that failed.
            let _ = connection.batch_execute("ROLLBACK");
        }
        connection.batch_execute(&patience(self.settings.wait.as_millis())).map_err(self.explained())?;
        if probe.is_err_and(|error| error.to_string().contains("database is locked")) {
            let seconds = self.settings.wait.as_secs();
            (self.settings.tell)(&format!(
                "waiting up to {seconds} s for another program that is writing to {}",
                self.database()
            ));
        }
        transaction(connection, &self.database(), work)
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

/// Records the checksum of every migration that is applied.
fn adopt_applied(connection: &mut SqliteConnection, scripts: &Scripts) -> Result<(), Error> {
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
