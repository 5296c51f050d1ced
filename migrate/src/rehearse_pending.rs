//! Tries the pending migrations before a deploy, on a copy of the real database, and applies none.

use std::collections::BTreeSet;
use std::fmt;

use diesel::RunQueryDsl;
use diesel::dsl::sql;
use diesel::sql_types::Text;
use diesel::sqlite::SqliteConnection;

use super::stage::Stage;
use super::untouched::{both, claims};
use super::values::{Claim, Rows, count_changed};
use super::{one_line, try_script};
use crate::introspect::sqlite::introspect;
use crate::run::Direction;
use crate::schema::Schema;
use crate::script::Script;
use crate::sql::literal;
use crate::status::pending;
use crate::words::Thousands;
use crate::{Error, Project, backup, diff};

/// The migrations that were tried, and on what. It says so, a line for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rehearsed {
    /// The migrations' names, each with whether it was taken back and applied again.
    pub migrations: Vec<(String, bool)>,
    /// What they were tried on: `a copy of 2,000 rows`.
    pub on: String,
}

impl fmt::Display for Rehearsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.migrations.is_empty() {
            return f.write_str("No migration is pending: there is nothing to rehearse");
        }
        for (at, (name, both_ways)) in self.migrations.iter().enumerate() {
            let (end, on) = (if at == 0 { "" } else { "\n" }, &self.on);
            let ways = if *both_ways { "up, down and up again" } else { "up only, because it has no down.sql" };
            write!(f, "{end}Rehearsed {name}: {ways}, on {on}")?;
        }
        Ok(())
    }
}

impl Project {
    /// Runs every pending migration, or those up to `to`, up, down and up again on a copy of the database, or on a
    /// sample of a large one. The database stays as it is.
    ///
    /// # Errors
    ///
    /// [`Error::Rehearsal`] names the migration, and the statement, the difference between two schemas, or the value
    /// that would be lost though the SQL does not name it; what [`pending`](Self::pending) fails with.
    pub fn rehearse(&self, to: Option<u64>) -> Result<Rehearsed, Error> {
        let (scripts, mut connection) = self.scripts_and_connection()?;
        let pending = pending(&mut connection, &scripts, to).map_err(|error| self.explain(error))?;
        if pending.is_empty() {
            return Ok(Rehearsed { migrations: Vec::new(), on: String::new() });
        }
        let stage = Stage::new(self, &mut connection).map_err(|error| self.explain(error))?;
        let on = stage.words()?;
        for script in &pending {
            Trial::new(&stage, script)?.run(self).map_err(|error| self.located(error))?;
            stage.advance()?;
        }
        let migrations = pending.iter().map(|script| (script.name.clone(), script.down.is_some())).collect();
        Ok(Rehearsed { migrations, on })
    }
}

/// One migration, from one schema to the next.
struct Trial<'a> {
    stage: &'a Stage,
    script: &'a Script,
    from: Schema,
}

impl<'a> Trial<'a> {
    fn new(stage: &'a Stage, script: &'a Script) -> Result<Self, Error> {
        let from = introspect(&mut backup::open(&stage.before())?)?;
        Ok(Self { stage, script, from })
    }

    fn run(&self, project: &Project) -> Result<(), Error> {
        // What the way up leads to, with the columns that it keeps aside: the way back is compared with that.
        let (mut reached, mut kept, mut back) = (Schema::default(), BTreeSet::new(), Vec::new());
        let Script { name, up, down, .. } = self.script;
        try_script(self.stage, self.script, &format!("migration {name}"), |copy, way, at| {
            let now = introspect(copy)?;
            if at == 0 {
                (reached, kept) = (now.clone(), self.kept(copy)?);
            }
            let (goal, which) = match way {
                Direction::Down => (&self.from, "before the migration"),
                Direction::Up => (&reached, "the first time"),
            };
            if let Some(change) = diff(&now, goal).first() {
                let change = one_line(change);
                return Ok(Err(format!("the tables are not as they were {which}; what is missing: {change}")));
            }
            let same = claims(up, &self.from, &reached);
            match at {
                0 => Ok(Ok(same)),
                1 => {
                    back = both(&same, &claims(down.as_deref().unwrap_or_default(), &reached, &now));
                    self.expect_back(&mut back, &kept, &reached);
                    self.tell_of_lost(copy, &back, &now, project)?;
                    Ok(Ok(back.clone()))
                }
                _ => Ok(Ok(both(&back, &same))),
            }
        })
    }

    /// The columns of the side tables that the upgrade has made.
    fn kept(&self, copy: &mut SqliteConnection) -> Result<BTreeSet<(String, String)>, Error> {
        let prefix = format!("_kept_{}_", self.script.version());
        let query = format!(
            "SELECT substr(m.name, {}), x.name FROM sqlite_master m, pragma_table_xinfo(m.name) x \
             WHERE m.type = 'table' AND substr(m.name, 1, {}) = {}",
            prefix.len() + 1,
            prefix.len(),
            literal(&prefix)
        );
        Ok(sql::<(Text, Text)>(&query).load::<(String, String)>(copy)?.into_iter().collect())
    }

    /// What was kept aside must be back after the way down; a table that was dropped, with all its rows.
    fn expect_back<'s>(&'s self, claims: &mut Vec<Claim<'s>>, kept: &BTreeSet<(String, String)>, reached: &Schema) {
        for before in &self.from.tables {
            let is_kept = |name: &&String| kept.contains(&(before.name.clone(), (*name).clone()));
            let columns: Vec<_> = before.columns.iter().map(|column| &column.name).filter(is_kept).cloned().collect();
            let pairs = columns.iter().map(|name| (name.clone(), name.clone()));
            match claims.iter_mut().find(|claim| claim.before.name == before.name) {
                _ if columns.is_empty() => {}
                Some(claim) => {
                    claim.columns.retain(|(own, _)| !columns.contains(own));
                    claim.columns.extend(pairs);
                }
                None => {
                    let rows = if reached.table(&before.name).is_none() { Rows::Same } else { Rows::Any };
                    claims.push(Claim { before, after: before.name.clone(), columns: pairs.collect(), rows });
                }
            }
        }
    }

    /// Says which values the migration changes on its way up and does not bring back on its way down. Whoever wrote it
    /// may have meant that.
    fn tell_of_lost(
        &self,
        copy: &mut SqliteConnection,
        claims: &[Claim],
        now: &Schema,
        project: &Project,
    ) -> Result<(), Error> {
        for (before, after) in self.from.tables.iter().filter_map(|table| Some((table, now.table(&table.name)?))) {
            let claim = claims.iter().find(|claim| claim.before.name == before.name);
            let is_claimed =
                |name: &String| claim.is_some_and(|claim| claim.columns.iter().any(|(own, _)| own == name));
            let own = |name: &String| (name.clone(), name.clone());
            for column in before.columns.iter().filter(|column| !column.generated && !is_claimed(&column.name)) {
                let columns = before.primary_key.iter().chain([&column.name]).map(own).collect();
                let alone = Claim { before, after: after.name.clone(), columns, rows: Rows::Any };
                let lost = count_changed(copy, &self.stage.before(), &alone)?.unwrap_or(0);
                if lost > 0 {
                    (project.settings.tell)(&format!(
                        "the down.sql of {} does not bring back {}.{} of {} row{}",
                        self.script.name,
                        before.name,
                        column.name,
                        Thousands(lost),
                        if lost == 1 { "" } else { "s" }
                    ));
                }
            }
        }
        Ok(())
    }
}
