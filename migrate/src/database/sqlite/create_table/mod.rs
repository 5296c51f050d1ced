//! A CREATE TABLE text of SQLite: what stands where in it, and edits that leave the rest of it as its author wrote it.
//!
//! No pragma shows COLLATE, ON CONFLICT, CHECK, DEFERRABLE, AUTOINCREMENT or a comment, so a table is never written
//! anew from what the pragmas say: the text that SQLite keeps is read and edited token by token.

mod edit;
mod read;

use std::ops::Range;

use super::{Token, canonical_tokens, excerpt, tokens};
use crate::Error;
use crate::schema::same_name;
use read::Reader;

/// A CREATE TABLE text, cut into its parts.
#[derive(Debug)]
pub(crate) struct CreateTable<'a> {
    sql: &'a str,
    tokens: Vec<Token<'a>>,
    name: usize,
    /// The columns and table constraints, in order.
    pub items: Vec<Item>,
    close: usize,
}

/// A column or a table constraint.
#[derive(Debug)]
pub(crate) struct Item {
    /// The column's name; `None` for a table constraint.
    pub column: Option<String>,
    /// The tokens of a column's type.
    ty: Range<usize>,
    /// A column's constraints; for a table constraint this one alone.
    pub constraints: Vec<Constraint>,
    tokens: Range<usize>,
}

/// A constraint of a column or of the table.
#[derive(Debug)]
pub(crate) struct Constraint {
    /// The name behind CONSTRAINT.
    pub name: Option<String>,
    /// What it is.
    pub kind: Kind,
    tokens: Range<usize>,
}

/// A column, a table constraint, or the options behind the parentheses, as [`CreateTable::parts`] compares them.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// The column's name.
    pub column: Option<String>,
    /// Its beginning, for people.
    pub text: String,
    /// What it says, however it is written.
    pub canonical: String,
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

impl<'a> CreateTable<'a> {
    /// Reads a CREATE TABLE text as SQLite keeps it.
    pub fn parse(sql: &'a str) -> Result<Self, Error> {
        let tokens = tokens(sql)?;
        Reader { tokens: &tokens, at: 0 }
            .table()
            .map(|(name, items, close)| Self { sql, name, items, close, tokens: tokens.clone() })
            .ok_or_else(|| Error::Sql { what: excerpt(sql), why: "not a CREATE TABLE that can be read".into() })
    }

    /// The table's name.
    pub fn name(&self) -> String {
        self.tokens[self.name].name()
    }

    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&Item> {
        self.items.iter().find(|item| item.column.as_deref().is_some_and(|column| same_name(column, name)))
    }

    /// The names of its columns, in order.
    pub fn column_names(&self) -> Vec<String> {
        self.items.iter().filter_map(|item| item.column.clone()).collect()
    }

    /// The text within the parentheses of a CHECK, without the table's own name before a column.
    pub fn expression(&self, constraint: &Constraint) -> String {
        let tokens = &self.tokens[constraint.tokens.clone()];
        let open = tokens.iter().position(|token| token.text == "(").map_or(0, |open| open + 1);
        let inner = tokens.get(open..closing(tokens, open)).unwrap_or_default();
        let (Some(first), Some(last)) = (inner.first(), inner.last()) else { return String::new() };
        let cuts = self.qualifiers(inner).map(|cut| (cut.start - first.start..cut.end - first.start, String::new()));
        splice(&self.sql[first.start..last.end], cuts.collect())
    }

    /// Where these tokens name the table itself before a column: `posts.score` in a table posts.
    fn qualifiers<'t>(&'t self, tokens: &'t [Token<'a>]) -> impl Iterator<Item = Range<usize>> + 't {
        let own = self.tokens[self.name].name();
        let is_own = move |pair: &&[Token]| is_qualifier(pair, &own);
        tokens.windows(2).filter(is_own).map(|pair| pair[0].start..pair[1].end)
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

    /// The text behind DEFAULT.
    pub fn default_text(&self, default: &Constraint) -> &'a str {
        let is_default = |at: &usize| self.tokens[*at].is("DEFAULT");
        let value = default.tokens.clone().find(is_default).map_or(default.tokens.start, |at| at + 1);
        self.span(&(value..default.tokens.end))
    }

    /// The column that is the number of a row: `INTEGER PRIMARY KEY`, but for two exceptions that SQLite makes.
    pub fn row_number(&self) -> Option<String> {
        let (item, key) = self.constraints(Kind::PrimaryKey).next().filter(|_| !self.is_without_rowid())?;
        let [column] = self.columns_of(item, key).try_into().ok()?;
        let is_integer = self.declared_type(&column)?.eq_ignore_ascii_case("INTEGER");
        // https://www.sqlite.org/lang_createtable.html#rowids_and_the_integer_primary_key: DESC at the column, not
        // in the parentheses of a table constraint, makes it a key as any other.
        let is_descending =
            item.column.is_some() && self.tokens[key.tokens.clone()].iter().any(|token| token.is("DESC"));
        (is_integer && !is_descending).then_some(column)
    }

    /// Whether the table is kept by its primary key alone.
    pub fn is_without_rowid(&self) -> bool {
        self.tokens[self.close..].iter().any(|token| token.is("WITHOUT"))
    }

    /// Whether the primary key counts up without ever using a number again.
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

    /// The text of an item, as it stands.
    pub fn text(&self, item: &Item) -> &'a str {
        self.span(&item.tokens)
    }

    /// The text of a constraint, as it stands.
    pub fn constraint_text(&self, constraint: &Constraint) -> &'a str {
        self.span(&constraint.tokens)
    }

    /// The parts with comments, space, quotes and letter case evened out, in an order of their own: two texts that make
    /// the same table, but for the order of its columns, are equal here.
    pub fn canonical(&self) -> Vec<String> {
        let mut parts: Vec<_> = self.parts(|_, _| false).into_iter().map(|part| part.canonical).collect();
        parts.sort();
        parts
    }

    /// The columns, the table constraints and the options behind them, each without what is `told` elsewhere: a kind of
    /// constraint (at a column, or of the table), or, where no kind is given, a column's type.
    pub fn parts(&self, told: impl Fn(Option<&str>, Option<Kind>) -> bool) -> Vec<Part> {
        let part = |item: &Item| {
            let column = item.column.as_deref();
            let is_told = |own: &&Constraint| told(column, Some(own.kind));
            let mut left_out: Vec<_> = item.constraints.iter().filter(is_told).map(|own| own.tokens.clone()).collect();
            left_out.extend(Some(item.ty.clone()).filter(|_| told(column, None)));
            let tokens = &self.tokens[item.tokens.clone()];
            let cuts: Vec<_> = self.qualifiers(tokens).collect();
            let name = column.map(|column| column.to_ascii_lowercase() + " ").unwrap_or_default();
            let is_kept = |(at, token): &(usize, &Token)| {
                (*at > 0 || column.is_none())
                    && !left_out.iter().any(|range| range.contains(&(at + item.tokens.start)))
                    && !cuts.iter().any(|cut| cut.contains(&token.start))
            };
            let kept = tokens.iter().enumerate().filter(is_kept).map(|(_, token)| token);
            Part {
                column: item.column.clone(),
                text: excerpt(self.text(item)),
                canonical: name + &canonical_tokens(kept),
            }
        };
        let mut parts: Vec<_> = self.items.iter().map(part).filter(|part| !part.canonical.is_empty()).collect();
        if let Some(options) = self.tokens.get(self.close + 1) {
            let text = excerpt(&self.sql[options.start..]);
            parts.push(Part {
                column: None,
                text,
                canonical: format!(") {}", canonical_tokens(&self.tokens[self.close + 1..])),
            });
        }
        parts
    }

    fn referenced_table(&self, constraint: &Constraint) -> Option<String> {
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

    fn span(&self, tokens: &Range<usize>) -> &'a str {
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

/// Whether these two tokens are the table's own name and the dot behind it.
fn is_qualifier(pair: &[Token], table: &str) -> bool {
    matches!(pair, [name, dot] if dot.text == "." && same_name(&name.name(), table))
}

/// The index of the parenthesis that closes the one before `from`, or the end.
fn closing(tokens: &[Token], from: usize) -> usize {
    let mut depth = 1;
    for (at, token) in tokens.iter().enumerate().skip(from) {
        match token.text {
            "(" => depth += 1,
            ")" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    tokens.len()
}

/// The text with pieces replaced; they are in order and do not overlap. Words that come together so stay two words.
fn splice(sql: &str, pieces: Vec<(Range<usize>, String)>) -> String {
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
