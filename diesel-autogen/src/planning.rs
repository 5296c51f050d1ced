//! What a plan is made of: the live schema after its renames, what the models leave as it is, the changes with their SQL,
//! and what they lose. Everything is tried where it does no harm.

use std::collections::{BTreeMap, BTreeSet};

use crate::change::{Alteration, Change, Rename};
use crate::database::{Database, Script};
use crate::diff::diff;
use crate::error::ConsentError;
use crate::loss::{Loss, losses};
use crate::migration::{Direction, Migration, Migrations, Sql};
use crate::options::{Fill, PlanOptions, RenderOptions};
use crate::plan::Plan;
use crate::schema::{Schema, Table, same_name};
use crate::version::Version;
use crate::{Error, rehearsal, rename, unmentioned};

pub(crate) fn render_options(models: &Schema, options: &PlanOptions, name: &str) -> Result<RenderOptions, Error> {
    let renames = options.renames.iter().map(|rename| Rename::parse(rename, models)).collect::<Result<Vec<_>, _>>()?;
    renames.iter().try_for_each(|rename| rename.require_target(models))?;
    let fills = options.fills.iter().map(|fill| Fill::parse(fill, models)).collect::<Result<_, _>>()?;
    Ok(RenderOptions { keep: (!options.no_keep).then(|| Version::of_folder(name).as_str().to_owned()), renames, fills })
}

/// The tables of the other schemas of two databases that differ. Refuses a difference of another kind, which would be
/// missed.
pub(crate) fn differing_elsewhere(
    from: &BTreeMap<String, Schema>,
    to: &BTreeMap<String, Schema>,
) -> Result<Schema, Error> {
    let mut found = Schema::default();
    let names: BTreeSet<_> = from.keys().chain(to.keys()).collect();
    for name in names {
        let (Some(before), Some(after)) = (from.get(name), to.get(name)) else {
            let why = "only one of the databases has it: create or drop it in a migration by hand";
            return Err(Error::cannot_express(&format!("schema {name}"), why));
        };
        let changes = diff(before, after);
        for object in changes.iter().filter_map(Change::object) {
            if before.table(&object.table).is_none() && after.table(&object.table).is_none() {
                let what =
                    if object.name == *name { object.to_string() } else { format!("{object} of the schema {name}") };
                let why = "of other schemas than the current one only tables are compared in full: write its migration by hand";
                return Err(Error::cannot_express(&what, why));
            }
        }
        if !changes.is_empty() {
            found.tables.extend(before.tables.iter().chain(&after.tables).map(|table| table.clone().in_schema(name)));
        }
    }
    Ok(found)
}

/// The renames from the live schema to another, and the schema after them.
pub(crate) fn renamed(
    db: &mut dyn Database,
    live: &Schema,
    target: &Schema,
    options: &RenderOptions,
) -> Result<(Vec<Rename>, Schema), Error> {
    let mut renames = rename::declared(live, target);
    let asked: Vec<_> = options.renames.iter().filter(|asked| !renames.contains(asked)).cloned().collect();
    renames.extend(asked);
    let start = apply_renames(db, live, &renames)?;
    Ok((renames, start))
}

/// The renames and the changes after them, and their SQL, rehearsed on an empty copy.
pub(crate) fn rendered(
    db: &mut dyn Database,
    live: &Schema,
    (renames, start): (Vec<Rename>, &Schema),
    target: &Schema,
    options: &RenderOptions,
) -> Result<(Vec<Change>, Sql), Error> {
    let mut changes: Vec<_> = renames.into_iter().map(Change::Rename).collect();
    changes.extend(diff(start, target));
    let sql = db.render(start, &changes, options)?;
    if !changes.is_empty() {
        rehearsal::on_schema(db, (live, target), &sql, options)?;
    }
    Ok((changes, sql))
}

/// The schema after the renames. The database itself carries them out, since it also changes every definition that uses
/// the names.
fn apply_renames(db: &mut dyn Database, live: &Schema, renames: &[Rename]) -> Result<Schema, Error> {
    let (mut schema, mut texts) = (live.clone(), Vec::new());
    for rename in renames {
        rename.require(&schema)?;
        let change = [Change::Rename(rename.clone())];
        texts.push(db.render(&schema, &change, &RenderOptions::default())?.up);
        let name = rename.to_string();
        let refused = |error: Error| Error::Option { option: name.clone(), why: error.to_string() };
        let scripts: Vec<_> =
            texts.iter().map(|sql| Script { name: "the rename", sql, version: Version::default() }).collect();
        schema = db.try_scripts(live, &scripts).map_err(refused)?.pop().unwrap_or(schema);
    }
    Ok(schema)
}

/// The models with what they cannot declare, with the indexes that they do not mention, and the tables that they do not
/// mention, but for indexes and tables that the migrations made from the models: these the models had and lost. `made`
/// returns their names, and is called when they are needed.
pub(crate) fn keep_unmentioned(
    live: &Schema,
    mut models: Schema,
    made: impl FnOnce() -> BTreeSet<String>,
) -> (Schema, Vec<Table>) {
    unmentioned::keep_undeclarable(live, &mut models);
    let changes = diff(live, &models);
    let mut indexes = unmentioned::indexes(&changes);
    let mut tables: Vec<_> = changes.iter().filter_map(Change::dropped).cloned().collect();
    if indexes.is_empty() && tables.is_empty() {
        return (models, tables);
    }
    let made = made();
    indexes.retain(|(_, index)| !made.contains(&index.name.to_ascii_lowercase()));
    tables.retain(|table| !made.contains(&table.name.to_ascii_lowercase()));
    // Another schema may belong to another program.
    let (others, tables): (Vec<_>, Vec<_>) = tables.into_iter().partition(|table| table.schema.is_some());
    models.tables.extend(others);
    for (name, index) in indexes {
        if let Some(table) = models.tables.iter_mut().find(|table| same_name(&table.name, &name)) {
            table.indexes.push(index);
        }
    }
    (models, tables)
}

/// The names of the tables and indexes that generated migrations created last, in lower case. `schemas` are those after
/// each migration.
pub(crate) fn made_from_models(migrations: &Migrations, schemas: &[Schema]) -> BTreeSet<String> {
    let (mut made, mut before) = (BTreeSet::new(), BTreeSet::new());
    for (migration, after) in migrations.iter().zip(schemas) {
        let names: BTreeSet<_> = unmentioned::all_names(after).collect();
        made.retain(|name| names.contains(name));
        if migration.is_generated() {
            made.extend(names.difference(&before).cloned());
        }
        before = names;
    }
    made
}

/// The schema after each of these migrations, from an empty database on. Fails for a migration that needs rows.
pub(crate) fn replayed<'a>(
    db: &mut dyn Database,
    migrations: impl Iterator<Item = &'a Migration>,
) -> Result<Vec<Schema>, Error> {
    let scripts: Vec<_> = migrations.map(|migration| script(migration, Direction::Up)).collect();
    db.try_scripts(&Schema { objects: Some(Vec::new()), ..Schema::default() }, &scripts)
}

pub(crate) fn script(migration: &Migration, direction: Direction) -> Script<'_> {
    Script { name: &migration.name, sql: migration.sql(direction), version: migration.version() }
}

/// The changes that the scripts make, as a difference of schemas. Of the alterations only dropped and converted columns
/// stay.
pub(crate) fn changes_by(db: &mut dyn Database, scripts: &[Script<'_>]) -> Result<Vec<Change>, Error> {
    let live = db.introspect()?;
    let goal = db.try_scripts(&live, scripts)?.pop().unwrap_or_else(|| live.clone());
    let statements = scripts.iter().flat_map(|script| db.renames(script.sql)).collect::<Vec<_>>();
    let renames = rename::effective(&live, &goal, &statements);
    let start = apply_renames(db, &live, &renames)?;
    let mut changes: Vec<_> = renames.into_iter().map(Change::Rename).collect();
    changes.extend(diff(&start, &goal));
    for change in &mut changes {
        if let Change::AlterTable { alterations, .. } = change {
            alterations.retain_mut(|alteration| match alteration {
                Alteration::DropColumn(_) => true,
                Alteration::AlterColumn { from, to } => {
                    // A NULL that is filled in is no loss.
                    to.nullable |= from.nullable;
                    from.ty != to.ty
                }
                _ => false,
            });
        }
    }
    Ok(changes)
}

pub(crate) fn count_losses(
    db: &mut dyn Database,
    changes: &[Change],
    options: &RenderOptions,
) -> Result<Vec<Loss>, Error> {
    let (changes, options) = rename::in_old_names(changes, options);
    // Both closures need the database, and the first only for what it knows without a connection.
    let pairs = std::cell::RefCell::new(db);
    losses(&changes, &options, &|from, to| pairs.borrow().loses(from, to), &mut |probe| pairs.borrow_mut().count(probe))
}

/// Counts again, under the lock: rows may have been written since the plan was shown.
pub(crate) fn require_no_more_losses(db: &mut dyn Database, plan: &Plan) -> Result<(), Error> {
    let mut more = count_losses(db, &plan.changes, &plan.options)?;
    more.retain(|now| !{
        let is_same = |shown: &Loss| shown.change == now.change && shown.kind == now.kind;
        plan.losses.iter().any(|shown| is_same(shown) && shown.count >= now.count)
    });
    if more.is_empty() {
        return Ok(());
    }
    Err(ConsentError::MoreLoss(more.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")).into())
}
