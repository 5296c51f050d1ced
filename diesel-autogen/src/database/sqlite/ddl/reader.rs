//! Cuts a CREATE TABLE text, as SQLite stores it, into columns and constraints. SQLite has read it before: what is not
//! the beginning of a constraint belongs to the one before.

use std::ops::Range;

use super::{Token, closing};

/// A column or a table constraint.
#[derive(Debug)]
pub(crate) struct Item {
    /// The column's name; `None` for a table constraint.
    pub column: Option<String>,
    /// The tokens of a column's type.
    pub(super) ty: Range<usize>,
    /// A column's constraints; for a table constraint this one alone.
    pub constraints: Vec<Constraint>,
    pub tokens: Range<usize>,
}

/// A constraint of a column or of the table.
#[derive(Debug)]
pub(crate) struct Constraint {
    /// The name after CONSTRAINT.
    pub name: Option<String>,
    /// What it is.
    pub kind: Kind,
    pub tokens: Range<usize>,
}

/// The kinds of constraint, table and column constraints alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    PrimaryKey,
    NotNull,
    Null,
    Unique,
    Check,
    Default,
    Collate,
    ForeignKey,
    Generated,
    /// DEFERRABLE that stands apart from its REFERENCES.
    Deferral,
}

/// The place of the table's name: SQLite stores `CREATE TABLE name (`, whatever was written before the name.
pub(super) const NAME: usize = 2;

/// The columns and table constraints, and the place of the parenthesis after them.
pub(super) fn read(tokens: &[Token]) -> Option<(Vec<Item>, usize)> {
    let [create, table, _, open, ..] = tokens else { return None };
    let (mut start, close) = (NAME + 2, closing(tokens, NAME + 2));
    if !create.is("CREATE") || !table.is("TABLE") || open.text != "(" || close == tokens.len() {
        return None;
    }
    let mut items = Vec::new();
    for end in outer(tokens, start..close).filter(|at| tokens[*at].text == ",").chain([close]) {
        items.push(item(tokens, start..end)?);
        start = end + 1;
    }
    Some((items, close))
}

/// The tokens that stand in no parentheses, and the opening ones.
fn outer(tokens: &[Token], range: Range<usize>) -> impl Iterator<Item = usize> {
    let mut depth = 0;
    range.filter(move |at| {
        let is_outer = depth == 0;
        depth += i32::from(tokens[*at].text == "(") - i32::from(tokens[*at].text == ")");
        is_outer
    })
}

fn item(tokens: &[Token], range: Range<usize>) -> Option<Item> {
    let first = tokens[range.clone()].first()?;
    let column = (!first.is_any(&["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"])).then(|| first.name());
    let start = range.start + usize::from(column.is_some());
    let mut constraints: Vec<Constraint> = Vec::new();
    let (mut ty, mut named) = (start..range.end, None);
    let mut words = outer(tokens, start..range.end);
    while let Some(at) = words.next() {
        let is_open = constraints.last().is_some_and(|last| last.tokens.end == range.end);
        let follows_key = is_open && constraints.last().is_some_and(|last| last.kind == Kind::ForeignKey);
        let kind = match beginning(&tokens[at..range.end]) {
            // A part of the key before: FOREIGN KEY (…) REFERENCES … DEFERRABLE.
            Some((Kind::Deferral, _)) if follows_key => continue,
            Some((Kind::ForeignKey, _)) if follows_key && column.is_none() => continue,
            Some((kind, others)) => {
                words.by_ref().take(others).for_each(drop);
                Some(kind)
            }
            None if tokens[at].is("CONSTRAINT") => None,
            None => {
                // ON DELETE SET NULL
                if tokens[at].is("SET") {
                    words.next();
                }
                continue;
            }
        };
        ty.end = ty.end.min(at);
        if let Some(last) = constraints.last_mut().filter(|_| is_open) {
            last.tokens.end = at;
        }
        if let Some(kind) = kind {
            let start = named.take().unwrap_or(at);
            let name = (start < at).then(|| tokens[start + 1].name());
            constraints.push(Constraint { name, kind, tokens: start..range.end });
        } else {
            // A name without a constraint is allowed, and says nothing.
            words.next();
            named = Some(at);
        }
    }
    Some(Item { column, ty, constraints, tokens: range })
}

/// The kind of constraint that begins with the first of these tokens, and how many others belong to its beginning.
fn beginning(tokens: &[Token]) -> Option<(Kind, usize)> {
    let is_next = |word: &str| tokens.get(1).is_some_and(|token| token.is(word));
    Some(match tokens.first()?.text.to_ascii_uppercase().as_str() {
        "PRIMARY" => (Kind::PrimaryKey, 1),
        "NOT" if is_next("NULL") => (Kind::NotNull, 1),
        "NOT" if is_next("DEFERRABLE") => (Kind::Deferral, 1),
        "DEFERRABLE" => (Kind::Deferral, 0),
        "NULL" => (Kind::Null, 0),
        "UNIQUE" => (Kind::Unique, 0),
        "CHECK" => (Kind::Check, 0),
        "DEFAULT" => (Kind::Default, 1),
        "COLLATE" => (Kind::Collate, 1),
        "FOREIGN" | "REFERENCES" => (Kind::ForeignKey, 1),
        "GENERATED" if is_next("ALWAYS") => (Kind::Generated, 2),
        "AS" => (Kind::Generated, 0),
        _ => return None,
    })
}
