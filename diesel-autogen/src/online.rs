//! Migrations that let others use the tables meanwhile: several of them, in place of one.

use crate::change::Change;
use crate::database::{Database, Script};
use crate::diff::diff;
use crate::impact::{Impact, Work};
use crate::migration::{Direction, Migration, Migrations};
use crate::options::RenderOptions;
use crate::planning::script;
use crate::schema::Schema;
use crate::text::excerpt;
use crate::version::Version;
use crate::{Error, rehearsal};

/// The migrations that make the changes in small steps, tried on an empty copy, and what their statements do.
///
/// # Errors
///
/// [`Error::CannotExpress`] when a change would rewrite a table.
pub(crate) fn in_parts(
    db: &mut dyn Database,
    (live, start, target): (&Schema, &Schema, &Schema),
    changes: &[Change],
    options: &RenderOptions,
    (migrations, message): (&Migrations, Option<&str>),
) -> Result<(Vec<Migration>, Vec<Impact>), Error> {
    // Only the database knows which statement rewrites a table: such a statement is written in another form.
    let mut rewrites: Vec<String> = Vec::new();
    loop {
        let mut known = migrations.clone();
        let mut parts: Vec<Migration> = Vec::new();
        for (label, sql) in db.render_online(start, changes, options, &rewrites)? {
            let message = [message.unwrap_or("migration"), label].join(" ");
            let part = Migration::of(&known.next_name(Some(&message))?, &sql.generated());
            known = known.and(part.clone());
            parts.push(part);
        }
        rehearse(db, (live, target), &parts)?;
        let all: String = parts.iter().map(|part| part.up.as_str()).collect();
        let impacts = db.impacts(live, &Script { name: "up.sql", sql: &all, version: Version::default() })?;
        let found: Vec<_> = impacts.iter().filter(|impact| impact.work == Work::Rewrite).collect();
        if found.is_empty() {
            return Ok((parts, impacts));
        }
        if let Some(Impact { table, statement, .. }) = found.iter().find(|own| rewrites.contains(&own.statement)) {
            let why = format!(
                "{} rewrites it, so that nobody could read or write it meanwhile: make the change in steps through \
                 another column, or accept that and do not make it online",
                excerpt(statement)
            );
            return Err(Error::cannot_express(table, why));
        }
        rewrites.extend(found.iter().map(|impact| impact.statement.clone()));
    }
}

/// All parts up must lead to the target, and all of them down to where they start.
fn rehearse(db: &mut dyn Database, (live, target): (&Schema, &Schema), parts: &[Migration]) -> Result<(), Error> {
    let up = parts.iter().map(|part| script(part, Direction::Up));
    let down = parts.iter().rev().map(|part| script(part, Direction::Down));
    let reached = db.try_scripts(live, &up.chain(down).collect::<Vec<_>>())?;
    for (reached, goal) in [(reached.get(parts.len() - 1), target), (reached.last(), live)] {
        if let Some(change) = reached.and_then(|reached| diff(reached, goal).into_iter().next()) {
            let why = format!("the schema is not as expected; a migration between them {}", change.summary());
            return Err(Error::Rehearsal { migration: rehearsal::PLANNED.into(), why });
        }
    }
    Ok(())
}
