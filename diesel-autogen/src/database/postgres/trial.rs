//! Tries scripts without rows: on a copy of the schema, or, where none can be made, in the database itself. Both are
//! rolled back.

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::sql_types::{Bool, Text};
use diesel::{PgConnection, QueryResult, RunQueryDsl};

use super::introspect::introspect;
use super::normalize::{Scratch, in_scratch, rolled_back};
use super::patience::set_timeout;
use super::render::{create_statement, render};
use super::run;
use super::sql::{quote, quote_table};
use super::statements::{created_schemas, mentions};
use crate::Error;
use crate::change::Change;
use crate::database::Script;
use crate::diff::diff;
use crate::options::RenderOptions;
use crate::schema::{Object, ObjectKind, Schema};
use crate::settings::{Event, Settings};
use crate::version::Version;

/// The schemas after each of the scripts. `from` is the database's own schema, or empty.
pub(super) fn try_scripts(
    connection: &mut PgConnection,
    from: &Schema,
    scripts: &[Script<'_>],
    settings: &Settings,
    schemas: &[String],
) -> Result<Vec<Schema>, Error> {
    tried(connection, from, scripts, (settings, schemas), &|connection, applied, shared| {
        run_all(connection, scripts, applied, shared)
    })
}

/// What is done with scripts where they are tried, given the applied versions and the objects of the real schema that
/// scripts find.
type Trial<'a, T> = dyn Fn(&mut PgConnection, Vec<Version>, &[Object]) -> Result<T, Error> + 'a;

/// Does that where the scripts do no harm.
pub(super) fn tried<T>(
    connection: &mut PgConnection,
    from: &Schema,
    scripts: &[Script<'_>],
    (settings, schemas): (&Settings, &[String]),
    run: &Trial<'_, T>,
) -> Result<T, Error> {
    let applied = run::versions(connection)?;
    let home = sql::<Text>("coalesce(current_schema(), '')::text");
    let home: String = diesel::select(home).get_result(connection)?;
    let names_home = scripts.iter().any(|script| {
        // On a copy it would not find what it means.
        !home.is_empty() && mentions(script.sql, &home) || mentions(script.sql, "search_path")
    });
    if *from == introspect(connection, &applied)? {
        // A copy of another schema would need its name.
        let is_copied = !names_home && schemas.is_empty();
        let tried = if is_copied { on_copy(connection, scripts, &applied, run).ok().flatten() } else { None };
        return tried.map_or_else(|| in_place(connection, applied, settings, run), Ok);
    }
    if !from.tables.is_empty() || !from.objects().is_empty() {
        return Err(Error::NotSupported { operation: "trying scripts on another schema", database: "PostgreSQL" });
    }
    rolled_back(connection, |connection| {
        if names_home && scripts.iter().any(|script| sets_sequences(script.sql)) {
            guard_sequences(connection)?;
        }
        in_scratch(connection, Scratch::BesidesExtensions, |connection| {
            vacate(connection, schemas, scripts)?;
            run(connection, applied, &[])
        })
    })
}

/// Puts an empty schema in the place of each of these until the rollback, or none where the scripts create it.
fn vacate(connection: &mut PgConnection, schemas: &[String], scripts: &[Script<'_>]) -> QueryResult<()> {
    let created: Vec<_> = scripts.iter().flat_map(|script| created_schemas(script.sql)).collect();
    for (number, schema) in schemas.iter().enumerate() {
        let exists = sql::<Bool>("EXISTS (SELECT FROM pg_namespace WHERE nspname = ").bind::<Text, _>(schema).sql(")");
        if diesel::select(exists).get_result(connection)? {
            let name = quote(schema);
            connection.batch_execute(&format!("ALTER SCHEMA {name} RENAME TO _scratch_away_{number}"))?;
        }
        if !created.contains(schema) {
            connection.batch_execute(&format!("CREATE SCHEMA {}", quote(schema)))?;
        }
    }
    Ok(())
}

/// Runs the scripts on a copy of the schema, side tables included. `None` where a part of it cannot be copied.
fn on_copy<T>(
    connection: &mut PgConnection,
    scripts: &[Script<'_>],
    applied: &[Version],
    run: &Trial<'_, T>,
) -> Result<Option<T>, Error> {
    let whole = introspect(connection, &[])?;
    let copy = copy(&whole)?;
    let is_shared = |object: &&Object| !is_created(object) && is_of_schema(object);
    let shared: Vec<_> = whole.objects().iter().filter(is_shared).cloned().collect();
    in_scratch(connection, Scratch::BesidesAll, |connection| {
        connection.batch_execute(&copy)?;
        let mut made = introspect(connection, &[])?;
        made.objects.get_or_insert_default().extend(shared.iter().cloned());
        if !diff(&whole, &made).is_empty() {
            return Ok(None);
        }
        if scripts.iter().any(|script| sets_sequences(script.sql)) {
            guard_sequences(connection)?;
        }
        run(connection, applied.to_vec(), &shared).map(Some)
    })
}

/// The statements that create everything in an empty schema, but for what scripts find in the real one: extensions,
/// aggregates, operators.
fn copy(schema: &Schema) -> Result<String, Error> {
    let objects = schema.objects().iter().filter(|object| is_created(object)).cloned().map(Change::CreateObject);
    let changes: Vec<_> = schema.tables.iter().cloned().map(Change::CreateTable).chain(objects).collect();
    // The body of a function may use a function that is created after it.
    let start = "SET LOCAL check_function_bodies = off;\n".to_owned();
    Ok(start + &render(&Schema::default(), &changes, &RenderOptions::default(), &[], &[])?.up)
}

/// Whether the copy has its own.
fn is_created(object: &Object) -> bool {
    !matches!(object.kind, ObjectKind::Other("extension" | "owner")) && create_statement(object).is_ok()
}

/// Whether the object is in a schema, where the copy does not find it, and belongs to no table.
fn is_of_schema(object: &Object) -> bool {
    let elsewhere = ["extension", "event trigger"];
    let of_rows = ["partitioned table", "partition", "inheriting table", "foreign table"];
    !matches!(object.kind, ObjectKind::Other(kind) if elsewhere.contains(&kind) || of_rows.contains(&kind))
}

/// Runs the scripts in the database itself, whose tables are emptied and locked.
fn in_place<T>(
    connection: &mut PgConnection,
    applied: Vec<Version>,
    settings: &Settings,
    run: &Trial<'_, T>,
) -> Result<T, Error> {
    let tables = run::tables(connection)?;
    rolled_back(connection, |connection| {
        connection.batch_execute(&set_timeout(settings, "LOCAL"))?;
        if !tables.is_empty() {
            settings.emit(&Event::TriedInPlace);
            guard_sequences(connection)?;
            // What the rows make of the scripts is the rehearsal's task.
            let tables: Vec<_> = tables.iter().map(|table| quote_table(table)).collect();
            connection.batch_execute(&format!("TRUNCATE {} CASCADE", tables.join(", ")))?;
        }
        run(connection, applied, &[])
    })
}

/// Runs the scripts one after the other, and reads the schema after each. The `shared` objects are those of the real
/// schema that the scripts find.
fn run_all(
    connection: &mut PgConnection,
    scripts: &[Script<'_>],
    mut applied: Vec<Version>,
    shared: &[Object],
) -> Result<Vec<Schema>, Error> {
    let run = |script: &Script<'_>| {
        run::try_out(connection, script.name, script.sql)?;
        applied.push(script.version.clone());
        let mut schema = introspect(connection, &applied)?;
        schema.objects.get_or_insert_default().extend(shared.iter().cloned());
        Ok(schema)
    };
    scripts.iter().map(run).collect()
}

/// Whether a script may set a sequence, which a rollback does not undo.
pub(super) fn sets_sequences(script: &str) -> bool {
    mentions(script, "setval")
}

/// Lets the rollback of this transaction undo what scripts do to the sequences that they find: until then each has a new
/// file, which no other connection sees.
pub(super) fn guard_sequences(connection: &mut PgConnection) -> QueryResult<()> {
    connection.batch_execute(
        "DO $$ DECLARE own record; BEGIN \
             FOR own IN SELECT c.oid::regclass AS name, seqincrement AS increment FROM pg_sequence \
                 JOIN pg_class c ON c.oid = seqrelid WHERE c.relpersistence <> 't' AND (pg_table_is_visible(c.oid) OR c.relnamespace::regnamespace::text \
                     = ANY (SELECT quote_ident(unnest(current_setting('diesel_autogen.schemas')::text[])))) \
                 AND c.relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname = '_scratch_' || pg_backend_pid()) \
                 AND pg_has_role(c.relowner, 'USAGE') ORDER BY c.oid \
             LOOP EXECUTE format('ALTER SEQUENCE %s INCREMENT %s', own.name, own.increment); END LOOP; END $$",
    )
}
