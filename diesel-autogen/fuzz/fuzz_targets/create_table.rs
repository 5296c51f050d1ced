//! Any CREATE TABLE text that SQLite accepts: it is read without a panic and found equal to itself, and an edit of the
//! table leads where it should, and back, keeping the values that it does not touch.
//!
//! An input that begins with CREATE is the text itself; any other is drawn from the grammar.

#![no_main]

mod edit;
mod grammar;

use std::path::Path;
use std::sync::LazyLock;

use arbitrary::Unstructured;
use diesel::connection::SimpleConnection;
use diesel::deserialize::QueryableByName;
use diesel::sql_types::{Nullable, Text};
use diesel::{Connection as _, RunQueryDsl, SqliteConnection, sql_query};
use libfuzzer_sys::fuzz_target;
use diesel_autogen::schema::{Column, Schema, Table};
use diesel_autogen::{Alteration, Change, DatabaseUrl, Error, Migrator, RenderOptions, Sql};
use tempfile::TempDir;

/// What the texts may refer to.
const OTHER: &str =
    "CREATE TABLE other (id INTEGER PRIMARY KEY, a TEXT UNIQUE, b TEXT); INSERT INTO other (id) VALUES (1)";

fuzz_target!(|data: &[u8]| {
    let mut bytes = Unstructured::new(data);
    let is_text = data.len() > 6 && data[..6].eq_ignore_ascii_case(b"CREATE");
    let drawn =
        if is_text { String::from_utf8(data.to_vec()).ok() } else { grammar::create_table(&mut bytes, "t").ok() };
    let Some(text) = drawn else { return };
    // A text that is the input itself has no bytes left to choose the edit by.
    let sum = data.iter().fold(data.len(), |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)));
    let sum = sum.to_le_bytes();
    let mut choice = if is_text { Unstructured::new(&sum) } else { bytes };
    check(&text, &mut choice);
});

fn check(text: &str, choice: &mut Unstructured) {
    let Some(mut before) = Database::of(text) else { return };
    let from = before.introspect().unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_same(&from, &from, text);
    let Some(table) = from.tables.iter().find(|table| table.name != "other") else { return };
    let as_models = edit::as_models(&from);
    assert_same(&from, &as_models, text);
    let Ok(edit) = edit::choose(table, choice) else { return };
    let to = match edit.apply(&from, choice) {
        edit::Target::Schema(schema) => schema,
        edit::Target::Text(other) => match Database::of(&other) {
            Some(other) => other.introspect().unwrap_or_else(|error| panic!("{error}\n{text}")),
            None => return,
        },
    };
    let mut options = RenderOptions::default();
    options.keep = Some("001".into());
    match before.migrator.compare(&from, &to, &options) {
        Ok((changes, sql)) => migrate_and_return(text, &mut before, (&from, &to), &changes, &sql),
        Err(Error::CannotExpress { .. }) => {}
        Err(Error::Rehearsal { .. } | Error::Option { .. }) if edit.may_be_refused(table) => {}
        // A key to what no key can refer to is refused by SQLite in use, not when it is made.
        Err(Error::Rehearsal { why, .. }) if why.contains("foreign key mismatch") => {}
        Err(error) => panic!("{edit:?}: {error}\n{text}"),
    }
}

/// Runs the migration where the table has rows, up and down.
fn migrate_and_return(
    text: &str,
    database: &mut Database,
    (from, to): (&Schema, &Schema),
    changes: &[Change],
    sql: &Sql,
) {
    let said = |what: &str| {
        let plan: Vec<_> = changes.iter().map(ToString::to_string).collect();
        format!("{what}\n{text}\n--- the plan\n{}\n--- up.sql\n{}\n--- down.sql\n{}", plan.join("\n"), sql.up, sql.down)
    };
    let (shape, rows) = (facts(&mut database.connection, from), all_rows(&mut database.connection, from));
    let has_dangling_rows =
        diesel::dsl::sql::<diesel::sql_types::BigInt>("SELECT count(*) FROM pragma_foreign_key_check")
            .get_result::<i64>(&mut database.connection)
            .map_or(true, |count| count > 0);
    let kept = values(&mut database.connection, from, |table, column| {
        // A generated column changes with the columns that it names; a type that is written in another way may be of
        // another affinity.
        let stays = |column: &Column| !column.generated && !is_rewritten(&column.name, changes);
        let old = from.table(table).and_then(|table| table.find_column(column)).filter(|column| stays(column));
        old.is_some() && to.table(table).and_then(|table| table.find_column(column)) == old
    });
    // Rows may stand in the way of a constraint: then nothing happens.
    if let Err(error) = run(&mut database.connection, &sql.up) {
        assert_eq!(all_rows(&mut database.connection, from), rows, "{}", said(&error));
        return;
    }
    let up = database.introspect().unwrap_or_else(|error| panic!("{}", said(&error.to_string())));
    // Models are compared as the database would read them back.
    let compared = database.migrator.compare(&up, to, &RenderOptions::default());
    let differences = compared.unwrap_or_else(|error| panic!("{}", said(&error.to_string()))).0;
    assert!(differences.is_empty(), "{}", said(&format!("up does not lead to the target: {differences:?}")));
    let now =
        values(&mut database.connection, from, |table, column| kept.iter().any(|(name, _)| *name == (table.into(), column.into())));
    assert_eq!(now, kept, "{}", said("up changed a value"));
    if let Err(error) = run(&mut database.connection, &sql.down) {
        // Where no key identifies a row its values are filled in, and may not fit a CHECK.
        assert!(!keeps_keys(from, to) && error.contains("constraint failed"), "{}", said(&format!("down: {error}")));
        return;
    }
    let down = database.introspect().unwrap_or_else(|error| panic!("{}", said(&error.to_string())));
    let differences = diesel_autogen::diff(&down, from);
    assert!(differences.is_empty(), "{}", said(&format!("down does not lead back: {differences:?}")));
    assert_eq!(facts(&mut database.connection, from), shape, "{}", said("down makes another table"));
    // Where no key identifies a row nothing is kept, and a dangling reference is not restored.
    if keeps_keys(from, to) && !has_dangling_rows {
        assert_eq!(all_rows(&mut database.connection, from), rows, "{}", said("down does not bring every value back"));
    }
}

fn is_rewritten(column: &str, changes: &[Change]) -> bool {
    changes.iter().any(|change| match change {
        Change::AlterTable { alterations, .. } => alterations.iter().any(|alteration| match alteration {
            Alteration::Rewrite { from, to } => [from, to].into_iter().flatten().any(|text| text.contains(column)),
            _ => false,
        }),
        _ => false,
    })
}

/// Whether each table that stays has a primary key of NOT NULL columns, and the same one after.
fn keeps_keys(from: &Schema, to: &Schema) -> bool {
    from.tables.iter().filter_map(|table| Some((table, to.table(&table.name)?))).all(|(table, other)| {
        !table.primary_key.is_empty()
            && table.primary_key == other.primary_key
            && table.primary_key.iter().all(|name| {
                let column = table.find_column(name).map(|column| (&column.ty, column.nullable));
                column == other.find_column(name).map(|column| (&column.ty, column.nullable))
                    && column.is_some_and(|(_, nullable)| !nullable)
            })
    })
}

fn assert_same(from: &Schema, to: &Schema, text: &str) {
    let differences = diesel_autogen::diff(from, to);
    assert!(differences.is_empty(), "not equal to itself: {differences:?}\n{text}");
}

/// A scratch file with the tables of a text.
struct Database {
    connection: SqliteConnection,
    migrator: Migrator,
    _folder: TempDir,
}

/// An empty database file in which the side tables of version 1 are known.
static EMPTY: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let folder = folder();
    migrator(folder.path()).init().unwrap();
    let mut connection = connect(folder.path());
    connection.batch_execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('001')").unwrap();
    drop(connection);
    std::fs::read(folder.path().join("app.db")).unwrap()
});

/// A folder in memory, where the system has one: a disk would take most of the time.
fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

fn migrator(folder: &Path) -> Migrator {
    Migrator::with_url(DatabaseUrl::parse("app.db", folder).unwrap(), folder.join("migrations"))
}

fn connect(folder: &Path) -> SqliteConnection {
    SqliteConnection::establish(folder.join("app.db").to_str().unwrap()).unwrap()
}

impl Database {
    /// A database with the tables of the text and a few rows in them; `None` where SQLite refuses the text.
    fn of(text: &str) -> Option<Self> {
        // Queries are not tested here, and some never end; a virtual table is no CREATE TABLE.
        let lower = text.to_ascii_lowercase();
        let is_left_out = |word: &&str| lower.contains(*word) && (*word != "other" || !lower.contains("references"));
        if ["select", "virtual", "sqlite_", "_kept_", "__", "other"].iter().any(is_left_out) {
            return None;
        }
        let folder = folder();
        std::fs::write(folder.path().join("app.db"), &*EMPTY).unwrap();
        let (connection, migrator) = (connect(folder.path()), migrator(folder.path()));
        let mut database = Self { connection, migrator, _folder: folder };
        database.connection.batch_execute(OTHER).ok()?;
        sql_query(text).execute(&mut database.connection).ok()?;
        let schema = database.introspect().unwrap_or_else(|error| panic!("{error}\n{text}"));
        let name = schema.tables.iter().find(|table| table.name != "other").map(|table| quoted(&table.name))?;
        // SQLite reads some of a definition only when the table is used: one that can never be used is left out.
        let used = database
            .connection
            .batch_execute(&format!("SELECT * FROM {name}; INSERT INTO {name} DEFAULT VALUES"))
            .map_err(|error| error.to_string());
        let never = ["loop", "no such", "mismatch", "cannot store"];
        if used.is_err_and(|error| never.iter().any(|never| error.contains(never))) {
            return None;
        }
        for column in schema.tables.iter().flat_map(|table| &table.columns).filter(|column| !column.generated) {
            for value in ["1", "'x'", "NULL"] {
                let insert = format!("INSERT INTO {name} ({}) VALUES ({value})", quoted(&column.name));
                let _ = database.connection.batch_execute(&insert);
            }
        }
        Some(database)
    }

    fn introspect(&self) -> Result<Schema, Error> {
        self.migrator.introspect()
    }
}

/// Runs a script, which is all or nothing by itself.
fn run(database: &mut SqliteConnection, script: &str) -> Result<(), String> {
    database.batch_execute(script).map_err(|error| {
        let _ = database.batch_execute("ROLLBACK");
        let _ = database.batch_execute("PRAGMA foreign_keys = ON; PRAGMA legacy_alter_table = OFF");
        error.to_string()
    })
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Nullable<Text>)]
    row: Option<String>,
}

fn rows(database: &mut SqliteConnection, query: &str) -> Vec<Option<String>> {
    let rows = sql_query(query).load::<Row>(database).unwrap_or_else(|error| panic!("{error} in {query}"));
    rows.into_iter().map(|row| row.row).collect()
}

/// The values of the chosen columns, each with its row's place.
fn values(
    database: &mut SqliteConnection,
    schema: &Schema,
    chosen: impl Fn(&str, &str) -> bool,
) -> Vec<((String, String), Vec<Option<String>>)> {
    let mut all = Vec::new();
    for table in &schema.tables {
        for column in table.columns.iter().filter(|column| chosen(&table.name, &column.name)) {
            let query =
                format!("SELECT quote({}) AS row FROM {} ORDER BY 1", quoted(&column.name), quoted(&table.name));
            all.push(((table.name.clone(), column.name.clone()), rows(database, &query)));
        }
    }
    all
}

/// Every row of every table, whole.
fn all_rows(database: &mut SqliteConnection, schema: &Schema) -> Vec<Vec<Option<String>>> {
    let whole = |table: &Table| {
        let columns: Vec<_> = table.columns.iter().map(|column| format!("quote({})", quoted(&column.name))).collect();
        format!("SELECT {} AS row FROM {} ORDER BY 1", columns.join(" || '|' || "), quoted(&table.name))
    };
    schema.tables.iter().map(|table| rows(database, &whole(table))).collect()
}

/// What SQLite itself says of the tables, not by this library's reading.
fn facts(database: &mut SqliteConnection, schema: &Schema) -> Vec<Vec<Option<String>>> {
    let mut facts = Vec::new();
    for table in &schema.tables {
        let name = table.name.replace('\'', "''");
        let queries = [
            format!("SELECT type || wr || strict AS row FROM pragma_table_list('{name}') WHERE schema = 'main'"),
            format!(
                "SELECT concat_ws('|', name, type, \"notnull\", quote(dflt_value), pk, hidden) AS row
                 FROM pragma_table_xinfo('{name}') ORDER BY 1"
            ),
            format!(
                "SELECT lower(concat_ws('|', \"table\", \"from\", \"to\", on_update, on_delete, match)) AS row
                 FROM pragma_foreign_key_list('{name}') ORDER BY 1"
            ),
            format!(
                "SELECT concat_ws('|', \"unique\", origin, partial, (SELECT group_concat(concat_ws('|', name, \"desc\", coll))
                 FROM pragma_index_xinfo(l.name) WHERE key)) AS row FROM pragma_index_list('{name}') l ORDER BY 1"
            ),
        ];
        facts.extend(queries.iter().map(|query| rows(database, query)));
    }
    facts
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
