//! The names in a script, and the renames among its statements.

use super::ddl::{Token, statements, tokens};
use crate::change::Rename;
use crate::database::changes::rename_of;

/// The names in a script, each once.
pub(super) fn names(script: &str) -> Vec<String> {
    let mut names: Vec<_> = tokens(script).unwrap_or_default().iter().map(Token::name).collect();
    names.sort();
    names.dedup();
    names
}

/// The renames that a script's statements make, in order.
pub(super) fn renames(script: &str) -> Vec<Rename> {
    let words = |statement| tokens(statement).unwrap_or_default().iter().map(Token::name).collect::<Vec<_>>();
    statements(script).unwrap_or_default().into_iter().filter_map(|statement| rename_of(&words(statement))).collect()
}
