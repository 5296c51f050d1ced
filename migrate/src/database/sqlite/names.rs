//! The names in a script, and the renames among its statements.

use super::ddl::{Token, statements, tokens};
use crate::change::Rename;

/// The names in a script, each once.
pub(super) fn names(script: &str) -> Vec<String> {
    let mut names: Vec<_> = tokens(script).unwrap_or_default().iter().map(Token::name).collect();
    names.sort();
    names.dedup();
    names
}

/// The renames that a script's statements make, in order.
pub(super) fn renames(script: &str) -> Vec<Rename> {
    statements(script).unwrap_or_default().into_iter().filter_map(rename).collect()
}

/// `ALTER TABLE table RENAME TO name`, `ALTER TABLE table RENAME [COLUMN] column TO name`
fn rename(statement: &str) -> Option<Rename> {
    let tokens = tokens(statement).ok()?;
    let [alter, table, name, rename, rest @ ..] = tokens.as_slice() else { return None };
    if !(alter.is("ALTER") && table.is("TABLE") && rename.is("RENAME")) {
        return None;
    }
    let name = name.name();
    match rest {
        [to, new] if to.is("TO") => Some(Rename::Table { from: name, to: new.name() }),
        [column, old, to, new] if column.is("COLUMN") && to.is("TO") => {
            Some(Rename::Column { table: name, from: old.name(), to: new.name() })
        }
        [old, to, new] if to.is("TO") => Some(Rename::Column { table: name, from: old.name(), to: new.name() }),
        _ => None,
    }
}
