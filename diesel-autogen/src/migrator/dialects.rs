//! Both kinds of database from one plan: the folder of each has the same migrations, by number and name, and one that was
//! written without a database of its kind says so until it was rehearsed on one.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::{Migrator, Source};
use crate::change::Change;
use crate::counterpart::{self, Counterpart};
use crate::database::{self, DIALECTS, Database, REHEARSAL_FOLDER};
use crate::diff::diff;
use crate::error::{DatabaseErrorKind, HistoryError};
use crate::history::Target;
use crate::migration::{Migration, Migrations, folder_for, half_kept, mark_rehearsed};
use crate::options::PlanOptions;
use crate::plan::Plan;
use crate::schema::Schema;
use crate::settings::{Event, Settings};
use crate::url::DatabaseUrl;
use crate::version::Version;
use crate::{Error, kept};

/// The other kind of database.
impl Migrator {
    /// The other kind of database and the folder of its migrations, where there is a folder for each, and both have
    /// migrations or neither has: a kind that is new to a project gets its first migration alone.
    pub(super) fn counterpart(&self) -> Result<Option<(&'static str, PathBuf)>, Error> {
        let Some((dialect, folder)) = self.other_folder()? else { return Ok(None) };
        let is_empty = |all: &Migrations| all.newest().is_zero();
        let is_pair = is_empty(&self.migrations()?) == is_empty(&Migrations::read(&folder)?);
        Ok(is_pair.then_some((dialect, folder)))
    }

    fn other_folder(&self) -> Result<Option<(&'static str, PathBuf)>, Error> {
        let Source::Folder(root) = &self.source else { return Ok(None) };
        let (own, dialect) = (self.folder()?, self.db()?.dialect());
        let other = DIALECTS.iter().map(|names| names[0]).find(|name| *name != dialect).unwrap_or(dialect);
        let folder = folder_for(root, other, &DIALECTS, false)?;
        Ok((own != *root && own.is_dir() && folder.is_dir()).then_some((other, folder)))
    }

    /// The name of the next migration. A kind of database that is new to a project starts with the newest of the other kind,
    /// so that both go on with the same ones.
    pub(super) fn next_name(&self, migrations: &Migrations, message: Option<&str>) -> Result<String, Error> {
        if migrations.newest().is_zero()
            && let Some((dialect, folder)) = self.other_folder()?
            && let Some(newest) = Migrations::read(&folder)?.iter().last()
        {
            return match message {
                None => Ok(newest.name.clone()),
                Some(message) => Err(Error::Option {
                    option: format!("the message {message:?}"),
                    why: format!("the first migration is named {}, as the newest for {dialect}", newest.name),
                }),
            };
        }
        migrations.next_name(message)
    }

    /// Gives a migration its name in the second folder, where a process was killed after it had done so in the first.
    pub(super) fn finish_pair(&self) -> Result<(), Error> {
        let Some((_, other)) = self.other_folder()? else { return Ok(()) };
        let own = self.folder()?;
        let halves = || [(&own, &other), (&other, &own)].into_iter().flat_map(|(one, two)| half_kept(one, two));
        if halves().next().is_none() {
            return Ok(());
        }
        // A process that is between the two names has a lock.
        self.db()?.transaction(&mut |_| {
            let _lock = self.lock_folder()?;
            halves().try_for_each(|place| place.keep())
        })
    }

    /// Fails where the two folders have different migrations. Those before the first that both have were written apart, and
    /// so were all where no migration was generated.
    pub(super) fn require_pair(&self) -> Result<(), Error> {
        let Some((_, other)) = self.counterpart()? else { return Ok(()) };
        let own = self.folder()?;
        let (ours, theirs) = (self.migrations()?, Migrations::read(&other)?);
        let names = |all: &Migrations, others: &Migrations| {
            let is_common = |one: &Migration| others.iter().any(|other| other.name == one.name);
            let first = all.iter().position(is_common);
            let is_apart = first.is_none() && all.iter().chain(others).all(|one| !one.is_generated());
            let is_apart = is_apart && !others.newest().is_zero();
            let rest = all.iter().skip(if is_apart { usize::MAX } else { first.unwrap_or_default() });
            rest.filter(|one| !is_common(one)).map(|one| one.name.clone()).next()
        };
        let missing = names(&ours, &theirs).map(|name| (name, &other, &own));
        match missing.or_else(|| names(&theirs, &ours).map(|name| (name, &own, &other))) {
            None => Ok(()),
            Some((name, path, has)) => {
                let why = format!("it lacks {name}, which {} has; both need the same", self.settings.shown(has));
                Err(self.relative(Error::Migrations { path: path.clone(), why }))
            }
        }
    }

    /// Fails where one of the migrations was never run on this kind of database, and the database holds rows.
    pub(super) fn require_rehearsed<'a>(
        &self,
        db: &mut dyn Database,
        migrations: impl Iterator<Item = &'a Migration>,
    ) -> Result<(), Error> {
        for migration in migrations.filter(|migration| migration.is_not_rehearsed()) {
            if db.has_rows()? {
                return Err(HistoryError::NotRehearsed { name: migration.name.clone() }.into());
            }
            self.settings.emit(&Event::NotRehearsed(migration.name.clone()));
        }
        Ok(())
    }

    /// Plans the same migration for the other kind of database: on a scratch database of that kind, where there is one, or
    /// else from the changes.
    pub(super) fn add_counterpart(&self, plan: &mut Plan, models: &Schema, options: &PlanOptions) -> Result<(), Error> {
        let Some((dialect, folder)) = self.counterpart()? else { return Ok(()) };
        self.require_pair()?;
        let migrations = Migrations::read(&folder).map_err(|error| self.relative(error))?;
        if Version::of_folder(&plan.name) <= migrations.newest() {
            let why = format!("its newest migration, {}, comes after {}", migrations.newest(), plan.name);
            return Err(self.relative(Error::Migrations { path: folder, why }));
        }
        let is_other = |url: &&DatabaseUrl| url.is_postgres() != self.url.is_postgres();
        let url = options.rehearse_on.as_ref().filter(is_other);
        let scratch = if url.is_some() || self.url.is_postgres() { Some(Scratch::new(url)?) } else { None };
        let named = |error| for_dialect(error, dialect);
        let (changes, sql) = match &scratch {
            None => self.rendered_apart(plan, models).map_err(named)?,
            Some(scratch) => {
                let twin = scratch.migrator(migrations.clone());
                twin.create_current().map_err(named)?;
                let options = PlanOptions { online: false, ..options.clone() };
                match twin.plan_alone(models, &options, Some(&plan.name)).map_err(named)? {
                    None => (Vec::new(), counterpart::nothing().generated()),
                    Some(other) => {
                        let is_new = |loss: &crate::Loss| plan.losses.iter().all(|own| own.change != loss.change);
                        let more: Vec<_> = other.losses.into_iter().filter(is_new).collect();
                        plan.losses.extend(more);
                        (other.changes, other.sql)
                    }
                }
            }
        };
        let sql = if scratch.is_some() { sql } else { sql.not_rehearsed() };
        plan.other = Some(Counterpart { dialect, changes, sql, is_rehearsed: scratch.is_some(), folder });
        if let Some(scratch) = scratch {
            let others = plan.all_of_other();
            let versions: Vec<_> = others.iter().map(Migration::version).collect();
            let migrations = others.into_iter().fold(migrations, Migrations::with);
            prove(&scratch, &migrations, &versions, Some(models)).map_err(named)?;
        }
        Ok(())
    }

    /// The plan's changes as SQL of the other kind of database, of which there is none.
    fn rendered_apart(&self, plan: &Plan, models: &Schema) -> Result<(Vec<Change>, crate::Sql), Error> {
        let side_tables = self.db()?.side_tables()?;
        let applied: Vec<_> = self.migrations()?.iter().map(Migration::version).collect();
        for table in plan.changes.iter().filter_map(|change| change.dropped().or(Some(change.altered()?.0))) {
            let owner = |name: &String| kept::owner(name, &applied).is_some_and(|(_, owner)| owner == table.name);
            if side_tables.keys().any(owner) {
                let why = "an earlier migration keeps values of it, whose constraints have other names there: rehearse it \
                           on such a database";
                return Err(Error::cannot_express(&table.name, why));
            }
        }
        let before = counterpart::before(models, &plan.changes)?;
        let renames = plan.changes.iter().filter_map(Change::rename).cloned();
        let (changes, sql) = database::render_apart(before, models, renames, &plan.options)?;
        Ok(if changes.is_empty() { (changes, counterpart::nothing().generated()) } else { (changes, sql.generated()) })
    }

    /// Rehearses the migrations that were written without a database of their kind, on a scratch database: on the server of
    /// that URL, in a database of its own, or beside that SQLite file. Each runs up, down and up again, and must lead to
    /// the same schema each time; the newest must lead to the models, where this migrator's database agrees with them. Then
    /// the line is removed that says that they were not rehearsed. Returns their names.
    ///
    /// # Errors
    ///
    /// [`Error::Rehearsal`] names the migration and what is wrong; then all files are as they were.
    pub fn rehearse_on(&self, url: &DatabaseUrl, models: &Schema) -> Result<Vec<String>, Error> {
        let Source::Folder(root) = &self.source else { return Ok(Vec::new()) };
        let dialect = database::open(url, &self.settings)?.dialect();
        let folder = folder_for(root, dialect, &DIALECTS, self.settings.per_database_folders)?;
        let migrations = Migrations::read(&folder).map_err(|error| self.relative(error))?;
        let waiting: Vec<_> = migrations.iter().filter(|one| one.is_not_rehearsed()).cloned().collect();
        if waiting.is_empty() {
            return Ok(Vec::new());
        }
        let versions: Vec<_> = waiting.iter().map(Migration::version).collect();
        let is_current = self.status()?.is_current() && self.differences(models)?.is_empty();
        let proved = prove(&Scratch::new(Some(url))?, &migrations, &versions, is_current.then_some(models));
        proved.map_err(|error| for_dialect(error, dialect))?;
        for migration in &waiting {
            mark_rehearsed(&folder.join(&migration.name)).map_err(|error| self.relative(error))?;
        }
        Ok(waiting.into_iter().map(|migration| format!("{dialect}/{}", migration.name)).collect())
    }
}

/// Runs these versions up, down and up again on a scratch database, after the migrations before them. The newest must lead
/// to the models.
fn prove(
    scratch: &Scratch,
    migrations: &Migrations,
    versions: &[Version],
    models: Option<&Schema>,
) -> Result<(), Error> {
    let twin = scratch.migrator(migrations.clone());
    let start = twin.init()?.version;
    let mut previous = start.clone();
    let newest = migrations.newest();
    for migration in migrations.iter().filter(|migration| migration.version() > start) {
        let version = migration.version();
        let go_to = |version: &Version| Target::Version(version.clone());
        let models = models.filter(|_| version == newest);
        if versions.contains(&version) {
            let failed = |why: String| Err(Error::Rehearsal { migration: migration.name.clone(), why });
            let require = |reached: &Schema, goal: &Schema, which: &str| match diff(reached, goal).first() {
                None => Ok(()),
                Some(change) => failed(format!("after {which}; a migration between them {}", change.summary())),
            };
            let before = twin.introspect()?;
            twin.upgrade(go_to(&version))?;
            let after = twin.introspect()?;
            let differences = models.map_or_else(|| Ok(Vec::new()), |models| twin.differences(models))?;
            if let Some(change) = differences.first() {
                return failed(format!("up.sql does not lead to the models: they need what {}", change.summary()));
            }
            twin.downgrade(go_to(&previous))?;
            require(&twin.introspect()?, &before, "down.sql the schema is not the one before up.sql")?;
            twin.upgrade(go_to(&version))?;
            require(&twin.introspect()?, &after, "the second up.sql the schema is not the one after the first")?;
        } else {
            twin.upgrade(go_to(&version))?;
        }
        previous = version;
    }
    Ok(())
}

/// The error, with the kind of database that it is about.
fn for_dialect(error: Error, dialect: &str) -> Error {
    match error {
        Error::Statement { migration, statement, source } | Error::Unfinished { migration, statement, source } => {
            Error::Rehearsal { migration: format!("{dialect}/{migration}"), why: format!("{source} in: {statement}") }
        }
        Error::Rehearsal { migration, why } if migration.starts_with(|char: char| char.is_ascii_digit()) => {
            Error::Rehearsal { migration: format!("{dialect}/{migration}"), why }
        }
        Error::Rehearsal { migration, why } => {
            Error::Rehearsal { migration: format!("{migration} for {dialect}"), why }
        }
        Error::CannotExpress { object, why } => Error::CannotExpress { object: format!("{object} for {dialect}"), why },
        other => other,
    }
}

/// An empty database that is removed at the end, with the folder that it is in.
struct Scratch {
    url: DatabaseUrl,
    settings: Settings,
    folder: Option<PathBuf>,
}

impl Scratch {
    /// A database of its own on that server, or a file beside that one; a SQLite file in the system's folder for temporary
    /// files where no URL is given.
    fn new(url: Option<&DatabaseUrl>) -> Result<Self, Error> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let (process, number) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut settings = Settings::default();
        settings.backups = 0;
        if let Some(server) = url.filter(|url| url.is_postgres()) {
            let url = server.on_same_server(&format!("rehearsal_{process}_{number}"));
            let mut db = database::open(&url, &settings)?;
            if !db.create()? {
                let why = "a scratch database cannot be created there: its URL leads to one that exists";
                return Err(Error::database(&db.name(), DatabaseErrorKind::Other, why));
            }
            return Ok(Self { url, settings, folder: None });
        }
        let parent = url.and_then(DatabaseUrl::sqlite_path).and_then(Path::parent).map(Path::to_owned);
        let name = format!("{REHEARSAL_FOLDER}{process}-{number}");
        let folder = parent.unwrap_or_else(std::env::temp_dir).join(name);
        fs::create_dir(&folder).map_err(Error::file("write", &folder))?;
        let url = DatabaseUrl::parse("scratch.db", &folder)?;
        Ok(Self { url, settings, folder: Some(folder) })
    }

    /// These migrations in the database. What is said of them was known before: it holds no rows of people.
    fn migrator(&self, migrations: Migrations) -> Migrator {
        Migrator::embedded(self.url.clone(), migrations.rehearsed()).with(self.settings.clone())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        match &self.folder {
            Some(folder) => drop(fs::remove_dir_all(folder)),
            None => drop(database::open(&self.url, &self.settings).map(|mut db| db.remove())),
        }
    }
}
