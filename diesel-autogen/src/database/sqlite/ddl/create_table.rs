//! A CREATE TABLE text of SQLite: its columns, constraints and options, and where they stand.
//!
//! No pragma shows COLLATE, ON CONFLICT, CHECK, DEFERRABLE, AUTOINCREMENT or a comment, so a table is never written
//! from the pragmas: the text that SQLite stores is read and edited token by token.

use std::ops::Range;

pub(crate) use super::reader::{Constraint, Item, Kind};
use super::reader::{NAME, read};
use super::{Token, canonical, canonical_tokens, closing, qualifiers, tokens, unqualified, unreadable};
use crate::error::Error;
use crate::schema::{Clause, ClauseKind, same_name};
use crate::text::excerpt;

/// A CREATE TABLE text, cut into its parts.
#[derive(Debug)]
pub(crate) struct CreateTable<'a> {
    pub(super) sql: &'a str,
    pub(super) tokens: Vec<Token<'a>>,
    /// The columns and table constraints, in order.
    pub items: Vec<Item>,
    close: usize,
}

impl Kind {
    /// The kind of clause that it is; `None` for what the columns of a schema hold.
    fn of_clause(self) -> Option<ClauseKind> {
        Some(match self {
            Self::PrimaryKey => ClauseKind::PrimaryKey,
            Self::NotNull => ClauseKind::NotNull,
            Self::Unique => ClauseKind::Unique,
            Self::Check => ClauseKind::Check,
            Self::Collate => ClauseKind::Collation,
            Self::ForeignKey | Self::Deferral => ClauseKind::ForeignKey,
            Self::Generated => ClauseKind::Generated,
            Self::Null | Self::Default => return None,
        })
    }
}

impl<'a> CreateTable<'a> {
    /// Reads a CREATE TABLE text as SQLite keeps it.
    pub fn parse(sql: &'a str) -> Result<Self, Error> {
        let tokens = tokens(sql)?;
        let (items, close) = read(&tokens).ok_or_else(|| unreadable(sql, "not a CREATE TABLE that can be read"))?;
        Ok(Self { sql, tokens, items, close })
    }

    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&Item> {
        self.items.iter().find(|item| item.column.as_deref().is_some_and(|column| same_name(column, name)))
    }

    /// The text within the parentheses of a CHECK, without the table's own name before a column.
    pub fn expression(&self, constraint: &Constraint) -> String {
        let tokens = &self.tokens[constraint.tokens.clone()];
        let open = tokens.iter().position(|token| token.text == "(").map_or(0, |open| open + 1);
        let inner = tokens.get(open..closing(tokens, open)).unwrap_or_default();
        let (Some(first), Some(last)) = (inner.first(), inner.last()) else { return String::new() };
        let cuts = self
            .qualifiers(inner)
            .into_iter()
            .map(|cut| (cut.start - first.start..cut.end - first.start, String::new()));
        splice(&self.sql[first.start..last.end], cuts.collect())
    }

    /// Where these tokens name the table itself before a column.
    pub(super) fn qualifiers(&self, tokens: &[Token]) -> Vec<Range<usize>> {
        qualifiers(tokens, &self.tokens[NAME].name())
    }

    /// The collation that a column names.
    pub fn collation(&self, column: &str) -> Option<String> {
        let constraint = self.column(column)?.find(Kind::Collate)?;
        self.tokens[constraint.tokens.clone()].last().map(Token::name)
    }

    /// The type that a column declares, empty where it declares none.
    pub fn declared_type(&self, column: &str) -> Option<&'a str> {
        let ty = &self.column(column)?.ty;
        Some(if ty.is_empty() { "" } else { self.span(ty) })
    }

    /// The text after DEFAULT.
    pub fn default_text(&self, default: &Constraint) -> &'a str {
        let is_default = |at: &usize| self.tokens[*at].is("DEFAULT");
        let value = default.tokens.clone().find(is_default).map_or(default.tokens.start, |at| at + 1);
        self.span(&(value..default.tokens.end))
    }

    /// The column that is the rowid: `INTEGER PRIMARY KEY`, but for two exceptions that SQLite makes.
    pub fn rowid_column(&self) -> Option<String> {
        let (item, key) = self.constraints(Kind::PrimaryKey).next().filter(|_| !self.is_without_rowid())?;
        let [column] = self.columns_of(item, key).try_into().ok()?;
        let is_integer = self.declared_type(&column)?.eq_ignore_ascii_case("INTEGER");
        // https://www.sqlite.org/lang_createtable.html#rowids_and_the_integer_primary_key: DESC at the column, not
        // in the parentheses of a table constraint, makes it a key as any other.
        let is_descending =
            item.column.is_some() && self.tokens[key.tokens.clone()].iter().any(|token| token.is("DESC"));
        (is_integer && !is_descending).then_some(column)
    }

    /// Whether the table is stored by its primary key, without a rowid.
    pub fn is_without_rowid(&self) -> bool {
        self.tokens[self.close..].iter().any(|token| token.is("WITHOUT"))
    }

    /// Whether the table checks the types of its values.
    pub fn is_strict(&self) -> bool {
        self.tokens[self.close..].iter().any(|token| token.is("STRICT"))
    }

    /// Whether SQLite numbers new rows without using a number twice.
    pub fn is_autoincrement(&self) -> bool {
        self.constraints(Kind::PrimaryKey)
            .any(|(_, key)| self.tokens[key.tokens.clone()].iter().any(|token| token.is("AUTOINCREMENT")))
    }

    /// Every constraint of that kind, with the item that it stands in.
    pub fn constraints(&self, kind: Kind) -> impl Iterator<Item = (&Item, &Constraint)> {
        self.items.iter().flat_map(move |item| {
            item.constraints.iter().filter(move |constraint| constraint.kind == kind).map(move |found| (item, found))
        })
    }

    /// The types, constraints and options as they are compared, without defaults and bare NULLs.
    pub fn clauses(&self) -> Vec<Clause> {
        let mut clauses = Vec::new();
        for item in &self.items {
            let clause = |kind, tokens: &Range<usize>| Clause {
                column: item.column.clone(),
                kind,
                normalized: self.canonical(tokens),
                text: excerpt(self.span(&item.tokens)),
            };
            if !item.ty.is_empty() {
                clauses.push(clause(ClauseKind::Type, &item.ty));
            }
            let constraints = item.constraints.iter();
            clauses.extend(constraints.filter_map(|own| Some(clause(own.kind.of_clause()?, &own.tokens))));
        }
        let options = self.tokens[self.close + 1..].split(|token| token.text == ",");
        clauses.extend(options.filter(|tokens| !tokens.is_empty()).map(|tokens| Clause {
            column: None,
            kind: ClauseKind::Option,
            normalized: canonical_tokens(tokens),
            text: excerpt(&self.sql[tokens[0].start..tokens[tokens.len() - 1].end]),
        }));
        clauses
    }

    /// All that the text says, in an order that does not depend on it: tables with equal ones are equal but for the
    /// order of their columns.
    pub fn shape(&self) -> Vec<String> {
        let lower = |column: Option<&String>| column.map(|name| name.to_ascii_lowercase()).unwrap_or_default();
        let clauses = self.clauses();
        let clauses =
            clauses.iter().map(|own| format!("{} {:?} {}", lower(own.column.as_ref()), own.kind, own.normalized));
        let columns = self.items.iter().filter(|item| item.column.is_some()).map(|item| {
            let default = item.find(Kind::Default).map(|default| canonical(self.default_text(default)));
            format!("{} {}", lower(item.column.as_ref()), default.filter(|text| text != "null").unwrap_or_default())
        });
        let mut shape: Vec<_> = clauses.chain(columns).collect();
        shape.sort();
        shape
    }

    /// These tokens as they are compared, without the table's own name before a column.
    fn canonical(&self, tokens: &Range<usize>) -> String {
        canonical_tokens(&unqualified(&self.tokens[tokens.clone()], &self.tokens[NAME].name()))
    }

    pub(super) fn referenced_table(&self, constraint: &Constraint) -> Option<String> {
        let mut tokens = self.tokens[constraint.tokens.clone()].iter();
        tokens.find(|token| token.is("REFERENCES"))?;
        tokens.next().map(Token::name)
    }

    /// The columns that a constraint is about: those in its parentheses, or the one that it stands at.
    pub fn columns_of(&self, item: &Item, constraint: &Constraint) -> Vec<String> {
        if let Some(column) = &item.column {
            return vec![column.clone()];
        }
        let tokens = &self.tokens[constraint.tokens.clone()];
        let Some(open) = tokens.iter().position(|token| token.text == "(") else { return Vec::new() };
        let inner = &tokens[open + 1..closing(tokens, open + 1)];
        inner.split(|token| token.text == ",").filter_map(|part| part.first()).map(Token::name).collect()
    }

    /// The text of these tokens, as it stands.
    pub fn span(&self, tokens: &Range<usize>) -> &'a str {
        &self.sql[self.tokens[tokens.start].start..self.tokens[tokens.end - 1].end]
    }
}

impl Item {
    /// The constraint of that kind, if the column has one. Of two the last counts, as SQLite takes a DEFAULT or COLLATE
    /// that is written twice.
    pub fn find(&self, kind: Kind) -> Option<&Constraint> {
        self.constraints.iter().rfind(|constraint| constraint.kind == kind)
    }
}

/// The text with pieces replaced; they are in order and do not overlap. Words that come together so stay two words.
pub(super) fn splice(sql: &str, pieces: Vec<(Range<usize>, String)>) -> String {
    let mut out = String::with_capacity(sql.len() + 64);
    let mut push = |text: &str| {
        // A number and a word, or a word and a quoted text, are no better neighbours: 1E, X'00'.
        let is_of_word = |char: char| char.is_alphanumeric() || char == '_' || char == '$' || !char.is_ascii();
        let joins = |end: char, start: char| is_of_word(end) && (is_of_word(start) || start == '\'');
        if out.chars().next_back().zip(text.chars().next()).is_some_and(|(end, start)| joins(end, start)) {
            out.push(' ');
        }
        out.push_str(text);
    };
    let mut from = 0;
    for (range, text) in pieces {
        push(&sql[from..range.start]);
        push(&text);
        from = range.end;
    }
    push(&sql[from..]);
    out
}
