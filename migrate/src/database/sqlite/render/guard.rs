//! Makes a file all or nothing in every runner, even in the `sqlite3` shell, which goes on after an error.
//!
//! A file of several statements stands in a SAVEPOINT. Its last step compares the schema with what the statements should
//! have made of it, and rolls back where one of them failed.

use std::collections::BTreeMap;

use super::super::ddl::{Token, tokens};
use crate::schema::same_name;
use crate::text::literal;

/// What stands around the statements of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protection {
    /// A transaction.
    Transaction,
    /// A transaction with foreign keys off, which cannot be switched within one: no row is deleted with a parent table.
    KeysOff,
}

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

/// The text of a file. `guard` is the name of the temporary table for the steps.
pub(super) fn file(statements: &[String], protection: Protection, guard: &str) -> String {
    let lines: String = statements.iter().map(|statement| terminated(statement) + "\n").collect();
    if statements.len() <= 1 && protection == Protection::Transaction {
        return lines;
    }
    let steps = statements.iter().filter(|statement| statement.starts_with(&prefix(guard))).count();
    let mut failures = Outcome::of(statements).failures();
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
    if protection == Protection::KeysOff { format!("{KEYS_OFF}{text}PRAGMA foreign_keys = ON;\n") } else { text }
}

/// Within a transaction the pragma does nothing: the check ends such a transaction, and then the pragma works.
const KEYS_OFF: &str = "\
    -- With foreign keys on, a dropped or rebuilt table would take the rows with it that refer to it.\n\
    PRAGMA foreign_keys = OFF;\n\
    CREATE TEMP TABLE _keys (are_off INTEGER CONSTRAINT \"foreign keys must be off\" CHECK (are_off));\n\
    INSERT OR ROLLBACK INTO temp._keys SELECT NOT foreign_keys FROM pragma_foreign_keys;\n\
    PRAGMA foreign_keys = OFF;\n\
    DROP TABLE IF EXISTS temp._keys;\n\n";

/// What statements make of the schema: each object and column that exists after them, or does not.
#[derive(Default)]
struct Outcome {
    objects: BTreeMap<(String, String), bool>,
    columns: BTreeMap<(String, String), bool>,
}

impl Outcome {
    fn of(statements: &[String]) -> Self {
        let mut outcome = Self::default();
        for statement in statements {
            if let Ok(tokens) = tokens(statement) {
                outcome.follow(&tokens);
            }
        }
        outcome
    }

    fn follow(&mut self, tokens: &[Token]) {
        let [verb, rest @ ..] = tokens else { return };
        let rest = if rest.first().is_some_and(|word| word.is("UNIQUE")) { &rest[1..] } else { rest };
        match rest {
            [kind, word, _, _, name, ..] if verb.is("CREATE") && word.is("IF") => self.object(kind, name, true),
            [kind, name, ..] if verb.is("CREATE") => self.object(kind, name, true),
            [kind, name, ..] if verb.is("DROP") => {
                self.columns.retain(|(table, _), _| !same_name(table, &name.name()));
                self.object(kind, name, false);
            }
            [_, table, rest @ ..] if verb.is("ALTER") => self.alter(&table.name(), rest),
            _ => {}
        }
    }

    fn object(&mut self, kind: &Token, name: &Token, exists: bool) {
        self.objects.insert((kind.text.to_ascii_lowercase(), name.name()), exists);
    }

    fn alter(&mut self, table: &str, words: &[Token]) {
        let column = |name: &Token| (table.to_owned(), name.name());
        match words {
            [rename, to, name, ..] if rename.is("RENAME") && to.is("TO") => {
                let columns = std::mem::take(&mut self.columns).into_iter();
                let renamed = |own: String| if own == table { name.name() } else { own };
                self.columns = columns.map(|((own, column), exists)| ((renamed(own), column), exists)).collect();
                self.objects.insert(("table".into(), table.to_owned()), false);
                self.objects.insert(("table".into(), name.name()), true);
            }
            [rename, _, from, _, to, ..] if rename.is("RENAME") => {
                self.columns.insert(column(from), false);
                self.columns.insert(column(to), true);
            }
            [verb, _, name, ..] => drop(self.columns.insert(column(name), verb.is("ADD"))),
            _ => {}
        }
    }

    /// Conditions of which one holds where a statement failed.
    fn failures(&self) -> Vec<String> {
        let objects = |exists: bool| {
            let all = self.objects.iter().filter(move |(_, own)| **own == exists);
            all.map(|((kind, name), _)| literal(&format!("{kind} {name}"))).collect::<Vec<_>>()
        };
        let mut failures = Vec::new();
        for (exists, found) in [(true, objects(true)), (false, objects(false))] {
            let source = format!("FROM sqlite_master WHERE type || ' ' || name IN ({})", found.join(", "));
            failures.extend(failure(&source, found.len(), exists));
        }
        let mut columns: BTreeMap<(&String, bool), Vec<String>> = BTreeMap::new();
        for ((table, column), exists) in &self.columns {
            columns.entry((table, *exists)).or_default().push(literal(column));
        }
        for ((table, exists), names) in columns {
            let source = format!("FROM pragma_table_info({}) WHERE name IN ({})", literal(table), names.join(", "));
            failures.extend(failure(&source, names.len(), exists));
        }
        failures
    }
}

fn failure(source: &str, count: usize, exists: bool) -> Option<String> {
    match (count, exists) {
        (0, _) => None,
        (_, true) => Some(format!("(SELECT count(*) {source}) <> {count}")),
        (_, false) => Some(format!("EXISTS (SELECT 1 {source})")),
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
