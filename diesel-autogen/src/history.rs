//! Where a database stands among its migrations.

use crate::error::HistoryError;
use crate::migration::{Direction, Migration, Migrations};

/// A version that is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Applied {
    pub version: String,
    /// The checksum of its `up.sql`, where one was recorded.
    pub checksum: Option<String>,
}

impl Applied {
    /// A migration, as it is recorded.
    pub fn of(migration: &Migration) -> Self {
        Self { version: migration.version(), checksum: Some(migration.checksum()) }
    }
}

/// A version to upgrade or downgrade to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// The newest migration. A downgrade takes it as [`Previous`](Self::Previous).
    Latest,
    /// The version before the current one. An upgrade takes it as [`Latest`](Self::Latest).
    Previous,
    /// The version of that number; 0 is the empty database.
    Version(u64),
}

/// Where a database stands among its migrations.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// The number of the newest applied migration; 0 when none is.
    pub version: u64,
    /// The number of the newest migration that exists.
    pub newest: u64,
    /// The names of the migrations that are not applied, in order.
    pub pending: Vec<String>,
    /// The applied versions that no migration has.
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
            unknown: applied.iter().filter(is_unknown).map(|applied| applied.version.clone()).collect(),
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
        Err(HistoryError::Unknown { unknown: self.unknown.clone(), newest: self.newest })
    }

    /// No applied migration may be missing or edited, and none may have been added below the version.
    pub(crate) fn require_history(&self, migrations: &Migrations) -> Result<(), HistoryError> {
        self.require_known()?;
        let is_late =
            |migration: &&Migration| migration.number < self.version && self.pending.contains(&migration.name);
        if let Some(migration) = migrations.iter().find(is_late) {
            return Err(HistoryError::OutOfOrder { name: migration.name.clone(), version: self.version });
        }
        match migrations.iter().find(|migration| self.edited.contains(&migration.name)) {
            Some(migration) => Err(HistoryError::Edited { name: migration.name.clone(), number: migration.number }),
            None => Ok(()),
        }
    }

    pub(crate) fn require_current(&self, migrations: &Migrations) -> Result<(), HistoryError> {
        self.require_history(migrations)?;
        if !self.pending.is_empty() {
            return Err(HistoryError::Pending { version: self.version, pending: self.pending.clone() });
        }
        Ok(())
    }

    /// The migrations that run in that direction to `target`, in order, each with the version that it leads to.
    pub(crate) fn steps<'a>(
        &self,
        migrations: &'a Migrations,
        direction: Direction,
        target: Target,
    ) -> Result<Vec<(&'a Migration, u64)>, HistoryError> {
        match direction {
            Direction::Up => {
                let pending = self.pending(migrations, target)?;
                Ok(pending.into_iter().map(|migration| (migration, migration.number)).collect())
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
        let to = match target {
            Target::Latest | Target::Previous => u64::MAX,
            Target::Version(wanted) => wanted,
        };
        if let Target::Version(wanted) = target {
            require_version(migrations, wanted)?;
        }
        if to < self.version {
            return Err(HistoryError::WrongDirection { version: self.version, wanted: to });
        }
        self.require_history(migrations)?;
        let pending = migrations.iter().filter(|migration| self.pending.contains(&migration.name));
        Ok(pending.filter(|migration| migration.number <= to).collect())
    }

    /// The migrations that a downgrade to `target` reverts, newest first, each with the version that it leads to.
    pub(crate) fn revertible<'a>(
        &self,
        migrations: &'a Migrations,
        target: Target,
    ) -> Result<Vec<(&'a Migration, u64)>, HistoryError> {
        self.require_known()?;
        if self.version == 0 {
            return Err(HistoryError::AtVersionZero);
        }
        let applied = migrations.iter().filter(|migration| !self.pending.contains(&migration.name));
        let applied: Vec<_> = applied.collect();
        let to = match target {
            Target::Version(wanted) => wanted,
            Target::Latest | Target::Previous => applied.iter().rev().nth(1).map_or(0, |migration| migration.number),
        };
        require_version(migrations, to)?;
        if to > self.version {
            return Err(HistoryError::WrongDirection { version: self.version, wanted: to });
        }
        self.require_history(migrations)?;
        let mut steps = Vec::new();
        for (at, migration) in applied.iter().enumerate().rev().filter(|(_, migration)| migration.number > to) {
            if migration.down.is_none() {
                return Err(HistoryError::NoDown { name: migration.name.clone() });
            }
            steps.push((*migration, at.checked_sub(1).map_or(0, |before| applied[before].number)));
        }
        Ok(steps)
    }
}

/// The number of the newest of these versions; 0 when there is none.
pub(crate) fn newest(applied: &[Applied]) -> u64 {
    applied.iter().filter_map(|applied| applied.version.parse().ok()).max().unwrap_or(0)
}

/// A version that is asked for is 0 or has a migration.
pub(crate) fn require_version(migrations: &Migrations, wanted: u64) -> Result<(), HistoryError> {
    if wanted == 0 || migrations.iter().any(|migration| migration.number == wanted) {
        return Ok(());
    }
    Err(HistoryError::NoSuchVersion { wanted, newest: migrations.newest() })
}
