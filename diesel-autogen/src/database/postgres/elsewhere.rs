//! What a database holds beside its current schema.

use std::collections::BTreeMap;

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::sql_types::{Bool, Nullable, Text};
use diesel::{PgConnection, RunQueryDsl};

use super::introspect::introspect;
use super::normalize::rolled_back;
use super::sql::quote;
use crate::Error;
use crate::schema::{Object, ObjectKind, Schema};

/// Name, whether it is the current one, and what it has beyond its relations, types and routines: owner, privileges,
/// comment, and in another schema than the current one the extensions.
const SCHEMAS: &str = "SELECT nspname::text, nspname = current_schema() AS is_own, concat_ws(' ', nspowner::regrole, \
         (SELECT string_agg(item::text, ' ' ORDER BY item::text) FROM unnest(nspacl) item), \
         obj_description(oid, 'pg_namespace'), \
         (SELECT string_agg(extname, ' ' ORDER BY extname) FROM pg_extension WHERE extnamespace = n.oid \
             AND nspname IS DISTINCT FROM current_schema())) \
     FROM pg_namespace n WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'";

/// Reads every schema but the current one as if it were that, and of the current one what [`SCHEMAS`] says.
pub(super) fn read(connection: &mut PgConnection) -> Result<BTreeMap<String, Schema>, Error> {
    let schemas: Vec<(String, Option<bool>, String)> = sql::<(Text, Nullable<Bool>, Text)>(SCHEMAS).load(connection)?;
    let read = |(name, is_own, text): (String, Option<bool>, String)| {
        let mut schema = if is_own == Some(true) { Schema::default() } else { read_one(connection, &name)? };
        let kind = ObjectKind::Other("schema");
        let object = Object { kind, name: name.clone(), table: name.clone(), sql: text.clone(), normalized: text };
        schema.objects.get_or_insert_default().push(object);
        Ok((name, schema))
    };
    schemas.into_iter().map(read).collect()
}

fn read_one(connection: &mut PgConnection, name: &str) -> Result<Schema, Error> {
    let mut schema = rolled_back(connection, |connection| {
        connection.batch_execute(&format!("SET LOCAL search_path TO {}", quote(name)))?;
        Ok(introspect(connection, &[])?)
    })?;
    // These belong to the database.
    let is_shared = |object: &Object| matches!(object.kind, ObjectKind::Other("extension" | "event trigger"));
    schema.objects.get_or_insert_default().retain(|object| !is_shared(object));
    Ok(schema)
}
