//! Every operation on a database and its migrations.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::change::Change;
use crate::database::{self, Backup, Content, Database, Lock, Script};
use crate::diff::diff;
use crate::error::{DatabaseErrorKind, HistoryError};
use crate::history::{self, Applied, Status, Target};
use crate::kept::IsLossy;
use crate::loss::{Loss, LossKind};
use crate::migration::{Direction, Migration, Migrations, Place, Sql, folder_for};
use crate::options::{PlanOptions, RenderOptions};
use crate::plan::Plan;
use crate::planning::{
    changes_by, count_losses, differing_elsewhere, keep_unmentioned, made_from_models, renamed, render_options,
    rendered, replayed, require_no_more_losses, script,
};
use crate::print_schema::print_schema;
use crate::rehearsal::{self, Rehearsal};
use crate::schema::{Schema, Table};
use crate::settings::{Event, Settings};
use crate::text::counted;
use crate::url::DatabaseUrl;
use crate::version::Version;
use crate::{Error, kept, moving, online, rename, unmentioned};

mod dialects;

/// A database and the migrations that lead through its versions. Each operation opens a connection of its own.
///
/// ```
/// use diesel_autogen::schema::{Column, Schema, Table, Type};
/// use diesel_autogen::{Migrator, PlanOptions, Target};
///
/// # let folder = tempfile::tempdir()?;
/// # let file = folder.path().join("app.db").display().to_string();
/// # let migrations = folder.path().join("migrations");
/// // A program has them from `schema!`.
/// let models = Schema::new([Table::new("posts", ["id"]).column(Column::new("id", Type::Integer))]);
/// let migrator = Migrator::new(&format!("sqlite:{file}"), &migrations)?;
///
/// assert!(migrator.init()?.is_new);
/// let plan = migrator.plan(&models, &PlanOptions::default())?.ok_or("the database has the table already")?;
/// assert!(plan.losses.is_empty());
/// migrator.apply(&plan)?;
/// migrator.check(&models)?;
///
/// // On a server, with the migrations that were committed: what is pending, a rehearsal, and the upgrade.
/// migrator.downgrade(Target::Previous)?;
/// assert_eq!(migrator.status()?.pending, ["001_migration"]);
/// assert_eq!(migrator.pending(Target::Latest)?[0].name, "001_migration");
/// println!("{}", migrator.rehearse(Target::Latest)?);
/// migrator.upgrade(Target::Latest)?;
/// assert!(migrator.differences(&models)?.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Migrator {
    url: DatabaseUrl,
    source: Source,
    settings: Settings,
}

type Db = Box<dyn Database>;

#[derive(Debug, Clone)]
enum Source {
    Folder(PathBuf),
    Embedded(Migrations),
}

/// A migration that was applied or reverted, or would be, and the version that it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step {
    /// The database's version after it.
    pub version: Version,
    /// The migration's name.
    pub name: String,
    /// Its SQL.
    pub sql: String,
}

/// What [`Migrator::init`] and [`Migrator::baseline`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Init {
    /// Whether the database was put under version control now, and not before.
    pub is_new: bool,
    /// Its version.
    pub version: Version,
}

/// What one transaction of a run did, and the migration that is to run after it and outside of one.
struct Pass<'a> {
    target: Target,
    /// Whether it is the first of its run.
    is_first: bool,
    /// Whether it is to make the backup.
    makes_backup: bool,
    done: Vec<Step>,
    alone: Option<(&'a Migration, Step)>,
    /// The version that the whole run leads to.
    last: Version,
    /// How many applied migrations had no checksum.
    unrecorded: usize,
    backup: Option<Backup>,
}

/// Opening.
impl Migrator {
    /// A database and its migrations folder: `migrations/001_migration/up.sql`. Relative paths start at the current
    /// folder.
    ///
    /// A program that writes migrations for both kinds of database has a folder for each: `migrations/sqlite/001_migration`
    /// is read where `migrations/sqlite` or `migrations/postgresql` exists, or `sqlite3`, `postgres` or `pg`.
    /// [`Settings::per_database_folders`] makes them in an empty folder.
    ///
    /// # Errors
    ///
    /// [`Error::Url`] when the URL has none of the forms that [`DatabaseUrl`] lists.
    pub fn new(url: &str, migrations: impl Into<PathBuf>) -> Result<Self, Error> {
        Ok(Self::with_url(DatabaseUrl::parse(url, Path::new(""))?, migrations))
    }

    /// As [`new`](Self::new), with a URL that is parsed already.
    #[must_use]
    pub fn with_url(url: DatabaseUrl, migrations: impl Into<PathBuf>) -> Self {
        Self { url, source: Source::Folder(migrations.into()), settings: Settings::default() }
    }

    /// A database and migrations that are compiled into the program.
    ///
    /// ```
    /// use std::path::Path;
    ///
    /// use diesel_autogen::{DatabaseUrl, Migrations, Migrator};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let base = folder.path();
    /// // A build script or `include_str!` has the texts from the folder.
    /// let migrations = Migrations::embedded([
    ///     ("001_posts/up.sql", "CREATE TABLE posts (id INTEGER PRIMARY KEY NOT NULL);"),
    ///     ("001_posts/down.sql", "DROP TABLE posts;"),
    /// ])?;
    /// let migrator = Migrator::embedded(DatabaseUrl::parse("sqlite:app.db", base)?, migrations);
    /// assert!(migrator.create_current()?.is_current());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn embedded(url: DatabaseUrl, migrations: Migrations) -> Self {
        Self { url, source: Source::Embedded(migrations), settings: Settings::default() }
    }

    /// The same migrator with other settings.
    #[must_use]
    pub fn with(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// The same migrations and settings, for another database.
    #[must_use]
    pub fn on(&self, url: DatabaseUrl) -> Self {
        Self { url, ..self.clone() }
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Where the database is.
    #[must_use]
    pub fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// The database as messages name it.
    #[must_use]
    pub fn database_name(&self) -> String {
        self.db().map_or_else(|_| self.url.to_string(), |db| db.name())
    }

    /// Whether rows are backed up before the database changes.
    #[must_use]
    pub fn makes_backups(&self) -> bool {
        self.settings.backups > 0
    }

    /// The migrations, in order.
    ///
    /// # Errors
    ///
    /// As [`Migrations::read`].
    pub fn migrations(&self) -> Result<Migrations, Error> {
        match &self.source {
            Source::Embedded(migrations) => Ok(migrations.clone()),
            Source::Folder(_) => Migrations::read(&self.folder()?).map_err(|error| self.relative(error)),
        }
    }

    fn relative(&self, error: Error) -> Error {
        error.relative_to(&self.settings.base)
    }

    fn db(&self) -> Result<Db, Error> {
        database::open(&self.url, &self.settings)
    }

    /// The folder of this kind of database's migrations.
    fn folder(&self) -> Result<PathBuf, Error> {
        match &self.source {
            Source::Folder(root) => {
                folder_for(root, self.db()?.dialect(), &database::DIALECTS, self.settings.per_database_folders)
                    .map_err(|error| self.relative(error))
            }
            Source::Embedded(_) => Err(Error::NotSupported {
                operation: "writing a migration",
                database: "a program that has its migrations compiled in",
            }),
        }
    }

    /// Keeps other processes from giving a migration in the folder a number, until the lock is dropped.
    fn lock_folder(&self) -> Result<Option<Lock>, Error> {
        let Source::Folder(root) = &self.source else { return Ok(None) };
        let (path, mut lock) = (root.join(".lock"), None);
        let taken = database::poll(&self.settings, || {
            lock = Lock::try_take(&path).map_err(Error::file("write", root))?;
            Ok(lock.is_some())
        });
        taken.map_err(|error| self.relative(error.in_database(&self.settings.shown(root))))?;
        Ok(lock)
    }

    fn existing(&self) -> Result<Db, Error> {
        let mut db = self.db()?;
        if db.exists()? { Ok(db) } else { Err(Error::NoDatabase { database: db.name() }) }
    }

    /// A database that exists and is under version control.
    fn controlled(&self) -> Result<(Db, Vec<Applied>), Error> {
        let mut db = self.existing()?;
        match db.history()? {
            Some(applied) => Ok((db, applied)),
            None => Err(Error::NotControlled { database: db.name(), has_tables: db.has_tables()? }),
        }
    }

    /// The same, with the migrations. A folder without migrations is an error.
    fn with_migrations(&self) -> Result<(Db, Vec<Applied>, Migrations), Error> {
        let (mut db, applied) = self.controlled()?;
        let migrations = self.migrations()?;
        db.include(&Schema::default(), &migrations)?;
        if matches!(self.source, Source::Folder(_)) && migrations.newest().is_zero() {
            return Err(self.relative(Error::NoMigrations { path: self.folder()?, is_missing: false }));
        }
        Ok((db, applied, migrations))
    }
}

/// Creating, and reading where a database stands.
impl Migrator {
    /// Puts the database under version control, at version 0; creates it, and the migrations folder, where they are
    /// missing. A database that is under version control stays as it is.
    ///
    /// # Errors
    ///
    /// [`Error::NotControlled`] when there are tables: [`baseline`](Self::baseline) is for these. [`Error::History`]
    /// when the migrations are not what was applied. Whatever keeps a file from being written.
    pub fn init(&self) -> Result<Init, Error> {
        self.control(None)
    }

    /// Puts a database that has its tables already under version control: records the migrations up to `version` as
    /// applied, after checking that the tables are what these migrations make.
    ///
    /// # Errors
    ///
    /// [`Error::NoDatabase`], [`Error::Drift`] when the tables differ, and as [`init`](Self::init).
    pub fn baseline(&self, version: impl Into<Version>) -> Result<Init, Error> {
        self.control(Some(&version.into()))
    }

    fn control(&self, version: Option<&Version>) -> Result<Init, Error> {
        let mut db = self.db()?;
        if version.is_some_and(|version| !version.is_zero()) && !db.exists()? {
            return Err(Error::NoDatabase { database: db.name() });
        }
        let folders = self.missing_folders()?;
        let is_created = db.create()?;
        let result = self.create_folder().and_then(|()| self.record_baseline(&mut *db, version));
        if let Err(error) = &result {
            remove_created(&mut *db, is_created, error);
            for folder in &folders {
                let _ = fs::remove_dir(folder);
            }
        }
        result
    }

    /// The migrations folder and those above it that are missing, the innermost first.
    fn missing_folders(&self) -> Result<Vec<PathBuf>, Error> {
        let Source::Folder(_) = &self.source else { return Ok(Vec::new()) };
        let folder = self.folder()?;
        Ok(folder.ancestors().take_while(|folder| !folder.exists()).map(Path::to_owned).collect())
    }

    fn create_folder(&self) -> Result<(), Error> {
        let Source::Folder(_) = &self.source else { return Ok(()) };
        let folder = self.folder()?;
        fs::create_dir_all(&folder).map_err(Error::file("write", &folder)).map_err(|error| self.relative(error))
    }

    fn record_baseline(&self, db: &mut dyn Database, version: Option<&Version>) -> Result<Init, Error> {
        let migrations = self.migrations()?;
        if let Some(applied) = db.history()? {
            let status = Status::of(&applied, &migrations);
            if version.is_some_and(|version| migrations.find(version).as_ref() != Some(&status.version)) {
                return Err(Error::AlreadyControlled { database: db.name(), version: status.version });
            }
            status.require_history(&migrations)?;
            self.take_over(db, &applied, &migrations)?;
            return Ok(Init { is_new: false, version: status.version });
        }
        if version.is_none() && db.has_tables()? {
            return Err(Error::NotControlled { database: db.name(), has_tables: true });
        }
        let version = history::require_version(&migrations, version.unwrap_or(&Version::default()))?;
        let recorded = require_baseline(db, &migrations, &version)?;
        db.transaction(&mut |db| db.record(&recorded))?;
        Ok(Init { is_new: true, version })
    }

    /// Records the checksums of migrations that another program applied, such as Diesel's command line, and says so.
    fn take_over(&self, db: &mut dyn Database, applied: &[Applied], migrations: &Migrations) -> Result<(), Error> {
        let count = unrecorded(applied, migrations).len();
        if count > 0 {
            db.transaction(&mut |db| record_checksums(db, migrations.iter()))?;
        }
        self.report_recorded(count);
        Ok(())
    }

    fn report_recorded(&self, count: usize) {
        if count > 0 {
            self.settings.emit(&Event::ChecksumsRecorded(count as u64));
        }
    }

    /// Creates a database that is missing and applies every migration to it: all or nothing.
    ///
    /// # Errors
    ///
    /// As [`init`](Self::init) and [`upgrade`](Self::upgrade); no database is left then.
    pub fn create_current(&self) -> Result<Status, Error> {
        let mut db = self.db()?;
        let is_created = db.create()?;
        let result = self.init().and_then(|_| self.upgrade(Target::Latest)).and_then(|_| self.status());
        if let Err(error) = &result {
            remove_created(&mut *db, is_created, error);
        }
        result
    }

    /// Fills a new database with all rows of a database of another kind, at the same version: creates it where it is
    /// missing, applies its own migrations up to that version, copies the rows in one transaction, and compares them.
    /// The source is read in one state, whatever others write meanwhile. Its side tables are moved too.
    ///
    /// ```no_run
    /// use diesel_autogen::Migrator;
    ///
    /// // Both kinds have a folder: migrations/sqlite and migrations/postgresql.
    /// let old = Migrator::new("sqlite:app.db", "migrations")?;
    /// let new = Migrator::new("postgres://me@localhost/blog", "migrations")?;
    /// println!("moved, at version {}", new.copy_from(&old)?.version);
    /// # Ok::<(), diesel_autogen::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::CannotMove`] when the database holds tables, when the migrations of the two make different tables, and
    /// for a value that the new database cannot hold; as [`init`](Self::init) and [`upgrade`](Self::upgrade). Nothing is
    /// left then: a database that was created is removed, and one that was empty is empty again.
    pub fn copy_from(&self, source: &Self) -> Result<Init, Error> {
        let (mut from, _) = source.controlled()?;
        let mut to = self.db()?;
        if from.dialect() == to.dialect() {
            let why = "both databases are of one kind: copy it with the tools of that database".to_owned();
            return Err(Error::CannotMove { object: from.name(), why });
        }
        if let (Source::Folder(root), Source::Folder(_)) = (&self.source, &source.source)
            && self.folder()? == source.folder()?
        {
            let object = format!("the migrations in {}", self.settings.shown(root));
            let why = "they are written for one kind of database: each kind needs a folder of its own".to_owned();
            return Err(Error::CannotMove { object, why });
        }
        let is_created = to.create()?;
        let mut version = Version::default();
        let copied = from.snapshot(&mut |from| {
            version = self.fill_from(&mut *to, from, &source.migrations()?, is_created)?;
            Ok(())
        });
        if let Err(error) = &copied {
            remove_created(&mut *to, is_created, error);
        }
        copied.map_err(|error| self.relative(error))?;
        Ok(Init { is_new: true, version })
    }

    /// Migrates an empty database to the version of another, and copies its rows.
    fn fill_from(
        &self,
        to: &mut dyn Database,
        from: &mut dyn Database,
        sources: &Migrations,
        is_created: bool,
    ) -> Result<Version, Error> {
        if to.has_tables()? {
            let why = "it holds tables already, and only an empty database can be filled".to_owned();
            return Err(Error::CannotMove { object: format!("rows to {}", to.name()), why });
        }
        let status = Status::of(&from.history()?.unwrap_or_default(), sources);
        status.require_history(sources)?;
        let migrations = self.migrations()?;
        from.include(&Schema::default(), sources)?;
        to.include(&Schema::default(), &migrations)?;
        let version = history::require_version(&migrations, &status.version)?;
        let chosen: Vec<_> = migrations.iter().filter(|migration| migration.version() <= version).collect();
        let alone = chosen.iter().find(|migration| to.needs_no_transaction(migration, Direction::Up));
        match alone {
            Some(migration) if !is_created => {
                let why = "it runs outside a transaction and could not be undone: only a database that does not exist yet \
                           can be filled";
                let object = format!("rows past the migration {}", migration.name);
                return Err(Error::CannotMove { object, why: why.into() });
            }
            Some(_) => {
                self.init()?;
                self.upgrade(Target::Version(version.clone()))?;
            }
            None => {}
        }
        to.transaction(&mut |to| {
            if alone.is_none() {
                to.record(&[])?;
                to.run(&chosen, Direction::Up, self.settings.verify)?;
                record_checksums(to, chosen.iter().copied())?;
            }
            moving::copy(from, to, &self.settings)
        })?;
        Ok(version)
    }

    /// The version of the newest applied migration.
    ///
    /// # Errors
    ///
    /// When the database does not exist or is not under version control.
    pub fn version(&self) -> Result<Version, Error> {
        Ok(history::newest(&self.controlled()?.1))
    }

    /// Where the database stands among the migrations. Reads only.
    ///
    /// # Errors
    ///
    /// As [`version`](Self::version) and [`migrations`](Self::migrations).
    pub fn status(&self) -> Result<Status, Error> {
        let (_, applied) = self.controlled()?;
        Ok(Status::of(&applied, &self.migrations()?))
    }

    /// What a migration would have to change to make the database agree with the models. Reads only.
    ///
    /// # Errors
    ///
    /// As [`version`](Self::version) and [`migrations`](Self::migrations), and when the schema cannot be read.
    pub fn differences(&self, models: &Schema) -> Result<Vec<Change>, Error> {
        let (mut db, _) = self.controlled()?;
        let migrations = self.migrations()?;
        let models = db.include(models, &migrations)?;
        let live = db.introspect()?;
        let models = db.normalize(&models, &live)?;
        Ok(diff(&live, &self.keep_unmentioned(&mut *db, &live, models, &migrations).0))
    }

    /// Fails when migrations are pending, or when the database differs from the models or, in what the models cannot
    /// declare or do not mention, such as triggers, views and indexes, from what its migrations make. Reads only.
    ///
    /// # Errors
    ///
    /// [`Error::History`], [`Error::Drift`], and as [`differences`](Self::differences).
    pub fn check(&self, models: &Schema) -> Result<(), Error> {
        let (mut db, applied) = self.controlled()?;
        let migrations = self.migrations()?;
        Status::of(&applied, &migrations).require_current(&migrations)?;
        self.require_pair()?;
        let models = db.include(models, &migrations)?;
        let live = db.introspect()?;
        let models = db.normalize(&models, &live)?;
        let schemas = replayed(&mut *db, migrations.iter());
        let made = schemas.as_deref().map(|schemas| made_from_models(&migrations, schemas)).unwrap_or_default();
        let (target, _) = keep_unmentioned(&live, models.clone(), || made);
        require_equal(&*db, "the models", &diff(&live, &target))?;
        match schemas {
            Ok(schemas) => {
                let Some(made) = schemas.last() else { return Ok(()) };
                let others = unmentioned::only(diff(&live, made), &models);
                require_equal(&*db, "what its migrations make", &others)
            }
            Err(error) => {
                let what = "what the models cannot declare, such as triggers and views, was not checked";
                self.settings.emit(&Event::NotChecked(format!("{what}: the migrations cannot be tried: {error}")));
                Ok(())
            }
        }
    }

    /// [`keep_unmentioned`] after these migrations. Where they cannot be tried, all that the models do not mention stays.
    fn keep_unmentioned(
        &self,
        db: &mut dyn Database,
        live: &Schema,
        models: Schema,
        migrations: &Migrations,
    ) -> (Schema, Vec<Table>) {
        keep_unmentioned(live, models, || match replayed(db, migrations.iter()) {
            Ok(schemas) => made_from_models(migrations, &schemas),
            Err(error) => {
                let what = "what the models do not mention is kept, also what a migration made from them";
                self.settings.emit(&Event::NotChecked(format!("{what}: the migrations cannot be tried: {error}")));
                BTreeSet::new()
            }
        })
    }
}

/// Planning and applying a new migration.
impl Migrator {
    /// Plans the migration from the database to the models, and rehearses it. `None` when they agree. Nothing is
    /// written.
    ///
    /// # Errors
    ///
    /// [`Error::History`] when the database is not at the newest migration, [`Error::Option`] for an option that does
    /// not fit, [`Error::CannotExpress`] and [`Error::Rehearsal`] when no safe SQL does it.
    pub fn plan(&self, models: &Schema, options: &PlanOptions) -> Result<Option<Plan>, Error> {
        self.finish_pair()?;
        let Some(mut plan) = self.plan_alone(models, options, None)? else { return Ok(None) };
        self.add_counterpart(&mut plan, models, options)?;
        Ok(Some(plan))
    }

    /// The plan without its counterpart for the other kind of database; `name` is that of its folder.
    pub(crate) fn plan_alone(
        &self,
        models: &Schema,
        options: &PlanOptions,
        name: Option<&str>,
    ) -> Result<Option<Plan>, Error> {
        let (mut db, applied) = self.controlled()?;
        let migrations = self.migrations()?;
        let status = Status::of(&applied, &migrations);
        status.require_current(&migrations)?;
        let models = db.include(models, &migrations)?;
        let live = db.introspect()?;
        let name =
            name.map_or_else(|| self.next_name(&migrations, options.message.as_deref()), |name| Ok(name.to_owned()))?;
        let mut render = render_options(&models, options, &name)?;
        let keep = if options.online { render.keep.take() } else { None };
        let target = db.normalize(&models, &live)?;
        let (renames, start) = renamed(&mut *db, &live, &target, &render)?;
        let (target, tables) = self.keep_unmentioned(&mut *db, &start, target, &migrations);
        let (changes, sql) = rendered(&mut *db, &live, (renames, &start), &target, &render)?;
        if changes.is_empty() {
            return Ok(None);
        }
        online::require_nothing_kept(&mut *db, &changes, &RenderOptions { keep, ..render.clone() })?;
        let mut losses = count_losses(&mut *db, &changes, &render)?;
        losses.extend(unmentioned::protections(&changes));
        let has_rows = |loss: &Loss| losses.iter().any(|other| other.change == loss.change);
        let empty: Vec<_> = tables.iter().map(unmentioned::table).filter(|loss| !has_rows(loss)).collect();
        losses.extend(empty);
        let is_settled = |loss: &Loss| match &loss.kind {
            LossKind::Similar { rename, .. } => options.allow_data_loss || options.not_renames.contains(rename),
            _ => false,
        };
        losses.extend(rename::similar(&changes).into_iter().filter(|loss| !is_settled(loss)));
        let (version, after, is_accepted) = (Version::of_folder(&name), status.version, options.allow_data_loss);
        let mut plan = Plan {
            name,
            version,
            after,
            changes,
            losses,
            sql: sql.clone().generated(),
            other: None,
            then: Vec::new(),
            impacts: Vec::new(),
            down_impacts: Vec::new(),
            options: render,
            is_accepted,
            is_online: options.online,
        };
        // Without a value that is needed the rehearsal would only fail.
        let needs_fill = plan.losses.iter().any(|loss| matches!(loss.kind, LossKind::NeedsFill { .. }));
        if options.online && !needs_fill {
            let message = (&migrations, options.message.as_deref());
            let parts = online::in_parts(&mut *db, (&live, &start, &target), &plan.changes, &plan.options, message)?;
            plan.set_parts(parts);
            return Ok(Some(plan));
        }
        plan.impacts = db.impacts(&live, &Script { name: "up.sql", sql: &sql.up, version: plan.version.clone() })?;
        if !options.no_rehearsal && !needs_fill && db.has_rows()? {
            let mut sandbox = db.sandbox().map_err(|error| self.relative(error))?;
            let is_lossy = |from: &_, to: &_| db.loses(from, to);
            let keeps = plan.options.keep.as_ref().map(|_| &is_lossy as IsLossy<'_>);
            rehearsal::on_rows(&mut *sandbox, &plan.migration(), (&live, &target), &plan.changes, keeps)?;
        }
        Ok(Some(plan))
    }

    /// Writes a planned migration and applies it, both or neither. Returns its folder as seen from the base.
    ///
    /// # Errors
    ///
    /// [`Error::Consent`] when a decision is missing or more would be lost than the plan says, [`Error::Migrations`]
    /// when the folder exists, [`Error::Statement`] when a statement fails, and whatever keeps a file from being
    /// written.
    pub fn apply(&self, plan: &Plan) -> Result<String, Error> {
        plan.require_consent()?;
        if plan.is_online {
            return self.apply_online(plan);
        }
        let root = self.folder()?;
        let (mut db, _) = self.controlled()?;
        db.include(&Schema::default(), &self.migrations()?)?;
        // Only folders that this run created are removed when the run fails.
        let (mut created, mut backup, mut is_backed_up, mut others) = (Vec::new(), None, false, 0);
        let applied = db.transaction(&mut |db| {
            let _lock = self.lock_folder()?;
            let migrations = self.migrations()?;
            let recorded = require_as_planned(db, plan, &migrations)?;
            self.require_pair()?;
            let places = places(&root, plan)?;
            if !std::mem::replace(&mut is_backed_up, true) {
                backup = db.back_up(&plan.after)?;
            }
            created = places;
            created.iter().try_for_each(|(place, migration)| place.draft(&migration.files()))?;
            let migration = plan.migration();
            db.run(&[&migration], Direction::Up, self.settings.verify)?;
            record_checksums(db, migrations.iter().chain([&migration]))?;
            others = unrecorded(&recorded, &migrations).len();
            created.iter().try_for_each(|(place, _)| place.keep())
        });
        if applied.is_err() {
            for (place, _) in &created {
                place.remove();
            }
        }
        self.finish(applied, backup)?;
        self.report_recorded(others);
        Ok(self.settings.shown(&root.join(&plan.name)))
    }

    /// Writes the migrations of a plan that was made online, and applies them one after the other. Those that are written
    /// stay when one of them fails: the next upgrade goes on where this one stopped. Before the first is applied, none
    /// stays.
    fn apply_online(&self, plan: &Plan) -> Result<String, Error> {
        let root = self.folder()?;
        let (mut db, _) = self.controlled()?;
        db.include(&Schema::default(), &self.migrations()?)?;
        let mut created = Vec::new();
        let result = db.transaction(&mut |db| {
            let _lock = self.lock_folder()?;
            require_as_planned(db, plan, &self.migrations()?)?;
            self.require_pair()?;
            created = places(&root, plan)?;
            created.iter().try_for_each(|(place, migration)| place.draft(&migration.files()))?;
            created.iter().try_for_each(|(place, _)| place.keep())
        });
        let result = result.and_then(|()| self.upgrade(Target::Latest));
        if result.is_err() && self.version()? == plan.after {
            for (place, _) in &created {
                place.remove();
            }
        }
        result.map_err(|error| self.relative(error))?;
        Ok(self.settings.shown(&root.join(&plan.name)))
    }

    /// Writes the two files of an empty migration, to be completed by hand, after the newest one; for each kind of
    /// database, where the migrations folder has a folder for each. The message names its folder, which is returned as seen
    /// from the base. The database is not opened.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let migrations = folder.path().join("migrations");
    /// let migrator = diesel_autogen::Migrator::new("sqlite:app.db", &migrations)?;
    /// assert!(migrator.write_empty("add search")?.ends_with("001_add_search"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Option`] for a message without a letter or digit, and whatever keeps a file from being written.
    pub fn write_empty(&self, message: &str) -> Result<String, Error> {
        self.create_folder()?;
        let _lock = self.lock_folder()?;
        let (root, migrations) = (self.folder()?, self.migrations()?);
        let name = migrations.next_name(Some(message))?;
        let sql = Sql { up: EMPTY_UP.into(), down: EMPTY_DOWN.into(), own_transaction: false };
        let other = self.counterpart()?.map(|(_, folder)| folder);
        let places =
            std::iter::once(&root).chain(&other).map(|root| Place::new(root, &name)).collect::<Result<Vec<_>, _>>();
        let written = places.and_then(|places| {
            places.iter().try_for_each(|place| place.draft(&sql))?;
            places.iter().try_for_each(Place::keep)
        });
        written.map_err(|error| self.relative(error))?;
        Ok(self.settings.shown(&root.join(&name)))
    }

    /// Reads the schema of a database that exists, under version control or not: on PostgreSQL the tables of the current
    /// schema, which is the first of the search path, and of the schemas that the migrations create.
    ///
    /// ```no_run
    /// let migrator = diesel_autogen::Migrator::new("sqlite:app.db", "migrations")?;
    /// for table in migrator.introspect()?.tables {
    ///     println!("{}: {} columns", table.name, table.columns.len());
    /// }
    /// # Ok::<(), diesel_autogen::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NoDatabase`], and when it cannot be read.
    pub fn introspect(&self) -> Result<Schema, Error> {
        self.introspect_with(&Schema::default())
    }

    fn introspect_with(&self, models: &Schema) -> Result<Schema, Error> {
        let mut db = self.existing()?;
        db.include(models, &self.migrations().unwrap_or_default())?;
        db.introspect()
    }

    /// The database as the source of a [`schema!`](crate::schema!) that declares it: pasted into a program, the first
    /// plan on this database is empty. What `schema!` cannot say is named in comments. Reads only.
    ///
    /// # Errors
    ///
    /// As [`introspect`](Self::introspect).
    pub fn print_schema(&self) -> Result<String, Error> {
        self.print_schema_with(&Schema::default())
    }

    /// As [`print_schema`](Self::print_schema), with the tables of the PostgreSQL schemas that the models name.
    ///
    /// # Errors
    ///
    /// As [`introspect`](Self::introspect).
    pub fn print_schema_with(&self, models: &Schema) -> Result<String, Error> {
        self.introspect_with(models).map(|schema| print_schema(&schema))
    }

    /// The changes from a schema of this database's kind to another, or to models, and their SQL, tried on an empty
    /// copy. On SQLite neither schema need be the database's own; on PostgreSQL `from` must be, or be empty.
    ///
    /// # Errors
    ///
    /// [`Error::CannotExpress`] names an object that differs and cannot be changed.
    pub fn compare(&self, from: &Schema, to: &Schema, options: &RenderOptions) -> Result<(Vec<Change>, Sql), Error> {
        let mut db = self.db()?;
        let target = if to.objects.is_some() {
            to.clone()
        } else {
            let models = db.include(to, &Migrations::default())?;
            db.normalize(&models, from)?
        };
        let (renames, start) = renamed(&mut *db, from, &target, options)?;
        rendered(&mut *db, from, (renames, &start), &target, options)
    }

    /// The changes from this database to another one of its kind, and their SQL, tried on an empty copy. On PostgreSQL all
    /// that the two databases hold is compared: the current schema, and the tables of the others.
    ///
    /// # Errors
    ///
    /// [`Error::CannotExpress`] names an object that differs and cannot be changed, or the schema that it is in;
    /// [`Error::NoDatabase`], and when one cannot be read.
    pub fn compare_with(&self, other: &Self, options: &RenderOptions) -> Result<(Vec<Change>, Sql), Error> {
        let (mut db, mut goal) = (self.existing()?, other.existing()?);
        let elsewhere = differing_elsewhere(&db.elsewhere()?, &goal.elsewhere()?)?;
        db.include(&elsewhere, &Migrations::default())?;
        goal.include(&elsewhere, &Migrations::default())?;
        let (from, target) = (db.introspect()?, goal.introspect()?);
        let (renames, start) = renamed(&mut *db, &from, &target, options)?;
        rendered(&mut *db, &from, (renames, &start), &target, options)
    }
}

/// Upgrading and downgrading.
impl Migrator {
    /// Applies the pending migrations up to `target`, all in one transaction, after a backup.
    ///
    /// # Errors
    ///
    /// [`Error::Statement`] names the migration and the statement, [`Error::Invariant`] what would be lost,
    /// [`Error::History`] why nothing can be applied. The database is then as it was.
    pub fn upgrade(&self, target: Target) -> Result<Vec<Step>, Error> {
        self.run(Direction::Up, target)
    }

    /// What [`upgrade`](Self::upgrade) would run. Reads only.
    ///
    /// # Errors
    ///
    /// [`Error::History`] as [`upgrade`](Self::upgrade).
    pub fn pending(&self, target: Target) -> Result<Vec<Step>, Error> {
        self.steps(Direction::Up, target)
    }

    /// Reverts the migrations above `target`, newest first, in one transaction, after a backup.
    ///
    /// # Errors
    ///
    /// As [`upgrade`](Self::upgrade), and [`HistoryError::AtVersionZero`] and [`HistoryError::NoDown`].
    pub fn downgrade(&self, target: Target) -> Result<Vec<Step>, Error> {
        self.run(Direction::Down, target)
    }

    /// What [`downgrade`](Self::downgrade) would run. Reads only.
    ///
    /// # Errors
    ///
    /// [`Error::History`] as [`downgrade`](Self::downgrade).
    pub fn revertible(&self, target: Target) -> Result<Vec<Step>, Error> {
        self.steps(Direction::Down, target)
    }

    /// Counts the values that a downgrade would delete: those in the tables and columns that it drops, and those that a
    /// column's previous type cannot hold. Each `down.sql` is tried on an empty copy of the schema, which on PostgreSQL
    /// is a schema of its own in the same database, and is rolled back. Where PostgreSQL cannot run it there it runs in
    /// the database itself, whose tables are locked until the rollback: [`Event::TriedInPlace`] says so. Where it cannot
    /// be tried at all, nothing is counted. Nothing is changed.
    ///
    /// # Errors
    ///
    /// [`Error::History`] as [`downgrade`](Self::downgrade).
    pub fn downgrade_losses(&self, target: Target) -> Result<Vec<Loss>, Error> {
        let (mut db, applied, migrations) = self.with_migrations()?;
        let steps = Status::of(&applied, &migrations).revertible(&migrations, target)?;
        let scripts: Vec<_> = steps.iter().map(|(migration, _)| script(migration, Direction::Down)).collect();
        let counted = changes_by(&mut *db, &scripts)
            .and_then(|changes| count_losses(&mut *db, &changes, &RenderOptions::default()));
        let mut losses = counted.unwrap_or_default();
        losses.retain(|loss| loss.kind == LossKind::Lost);
        Ok(losses)
    }

    /// Runs the pending migrations up to `target` up, down and up again on a copy of the database, and reports what they
    /// change in its rows. The database stays as it is.
    ///
    /// # Errors
    ///
    /// [`Error::Rehearsal`] names the migration and what is wrong.
    pub fn rehearse(&self, target: Target) -> Result<Rehearsal, Error> {
        let (mut db, applied, migrations) = self.with_migrations()?;
        let pending = Status::of(&applied, &migrations).pending(&migrations, target)?;
        if pending.is_empty() {
            return Ok(Rehearsal { migrations: Vec::new(), on: String::new() });
        }
        if let Some(migration) = pending.iter().find(|migration| db.needs_no_transaction(migration, Direction::Up)) {
            let why = "it runs outside a transaction and could not be undone: rehearse up to the one before it";
            return Err(Error::Rehearsal { migration: migration.name.clone(), why: why.into() });
        }
        let mut sandbox = db.sandbox().map_err(|error| self.relative(error))?;
        let on = sandbox.description()?;
        let migrations = pending
            .into_iter()
            .map(|migration| rehearsal::report(&mut *sandbox, migration))
            .collect::<Result<_, _>>()?;
        Ok(Rehearsal { migrations, on })
    }

    fn run(&self, direction: Direction, target: Target) -> Result<Vec<Step>, Error> {
        self.finish_pair()?;
        let (mut db, _, migrations) = self.with_migrations()?;
        let first = self.pass(&mut *db, &migrations, direction, target, true)?;
        let mut steps = first.done;
        if first.alone.is_none() {
            return Ok(steps);
        }
        db.exclusively(&mut |db| {
            loop {
                // Another process may have run the migration before this one had the lock.
                let target = Target::Version(first.last.clone());
                let pass = self.pass(db, &migrations, direction, target, false)?;
                steps.extend(pass.done);
                let Some((migration, step)) = pass.alone else { return Ok(()) };
                db.run_alone(migration, direction).map_err(|error| match error {
                    Error::Statement { migration, statement, source } => {
                        Error::Unfinished { migration, statement, source }
                    }
                    other => self.relative(other),
                })?;
                steps.push(step);
            }
        })?;
        Ok(steps)
    }

    fn pass<'a>(
        &self,
        db: &mut dyn Database,
        migrations: &'a Migrations,
        direction: Direction,
        target: Target,
        is_first: bool,
    ) -> Result<Pass<'a>, Error> {
        let (done, last) = (Vec::new(), Version::default());
        let mut pass =
            Pass { target, is_first, makes_backup: is_first, done, alone: None, last, unrecorded: 0, backup: None };
        let ran = db.transaction(&mut |db| self.run_in_transaction(db, migrations, direction, &mut pass));
        self.finish(ran, pass.backup.take())?;
        self.report_recorded(pass.unrecorded);
        Ok(pass)
    }

    /// Runs the migrations that one transaction can enclose, up to the first that none can.
    fn run_in_transaction<'a>(
        &self,
        db: &mut dyn Database,
        migrations: &'a Migrations,
        direction: Direction,
        pass: &mut Pass<'a>,
    ) -> Result<(), Error> {
        let applied = db.history()?.unwrap_or_default();
        let status = Status::of(&applied, migrations);
        if !pass.is_first && pass.target == Target::Version(status.version.clone()) {
            return Ok(());
        }
        let mut chosen = status.steps(migrations, direction, pass.target.clone())?;
        if pass.is_first {
            self.require_rehearsed(db, chosen.iter().map(|(migration, _)| *migration))?;
        }
        pass.last = chosen.last().map(|(_, version)| version.clone()).unwrap_or_default();
        // Once, however often the work is tried.
        if !chosen.is_empty() && std::mem::take(&mut pass.makes_backup) {
            pass.backup = db.back_up(&status.version)?;
        }
        let alone = chosen.iter().position(|(migration, _)| db.needs_no_transaction(migration, direction));
        let alone = alone.and_then(|at| chosen.split_off(at).into_iter().next());
        let inside: Vec<_> = chosen.iter().map(|(migration, _)| *migration).collect();
        if direction == Direction::Down {
            self.report_purged(db, &inside)?;
        }
        db.run(&inside, direction, self.settings.verify)?;
        record_checksums(db, migrations.iter())?;
        pass.unrecorded = unrecorded(&applied, migrations).len();
        pass.done = chosen.into_iter().map(|chosen| step(direction, chosen)).collect();
        pass.alone = alone.map(|(migration, version)| (migration, step(direction, (migration, version))));
        Ok(())
    }

    fn steps(&self, direction: Direction, target: Target) -> Result<Vec<Step>, Error> {
        let (_, applied, migrations) = self.with_migrations()?;
        let chosen = Status::of(&applied, &migrations).steps(&migrations, direction, target)?;
        Ok(chosen.into_iter().map(|chosen| step(direction, chosen)).collect())
    }

    fn report_purged(&self, db: &mut dyn Database, reverted: &[&Migration]) -> Result<(), Error> {
        let existing = db.side_tables()?;
        for migration in reverted {
            let prefix = kept::name(migration.version().as_str(), "");
            for name in db.names_in(migration.sql(Direction::Down)) {
                if let Some(table) = name.strip_prefix(&prefix).filter(|_| !existing.contains_key(&name)) {
                    self.settings.emit(&Event::Purged { migration: &migration.name, table });
                }
            }
        }
        Ok(())
    }
}

/// Maintenance.
impl Migrator {
    /// Records the file of an applied migration, which was edited since, as what was applied.
    ///
    /// # Errors
    ///
    /// [`HistoryError::NotApplied`] when no applied migration has that version.
    pub fn accept_edited(&self, version: impl Into<Version>) -> Result<(), Error> {
        let wanted = version.into();
        let (mut db, _, migrations) = self.with_migrations()?;
        let mut others = 0;
        db.transaction(&mut |db| {
            let applied = db.history()?.unwrap_or_default();
            let meant = migrations.iter().filter(|migration| migration.version().is_meant_by(&wanted));
            let Some(migration) = with_state(&applied, meant).map(|(migration, _)| migration).next() else {
                let version = history::newest(&applied);
                return Err(HistoryError::NotApplied { wanted: wanted.clone(), version }.into());
            };
            others = unrecorded(&applied, &migrations).len();
            record_checksums(db, migrations.iter())?;
            db.record(&[Applied::of(migration)])
        })?;
        self.report_recorded(others);
        Ok(())
    }

    /// Drops the side tables of all migrations, or of those below `before`, because personal data must not stay longer
    /// than needed.
    /// The downgrades of these migrations still work, with defaults. Returns each side table and its number of rows.
    ///
    /// # Errors
    ///
    /// When the database cannot be written.
    pub fn purge_kept(&self, before: Option<Version>) -> Result<Vec<(String, u64)>, Error> {
        let (mut db, applied, migrations) = self.with_migrations()?;
        let before = before.map(|before| migrations.bound(&before));
        let is_below = |version: &Version| before.as_ref().is_none_or(|before| version < before);
        let versions = applied.into_iter().map(|applied| applied.version).filter(is_below).collect::<Vec<_>>();
        let mut purged: Vec<_> = db.side_tables()?.into_iter().collect();
        purged.retain(|(name, _)| kept::owner(name, &versions).is_some());
        if !purged.is_empty() {
            db.purge(&purged.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>())?;
        }
        Ok(purged)
    }

    /// Puts a backup in the database's place, after checking that it is sound and of this project, and returns its
    /// version. What is in its place is backed up first; a damaged database is kept under another name.
    ///
    /// # Errors
    ///
    /// When the file is no such backup, when another process has the database open, or when what is in its place holds
    /// rows and was never under version control.
    pub fn restore(&self, file: &Path) -> Result<Version, Error> {
        let mut db = self.db()?;
        let in_base = self.settings.base.join(file);
        let file = if file.exists() { file } else { &in_base };
        let restored = db.restore(file, &mut |name, backup| self.version_of_backup(name, backup));
        let restored = restored.map_err(|error| self.relative(error))?;
        self.finish(Ok(()), restored.replaced)?;
        Ok(restored.version)
    }

    fn version_of_backup(&self, name: &str, backup: Content<'_>) -> Result<Version, Error> {
        let foreign = |why: &str| Error::Drift {
            database: name.to_owned(),
            expected: "a backup of this project".into(),
            differences: why.to_owned(),
        };
        let migrations = self.migrations()?;
        let applied = backup.history.ok_or_else(|| foreign("it is not under version control"))?;
        let status = Status::of(&applied, &migrations);
        if !status.unknown.is_empty() {
            return Err(HistoryError::Unknown { unknown: status.unknown, newest: status.newest }.into());
        }
        // Any project's database may be at version 0; this library records that it put it under version control.
        if applied.is_empty() && !backup.has_checksums {
            return Err(foreign("no migration was applied to it"));
        }
        // One migration may have been edited since. When no checksum fits, another project made that database.
        if !applied.is_empty() && status.edited.len() == applied.len() {
            return Err(foreign("other migrations were applied to it"));
        }
        // Diesel's own command line records no checksums: then the tables tell.
        let is_own = match backup.tables {
            _ if applied.iter().any(|applied| applied.checksum.is_some()) => true,
            None => require_baseline(backup.database, &migrations, &status.version).is_ok(),
            Some(tables) => {
                let stamped = migrations.iter().filter(|migration| migration.version() <= status.version);
                let made = replayed(backup.database, stamped).map(|mut schemas| schemas.pop().unwrap_or_default());
                made.is_ok_and(|made| made.tables.iter().all(|table| tables.contains(&table.name)))
            }
        };
        if is_own { Ok(status.version) } else { Err(foreign("its tables are not what its migrations make")) }
    }

    /// Reports the backup, or removes it when the run changed nothing.
    fn finish(&self, run: Result<(), Error>, backup: Option<Backup>) -> Result<(), Error> {
        match (&run, backup) {
            (Ok(()), Some(backup)) => {
                self.settings.emit(&Event::BackupSaved(self.settings.shown(&backup.file)));
                // The run has succeeded: a surplus backup does not make it a failure.
                if let Err(error) = backup.remove_older(self.settings.backups) {
                    self.settings.emit(&Event::BackupNotRemoved(self.relative(error).to_string()));
                }
            }
            (Err(_), Some(backup)) => backup.discard(),
            _ => {}
        }
        run.map_err(|error| self.relative(error))
    }
}

const EMPTY_UP: &str = "\
-- What this migration does, as statements that each end with a semicolon:
--
--     CREATE VIEW newest_posts AS SELECT id, title FROM posts ORDER BY id DESC LIMIT 10;
--
-- All pending migrations run in one transaction: write no BEGIN and no COMMIT.
";

const EMPTY_DOWN: &str = "\
-- What reverts up.sql, its last statement first:
--
--     DROP VIEW newest_posts;
";

/// Where the migrations of a plan are written. A version in one folder is followed by its counterpart in the other, so that
/// both have it wherever this process may be killed.
fn places(root: &Path, plan: &Plan) -> Result<Vec<(Place, Migration)>, Error> {
    let mut others = plan.all_of_other().into_iter();
    let mut places = Vec::new();
    for migration in plan.all() {
        places.push((Place::new(root, &migration.name)?, migration));
        if let (Some(other), Some(migration)) = (&plan.other, others.next()) {
            places.push((other.place(&migration.name)?, migration));
        }
    }
    Ok(places)
}

/// Removes a database that an operation created and could not fill, unless another process is using it by now.
fn remove_created(db: &mut dyn Database, is_created: bool, error: &Error) {
    if is_created && error.kind() != Some(DatabaseErrorKind::Locked) {
        db.remove();
    }
}

/// The recorded versions, when the database is still at the version that the plan starts from, and would lose no more
/// than it says.
fn require_as_planned(db: &mut dyn Database, plan: &Plan, migrations: &Migrations) -> Result<Vec<Applied>, Error> {
    let recorded = db.history()?.unwrap_or_default();
    let status = Status::of(&recorded, migrations);
    status.require_current(migrations)?;
    if status.version != plan.after {
        return Err(HistoryError::Changed { version: status.version }.into());
    }
    require_no_more_losses(db, plan)?;
    Ok(recorded)
}

/// The recorded versions up to `version`, when the schema is what these migrations make.
fn require_baseline(db: &mut dyn Database, migrations: &Migrations, version: &Version) -> Result<Vec<Applied>, Error> {
    let stamped: Vec<_> = migrations.iter().filter(|migration| migration.version() <= *version).collect();
    db.include(&Schema::default(), migrations)?;
    if let Some(made) = replayed(db, stamped.iter().copied())?.pop() {
        let live = db.introspect()?;
        let differences = diff(&live, &made).into_iter().filter(|change| !matches!(change, Change::DropObject(_)));
        require_equal(db, &format!("what the migrations up to {version} make"), &differences.collect::<Vec<_>>())?;
    }
    Ok(stamped.into_iter().map(Applied::of).collect())
}

/// Fails when there are differences.
fn require_equal(db: &dyn Database, expected: &str, differences: &[Change]) -> Result<(), Error> {
    if differences.is_empty() {
        return Ok(());
    }
    // A plan lists all of them.
    let rest = differences.len().saturating_sub(3);
    let mut summaries: Vec<_> = differences.iter().take(3).map(Change::summary).collect();
    summaries.extend((rest > 0).then(|| format!("makes {}", counted(rest as u64, "more change"))));
    let differences = format!("a migration between them {}", summaries.join("; and "));
    Err(Error::Drift { database: db.name(), expected: expected.to_owned(), differences })
}

/// Records the checksums of the migrations that are applied and have none yet: Diesel's own command line records none.
fn record_checksums<'a>(db: &mut dyn Database, migrations: impl Iterator<Item = &'a Migration>) -> Result<(), Error> {
    let applied = db.history()?.unwrap_or_default();
    db.record(&unrecorded(&applied, migrations))
}

/// The migrations that are applied and have no checksum yet.
fn unrecorded<'a>(applied: &[Applied], migrations: impl IntoIterator<Item = &'a Migration>) -> Vec<Applied> {
    let known = with_state(applied, migrations);
    known.filter(|(_, applied)| applied.checksum.is_none()).map(|(migration, _)| Applied::of(migration)).collect()
}

/// Those of the migrations that are applied, each with what is recorded of it.
fn with_state<'a>(
    applied: &[Applied],
    migrations: impl IntoIterator<Item = &'a Migration>,
) -> impl Iterator<Item = (&'a Migration, &Applied)> {
    let state = |migration: &Migration| applied.iter().find(|applied| applied.version == migration.version());
    migrations.into_iter().filter_map(move |migration| Some((migration, state(migration)?)))
}

fn step(direction: Direction, (migration, version): (&Migration, Version)) -> Step {
    Step { version, name: migration.name.clone(), sql: migration.sql(direction).to_owned() }
}
