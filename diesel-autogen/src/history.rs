//! Where a database stands among its migrations.

use crate::error::HistoryError;
use crate::migration::{Direction, Migration, Migrations};
use crate::version::Version;

/// A version that is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Applied {
    pub version: Version,
    /// The checksum of its `up.sql`, where one was recorded when it was applied.
    pub checksum: Option<String>,
}

impl Applied {
    /// A migration, as it is recorded.
    pub fn of(migration: &Migration) -> Self {
        Self { version: migration.version(), checksum: Some(migration.checksum()) }
    }
}

/// A version to upgrade or downgrade to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// The newest migration.
    Latest,
    /// The version before the current one.
    Previous,
    /// That version; 0 is the one before the first migration.
    Version(Version),
}

impl Target {
    /// A version, given as its number, as [`Version`] prints it or as Diesel records it, or by the folder's name.
    ///
    /// ```
    /// use diesel_autogen::Target;
    ///
    /// assert_eq!(Target::version(3), Target::version("3"));
    /// assert_eq!(Target::version("2018-01-14-171611_create_tables"), Target::version("20180114171611"));
    /// ```
    pub fn version(version: impl Into<Version>) -> Self {
        Self::Version(version.into())
    }
}

/// Where a database stands among its migrations.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// The version of the newest applied migration; 0 when none is.
    pub version: Version,
    /// The version of the newest migration that exists.
    pub newest: Version,
    /// The names of the migrations that are not applied, in order.
    pub pending: Vec<String>,
    /// The applied versions that no migration has, as they are recorded.
    pub unknown: Vec<String>,
    /// The names of the applied migrations whose `up.sql` was edited since.
    pub edited: Vec<String>,
}

impl Status {
    pub(crate) fn of(applied: &[Applied], migrations: &Migrations) -> Self {
        let find = |migration: &Migration| applied.iter().find(|applied| applied.version == migration.version());
        let is_edited = |migration: &&Migration| {
            find(migration)
                .and_then(|applied| applied.checksum.as_ref())
                .is_some_and(|sum| *sum != migration.checksum())
        };
        let names = |migration: &Migration| migration.name.clone();
        let is_unknown =
            |applied: &&Applied| !migrations.iter().any(|migration| migration.version() == applied.version);
        Self {
            version: newest(applied),
            newest: migrations.newest(),
            pending: migrations.iter().filter(|migration| find(migration).is_none()).map(names).collect(),
            unknown: applied.iter().filter(is_unknown).map(|applied| applied.version.as_str().to_owned()).collect(),
            edited: migrations.iter().filter(is_edited).map(names).collect(),
        }
    }

    /// Whether no migration is pending and every applied one is known. Edited migrations are not considered.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.pending.is_empty() && self.unknown.is_empty()
    }

    fn require_known(&self) -> Result<(), HistoryError> {
        if self.unknown.is_empty() {
            return Ok(());
        }
        Err(HistoryError::Unknown { unknown: self.unknown.clone(), newest: self.newest.clone() })
    }

    /// No applied migration may be missing or edited, and none may have been added below the version.
    pub(crate) fn require_history(&self, migrations: &Migrations) -> Result<(), HistoryError> {
        self.require_known()?;
        let is_late =
            |migration: &&Migration| migration.version() < self.version && self.pending.contains(&migration.name);
        if let Some(migration) = migrations.iter().find(is_late) {
            return Err(HistoryError::OutOfOrder { name: migration.name.clone(), version: self.version.clone() });
        }
        match migrations.iter().find(|migration| self.edited.contains(&migration.name)) {
            Some(migration) => Err(HistoryError::Edited { name: migration.name.clone(), version: migration.version() }),
            None => Ok(()),
        }
    }

    pub(crate) fn require_current(&self, migrations: &Migrations) -> Result<(), HistoryError> {
        self.require_history(migrations)?;
        if !self.pending.is_empty() {
            return Err(HistoryError::Pending { version: self.version.clone(), pending: self.pending.clone() });
        }
        Ok(())
    }

    /// The migrations that run in that direction to `target`, in order, each with the version that it leads to.
    pub(crate) fn steps<'a>(
        &self,
        migrations: &'a Migrations,
        direction: Direction,
        target: Target,
    ) -> Result<Vec<(&'a Migration, Version)>, HistoryError> {
        match direction {
            Direction::Up => {
                let pending = self.pending(migrations, target)?;
                Ok(pending.into_iter().map(|migration| (migration, migration.version())).collect())
            }
            Direction::Down => self.revertible(migrations, target),
        }
    }

    /// The migrations that an upgrade to `target` applies, in order.
    pub(crate) fn pending<'a>(
        &self,
        migrations: &'a Migrations,
        target: Target,
    ) -> Result<Vec<&'a Migration>, HistoryError> {
        self.require_known()?;
        let to = self.version_of(migrations, target)?;
        if to < self.version {
            return Err(HistoryError::WrongDirection { version: self.version.clone(), wanted: to });
        }
        self.require_history(migrations)?;
        let pending = migrations.iter().filter(|migration| self.pending.contains(&migration.name));
        Ok(pending.filter(|migration| migration.version() <= to).collect())
    }

    /// The migrations that a downgrade to `target` reverts, newest first, each with the version that it leads to.
    pub(crate) fn revertible<'a>(
        &self,
        migrations: &'a Migrations,
        target: Target,
    ) -> Result<Vec<(&'a Migration, Version)>, HistoryError> {
        self.require_known()?;
        if self.version.is_zero() {
            return Err(HistoryError::AtVersionZero);
        }
        let to = self.version_of(migrations, target)?;
        if to > self.version {
            return Err(HistoryError::WrongDirection { version: self.version.clone(), wanted: to });
        }
        self.require_history(migrations)?;
        let applied = self.applied(migrations);
        let before = applied.iter().map(|migration| migration.version());
        let before: Vec<_> = std::iter::once(Version::default()).chain(before).collect();
        let steps: Vec<_> = applied.into_iter().zip(before).rev().take_while(|(own, _)| own.version() > to).collect();
        match steps.iter().find(|(migration, _)| migration.down.is_none()) {
            Some((migration, _)) => Err(HistoryError::NoDown { name: migration.name.clone() }),
            None => Ok(steps),
        }
    }

    fn version_of(&self, migrations: &Migrations, target: Target) -> Result<Version, HistoryError> {
        match target {
            Target::Latest => Ok(migrations.newest()),
            Target::Previous if self.version.is_zero() => Err(HistoryError::AtVersionZero),
            Target::Previous => {
                let before = self.applied(migrations).into_iter().rev().nth(1);
                Ok(before.map(Migration::version).unwrap_or_default())
            }
            Target::Version(wanted) => require_version(migrations, &wanted),
        }
    }

    fn applied<'a>(&self, migrations: &'a Migrations) -> Vec<&'a Migration> {
        migrations.iter().filter(|migration| !self.pending.contains(&migration.name)).collect()
    }
}

/// The newest of these versions.
pub(crate) fn newest(applied: &[Applied]) -> Version {
    applied.iter().map(|applied| &applied.version).max().cloned().unwrap_or_default()
}

/// A version that is asked for, as its migration has it.
pub(crate) fn require_version(migrations: &Migrations, wanted: &Version) -> Result<Version, HistoryError> {
    let no_such = || HistoryError::NoSuchVersion { wanted: wanted.clone(), newest: migrations.newest() };
    migrations.find(wanted).ok_or_else(no_such)
}
