//! A migration's SQL without a server, between two schemas of models.

use super::normalize::{number_rows, with_paths};
use super::render::render;
use super::sql::has_type;
use crate::Error;
use crate::change::{Change, Rename};
use crate::database::errors::refuse;
use crate::diff::diff;
use crate::migration::Sql;
use crate::options::RenderOptions;
use crate::schema::Schema;

/// The changes between two schemas of models, the renames among them, and their SQL. `from` has the new names already. What
/// a server would make of the models is not known: the SQL is to be rehearsed on one.
pub(crate) fn render_apart(
    mut from: Schema,
    mut models: Schema,
    renames: impl Iterator<Item = Rename>,
    options: &RenderOptions,
) -> Result<(Vec<Change>, Sql), Error> {
    refuse(&models, "PostgreSQL", has_type)?;
    (from, models) = (with_paths(&from, None), with_paths(&models, None));
    for schema in [&mut from, &mut models] {
        schema.tables.iter_mut().for_each(number_rows);
    }
    let mut changes: Vec<_> = renames.map(Change::Rename).collect();
    changes.extend(diff(&from, &models));
    let sql = render(&from, &changes, options, &[], &[])?;
    Ok((changes, sql))
}
