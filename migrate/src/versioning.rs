//! A database's versions: the functions of the tutorial's `migrate.versioning.api`, over Diesel's migrations.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::SqliteConnection;
use diesel_migrations::MigrationHarness;

use crate::connection::sqlite_path;
use crate::introspect::sqlite::introspect;
use crate::render::{Options, Sql};
use crate::run::{Direction, explain, run, transaction};
use crate::schema::Schema;
use crate::script::{Script, Scripts, unfinished, version_of, write};
use crate::{Change, Connection, Error, diff, rehearse};

/// A database and the migrations that lead through its versions.
#[derive(Debug, Clone)]
pub struct Project {
    url: String,
    scripts: Source,
    base: PathBuf,
}

#[derive(Debug, Clone)]
enum Source {
    Folder(PathBuf),
    Embedded(Scripts),
}

/// Where a database stands among its migrations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The number of the newest migration that was applied; 0 when none was.
    pub version: u64,
    /// The number of the newest migration that there is.
    pub newest: u64,
    /// The migrations that wait to be applied, in order.
    pub pending: Vec<String>,
    /// What was applied and is not among the migrations.
    pub unknown: Vec<String>,
}

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

/// A migration that is not written yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The folder that it will have.
    pub name: String,
    /// The revision that it leads to.
    pub number: u64,
    /// What it changes.
    pub changes: Vec<Change>,
    /// Its SQL.
    pub sql: Sql,
}

impl Project {
    /// A database and its migrations folder, which holds one folder a dialect: `sqlite/001_migration/up.sql`.
    /// Messages name files as seen from `base`.
    #[must_use]
    pub fn new(database_url: &str, migrations: &Path, base: &Path) -> Self {
        let dialect = if sqlite_path(database_url).is_some() { "sqlite" } else { "postgresql" };
        let scripts = Source::Folder(migrations.join(dialect));
        Self { url: database_url.to_owned(), scripts, base: base.to_owned() }
    }

    /// A database and migrations that the program carries within itself.
    #[must_use]
    pub fn embedded(database_url: &str, scripts: Scripts, base: &Path) -> Self {
        Self { url: database_url.to_owned(), scripts: Source::Embedded(scripts), base: base.to_owned() }
    }

    /// The migrations, in order.
    ///
    /// # Errors
    ///
    /// As [`Scripts::read`].
    pub fn scripts(&self) -> Result<Scripts, Error> {
        match &self.scripts {
            Source::Embedded(scripts) => Ok(scripts.clone()),
            Source::Folder(folder) => Scripts::read(folder).map_err(|error| match error {
                Error::NoFolder(path) => Error::NoFolder(self.shown(&path).into()),
                Error::CannotRead { path, why } => Error::CannotRead { path: self.shown(&path).into(), why },
                Error::BadScript { name, why } => Error::BadScript { name: self.shown(&folder.join(name)), why },
                Error::SameNumber { first, second } => Error::SameNumber {
                    first: self.shown(&folder.join(first)),
                    second: self.shown(&folder.join(second)),
                },
                other => other,
            }),
        }
    }

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
        let is_new_file = !path.exists();
        if is_new_file && stamp.is_some_and(|stamp| stamp > 0) {
            return Err(Error::NothingToStamp(self.shown(&path).into()));
        }
        let new_folders = self.missing_folders();
        let result = self
            .create_folder()
            .and_then(|()| self.open_file(&path))
            .and_then(|mut connection| self.control(&mut connection, stamp));
        if result.is_err() {
            if is_new_file {
                let _ = fs::remove_file(&path);
            }
            for folder in new_folders {
                let _ = fs::remove_dir(folder);
            }
        }
        result
    }

    /// The migrations folder and those above it that are not there, the innermost first.
    fn missing_folders(&self) -> Vec<PathBuf> {
        match &self.scripts {
            Source::Folder(folder) => {
                folder.ancestors().take_while(|folder| !folder.exists()).map(Path::to_owned).collect()
            }
            Source::Embedded(_) => Vec::new(),
        }
    }

    fn create_folder(&self) -> Result<(), Error> {
        let Source::Folder(folder) = &self.scripts else { return Ok(()) };
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
            Ok(())
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

    /// Compares the models with the database and works out the migration between them, which is tried, up and down, on
    /// an empty copy. `None` when they agree. Nothing is written.
    ///
    /// # Errors
    ///
    /// [`Error::Pending`] and [`Error::Ahead`] when the database is not where the migrations end; what
    /// [`render`](crate::render) and the trial refuse.
    pub fn make_update_script(&self, models: &Schema, message: Option<&str>) -> Result<Option<Plan>, Error> {
        let mut connection = self.open()?;
        let scripts = self.scripts()?;
        let status = status(&mut connection, &scripts).map_err(|error| self.explain(error))?;
        status.require_current(&scripts)?;
        let live = introspect(&mut connection).map_err(|error| self.explain(error))?;
        let name = scripts.next_name(status.version, message)?;
        let options = Options { keep: Some(version_of(&name)), fills: Vec::new() };
        let (changes, sql) = rehearse::compare(&live, models, &options)?;
        if changes.is_empty() {
            return Ok(None);
        }
        Ok(Some(Plan { name, number: status.version + 1, changes, sql }))
    }

    /// Writes a planned migration and applies it, both or neither. Returns the path of its folder as seen from the base.
    ///
    /// # Errors
    ///
    /// [`Error::ScriptExists`] when a folder of that name is there, [`Error::Migration`] when a statement fails on the
    /// rows that are in the database, and whatever keeps a file from being written.
    pub fn apply(&self, plan: &Plan) -> Result<String, Error> {
        let Source::Folder(root) = &self.scripts else {
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
        let mut made = None;
        let applied = transaction(&mut connection, &self.database(), |connection| {
            let scripts = self.scripts()?;
            status(connection, &scripts)?.require_version(plan.number - 1, &scripts)?;
            if folder.exists() {
                return Err(Error::ScriptExists(self.shown(&folder).into()));
            }
            let _ = fs::remove_dir_all(&draft);
            made = Some(&draft);
            write(&draft, &plan.sql).map_err(|error| self.located(error))?;
            run(connection, &script, Direction::Up)?;
            fs::rename(&draft, &folder)
                .map_err(|error| Error::CannotWrite { path: self.shown(&folder).into(), why: error.to_string() })?;
            made = Some(&folder);
            Ok(())
        });
        if let Err(error) = applied {
            if let Some(folder) = made {
                let _ = fs::remove_dir_all(folder);
            }
            return Err(blame(error, std::slice::from_ref(&plan.name)));
        }
        Ok(self.shown(&folder))
    }

    /// Applies every pending migration, or those up to `to`, all in one transaction.
    ///
    /// # Errors
    ///
    /// [`Error::Migration`] names the migration and the statement; the database is then as it was.
    pub fn upgrade(&self, to: Option<u64>) -> Result<Vec<Step>, Error> {
        let (scripts, mut connection) = self.scripts_and_connection()?;
        let mut names = Vec::new();
        let applied = transaction(&mut connection, &self.database(), |connection| {
            let pending = pending(connection, &scripts, to)?;
            names = pending.iter().map(|script| script.name.clone()).collect();
            pending.iter().try_for_each(|script| run(connection, script, Direction::Up))?;
            Ok(pending.into_iter().map(step_up).collect())
        });
        applied.map_err(|error| blame(error, &names))
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

    /// Takes back the newest migration, or all above `to`, in one transaction.
    ///
    /// # Errors
    ///
    /// [`Error::AtVersionZero`] when there is none, [`Error::NoDown`] when one cannot be taken back; the database is
    /// then as it was.
    pub fn downgrade(&self, to: Option<u64>) -> Result<Vec<Step>, Error> {
        let (scripts, mut connection) = self.scripts_and_connection()?;
        let mut names = Vec::new();
        let taken_back = transaction(&mut connection, &self.database(), |connection| {
            let steps = self.revertible(connection, &scripts, to)?;
            names = steps.iter().map(|(script, _)| script.name.clone()).collect();
            steps.iter().try_for_each(|(script, _)| run(connection, script, Direction::Down))?;
            Ok(steps.into_iter().map(step_down).collect())
        });
        taken_back.map_err(|error| blame(error, &names))
    }

    /// What [`downgrade`](Self::downgrade) would run. Reads only.
    ///
    /// # Errors
    ///
    /// As [`downgrade`](Self::downgrade), but for what only running finds out.
    pub fn revertible_steps(&self, to: Option<u64>) -> Result<Vec<Step>, Error> {
        let (scripts, mut connection) = self.scripts_and_connection()?;
        let steps = self.revertible(&mut connection, &scripts, to).map_err(|error| self.explain(error))?;
        Ok(steps.into_iter().map(step_down).collect())
    }

    /// Creates a database that is not there yet and applies every migration to it: all or nothing.
    ///
    /// # Errors
    ///
    /// Whatever fails; no database is left behind then.
    pub fn create_current(&self) -> Result<Status, Error> {
        let path = self.sqlite_path()?;
        let is_new_file = !path.exists();
        let result = self.version_control(None).and_then(|_| self.upgrade(None)).and_then(|_| self.status());
        if is_new_file && result.is_err() {
            let _ = fs::remove_file(&path);
        }
        result
    }

    /// The migrations to take back, newest first, each with the version that this leads to.
    fn revertible<'a>(
        &self,
        connection: &mut SqliteConnection,
        scripts: &'a Scripts,
        to: Option<u64>,
    ) -> Result<Vec<(&'a Script, u64)>, Error> {
        let status = status(connection, scripts)?;
        if !status.unknown.is_empty() {
            return Err(Error::Ahead { unknown: status.unknown, newest: status.newest });
        }
        if status.version == 0 {
            return Err(Error::AtVersionZero { database: self.database() });
        }
        let applied: Vec<_> = scripts.iter().filter(|script| !status.pending.contains(&script.name)).collect();
        let to = to.unwrap_or_else(|| applied.iter().rev().nth(1).map_or(0, |script| script.number));
        if to > 0 {
            check_target(scripts, to)?;
        }
        if to > status.version {
            let hint = format!("run db_upgrade --to {to} to get to {to}");
            return Err(Error::WrongDirection { current: status.version, hint });
        }
        let mut steps = Vec::new();
        for (at, script) in applied.iter().enumerate().rev().filter(|(_, script)| script.number > to) {
            if script.down.is_none() {
                return Err(Error::NoDown { name: script.name.clone() });
            }
            steps.push((*script, at.checked_sub(1).map_or(0, |before| applied[before].number)));
        }
        Ok(steps)
    }

    fn scripts_and_connection(&self) -> Result<(Scripts, SqliteConnection), Error> {
        let connection = self.open()?;
        let scripts = self.scripts()?;
        match &self.scripts {
            Source::Folder(folder) if scripts.newest() == 0 => Err(Error::NoScripts(self.shown(folder).into())),
            _ => Ok((scripts, connection)),
        }
    }

    /// Opens a database that is there and under version control.
    fn open(&self) -> Result<SqliteConnection, Error> {
        let path = self.sqlite_path()?;
        if !path.exists() {
            return Err(Error::NoDatabase(self.shown(&path).into()));
        }
        let mut connection = self.open_file(&path)?;
        if is_controlled(&mut connection).map_err(self.explained())? {
            return Ok(connection);
        }
        let database = self.database();
        Err(if has_tables(&mut connection).map_err(self.explained())? {
            Error::NotUnderVersionControl { database }
        } else {
            Error::NotCreated { database }
        })
    }

    fn open_file(&self, path: &Path) -> Result<SqliteConnection, Error> {
        match Connection::open_sqlite(path).map_err(|error| self.explain(error))? {
            Connection::Sqlite(mut connection) => {
                let wait = format!("PRAGMA busy_timeout = {}", LOCK_TIMEOUT.as_millis());
                connection.batch_execute(&wait).map_err(self.explained())?;
                Ok(connection)
            }
            Connection::Postgres(_) => Err(Error::PostgresNotYet),
        }
    }

    fn sqlite_path(&self) -> Result<PathBuf, Error> {
        sqlite_path(&self.url).ok_or(Error::PostgresNotYet)
    }

    /// The database as messages name it.
    #[must_use]
    pub fn database(&self) -> String {
        sqlite_path(&self.url).map_or_else(|| "the PostgreSQL database".into(), |path| self.shown(&path))
    }

    fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.base).unwrap_or(path).display().to_string()
    }

    fn explained(&self) -> impl Fn(diesel::result::Error) -> Error + '_ {
        |error| explain(&self.database(), &error)
    }

    fn explain(&self, error: Error) -> Error {
        match error {
            Error::Query(error) => explain(&self.database(), &error),
            Error::Database { why, .. } => {
                explain(&self.database(), &diesel::result::Error::QueryBuilderError(why.into()))
            }
            other => other,
        }
    }

    fn located(&self, error: Error) -> Error {
        match error {
            Error::CannotWrite { path, why } => Error::CannotWrite { path: self.shown(&path).into(), why },
            other => other,
        }
    }
}

/// How long a run waits for another program that holds the database.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

impl Status {
    /// Whether the database is where the migrations end.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.pending.is_empty() && self.unknown.is_empty()
    }

    fn require_current(&self, scripts: &Scripts) -> Result<(), Error> {
        if !self.unknown.is_empty() {
            return Err(Error::Ahead { unknown: self.unknown.clone(), newest: self.newest });
        }
        self.require_in_order(scripts)?;
        if !self.pending.is_empty() {
            return Err(Error::Pending { version: self.version, pending: self.pending.clone() });
        }
        Ok(())
    }

    /// No migration may have slipped in below the version.
    fn require_in_order(&self, scripts: &Scripts) -> Result<(), Error> {
        let slipped_in = |script: &&Script| script.number < self.version && self.pending.contains(&script.name);
        match scripts.iter().find(slipped_in) {
            Some(script) => Err(Error::OutOfOrder { name: script.name.clone(), version: self.version }),
            None => Ok(()),
        }
    }

    fn require_version(&self, version: u64, scripts: &Scripts) -> Result<(), Error> {
        self.require_current(scripts)?;
        if self.version == version {
            return Ok(());
        }
        let hint = "another program has changed it in the meantime; try again".to_owned();
        Err(Error::WrongDirection { current: self.version, hint })
    }
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

/// Makes Diesel's table of applied migrations, if it is not there.
pub(crate) fn prepare(connection: &mut SqliteConnection) -> Result<(), Error> {
    connection
        .applied_migrations()
        .map(drop)
        .map_err(|error| Error::Database { what: "the database".into(), why: error.to_string() })
}

fn is_controlled(connection: &mut SqliteConnection) -> diesel::QueryResult<bool> {
    let query = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = '__diesel_schema_migrations'";
    Ok(sql::<BigInt>(query).get_result::<i64>(connection)? > 0)
}

fn has_tables(connection: &mut SqliteConnection) -> diesel::QueryResult<bool> {
    let query = "SELECT count(*) FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
    Ok(sql::<BigInt>(query).get_result::<i64>(connection)? > 0)
}

/// The versions that were applied, as Diesel recorded them.
fn applied(connection: &mut SqliteConnection) -> diesel::QueryResult<Vec<String>> {
    sql::<Text>("SELECT version FROM __diesel_schema_migrations ORDER BY version").load(connection)
}

fn newest(applied: &[String]) -> u64 {
    applied.iter().filter_map(|version| version.parse().ok()).max().unwrap_or(0)
}

fn status(connection: &mut SqliteConnection, scripts: &Scripts) -> Result<Status, Error> {
    let applied = applied(connection)?;
    let is_known = |version: &&String| scripts.iter().any(|script| script.version() == **version);
    let is_pending = |script: &&Script| !applied.contains(&script.version());
    Ok(Status {
        version: newest(&applied),
        newest: scripts.newest(),
        pending: scripts.iter().filter(is_pending).map(|script| script.name.clone()).collect(),
        unknown: applied.iter().filter(|version| !is_known(version)).cloned().collect(),
    })
}

/// The migrations to apply, in order.
fn pending<'a>(
    connection: &mut SqliteConnection,
    scripts: &'a Scripts,
    to: Option<u64>,
) -> Result<Vec<&'a Script>, Error> {
    let status = status(connection, scripts)?;
    if !status.unknown.is_empty() {
        return Err(Error::Ahead { unknown: status.unknown, newest: status.newest });
    }
    if let Some(to) = to {
        if to > 0 {
            check_target(scripts, to)?;
        }
        if to < status.version {
            let hint = format!("run db_downgrade --to {to} to get back to {to}");
            return Err(Error::WrongDirection { current: status.version, hint });
        }
    }
    status.require_in_order(scripts)?;
    let pending = scripts.iter().filter(|script| status.pending.contains(&script.name));
    Ok(pending.filter(|script| to.is_none_or(|to| script.number <= to)).collect())
}

fn check_target(scripts: &Scripts, wanted: u64) -> Result<(), Error> {
    if scripts.iter().any(|script| script.number == wanted) {
        return Ok(());
    }
    Err(Error::NoSuchRevision { wanted, newest: scripts.newest() })
}
