//! Migrations that let others use the tables meanwhile: several of them, in place of one.

use crate::change::Change;
use crate::database::{Database, Script};
use crate::diff::diff;
use crate::impact::{Impact, Work};
use crate::loss::LossKind;
use crate::migration::{Direction, Migration, Migrations};
use crate::options::RenderOptions;
use crate::plan::Parts;
use crate::planning::{count_losses, script};
use crate::schema::Schema;
use crate::text::excerpt;
use crate::version::Version;
use crate::{Error, rehearsal};

/// Fails where values of what is dropped would be kept for the downgrade: a side table is filled while the table is locked.
///
/// # Errors
///
/// [`Error::Option`] names the change.
pub(crate) fn require_nothing_kept(
    db: &mut dyn Database,
    changes: &[Change],
    options: &RenderOptions,
) -> Result<(), Error> {
    if options.keep.is_none() {
        return Ok(());
    }
    let mut dropped = changes.to_vec();
    for change in &mut dropped {
        if let Change::AlterTable { alterations, .. } = change {
            alterations.retain(|alteration| alteration.dropped_column().is_some());
        }
    }
    let kept = count_losses(db, &dropped, options)?.into_iter().find(|loss| matches!(loss.kind, LossKind::Kept(_)));
    kept.map_or(Ok(()), |loss| {
        let why = format!("{loss} for the downgrade, and only a migration that is not online keeps values: plan this change without it, or keep nothing");
        Err(Error::Option { option: "online".into(), why })
    })
}

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
) -> Result<Parts, Error> {
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
        let up = parts.iter().map(|part| part.sql(Direction::Up));
        let down = parts.iter().rev().map(|part| part.sql(Direction::Down));
        let mut of = |sql: &str| db.impacts(live, &Script { name: "up.sql", sql, version: Version::default() });
        let impacts = of(&up.clone().collect::<String>())?;
        let found: Vec<_> = impacts.iter().filter(|impact| impact.work == Work::Rewrite).collect();
        if found.is_empty() {
            let down_impacts = of(&up.chain(down).collect::<String>())?.split_off(impacts.len());
            return Ok(Parts { migrations: parts, impacts, down_impacts });
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
