//! The models as PostgreSQL reads them back: their tables are created in a scratch schema that is rolled back.

use diesel::connection::{SimpleConnection, TransactionManager};
use diesel::{Connection, PgConnection};

use super::introspect::introspect;
use super::render::render;
use super::sql::has_type;
use crate::Error;
use crate::change::Change;
use crate::database::errors::refuse_types;
use crate::options::RenderOptions;
use crate::schema::{Schema, Table, Type};

/// The scratch schema that a closure works in, and the path after it where names of the database are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scratch {
    /// Everything that the connection finds: the models use types and functions of the database.
    BesidesAll,
    /// Extensions only: a replay of all migrations must not touch a table that it did not create.
    BesidesExtensions,
}

/// Works in an empty schema of its own, and rolls back.
pub(super) fn in_scratch<T>(
    connection: &mut PgConnection,
    scratch: Scratch,
    work: impl FnOnce(&mut PgConnection) -> Result<T, Error>,
) -> Result<T, Error> {
    rolled_back(connection, |connection| {
        let besides = match scratch {
            Scratch::BesidesAll => "current_setting('search_path')",
            Scratch::BesidesExtensions => {
                "(SELECT string_agg(DISTINCT quote_ident(nspname), ', ') FROM pg_extension \
                 JOIN pg_namespace n ON n.oid = extnamespace WHERE nspname <> 'pg_catalog')"
            }
        };
        connection.batch_execute(&format!(
            "DO $$BEGIN EXECUTE format('CREATE SCHEMA _scratch_%s', pg_backend_pid()); END$$; \
             SELECT set_config('search_path', concat_ws(', ', '_scratch_' || pg_backend_pid(), {besides}), TRUE)"
        ))?;
        work(connection)
    })
}

/// Works in a transaction, or a savepoint within one, that is rolled back.
pub(super) fn rolled_back<T>(
    connection: &mut PgConnection,
    work: impl FnOnce(&mut PgConnection) -> Result<T, Error>,
) -> Result<T, Error> {
    type Manager = <PgConnection as Connection>::TransactionManager;
    Manager::begin_transaction(connection)?;
    let done = work(connection);
    let rolled_back = Manager::rollback_transaction(connection);
    let done = done?;
    rolled_back?;
    Ok(done)
}

/// The models as this database reads them back: types, defaults and conditions in its own form.
pub(super) fn normalize(connection: &mut PgConnection, models: &Schema) -> Result<Schema, Error> {
    refuse_types(models, "PostgreSQL", has_type)?;
    let mut wanted = models.clone();
    wanted.tables.iter_mut().for_each(number_rows);
    let changes: Vec<_> = wanted.tables.iter().cloned().map(Change::CreateTable).collect();
    let sql = render(&Schema::default(), &changes, &RenderOptions::default(), &[])?;
    let read = in_scratch(connection, Scratch::BesidesAll, |connection| {
        // An empty text is an error.
        connection.batch_execute(&(sql.up + "SELECT 1"))?;
        Ok(introspect(connection, &[])?)
    })?;
    let tables = wanted.tables.into_iter().filter_map(|model| Some(restored(read.table(&model.name)?.clone(), model)));
    Ok(Schema { tables: tables.collect(), objects: None })
}

/// A whole number that is the whole primary key is numbered by the database.
fn number_rows(table: &mut Table) {
    let key = table.primary_key.clone();
    for column in &mut table.columns {
        let is_whole = matches!(column.ty, Type::SmallInt | Type::Integer | Type::BigInt);
        let is_key = key.len() == 1 && key[0] == column.name && table.foreign_keys.iter().all(|own| own.columns != key);
        column.identity |= is_whole && is_key && column.default.is_none();
    }
}

/// The table as it was read, with what only the models say.
fn restored(mut table: Table, model: Table) -> Table {
    (table.clauses, table.stored, table.renamed_from) = (None, None, model.renamed_from);
    for column in model.columns {
        if let Some(own) = table.columns.iter_mut().find(|own| own.name == column.name) {
            own.renamed_from = column.renamed_from;
        }
    }
    table.indexes.iter_mut().for_each(|index| index.stored = None);
    // Checks are read in the order in which they were created.
    for (own, check) in table.checks.iter_mut().zip(model.checks) {
        own.expression = check.expression;
    }
    table
}
