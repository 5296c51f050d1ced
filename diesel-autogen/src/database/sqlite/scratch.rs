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
use crate::schema::{ObjectKind, Schema, Table};
use crate::settings::Settings;

/// The schemas after each of the scripts on an empty copy of `from`.
///
/// A table that needs a collation or a function of the application cannot be created here: it is left out, and stands in
/// each schema as it is in `from`. A script that uses it fails with what is missing.
pub(super) fn try_scripts(from: &Schema, scripts: &[Script<'_>]) -> Result<Vec<Schema>, Error> {
    let mut scratch = empty()?;
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
            let (migration, statement) = (script.name.to_owned(), "a view or trigger".to_owned());
            return Err(Error::Statement { migration, statement, source: message.into() });
        }
        let mut schema = introspect(&mut scratch)?;
        left_out.add_to(&mut schema);
        schemas.push(schema);
    }
    Ok(schemas)
}

/// A database that lives as long as its connection, with a history of migrations.
pub(super) fn empty() -> Result<SqliteConnection, Error> {
    let mut scratch = SqliteConnection::establish(":memory:").map_err(Error::connecting)?;
    history::create(&mut scratch)?;
    Ok(scratch)
}

/// The parts of a schema that only the application can create.
#[derive(Default)]
struct LeftOut {
    tables: Vec<Table>,
    objects: Schema,
    /// The name of each, and what SQLite says is missing.
    why: Vec<(String, String)>,
}

impl LeftOut {
    fn add_to(&self, schema: &mut Schema) {
        schema.tables.extend(self.tables.iter().cloned());
        schema.objects.get_or_insert_default().extend(self.objects.objects().iter().cloned());
    }

    /// Why a script that names one of them fails.
    fn needed_by(&self, script: &Script<'_>) -> Option<Error> {
        let (name, why) = self.why.iter().find(|(name, _)| mentions(script.sql, name))?;
        Some(Error::CannotExpress { object: name.clone(), why: why.clone() })
    }
}

fn create(scratch: &mut SqliteConnection, schema: &Schema) -> Result<LeftOut, Error> {
    let mut left_out = LeftOut::default();
    let mut why = Vec::new();
    let mut try_create = |name: &str, sql: &str| match scratch.batch_execute(sql).map_err(Error::from) {
        Err(Error::Database { kind: DatabaseErrorKind::Missing, source, .. }) => {
            why.push((name.to_owned(), format!("{source}{}", DatabaseErrorKind::Missing.advice())));
            Ok(false)
        }
        other => other.map(|()| true),
    };
    // A virtual table whose module is missing cannot be copied, and no migration can use it.
    let (virtual_tables, objects): (Vec<_>, Vec<_>) =
        schema.objects().iter().partition(|object| object.kind == ObjectKind::VirtualTable);
    for object in virtual_tables {
        if !try_create(&object.name, &object.sql)? {
            left_out.objects.objects.get_or_insert_default().push(object.clone());
        }
    }
    for table in &schema.tables {
        let indexes = table.indexes.iter().filter_map(|index| index.stored.as_deref());
        for text in table.stored.as_deref().into_iter().chain(indexes) {
            if !try_create(&table.name, text)? {
                left_out.tables.push(table.clone());
                break;
            }
        }
    }
    for object in objects {
        let is_left_out = left_out.tables.iter().any(|table| table.name == object.table);
        if is_left_out || !try_create(&object.name, &object.sql)? {
            left_out.objects.objects.get_or_insert_default().push(object.clone());
        }
    }
    left_out.why = why;
    Ok(left_out)
}

/// What SQLite says of a view or trigger that cannot work: it looks at all of them when any table is renamed.
fn schema_error(connection: &mut SqliteConnection) -> Option<String> {
    let probe = "SAVEPOINT probe; CREATE TABLE \"a probe\" (a); ALTER TABLE \"a probe\" RENAME TO \"another probe\";";
    let error = connection.batch_execute(probe).err().map(|error| error.to_string());
    let _ = connection.batch_execute("ROLLBACK TO probe; RELEASE probe;");
    error
}
