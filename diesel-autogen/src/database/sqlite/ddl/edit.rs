//! Edits of a CREATE TABLE text. What is not edited stays as its author wrote it, comments included.

use std::ops::Range;

use super::create_table::{Constraint, CreateTable, Item, Kind, splice};
use super::reader::NAME;
use super::{canonical, quote};
use crate::schema::{ForeignKey, same_name, same_names};

impl CreateTable<'_> {
    /// The text for a table of another name. Where a condition names a column with its table's name before it
    /// (`CHECK (posts.score > 0)`), that name is removed: no other table can be meant.
    pub fn renamed(&self, name: &str) -> String {
        let own = self.tokens[NAME];
        let mut pieces = vec![(own.start..own.end, quote(name))];
        pieces.extend(self.qualifiers(&self.tokens[NAME + 1..]).into_iter().map(|cut| (cut, String::new())));
        splice(self.sql, pieces)
    }

    /// The text with one more column, after the others.
    pub fn with_column(&self, definition: &str) -> String {
        let last = self.items.iter().rposition(|item| item.column.is_some()).unwrap_or(0);
        self.with_item(last, definition)
    }

    /// The text with one more table constraint, after the others.
    pub fn with_constraint(&self, definition: &str) -> String {
        self.with_item(self.items.len() - 1, definition)
    }

    /// The text without that column.
    pub fn without_column(&self, name: &str) -> Option<String> {
        let at = self.items.iter().position(|item| item.column.as_deref().is_some_and(|own| same_name(own, name)))?;
        Some(self.without_item(at))
    }

    /// The text with another type for a column; an empty type leaves it without one.
    pub fn with_type(&self, column: &str, ty: &str) -> Option<String> {
        let item = self.column(column)?;
        let name = self.tokens[item.tokens.start];
        let end = if item.ty.is_empty() { name.end } else { self.tokens[item.ty.end - 1].end };
        Some(splice(self.sql, vec![(name.end..end, format!(" {ty}"))]))
    }

    /// The text with or without NOT NULL at a column.
    pub fn with_not_null(&self, column: &str, not_null: bool) -> Option<String> {
        let (unwanted, wanted) = if not_null { (Kind::Null, Some("NOT NULL")) } else { (Kind::NotNull, None) };
        self.with_instead(column, unwanted, wanted)
    }

    /// The text with that default for a column, or with none.
    pub fn with_default(&self, column: &str, default: Option<&str>) -> Option<String> {
        let definition = default.map(|default| format!("DEFAULT {default}"));
        self.with_instead(column, Kind::Default, definition.as_deref())
    }

    /// The text with a constraint of a column instead of those of that kind.
    fn with_instead(&self, column: &str, kind: Kind, definition: Option<&str>) -> Option<String> {
        let item = self.column(column)?;
        // After the type and before any other constraint: a REFERENCES at the end would swallow a NOT.
        let after = self.tokens[if item.ty.is_empty() { item.tokens.start } else { item.ty.end - 1 }].end;
        let added = definition.map(|definition| (after..after, format!(" {definition}")));
        let unwanted = item.constraints.iter().filter(|constraint| constraint.kind == kind);
        let cuts = unwanted.map(|constraint| (self.with_space_before(&constraint.tokens), String::new()));
        Some(splice(self.sql, added.into_iter().chain(cuts).collect()))
    }

    /// The text without the UNIQUE of exactly these columns. Written twice, it is one to SQLite.
    pub fn without_unique(&self, columns: &[String]) -> Option<String> {
        let text = self.without_constraint(|table, item, constraint| {
            constraint.kind == Kind::Unique && same_names(&table.columns_of(item, constraint), columns)
        })?;
        Some(CreateTable::parse(&text).ok()?.without_unique(columns).unwrap_or(text))
    }

    /// The text without a CHECK of that condition, as conditions are compared.
    pub fn without_check(&self, normalized: &str) -> Option<String> {
        self.without_constraint(|table, _, constraint| {
            constraint.kind == Kind::Check && canonical(&table.expression(constraint)) == normalized
        })
    }

    /// The text without that foreign key.
    pub fn without_foreign_key(&self, key: &ForeignKey) -> Option<String> {
        self.without_constraint(|table, item, constraint| {
            constraint.kind == Kind::ForeignKey
                && same_names(&table.columns_of(item, constraint), &key.columns)
                && table.referenced_table(constraint).is_some_and(|name| same_name(&name, &key.table))
        })
    }

    /// The text without its primary key.
    pub fn without_primary_key(&self) -> Option<String> {
        self.without_constraint(|_, _, constraint| constraint.kind == Kind::PrimaryKey)
    }

    fn without_constraint(&self, unwanted: impl Fn(&Self, &Item, &Constraint) -> bool) -> Option<String> {
        for (at, item) in self.items.iter().enumerate() {
            let Some(found) = item.constraints.iter().find(|constraint| unwanted(self, item, constraint)) else {
                continue;
            };
            let is_whole = item.column.is_none() && item.constraints.len() == 1;
            return Some(if is_whole { self.without_item(at) } else { self.without_tokens(&found.tokens) });
        }
        None
    }

    fn without_tokens(&self, tokens: &Range<usize>) -> String {
        splice(self.sql, vec![(self.with_space_before(tokens), String::new())])
    }

    fn with_item(&self, after: usize, definition: &str) -> String {
        let end = self.tokens[self.items[after].tokens.end - 1].end;
        let first = self.tokens[self.items[0].tokens.start].start;
        let line_start = self.sql[..first].rfind('\n').map(|newline| &self.sql[newline + 1..first]);
        let space = match line_start {
            Some(indent) if indent.trim().is_empty() => format!("\n{indent}"),
            _ => " ".to_owned(),
        };
        splice(self.sql, vec![(end..end, format!(",{space}{definition}"))])
    }

    /// The text without that item and one comma beside it.
    fn without_item(&self, at: usize) -> String {
        let item = &self.items[at].tokens;
        let comma =
            |at: usize| self.tokens.get(at).filter(|token| token.text == ",").map(|token| token.start..token.end);
        let own = self.with_space_before(item);
        let cuts: Vec<_> = match comma(item.end) {
            Some(after) => vec![own, after],
            None => item.start.checked_sub(1).and_then(comma).into_iter().chain([own]).collect(),
        };
        splice(self.sql, cuts.into_iter().map(|cut| (cut, String::new())).collect())
    }

    /// The bytes of these tokens and of the space before them, comments left where they are.
    fn with_space_before(&self, tokens: &Range<usize>) -> Range<usize> {
        let start = self.tokens[tokens.start].start;
        let before = self.sql[..start].trim_end().len();
        let floor = tokens.start.checked_sub(1).map_or(0, |previous| self.tokens[previous].end);
        // A comment that ends in this line's break keeps the break: without it the comment would run on.
        let from = if before > floor { start } else { before };
        from.max(floor)..self.tokens[tokens.end - 1].end
    }
}
