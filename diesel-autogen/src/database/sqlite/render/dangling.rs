//! Names in double quotes whose column is dropped: SQLite would read them as string literals from then on.
//!
//! <https://www.sqlite.org/quirks.html#double_quoted_string_literals_are_accepted>. A name without double quotes is an
//! error that the trial on an empty copy finds.

use super::super::ddl::create_table::{CreateTable, Kind};
use super::super::ddl::{mentions, tokens};
use super::writer::stored;
use crate::change::{Alteration, Change};
use crate::error::Error;
use crate::schema::{Object, ObjectKind, same_name};

/// Refuses to drop a column that a remaining text names in double quotes.
pub(super) fn refuse(changes: &[Change], kept: &[Object]) -> Result<(), Error> {
    for (from, to, alterations) in changes.iter().filter_map(Change::altered) {
        let text = CreateTable::parse(stored(to)?)?;
        let is_in = |kind, name: &str| {
            text.constraints(kind).any(|(_, constraint)| is_quoted_in(text.span(&constraint.tokens), name))
        };
        for name in alterations.iter().filter_map(Alteration::dropped_column).map(|column| &column.name) {
            let user = if is_in(Kind::Check, name) || is_in(Kind::Generated, name) {
                Some("a CHECK or a generated column".to_owned())
            } else {
                let uses = |object: &&Object| match object.kind {
                    ObjectKind::Index | ObjectKind::Trigger if same_name(&object.table, &to.name) => {
                        is_quoted_in(&object.sql, name)
                    }
                    ObjectKind::View | ObjectKind::Trigger => {
                        mentions(&object.sql, &to.name) && is_quoted_in(&object.sql, name)
                    }
                    _ => false,
                };
                kept.iter().find(uses).map(|object| object.name.clone())
            };
            if let Some(user) = user {
                let why = format!("it drops {name}, and {user} names it in double quotes: drop or change that first");
                return Err(Error::cannot_express(&from.name, why));
            }
        }
    }
    Ok(())
}

/// Whether the name stands in the text in double quotes, with no table's name before it.
fn is_quoted_in(text: &str, name: &str) -> bool {
    let Ok(tokens) = tokens(text) else { return true };
    tokens.iter().enumerate().any(|(at, token)| {
        let is_qualified = at > 0 && tokens[at - 1].text == ".";
        token.text.starts_with('"') && !is_qualified && same_name(&token.name(), name)
    })
}
