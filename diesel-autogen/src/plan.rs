//! A planned migration.

use std::fmt;

use crate::change::Change;
use crate::compatibility;
use crate::counterpart::{self, Counterpart};
use crate::error::ConsentError;
use crate::impact::{Impact, Lock, Work};
use crate::loss::{Loss, LossKind};
use crate::migration::{Migration, Sql};
use crate::options::RenderOptions;
use crate::text::Thousands;
use crate::version::Version;

/// A migration that is not written yet.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plan {
    /// The name of its folder.
    pub name: String,
    /// The version that it leads to.
    pub version: Version,
    /// What it changes.
    pub changes: Vec<Change>,
    /// What it would lose, and the decisions that it needs.
    pub losses: Vec<Loss>,
    /// Its SQL.
    pub sql: Sql,
    /// The same migration for the other kind of database, where the migrations folder has a folder for each.
    pub other: Option<Counterpart>,
    /// The migrations after it, where it is planned online.
    pub then: Vec<Migration>,
    /// What its statements do to those who use the tables meanwhile; empty on SQLite.
    pub impacts: Vec<Impact>,
    /// The same of its downgrade, where it is planned online.
    pub down_impacts: Vec<Impact>,
    /// The version that it starts from.
    pub(crate) after: Version,
    pub(crate) options: RenderOptions,
    pub(crate) is_accepted: bool,
    pub(crate) is_online: bool,
}

/// Migrations in place of one.
pub(crate) struct Parts {
    pub migrations: Vec<Migration>,
    /// What their statements do.
    pub impacts: Vec<Impact>,
    /// What the statements of their downgrades do.
    pub down_impacts: Vec<Impact>,
}

impl fmt::Display for Plan {
    /// Every change in plain words, what it would lose, and which large tables others cannot use meanwhile.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let changes: Vec<_> = self.changes.iter().map(ToString::to_string).collect();
        f.write_str(&changes.join("\n"))?;
        self.losses.iter().try_for_each(|loss| write!(f, "\nattention: {loss}"))?;
        // An online migration holds the locks of a definition for a moment.
        let is_long = |impact: &&Impact| {
            impact.is_noticeable()
                && (!self.is_online || impact.work > Work::Definition || impact.lock == Lock::RowExclusive)
        };
        let mut noticeable = self.impacts.iter().filter(is_long);
        noticeable.clone().try_for_each(|impact| write!(f, "\n{impact}"))?;
        let stalls = |impact: &&Impact| is_long(impact) && impact.lock > Lock::ShareUpdateExclusive;
        self.down_impacts.iter().filter(stalls).try_for_each(|impact| write!(f, "\nits downgrade {impact}"))?;
        if !self.is_online && noticeable.any(|impact| impact.lock > Lock::ShareUpdateExclusive) {
            f.write_str("\nthese locks are held until the migration ends")?;
        }
        let Some(other) = &self.other else { return Ok(()) };
        let state = if other.is_rehearsed { "rehearsed" } else { "not rehearsed yet" };
        write!(f, "\nthe same for {}, {state}", other.dialect)?;
        let others: Vec<_> = other.changes.iter().map(ToString::to_string).collect();
        match others.join("\n") {
            text if others == changes || text.is_empty() => Ok(()),
            text => write!(f, ":\n{text}"),
        }
    }
}

impl Plan {
    /// The plan with its losses accepted. A value that is needed is still needed.
    #[must_use]
    pub fn accept_losses(self) -> Self {
        Self { is_accepted: true, ..self }
    }

    /// What a program of the previous release does not survive while it still runs on the changed tables, such as
    /// `users.about_me is dropped`. Where this is empty, nodes can be replaced one after the other after the upgrade.
    ///
    /// ```
    /// use diesel_autogen::schema::{Column, Schema, Table, Type};
    /// # use diesel_autogen::{Migrator, PlanOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let file = folder.path().join("app.db").display().to_string();
    /// # let migrator = Migrator::new(&format!("sqlite:{file}"), folder.path().join("migrations"))?;
    /// # migrator.init()?;
    /// let posts = || Table::new("posts", ["id"]).column(Column::new("id", Type::Integer));
    /// let plan = migrator.plan(&Schema::new([posts()]), &PlanOptions::default())?.expect("a new table");
    /// assert!(plan.breaks().is_empty());
    /// migrator.apply(&plan)?;
    /// let changed = Schema::new([posts().column(Column::new("likes", Type::Integer))]);
    /// let plan = migrator.plan(&changed, &PlanOptions::default())?.expect("a new column");
    /// assert_eq!(plan.breaks(), ["inserts into posts lack likes, which is NOT NULL and has no default"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn breaks(&self) -> Vec<String> {
        compatibility::breaks(&self.changes)
    }

    /// Whether nothing stands in the way of [`Migrator::apply`](crate::Migrator::apply).
    ///
    /// # Errors
    ///
    /// [`ConsentError`] says which decision is missing.
    pub(crate) fn require_consent(&self) -> Result<(), ConsentError> {
        let all = |is_meant: fn(&LossKind) -> bool| {
            let found = self.losses.iter().filter(|loss| is_meant(&loss.kind));
            found.map(ToString::to_string).collect::<Vec<_>>().join("; ")
        };
        let similar = all(|kind| matches!(kind, LossKind::Similar { .. }));
        let missing = all(|kind| matches!(kind, LossKind::NeedsFill { .. }));
        let lost = all(|kind| matches!(kind, LossKind::Lost | LossKind::Kept(_) | LossKind::Stays));
        let unmentioned = self.unmentioned(&all(|kind| *kind == LossKind::Unmentioned));
        match self.is_accepted {
            false if !similar.is_empty() => Err(ConsentError::Rename(similar)),
            _ if !missing.is_empty() => Err(ConsentError::Fill(missing)),
            false if !unmentioned.is_empty() && !lost.is_empty() => {
                Err(ConsentError::Unmentioned(format!("{unmentioned}; {lost}")))
            }
            false if !unmentioned.is_empty() => Err(ConsentError::Unmentioned(unmentioned)),
            false if !lost.is_empty() => Err(ConsentError::Loss(lost)),
            _ => Ok(()),
        }
    }

    /// What the models do not mention, as `text`, or as numbers where it is in many tables.
    fn unmentioned(&self, text: &str) -> String {
        let found = self.losses.iter().filter(|loss| loss.kind == LossKind::Unmentioned);
        let counts: Vec<_> = found.map(|loss| loss.count).collect();
        if counts.len() <= 3 {
            return text.to_owned();
        }
        let (all, tables) = (Thousands(counts.iter().sum()), counts.len());
        format!("drops {all} defaults, constraints and tables that the models do not mention, in {tables} tables")
    }

    /// All files, each below its name.
    #[cfg(feature = "cli")]
    pub(crate) fn files(&self) -> String {
        let write = |folder: &str, migration: &Migration| {
            let name = format!("{folder}{}", migration.name);
            let Sql { up, down, .. } = migration.files();
            format!("\n-- {name}/up.sql\n{up}\n-- {name}/down.sql\n{down}")
        };
        let (own, others) = (self.all(), self.all_of_other());
        let folder = self.other.as_ref().map(|other| format!("{}/", other.dialect)).unwrap_or_default();
        own.iter().map(|own| write("", own)).chain(others.iter().map(|other| write(&folder, other))).collect()
    }

    /// Makes these its migrations.
    pub(crate) fn set_parts(&mut self, all: Parts) {
        let mut parts = all.migrations.into_iter();
        if let Some(first) = parts.next() {
            (self.sql, self.name) = (first.files(), first.name);
        }
        self.version = Version::of_folder(parts.as_slice().last().map_or(&self.name, |last| &last.name));
        (self.then, self.impacts, self.down_impacts) = (parts.collect(), all.impacts, all.down_impacts);
    }

    /// All of its migrations.
    pub(crate) fn all(&self) -> Vec<Migration> {
        std::iter::once(self.migration()).chain(self.then.clone()).collect()
    }

    /// As many for the other kind of database, of which the first makes the whole change.
    pub(crate) fn all_of_other(&self) -> Vec<Migration> {
        let Some(other) = &self.other else { return Vec::new() };
        let rest = counterpart::done_in(&self.name).generated();
        let rest = self.then.iter().map(|part| Migration::of(&part.name, &rest));
        std::iter::once(Migration::of(&self.name, &other.sql)).chain(rest).collect()
    }

    pub(crate) fn migration(&self) -> Migration {
        Migration::of(&self.name, &self.sql)
    }
}
