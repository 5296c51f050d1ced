//! Where a database stands among its migrations.

use diesel::RunQueryDsl;
use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::SqliteConnection;
use diesel_migrations::MigrationHarness;

use crate::script::{Script, Scripts};
use crate::{Error, history};

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
    /// The applied migrations whose file is not what was applied.
    pub edited: Vec<String>,
}

impl Status {
    /// Whether the database is where the migrations end.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.pending.is_empty() && self.unknown.is_empty()
    }

    /// No applied migration may be missing, have been edited, or have slipped in below the version.
    pub(crate) fn require_history(&self, scripts: &Scripts) -> Result<(), Error> {
        if !self.unknown.is_empty() {
            return Err(Error::Ahead { unknown: self.unknown.clone(), newest: self.newest });
        }
        let slipped_in = |script: &&Script| script.number < self.version && self.pending.contains(&script.name);
        if let Some(script) = scripts.iter().find(slipped_in) {
            return Err(Error::OutOfOrder { name: script.name.clone(), version: self.version });
        }
        match scripts.iter().find(|script| self.edited.contains(&script.name)) {
            Some(script) => Err(Error::Edited { name: script.name.clone(), number: script.number }),
            None => Ok(()),
        }
    }

    pub(crate) fn require_current(&self, scripts: &Scripts) -> Result<(), Error> {
        self.require_history(scripts)?;
        if !self.pending.is_empty() {
            return Err(Error::Pending { version: self.version, pending: self.pending.clone() });
        }
        Ok(())
    }

    pub(crate) fn require_version(&self, version: u64, scripts: &Scripts) -> Result<(), Error> {
        self.require_current(scripts)?;
        if self.version == version {
            return Ok(());
        }
        let hint = "another program has changed it in the meantime; try again".to_owned();
        Err(Error::WrongDirection { current: self.version, hint })
    }
}

/// Reads where the database stands.
pub(crate) fn status(connection: &mut SqliteConnection, scripts: &Scripts) -> Result<Status, Error> {
    let applied = applied(connection)?;
    let is_known = |version: &&String| scripts.iter().any(|script| script.version() == **version);
    let is_pending = |script: &&Script| !applied.contains(&script.version());
    let edited = history::edited(connection, scripts)?;
    Ok(Status {
        version: newest(&applied),
        newest: scripts.newest(),
        pending: scripts.iter().filter(is_pending).map(|script| script.name.clone()).collect(),
        unknown: applied.iter().filter(|version| !is_known(version)).cloned().collect(),
        edited: edited.into_iter().map(|script| script.name.clone()).collect(),
    })
}

/// The migrations to apply, in order.
pub(crate) fn pending<'a>(
    connection: &mut SqliteConnection,
    scripts: &'a Scripts,
    to: Option<u64>,
) -> Result<Vec<&'a Script>, Error> {
    let status = status(connection, scripts)?;
    if !status.unknown.is_empty() {
        return Err(Error::Ahead { unknown: status.unknown, newest: status.newest });
    }
    if let Some(to) = to {
        check_target(scripts, to)?;
        if to < status.version {
            let hint = format!("run db_downgrade --to {to} to get back to {to}");
            return Err(Error::WrongDirection { current: status.version, hint });
        }
    }
    status.require_history(scripts)?;
    let pending = scripts.iter().filter(|script| status.pending.contains(&script.name));
    Ok(pending.filter(|script| to.is_none_or(|to| script.number <= to)).collect())
}

/// The migrations to take back, newest first, each with the version that this leads to; `None` at version 0.
pub(crate) fn revertible<'a>(
    connection: &mut SqliteConnection,
    scripts: &'a Scripts,
    to: Option<u64>,
) -> Result<Option<Vec<(&'a Script, u64)>>, Error> {
    let status = status(connection, scripts)?;
    if !status.unknown.is_empty() {
        return Err(Error::Ahead { unknown: status.unknown, newest: status.newest });
    }
    if status.version == 0 {
        return Ok(None);
    }
    let applied: Vec<_> = scripts.iter().filter(|script| !status.pending.contains(&script.name)).collect();
    let to = to.unwrap_or_else(|| applied.iter().rev().nth(1).map_or(0, |script| script.number));
    check_target(scripts, to)?;
    if to > status.version {
        let hint = format!("run db_upgrade --to {to} to get to {to}");
        return Err(Error::WrongDirection { current: status.version, hint });
    }
    status.require_history(scripts)?;
    let mut steps = Vec::new();
    for (at, script) in applied.iter().enumerate().rev().filter(|(_, script)| script.number > to) {
        if script.down.is_none() {
            return Err(Error::NoDown { name: script.name.clone() });
        }
        steps.push((*script, at.checked_sub(1).map_or(0, |before| applied[before].number)));
    }
    Ok(Some(steps))
}

/// Makes Diesel's table of applied migrations, if it is not there.
pub(crate) fn prepare(connection: &mut SqliteConnection) -> Result<(), Error> {
    connection
        .applied_migrations()
        .map(drop)
        .map_err(|error| Error::Database { what: "the database".into(), why: error.to_string() })
}

pub(crate) fn is_controlled(connection: &mut SqliteConnection) -> diesel::QueryResult<bool> {
    let query = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = '__diesel_schema_migrations'";
    Ok(sql::<BigInt>(query).get_result::<i64>(connection)? > 0)
}

pub(crate) fn has_tables(connection: &mut SqliteConnection) -> diesel::QueryResult<bool> {
    let query = "SELECT count(*) FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
    Ok(sql::<BigInt>(query).get_result::<i64>(connection)? > 0)
}

/// The versions that were applied, as Diesel recorded them.
pub(crate) fn applied(connection: &mut SqliteConnection) -> diesel::QueryResult<Vec<String>> {
    sql::<Text>("SELECT version FROM __diesel_schema_migrations ORDER BY version").load(connection)
}

/// The number of the newest of these versions; 0 when there is none.
pub(crate) fn newest(applied: &[String]) -> u64 {
    applied.iter().filter_map(|version| version.parse().ok()).max().unwrap_or(0)
}

/// A revision that is asked for is 0 or has a migration.
pub(crate) fn check_target(scripts: &Scripts, wanted: u64) -> Result<(), Error> {
    if wanted == 0 || scripts.iter().any(|script| script.number == wanted) {
        return Ok(());
    }
    Err(Error::NoSuchRevision { wanted, newest: scripts.newest() })
}
