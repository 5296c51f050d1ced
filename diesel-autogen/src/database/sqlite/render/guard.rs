//! Makes a file all or nothing in every runner, even in the `sqlite3` shell, which goes on after an error.
//!
//! A file of several statements stands in a SAVEPOINT. Its last step compares the schema with what the statements should
//! have made of it, and rolls back where one of them failed.

use std::collections::BTreeMap;

use super::super::ddl::{Token, tokens};
use crate::schema::same_name;
use crate::text::literal;

/// Checks that two tables hold the same number of rows.
pub(super) fn same_count(guard: &str, a: &str, b: &str) -> String {
    step(guard, &format!("(SELECT count(*) FROM {a}) = (SELECT count(*) FROM {b})"))
}

/// A step that is done when the condition holds.
pub(super) fn step(guard: &str, condition: &str) -> String {
    format!("{}SELECT 1 WHERE {condition}", prefix(guard))
}

fn prefix(guard: &str) -> String {
    format!("INSERT INTO {guard} ")
}

/// The text of a file. `guard` is the name of the temporary table for the steps. With `keys_off`, foreign keys are off
/// around it, which cannot be switched within a transaction: no row is deleted with a parent table.
pub(super) fn file(statements: &[String], keys_off: bool, guard: &str) -> String {
    let lines: String = statements.iter().map(|statement| terminated(statement) + "\n").collect();
    if statements.len() <= 1 && !keys_off {
        return lines;
    }
    let steps = statements.iter().filter(|statement| statement.starts_with(&prefix(guard))).count();
    let mut outcome = Outcome::default();
    for statement in statements {
        outcome.follow(&tokens(statement).unwrap_or_default());
    }
    let mut failures = outcome.failures();
    if steps > 0 {
        failures.insert(0, format!("(SELECT count(*) FROM {guard}) <> {steps}"));
    }
    let failures = failures.join("\n    OR ");
    let text = format!(
        "SAVEPOINT migration;\n\
         CREATE TEMP TABLE {} (done INTEGER CONSTRAINT \"a statement of this file failed\" CHECK (done));\n\n\
         {lines}\n\
         -- Undo everything where a statement failed.\n\
         INSERT OR ROLLBACK INTO {guard} SELECT 0 WHERE {failures};\n\
         DROP TABLE {guard};\n\
         RELEASE migration;\n",
        guard.trim_start_matches("temp."),
    );
    if keys_off { format!("{KEYS_OFF}{text}PRAGMA foreign_keys = ON;\n") } else { text }
}

/// Within a transaction the pragma does nothing: the check ends such a transaction, and then the pragma works.
const KEYS_OFF: &str = "\
    -- With foreign keys on, a dropped or rebuilt table would take the rows with it that refer to it.\n\
    PRAGMA foreign_keys = OFF;\n\
    CREATE TEMP TABLE _keys (are_off INTEGER CONSTRAINT \"foreign keys must be off\" CHECK (are_off));\n\
    INSERT OR ROLLBACK INTO temp._keys SELECT NOT foreign_keys FROM pragma_foreign_keys;\n\
    PRAGMA foreign_keys = OFF;\n\
    DROP TABLE IF EXISTS temp._keys;\n\n";

/// What statements make of the schema: each object and column that exists after them, or does not. The key is the table
/// of a column and its name, or nothing and the kind and name of an object.
#[derive(Default)]
struct Outcome(BTreeMap<(String, String), bool>);

impl Outcome {
    fn follow(&mut self, tokens: &[Token]) {
        let [verb, rest @ ..] = tokens else { return };
        let rest = if rest.first().is_some_and(|word| word.is("UNIQUE")) { &rest[1..] } else { rest };
        match rest {
            [kind, word, _, _, name, ..] if verb.is("CREATE") && word.is("IF") => self.object(kind, name, true),
            [kind, name, ..] if verb.is("CREATE") => self.object(kind, name, true),
            [kind, name, ..] if verb.is("DROP") => {
                self.0.retain(|(table, _), _| !same_name(table, &name.name()));
                self.object(kind, name, false);
            }
            [kind, table, rest @ ..] if verb.is("ALTER") => self.alter(kind, table, rest),
            _ => {}
        }
    }

    fn object(&mut self, kind: &Token, name: &Token, exists: bool) {
        self.0.insert((String::new(), format!("{} {}", kind.text.to_ascii_lowercase(), name.name())), exists);
    }

    fn alter(&mut self, kind: &Token, table: &Token, words: &[Token]) {
        let own = table.name();
        let column = |name: &Token| (own.clone(), name.name());
        match words {
            [rename, to, name, ..] if rename.is("RENAME") && to.is("TO") => {
                let renamed = |table: String| if table == own { name.name() } else { table };
                let all = std::mem::take(&mut self.0).into_iter();
                self.0 = all.map(|((table, name), exists)| ((renamed(table), name), exists)).collect();
                self.object(kind, table, false);
                self.object(kind, name, true);
            }
            [rename, _, from, _, to, ..] if rename.is("RENAME") => {
                self.0.insert(column(from), false);
                self.0.insert(column(to), true);
            }
            [verb, _, name, ..] => drop(self.0.insert(column(name), verb.is("ADD"))),
            _ => {}
        }
    }

    /// Conditions of which one holds where a statement failed.
    fn failures(&self) -> Vec<String> {
        let mut groups: BTreeMap<(&String, bool), Vec<String>> = BTreeMap::new();
        for ((table, name), exists) in &self.0 {
            groups.entry((table, !exists)).or_default().push(literal(name));
        }
        let failure = |((table, is_gone), names): ((&String, bool), Vec<String>)| {
            let source = match table.as_str() {
                "" => "sqlite_master WHERE type || ' ' || name".to_owned(),
                table => format!("pragma_table_info({}) WHERE name", literal(table)),
            };
            let found = format!("FROM {source} IN ({})", names.join(", "));
            if is_gone {
                format!("EXISTS (SELECT 1 {found})")
            } else {
                format!("(SELECT count(*) {found}) <> {}", names.len())
            }
        };
        groups.into_iter().map(failure).collect()
    }
}

/// The statement with its semicolon, on a line of its own where a comment would swallow it.
fn terminated(statement: &str) -> String {
    let statement = statement.trim_end().trim_end_matches(';');
    let end = tokens(statement).ok().and_then(|tokens| tokens.last().map(|token| token.end)).unwrap_or(statement.len());
    let comment = statement[end..].trim();
    if comment.is_empty() {
        format!("{statement};")
    } else if comment.rfind("/*") > comment.rfind("*/") {
        // A comment may end with the text that it stands in; in a script it would swallow the rest.
        format!("{};", &statement[..end])
    } else {
        format!("{statement}\n;")
    }
}
