//! What a downgrade deletes: the values that were written into the tables and columns that it takes away.

use crate::diff::Alteration;
use crate::introspect::sqlite::introspect;
use crate::loss::losses;
use crate::render::Options;
use crate::run::{Direction, run_all, transaction};
use crate::schema::{Schema, same_name};
use crate::script::Script;
use crate::sql::{Token, tokens};
use crate::status::revertible;
use crate::{Change, Error, Loss, Project, Rename, diff, rehearse, rename};

impl Project {
    /// Counts the values that taking back the newest migration, or all above `to`, would delete. What the `down.sql` does
    /// is seen on an empty copy of the tables; where it cannot run, or the tables cannot be read, nothing is counted. Reads only.
    ///
    /// # Errors
    ///
    /// As [`downgrade`](Self::downgrade), but for what only running finds out.
    pub fn deleted_by_downgrade(&self, to: Option<u64>) -> Result<Vec<Loss>, Error> {
        let (scripts, mut connection) = self.scripts_and_connection()?;
        let steps = revertible(&mut connection, &scripts, to).map_err(|error| self.explain(error))?;
        let steps: Vec<_> = steps.unwrap_or_default().into_iter().map(|(script, _)| script).collect();
        // It is a courtesy: a table that cannot be read is no reason not to go back.
        let counted = introspect(&mut connection).and_then(|live| {
            let changes = changes(&live, &steps)?;
            losses(&mut connection, &changes, &Options::default(), "")
        });
        Ok(counted.unwrap_or_default())
    }
}

/// The tables and columns that go, by the names that they have now.
fn changes(live: &Schema, steps: &[&Script]) -> Result<Vec<Change>, Error> {
    let mut copy = rehearse::empty_copy(live)?;
    transaction(&mut copy, "a scratch database", |copy| run_all(copy, steps, Direction::Down))?;
    let goal = introspect(&mut copy)?;
    let asked = renames(live, &goal, steps);
    let after_renames = rename::renamed(live, &asked)?;
    let mut changes: Vec<_> = asked.into_iter().map(Change::Rename).collect();
    changes.extend(diff(&after_renames, &goal));
    for change in &mut changes {
        if let Change::AlterTable { alterations, .. } = change {
            alterations.retain(|alteration| matches!(alteration, Alteration::DropColumn(_)));
        }
    }
    Ok(rename::in_old_names(&changes, &Options::default()).0)
}

/// The renames among the statements that lead from a name of the one schema to a name of the other, tables first.
fn renames(live: &Schema, goal: &Schema, steps: &[&Script]) -> Vec<Rename> {
    let (mut tables, mut columns) = (Vec::new(), Vec::new());
    for script in steps {
        let tokens = tokens(script.down.as_deref().unwrap_or_default()).unwrap_or_default();
        for (at, _) in tokens.iter().enumerate().filter(|(_, token)| token.is("RENAME")) {
            let before = at.checked_sub(1).and_then(|before| tokens.get(before)).map(Token::name);
            let after: Vec<_> = tokens[at + 1..].iter().take(4).collect();
            match (before, &after[..]) {
                (Some(from), [to, new, ..]) if to.is("TO") => tables.push((from, new.name())),
                (Some(table), [column, old, to, new]) if column.is("COLUMN") && to.is("TO") => {
                    columns.push((table, old.name(), new.name()));
                }
                (Some(table), [old, to, new, ..]) if to.is("TO") => columns.push((table, old.name(), new.name())),
                _ => {}
            }
        }
    }
    tables.retain(|(from, to)| live.table(from).is_some() && live.table(to).is_none() && goal.table(to).is_some());
    let find = |name: &str, is_old: bool| {
        let is_meant = |(from, to): &&(String, String)| same_name(if is_old { from } else { to }, name);
        tables.iter().find(is_meant).cloned().unwrap_or_else(|| (name.to_owned(), name.to_owned()))
    };
    let columns = columns.into_iter().filter_map(|(table, from, to)| {
        // The statement may stand before the table's own rename, or after it.
        let (old, new) = if live.table(&table).is_some() { find(&table, true) } else { find(&table, false) };
        let (before, after) = (live.table(&old)?, goal.table(&new)?);
        let is_one = before.find_column(&from).is_some() && before.find_column(&to).is_none();
        let is_one = is_one && after.find_column(&to).is_some() && after.find_column(&from).is_none();
        is_one.then_some(Rename::Column { table: new, from, to })
    });
    let columns: Vec<_> = columns.collect();
    tables.iter().map(|(from, to)| Rename::Table { from: from.clone(), to: to.clone() }).chain(columns).collect()
}
