//! The models as PostgreSQL reads them back: their tables are created in a scratch schema that is rolled back.

use diesel::connection::{SimpleConnection, TransactionManager};
use diesel::dsl::sql;
use diesel::sql_types::{Bool, Integer, Text};
use diesel::{Connection, OptionalExtension, PgConnection, QueryResult, RunQueryDsl};

use super::introspect::{include, introspect};
use super::render::render;
use super::sql::{has_type, quote_table, read_type, type_sql, without_modifiers};
use super::statements::statements;
use crate::Error;
use crate::change::Change;
use crate::database::errors::refuse;
use crate::diff::diff;
use crate::options::RenderOptions;
use crate::schema::{Column, Schema, Table, Type};
use crate::table_path::{path, split};

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

/// The models as this database reads them back: types, defaults and conditions in its own form. A column of `live` keeps
/// what Diesel's name of its type does not say: a precision, or the domain that the type belongs to.
pub(super) fn normalize(connection: &mut PgConnection, models: &Schema, live: &Schema) -> Result<Schema, Error> {
    refuse(models, "PostgreSQL", has_type)?;
    refuse_missing_types(connection, models)?;
    let mut wanted = models.clone();
    wanted.tables.iter_mut().for_each(number_rows);
    let (mut tables, wanted) = apart(wanted, live);
    if !wanted.tables.is_empty() {
        tables.extend(read_back(connection, wanted, live)?);
    }
    let place = |table: &Table| models.tables.iter().position(|model| model.name == table.name);
    tables.sort_by_key(place);
    Ok(Schema { tables, objects: None })
}

/// The tables as they are read after they were created in a scratch schema.
fn read_back(connection: &mut PgConnection, wanted: Schema, live: &Schema) -> Result<Vec<Table>, Error> {
    // Tables of other schemas are created beside the real ones.
    let mut schemas: Vec<_> = wanted.tables.iter().filter_map(|table| split(&table.name).0).collect();
    schemas.sort();
    schemas.dedup();
    let stand_ins = stand_ins(connection, &schemas)?;
    let scratch = in_schemas(wanted.clone(), &schemas, &stand_ins);
    let changes: Vec<_> = scratch.tables.iter().cloned().map(Change::CreateTable).collect();
    let script = render(&Schema::default(), &changes, &RenderOptions::default(), &[], &[])?;
    let read = in_scratch(connection, Scratch::BesidesAll, |connection| {
        // An empty text is an error.
        connection.batch_execute(&format!("{}SELECT 1", script.up))?;
        include(connection, &stand_ins)?;
        Ok(introspect(connection, &[])?)
    });
    let read = read.map_err(|error| refused(connection, &scratch, &wanted, &script.up).unwrap_or(error))?;
    let read = in_schemas(read, &stand_ins, &schemas);
    let mut tables = Vec::new();
    for model in wanted.tables {
        if let Some(read) = read.table(&model.name) {
            let mut read = read.clone();
            let earlier = || live.table(model.renamed_from.as_ref()?);
            if let Some(before) = live.table(&model.name).or_else(earlier) {
                keep_refinements(connection, &mut read, &model, before)?;
            }
            tables.push(restored(read, model));
        }
    }
    Ok(tables)
}

/// The tables that `live` has as the models declare them, which need not be created to be compared, and the models without
/// them. A table that another one refers to is created with it: a reference to the real one would lock that.
fn apart(models: Schema, live: &Schema) -> (Vec<Table>, Schema) {
    let mut others = Schema::default();
    let (mut equal, different): (Vec<_>, Vec<_>) =
        models.tables.into_iter().partition(|model| live.table(&model.name).is_some_and(|live| is_equal(model, live)));
    others.tables = different;
    let mut at = 0;
    while let Some(table) = others.tables.get(at) {
        let is_parent = |model: &Table| table.foreign_keys.iter().any(|key| key.table == model.name);
        let (parents, rest) = equal.into_iter().partition(is_parent);
        others.tables.extend::<Vec<_>>(parents);
        (equal, at) = (rest, at + 1);
    }
    let as_live = |model: Table| {
        let mut read = live.table(&model.name).cloned().unwrap_or_default();
        read.comment = None;
        read.columns.iter_mut().for_each(|column| column.comment = None);
        restored(read, model)
    };
    (equal.into_iter().map(as_live).collect(), others)
}

/// Whether nothing that PostgreSQL could read in another way differs: a condition, a type of the database's own.
fn is_equal(model: &Table, live: &Table) -> bool {
    let schema = |table: &Table| Schema { tables: vec![table.clone()], objects: None };
    let is_plain = |(model, live): (&Column, &Column)| {
        model.name == live.name && model.identity == live.identity && !live.generated && model.storage == live.storage
    };
    model.name == live.name
        && model.renamed_from.is_none()
        && model.checks.is_empty()
        && model.columns.len() == live.columns.len()
        && model.columns.iter().zip(&live.columns).all(is_plain)
        && diff(&schema(live), &schema(model)).is_empty()
}

/// The models with the paths of their tables. A table of the current schema, which is `own`, has its plain name.
pub(super) fn with_paths(models: &Schema, own: Option<&str>) -> Schema {
    let mut models = models.clone();
    for table in &mut models.tables {
        table.schema.take_if(|schema| own == Some(schema));
        let own_path = |name: &str| path(table.schema.as_deref(), name);
        (table.name, table.renamed_from) = (own_path(&table.name), table.renamed_from.as_deref().map(own_path));
        for key in &mut table.foreign_keys {
            key.table = path(key.schema.take().filter(|schema| own != Some(schema)).as_deref(), &key.table);
        }
    }
    models
}

/// Schemas that stand in for these while the models are read.
fn stand_ins(connection: &mut PgConnection, schemas: &[String]) -> QueryResult<Vec<String>> {
    let process: i32 = diesel::select(sql::<Integer>("pg_backend_pid()")).get_result(connection)?;
    Ok((0..schemas.len()).map(|number| format!("_scratch_{process}_{number}")).collect())
}

/// The tables, those of the schemas `from` in the schemas `to`.
fn in_schemas(mut schema: Schema, from: &[String], to: &[String]) -> Schema {
    let moved = |table: &str| {
        let (own, name) = split(table);
        let place = from.iter().position(|from| own.as_ref() == Some(from)).map(|at| to[at].as_str());
        path(place.or(own.as_deref()), &name)
    };
    for table in &mut schema.tables {
        table.name = moved(&table.name);
        table.schema = split(&table.name).0;
        table.foreign_keys.iter_mut().for_each(|key| key.table = moved(&key.table));
    }
    schema
}

/// Why PostgreSQL refuses one of the statements that create the models, such as a function of a default that is missing,
/// with the table that it belongs to.
fn refused(connection: &mut PgConnection, scratch: &Schema, models: &Schema, script: &str) -> Option<Error> {
    let tried = in_scratch(connection, Scratch::BesidesAll, |connection| {
        for statement in statements(script) {
            let Err(error) = connection.batch_execute(statement) else { continue };
            let is_of = |table: &Table| {
                let name = quote_table(&table.name);
                ["TABLE", "ON"].iter().any(|word| statement.contains(&format!("{word} {name} ")))
            };
            let Some(at) = scratch.tables.iter().position(is_of) else { break };
            let table = &models.tables[at];
            return Err(Error::cannot_express(&table.name, format!("PostgreSQL refuses it: {error}")));
        }
        Ok(())
    });
    tried.err().filter(|error| matches!(error, Error::CannotExpress { .. }))
}

/// Refuses a type that the models name and the database does not have: an enum, a type of an extension.
fn refuse_missing_types(connection: &mut PgConnection, models: &Schema) -> Result<(), Error> {
    fn own(ty: &Type) -> Option<String> {
        match ty {
            Type::Array(item) => own(item),
            Type::Diesel("Citext") | Type::Custom { .. } | Type::Other(_) => Some(type_sql(ty)),
            _ => None,
        }
    }
    for table in &models.tables {
        for column in &table.columns {
            let Some(name) = own(&column.ty) else { continue };
            let object = format!("{}.{}", table.name, column.name);
            let is_missing = sql::<Bool>("to_regtype(").bind::<Text, _>(&name).sql(") IS NULL");
            let is_missing = diesel::select(is_missing).get_result(connection).map_err(|error| {
                Error::cannot_express(&object, format!("PostgreSQL cannot read the type {name}: {error}"))
            })?;
            if is_missing {
                let is_citext = name.starts_with("citext");
                let what = if is_citext { "the extension citext" } else { "it" };
                let why = format!("the database has no type {name}: create {what} in a migration before this one");
                return Err(Error::CannotExpress { object, why });
            }
        }
    }
    Ok(())
}

/// Gives columns the type that they have in `live`, where that is the model's with more said. A type that the models
/// state in SQL says all.
fn keep_refinements(connection: &mut PgConnection, read: &mut Table, model: &Table, live: &Table) -> Result<(), Error> {
    for (own, stated) in read.columns.iter_mut().zip(&model.columns) {
        let earlier = || live.find_column(stated.renamed_from.as_ref()?);
        let Some(old) = live.find_column(&own.name).or_else(earlier) else { continue };
        if own.ty == old.ty || matches!(stated.ty, Type::Other(_)) {
            continue;
        }
        let base = match &old.ty {
            Type::Other(name) => base_type(connection, name)?.map(|base| read_type(&base)),
            _ => None,
        };
        if base.is_some_and(|base| base == own.ty) || without_modifiers(&old.ty) == own.ty {
            own.ty = old.ty.clone();
        }
    }
    Ok(())
}

/// The type that a domain is based on.
fn base_type(connection: &mut PgConnection, name: &str) -> QueryResult<Option<String>> {
    let base = sql::<Text>(
        "SELECT format_type(typbasetype, typtypmod) FROM pg_type WHERE typtype = 'd' AND oid = to_regtype(",
    );
    base.bind::<Text, _>(name).sql(")").get_result(connection).optional()
}

/// A whole number that is the whole primary key is numbered by the database.
pub(super) fn number_rows(table: &mut Table) {
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
