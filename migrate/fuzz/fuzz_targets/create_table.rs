//! Any CREATE TABLE text that SQLite accepts: it is read without a panic and found equal to itself, and an edit of the
//! table leads where it should, and back, keeping the values that it does not touch.
//!
//! An input that begins with CREATE is the text itself; any other is drawn from the grammar.

#![no_main]

mod edit;
mod grammar;

use arbitrary::Unstructured;
use diesel::connection::SimpleConnection;
use diesel::deserialize::QueryableByName;
use diesel::sql_types::{Nullable, Text};
use diesel::{Connection as _, RunQueryDsl, SqliteConnection, sql_query};
use libfuzzer_sys::fuzz_target;
use migrate::diff::Alteration;
use migrate::render::{Options, Sql};
use migrate::schema::{Column, Schema, Table};
use migrate::{Change, Connection, Error};

/// What the texts may refer to.
const OTHER: &str =
    "CREATE TABLE other (id INTEGER PRIMARY KEY, a TEXT UNIQUE, b TEXT); INSERT INTO other (id) VALUES (1)";

fuzz_target!(|data: &[u8]| {
    let mut bytes = Unstructured::new(data);
    let is_text = data.len() > 6 && data[..6].eq_ignore_ascii_case(b"CREATE");
    let drawn =
        if is_text { String::from_utf8(data.to_vec()).ok() } else { grammar::create_table(&mut bytes, "t").ok() };
    let Some(text) = drawn else { return };
    // A text of one's own brings no bytes to choose the edit by.
    let sum = data.iter().fold(data.len(), |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)));
    let sum = sum.to_le_bytes();
    let mut choice = if is_text { Unstructured::new(&sum) } else { bytes };
    check(&text, &mut choice);
});

fn check(text: &str, choice: &mut Unstructured) {
    let Some(mut before) = database(text) else { return };
    let from = introspect(&mut before).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_same(&from, &from, text);
    let Some(table) = from.tables.iter().find(|table| table.name != "other") else { return };
    let as_models = edit::as_models(&from);
    assert_same(&from, &as_models, text);
    let Ok(edit) = edit::choose(table, choice) else { return };
    let to = match edit.apply(&from, choice) {
        edit::Target::Schema(schema) => schema,
        edit::Target::Text(other) => match database(&other) {
            Some(mut other) => introspect(&mut other).unwrap_or_else(|error| panic!("{error}\n{text}")),
            None => return,
        },
    };
    let options = Options { keep: Some("001".into()), ..Options::default() };
    match migrate::compare(&from, &to, &options) {
        Ok((changes, sql)) => migrate_and_return(text, &mut before, (&from, &to), &changes, &sql),
        Err(Error::CannotExpress { .. }) => {}
        Err(Error::Rehearsal { .. } | Error::BadRename { .. }) if edit.may_be_refused(table) => {}
        // A key to what no key can refer to is refused by SQLite in use, not when it is made.
        Err(Error::Rehearsal { why, .. }) if why.contains("foreign key mismatch") => {}
        Err(error) => panic!("{edit:?}: {error}\n{text}"),
    }
}

/// Runs the migration where the table has rows, up and down.
fn migrate_and_return(
    text: &str,
    database: &mut SqliteConnection,
    (from, to): (&Schema, &Schema),
    changes: &[Change],
    sql: &Sql,
) {
    let said = |what: &str| {
        let plan: Vec<_> = changes.iter().map(ToString::to_string).collect();
        format!("{what}\n{text}\n--- the plan\n{}\n--- up.sql\n{}\n--- down.sql\n{}", plan.join("\n"), sql.up, sql.down)
    };
    let (shape, rows) = (facts(database, from), all_rows(database, from));
    let has_dangling_rows =
        diesel::dsl::sql::<diesel::sql_types::BigInt>("SELECT count(*) FROM pragma_foreign_key_check")
            .get_result::<i64>(database)
            .map_or(true, |count| count > 0);
    let kept = values(database, from, |table, column| {
        // What is computed changes with what it is computed from; a type that is written in another way may be of
        // another affinity.
        let stays = |column: &Column| !column.generated && !is_rewritten(&column.name, changes);
        let old = from.table(table).and_then(|table| table.find_column(column)).filter(|column| stays(column));
        old.is_some() && to.table(table).and_then(|table| table.find_column(column)) == old
    });
    // Rows may stand in the way of a constraint: then nothing happens.
    if let Err(error) = run(database, &sql.up) {
        assert_eq!(all_rows(database, from), rows, "{}", said(&error));
        return;
    }
    let up = introspect(database).unwrap_or_else(|error| panic!("{}", said(&error.to_string())));
    let differences = migrate::diff(&up, to);
    assert!(differences.is_empty(), "{}", said(&format!("up does not lead to the target: {differences:?}")));
    let now =
        values(database, from, |table, column| kept.iter().any(|(name, _)| *name == (table.into(), column.into())));
    assert_eq!(now, kept, "{}", said("up changed a value"));
    if let Err(error) = run(database, &sql.down) {
        // What no key finds again is filled in, and may not fit a CHECK.
        assert!(!keeps_keys(from, to) && error.contains("constraint failed"), "{}", said(&format!("down: {error}")));
        return;
    }
    let down = introspect(database).unwrap_or_else(|error| panic!("{}", said(&error.to_string())));
    let differences = migrate::diff(&down, from);
    assert!(differences.is_empty(), "{}", said(&format!("down does not lead back: {differences:?}")));
    assert_eq!(facts(database, from), shape, "{}", said("down makes another table"));
    // What no key finds again is not kept, and no reference comes back that led nowhere.
    if keeps_keys(from, to) && !has_dangling_rows {
        assert_eq!(all_rows(database, from), rows, "{}", said("down does not bring every value back"));
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

fn keeps_keys(from: &Schema, to: &Schema) -> bool {
    from.tables.iter().filter_map(|table| Some((table, to.table(&table.name)?))).all(|(table, other)| {
        table.primary_key == other.primary_key
            && table.primary_key.iter().all(|name| {
                table.find_column(name).map(|column| (&column.ty, column.nullable))
                    == other.find_column(name).map(|column| (&column.ty, column.nullable))
            })
    })
}

fn assert_same(from: &Schema, to: &Schema, text: &str) {
    let differences = migrate::diff(from, to);
    assert!(differences.is_empty(), "not equal to itself: {differences:?}\n{text}");
}

/// A database with what the text makes and a few rows in it; `None` where SQLite refuses the text.
fn database(text: &str) -> Option<SqliteConnection> {
    // Queries are not what this is about, and some never end; a virtual table is no CREATE TABLE.
    if ["select", "virtual", "sqlite_", "_kept_", "__", "other"].iter().any(|word| {
        let lower = text.to_ascii_lowercase();
        lower.contains(word) && (*word != "other" || !lower.contains("references"))
    }) {
        return None;
    }
    let mut database = SqliteConnection::establish(":memory:").ok()?;
    database.batch_execute(OTHER).ok()?;
    sql_query(text).execute(&mut database).ok()?;
    // What never could be used is nobody's table: SQLite looks at some of it only then.
    let schema = introspect(&mut database).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let name = schema.tables.iter().find(|table| table.name != "other").map(|table| quoted(&table.name))?;
    database
        .batch_execute(&format!("SELECT * FROM {name}; INSERT INTO {name} DEFAULT VALUES"))
        .err()
        .is_none_or(|error| {
            !["loop", "no such", "mismatch", "cannot store"].iter().any(|never| error.to_string().contains(never))
        })
        .then_some(())?;
    for column in schema.tables.iter().flat_map(|table| &table.columns).filter(|column| !column.generated) {
        for value in ["1", "'x'", "NULL"] {
            let _ = database.batch_execute(&format!("INSERT INTO {name} ({}) VALUES ({value})", quoted(&column.name)));
        }
    }
    Some(database)
}

fn introspect(database: &mut SqliteConnection) -> Result<Schema, Error> {
    let lent = std::mem::replace(database, SqliteConnection::establish(":memory:").unwrap());
    let mut lent = Connection::Sqlite(lent);
    let schema = migrate::introspect(&mut lent);
    if let Connection::Sqlite(back) = lent {
        *database = back;
    }
    schema
}

/// Runs a script as a whole or not at all.
fn run(database: &mut SqliteConnection, script: &str) -> Result<(), String> {
    let own = script.contains("SAVEPOINT rebuild;");
    let script = if own { script.to_owned() } else { format!("BEGIN;{script};COMMIT;") };
    database.batch_execute(&script).map_err(|error| {
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
