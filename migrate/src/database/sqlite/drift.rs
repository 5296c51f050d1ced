//! What was changed by hand in triggers, views and virtual tables: the models do not tell of them, the migrations do.

use std::collections::BTreeMap;

use diesel::RunQueryDsl;
use diesel::dsl::sql;
use diesel::sql_types::Text;
use diesel::sqlite::SqliteConnection;

use crate::Error;
use crate::rehearse::replayed;
use crate::script::Script;
use crate::sql::{canonical, mentions};

/// How the triggers, views and virtual tables of a database differ from those that its migrations make, in plain words.
///
/// To know, the migrations are applied to an empty database in memory. Where they need rows for that, nothing is found.
pub(crate) fn objects(live: &mut SqliteConnection, applied: &[&Script]) -> Result<Vec<String>, Error> {
    let found = load(live)?;
    let kinds = ["TRIGGER", "VIEW", "VIRTUAL"];
    let are_made = applied.iter().any(|script| kinds.iter().any(|kind| mentions(&script.up, kind)));
    if found.is_empty() && !are_made {
        return Ok(Vec::new());
    }
    let Ok(mut scratch) = replayed(applied) else { return Ok(Vec::new()) };
    let made = load(&mut scratch)?;
    let mut differences = Vec::new();
    for (name, (kind, text)) in &made {
        match found.get(name) {
            None => differences.push(format!("lacks the {kind} {name}, which a migration made")),
            Some((_, other)) if canonical(other) != canonical(text) => {
                differences.push(format!("has another {kind} {name} than the migrations make"));
            }
            Some(_) => {}
        }
    }
    let others = found.iter().filter(|(name, _)| !made.contains_key(*name));
    differences.extend(others.map(|(name, (kind, _))| format!("has the {kind} {name}, which no migration made")));
    Ok(differences)
}

/// By name, what each is and its text.
fn load(connection: &mut SqliteConnection) -> Result<BTreeMap<String, (String, String)>, Error> {
    let query = "SELECT iif(type = 'table', 'virtual table', type), name, sql FROM sqlite_master \
                 WHERE (type IN ('trigger', 'view') OR sql LIKE 'CREATE VIRTUAL%') AND name NOT LIKE '\\_kept\\_%' ESCAPE '\\'";
    let rows: Vec<(String, String, String)> = sql::<(Text, Text, Text)>(query).load(connection)?;
    Ok(rows.into_iter().map(|(kind, name, text)| (name, (kind, text))).collect())
}
