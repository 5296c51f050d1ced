//! A scratch database in memory: an empty copy of a schema to try scripts on.

use std::collections::BTreeMap;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};

use super::ddl::mentions;
use super::introspect::introspect;
use super::{Script, run};
use crate::Error;
use crate::database::history;
use crate::error::DatabaseErrorKind;
use crate::schema::{Object, ObjectKind, Schema, Table};
use crate::settings::Settings;

/// The schemas after each of the scripts on an empty copy of `from`.
///
/// A table that needs a collation or a function of the application cannot be created here: it is left out, and stands in
/// each schema as it is in `from`. A script that uses it fails with what is missing.
pub(super) fn try_scripts(from: &Schema, scripts: &[Script<'_>]) -> Result<Vec<Schema>, Error> {
    let mut scratch = SqliteConnection::establish(":memory:").map_err(Error::connecting)?;
    history::create(&mut scratch)?;
    let left_out = create(&mut scratch, from)?;
    let was_sound = schema_error(&mut scratch).is_none();
    let (settings, rows) = (Settings::default(), BTreeMap::new());
    let runner = run::Runner { settings: &settings, rows: &rows, transactions: run::Transactions::LeftOut };
    let mut schemas = Vec::new();
    for script in scripts {
        run::prepare(&mut scratch)?;
        scratch.batch_execute("BEGIN")?;
        let ran = runner.execute(&mut scratch, script.name, script.sql);
        let ran = ran.map_err(|error| left_out.needed_by(script).unwrap_or(error));
        run::finish(&mut scratch, ran, true)?;
        if let Some(message) = schema_error(&mut scratch).filter(|_| was_sound) {
            return Err(Error::statement(script.name, "a view or trigger", message));
        }
        let mut schema = introspect(&mut scratch)?;
        left_out.add_to(&mut schema);
        schemas.push(schema);
    }
    Ok(schemas)
}

/// The parts of a schema that only the application can create.
pub(super) struct LeftOut {
    schema: Schema,
    /// The name of each, and what SQLite says is missing.
    why: Vec<(String, String)>,
}

impl LeftOut {
    fn add_to(&self, schema: &mut Schema) {
        schema.tables.extend(self.schema.tables.iter().cloned());
        schema.objects.get_or_insert_default().extend(self.schema.objects().iter().cloned());
    }

    /// Why a script that names one of them fails.
    fn needed_by(&self, script: &Script<'_>) -> Option<Error> {
        let (name, why) = self.why.iter().find(|(name, _)| mentions(script.sql, name))?;
        Some(Error::cannot_express(name, why))
    }
}

/// Creates the tables and objects of a schema in an empty database.
pub(super) fn create(connection: &mut SqliteConnection, schema: &Schema) -> Result<LeftOut, Error> {
    let (mut tables, mut objects, mut why) = (Vec::<Table>::new(), Vec::new(), Vec::new());
    let mut create = |name: &str, sql: &str| match connection.batch_execute(sql).map_err(Error::from) {
        Err(error) if error.kind() == Some(DatabaseErrorKind::Missing) => {
            why.push((name.to_owned(), error.cause() + DatabaseErrorKind::Missing.advice()));
            Ok(false)
        }
        other => other.map(|()| true),
    };
    // A virtual table whose module is missing cannot be copied, and no migration can use it.
    let is_virtual = |object: &&Object| object.kind == ObjectKind::VirtualTable;
    for object in schema.objects().iter().filter(is_virtual) {
        if !create(&object.name, &object.sql)? {
            objects.push(object.clone());
        }
    }
    for table in &schema.tables {
        let indexes = table.indexes.iter().filter_map(|index| index.stored.as_deref());
        for text in table.stored.as_deref().into_iter().chain(indexes) {
            if !create(&table.name, text)? {
                tables.push(table.clone());
                break;
            }
        }
    }
    for object in schema.objects().iter().filter(|object| !is_virtual(object)) {
        let is_left_out = tables.iter().any(|table| table.name == object.table);
        if is_left_out || !create(&object.name, &object.sql)? {
            objects.push(object.clone());
        }
    }
    Ok(LeftOut { schema: Schema { tables, objects: Some(objects) }, why })
}

/// What SQLite says of a view or trigger that cannot work: it looks at all of them when any table is renamed.
fn schema_error(connection: &mut SqliteConnection) -> Option<String> {
    let probe = "SAVEPOINT probe; CREATE TABLE \"a probe\" (a); ALTER TABLE \"a probe\" RENAME TO \"another probe\";";
    let error = connection.batch_execute(probe).err().map(|error| error.to_string());
    let _ = connection.batch_execute("ROLLBACK TO probe; RELEASE probe;");
    error
}
