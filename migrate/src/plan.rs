//! Compares the models with the database, and writes and applies the migration between them.

use std::fmt;
use std::fs;
use std::path::PathBuf;

use diesel::sqlite::SqliteConnection;

use crate::introspect::sqlite::introspect;
use crate::loss::{Loss, LossKind, losses};
use crate::progress::step;
use crate::render::{Fill, Options, Sql};
use crate::run::{Direction, run_all};
use crate::schema::Schema;
use crate::script::{Script, sync_folder, unfinished, version_of, write};
use crate::status::status;
use crate::{Change, Error, Project, Rename, diff, drift, history, rehearse, rename};

/// What a migration shall be like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wishes {
    /// What it does, in words that name its folder.
    pub message: Option<String>,
    /// Values for the rows that have none where one must be, as `table.column=value`.
    pub fills: Vec<String>,
    /// Columns and tables that only change their names, as `table.column=new_name` and `table=new_name`.
    pub renames: Vec<String>,
    /// What only looks like a rename: the one is dropped and the other added.
    pub apart: Vec<String>,
    /// Values may be lost, and whatever looks like a rename is none.
    pub allow_data_loss: bool,
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
    options: Options,
    is_accepted: bool,
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
    pub fn accept_losses(self) -> Self {
        Self { is_accepted: true, ..self }
    }

    /// Whether nothing stands in the way of [`Project::apply`].
    ///
    /// # Errors
    ///
    /// [`Error::Alike`], [`Error::WouldLose`] and [`Error::NeedsFill`].
    pub fn require_consent(&self) -> Result<(), Error> {
        let words = |is_meant: fn(&LossKind) -> bool| {
            let found = self.losses.iter().filter(|loss| is_meant(&loss.kind));
            found.map(ToString::to_string).collect::<Vec<_>>().join("; ")
        };
        let alike = words(|kind| matches!(kind, LossKind::Alike { .. }));
        let missing = words(|kind| matches!(kind, LossKind::NeedsFill { .. }));
        let lost = words(|kind| matches!(kind, LossKind::Lost | LossKind::Kept(_) | LossKind::Stays));
        match self.is_accepted {
            false if !alike.is_empty() => Err(Error::Alike(alike)),
            false if !lost.is_empty() => Err(Error::WouldLose(lost)),
            _ if !missing.is_empty() => Err(Error::NeedsFill(missing)),
            _ => Ok(()),
        }
    }

    /// Both files, each below its name.
    #[must_use]
    pub fn files(&self) -> String {
        let Self { name, sql, .. } = self;
        format!("\n-- {name}/up.sql\n{}\n-- {name}/down.sql\n{}", sql.up, sql.down)
    }

    /// Counts again, under the lock: the person who was asked may have thought for long, and what was not shown was not
    /// accepted.
    fn require_no_more_losses(&self, connection: &mut SqliteConnection) -> Result<(), Error> {
        let mut more = counted(connection, &self.changes, &self.options, &self.sql)?;
        more.retain(|now| !self.losses.iter().any(|shown| shown.change == now.change && shown.count >= now.count));
        if more.is_empty() {
            return Ok(());
        }
        Err(Error::MoreToLose(more.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")))
    }
}

/// Counts what these changes would lose of the rows that are there now.
fn counted(
    connection: &mut SqliteConnection,
    changes: &[Change],
    options: &Options,
    sql: &Sql,
) -> Result<Vec<Loss>, Error> {
    let (changes, options) = rename::in_old_names(changes, options);
    step("counting what would be lost", || losses(connection, &changes, &options, &sql.up))
}

impl Project {
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
    /// [`Error::Pending`], [`Error::Drift`] and [`Error::ObjectDrift`] with the differences in plain words, and what
    /// [`status`](Self::status) and [`differences`](Self::differences) fail with.
    pub fn require_agreement(&self, models: &Schema) -> Result<(), Error> {
        let scripts = self.scripts()?;
        self.status()?.require_current(&scripts)?;
        let differences: Vec<_> = self.differences(models)?.iter().map(rehearse::one_line).collect();
        if !differences.is_empty() {
            return Err(Error::Drift { database: self.database(), differences: differences.join("; ") });
        }
        let applied: Vec<_> = scripts.iter().collect();
        let differences = drift::objects(&mut self.open()?, &applied).map_err(|error| self.explain(error))?;
        if !differences.is_empty() {
            return Err(Error::ObjectDrift { database: self.database(), differences: differences.join("; ") });
        }
        Ok(())
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
        let renames = wishes.renames.iter().map(|rename| Rename::parse(rename)).collect::<Result<Vec<_>, _>>()?;
        renames.iter().try_for_each(|rename| rename.require_target(models))?;
        let options = Options {
            keep: Some(version_of(&name)).filter(|_| !wishes.no_keep),
            renames,
            fills: wishes.fills.iter().map(|fill| Fill::parse(fill, models)).collect::<Result<_, _>>()?,
        };
        let (changes, sql) = rehearse::compare(&live, models, &options)?;
        if changes.is_empty() {
            return Ok(None);
        }
        let mut losses = counted(&mut connection, &changes, &options, &sql).map_err(|error| self.explain(error))?;
        let is_settled = |loss: &Loss| match &loss.kind {
            LossKind::Alike { rename, .. } => wishes.allow_data_loss || wishes.apart.contains(rename),
            _ => false,
        };
        losses.extend(rename::alike(&changes).into_iter().filter(|loss| !is_settled(loss)));
        // A value that is missing would only fail the trial: it is asked for first.
        if !wishes.no_rehearsal && !losses.iter().any(|loss| matches!(loss.kind, LossKind::NeedsFill { .. })) {
            rehearse::on_copy_of_data(self, &mut connection, (&live, models), &sql, options.keep.is_some())
                .map_err(|error| self.explain(error))?;
        }
        let (number, is_accepted) = (status.version + 1, wishes.allow_data_loss);
        Ok(Some(Plan { name, number, changes, losses, sql, options, is_accepted }))
    }

    /// Writes a planned migration and applies it, both or neither. Returns the path of its folder as seen from the base.
    ///
    /// # Errors
    ///
    /// What [`Plan::require_consent`] fails with, [`Error::MoreToLose`] when rows came in the meantime that were not
    /// counted, [`Error::ScriptExists`] when a folder of that name is there, [`Error::Migration`] when a statement fails on the
    /// rows that are in the database, and whatever keeps a file from being written.
    pub fn apply(&self, plan: &Plan) -> Result<String, Error> {
        plan.require_consent()?;
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
            plan.require_no_more_losses(connection)?;
            if folder.exists() {
                return Err(Error::ScriptExists(self.shown(&folder).into()));
            }
            backup = self.back_up(plan.number - 1)?;
            let _ = fs::remove_dir_all(&draft);
            made = Some(&draft);
            write(&draft, &plan.sql)?;
            self.verified(connection, &[&script.up], |connection| run_all(connection, &[&script], Direction::Up))?;
            history::adopt(connection, &scripts.iter().chain([&script]).collect::<Vec<_>>())?;
            fs::rename(&draft, &folder)
                .and_then(|()| folder.parent().map_or(Ok(()), sync_folder))
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
}
