//! Migrations that let others use the tables meanwhile: several of them, in place of one.

use crate::change::Change;
use crate::database::{Database, Script};
use crate::diff::diff;
use crate::impact::{Impact, Work};
use crate::migration::{Migration, Migrations, Sql};
use crate::options::RenderOptions;
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
    let mut known = migrations.clone();
    let mut parts: Vec<Migration> = Vec::new();
    for (label, sql) in db.render_online(start, changes, options)? {
        let message = [message.unwrap_or("migration"), label].join(" ");
        let part = migration(known.next_name(Some(&message))?, sql.generated());
        known = known.and(part.clone());
        parts.push(part);
    }
    rehearse(db, (live, target), &parts)?;
    let all: String = parts.iter().map(|part| part.up.as_str()).collect();
    let impacts = db.impacts(live, &script("up.sql", &all))?;
    match impacts.iter().find(|impact| impact.work == Work::Rewrite) {
        Some(Impact { table, statement, .. }) => {
            let why = format!(
                "{} rewrites it, so that nobody could read or write it meanwhile: make the change in steps through \
                 another column, or accept that and do not make it online",
                excerpt(statement)
            );
            Err(Error::cannot_express(table, why))
        }
        None => Ok((parts, impacts)),
    }
}

fn migration(name: String, sql: Sql) -> Migration {
    Migration { name, up: sql.up, down: Some(sql.down), run_in_transaction: !sql.own_transaction }
}

fn script<'a>(name: &'a str, sql: &'a str) -> Script<'a> {
    Script { name, sql, version: Version::default() }
}

/// All parts up must lead to the target, and all of them down to where they start.
fn rehearse(db: &mut dyn Database, (live, target): (&Schema, &Schema), parts: &[Migration]) -> Result<(), Error> {
    let up = parts.iter().map(|part| script(&part.name, &part.up));
    let down = parts.iter().rev().map(|part| script(&part.name, part.down.as_deref().unwrap_or_default()));
    let reached = db.try_scripts(live, &up.chain(down).collect::<Vec<_>>())?;
    for (reached, goal) in [(reached.get(parts.len() - 1), target), (reached.last(), live)] {
        if let Some(change) = reached.and_then(|reached| diff(reached, goal).into_iter().next()) {
            let why = format!("the schema is not as expected; a migration between them {}", change.summary());
            return Err(Error::Rehearsal { migration: rehearsal::PLANNED.into(), why });
        }
    }
    Ok(())
}
