//! A CREATE TABLE text of SQLite: what stands where in it, and edits that leave the rest of it as its author wrote it.
//!
//! No pragma shows COLLATE, ON CONFLICT, CHECK, DEFERRABLE, AUTOINCREMENT or a comment, so a table is never written
//! anew from what the pragmas say: the text that SQLite keeps is read and edited token by token.

use std::ops::Range;

use super::{Token, canonical, canonical_tokens, excerpt, quote, tokens};
use crate::Error;
use crate::schema::{ForeignKey, same_name};

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
}

/// Words that end a column's type.
const COLUMN_CONSTRAINTS: [&str; 11] =
    ["CONSTRAINT", "PRIMARY", "NOT", "NULL", "UNIQUE", "CHECK", "DEFAULT", "COLLATE", "REFERENCES", "GENERATED", "AS"];
const TABLE_CONSTRAINTS: [&str; 5] = ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"];

impl<'a> CreateTable<'a> {
    /// Reads a CREATE TABLE text as SQLite keeps it.
    pub fn parse(sql: &'a str) -> Result<Self, Error> {
        let tokens = tokens(sql)?;
        Reader { tokens: &tokens, at: 0 }
            .table()
            .map(|(name, items, close)| Self { sql, name, items, close, tokens: tokens.clone() })
            .ok_or_else(|| Error::Sql { what: excerpt(sql), why: "not a CREATE TABLE that can be read".into() })
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

    /// The items and options with comments, space, quotes and letter case evened out, in an order of their own:
    /// two texts that make the same table, but for the order of its columns, are equal here.
    pub fn canonical(&self) -> Vec<String> {
        let canonical = |item: &Item| {
            let tokens = &self.tokens[item.tokens.clone()];
            let cuts: Vec<_> = self.qualifiers(tokens).collect();
            let is_kept = |token: &&Token| !cuts.iter().any(|cut| cut.contains(&token.start));
            canonical_tokens(tokens.iter().filter(is_kept))
        };
        let mut parts: Vec<_> = self.items.iter().map(canonical).collect();
        parts.push(format!(") {}", canonical_tokens(&self.tokens[self.close + 1..])));
        parts.sort();
        parts
    }

    /// The text for a table of another name. Where a condition names a column with its table's name before it
    /// (`CHECK (posts.score > 0)`), that name goes: the columns of no other table can be meant.
    pub fn renamed(&self, name: &str) -> String {
        let own = self.tokens[self.name];
        let mut pieces = vec![(own.start..own.end, quote(name))];
        pieces.extend(self.qualifiers(&self.tokens[self.name + 1..]).map(|cut| (cut, String::new())));
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
        let item = self.column(column)?;
        if not_null {
            let text = self.without_from_column(item, |constraint| constraint.kind == Kind::Null);
            return CreateTable::parse(&text).ok()?.with_column_constraint(column, "NOT NULL");
        }
        Some(self.without_from_column(item, |constraint| constraint.kind == Kind::NotNull))
    }

    /// The text with that default for a column, or with none.
    pub fn with_default(&self, column: &str, default: Option<&str>) -> Option<String> {
        let text = self.without_from_column(self.column(column)?, |constraint| constraint.kind == Kind::Default);
        match default {
            None => Some(text),
            Some(default) => {
                CreateTable::parse(&text).ok()?.with_column_constraint(column, &format!("DEFAULT {default}"))
            }
        }
    }

    /// The text without the UNIQUE of exactly these columns.
    pub fn without_unique(&self, columns: &[String]) -> Option<String> {
        self.without_constraint(|table, item, constraint| {
            constraint.kind == Kind::Unique && same_names(&table.columns_of(item, constraint), columns)
        })
    }

    /// The text without a CHECK of that condition.
    pub fn without_check(&self, expression: &str) -> Option<String> {
        let wanted = canonical(expression);
        self.without_constraint(|table, _, constraint| {
            constraint.kind == Kind::Check && canonical(&table.expression(constraint)) == wanted
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

    fn referenced_table(&self, constraint: &Constraint) -> Option<String> {
        let mut tokens = self.tokens[constraint.tokens.clone()].iter();
        tokens.find(|token| token.is("REFERENCES"))?;
        tokens.next().map(Token::name)
    }

    /// The columns that a constraint is about: those in its parentheses, or the one that it stands at.
    fn columns_of(&self, item: &Item, constraint: &Constraint) -> Vec<String> {
        if let Some(column) = &item.column {
            return vec![column.clone()];
        }
        let tokens = &self.tokens[constraint.tokens.clone()];
        let Some(open) = tokens.iter().position(|token| token.text == "(") else { return Vec::new() };
        let inner = &tokens[open + 1..closing(tokens, open + 1)];
        inner.split(|token| token.text == ",").filter_map(|part| part.first()).map(Token::name).collect()
    }

    fn with_column_constraint(&self, column: &str, definition: &str) -> Option<String> {
        let item = self.column(column)?;
        // Behind the type and before any other constraint: a REFERENCES at the end would swallow a NOT.
        let after = self.tokens[if item.ty.is_empty() { item.tokens.start } else { item.ty.end - 1 }].end;
        Some(splice(self.sql, vec![(after..after, format!(" {definition}"))]))
    }

    fn without_from_column(&self, item: &Item, unwanted: impl Fn(&Constraint) -> bool) -> String {
        let cuts = item.constraints.iter().filter(|constraint| unwanted(constraint));
        splice(self.sql, cuts.map(|constraint| (self.with_space_before(&constraint.tokens), String::new())).collect())
    }

    fn without_constraint(&self, unwanted: impl Fn(&Self, &Item, &Constraint) -> bool) -> Option<String> {
        for (at, item) in self.items.iter().enumerate() {
            let Some(found) = item.constraints.iter().find(|constraint| unwanted(self, item, constraint)) else {
                continue;
            };
            return Some(if item.column.is_none() {
                self.without_item(at)
            } else {
                splice(self.sql, vec![(self.with_space_before(&found.tokens), String::new())])
            });
        }
        None
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

    fn without_item(&self, at: usize) -> String {
        let item = &self.items[at].tokens;
        let (start, end) = (self.tokens[item.start].start, self.tokens[item.end - 1].end);
        let mut cuts = vec![(self.with_space_before(&(item.start..item.end)), String::new())];
        let comma_after = self.tokens.get(item.end).filter(|token| token.text == ",");
        let comma_before =
            item.start.checked_sub(1).map(|before| self.tokens[before]).filter(|token| token.text == ",");
        if let Some(comma) = comma_after {
            cuts[0].0 = self.with_space_before(&(item.start..item.end)).start..end;
            cuts.push((comma.start..comma.end, String::new()));
        } else if let Some(comma) = comma_before {
            cuts.insert(0, (comma.start..comma.end, String::new()));
        }
        debug_assert!(start < end);
        splice(self.sql, cuts)
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

    fn span(&self, tokens: &Range<usize>) -> &'a str {
        &self.sql[self.tokens[tokens.start].start..self.tokens[tokens.end - 1].end]
    }
}

impl Item {
    /// The constraint of that kind, if the column has one.
    pub fn find(&self, kind: Kind) -> Option<&Constraint> {
        self.constraints.iter().find(|constraint| constraint.kind == kind)
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

fn same_names(a: &[String], b: &[String]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_name(a, b))
}

/// The text with pieces replaced; they are in order and do not overlap.
fn splice(sql: &str, pieces: Vec<(Range<usize>, String)>) -> String {
    let mut out = String::with_capacity(sql.len() + 64);
    let mut from = 0;
    for (range, text) in pieces {
        out.push_str(&sql[from..range.start]);
        out.push_str(&text);
        from = range.end;
    }
    out.push_str(&sql[from..]);
    out
}

/// Walks the tokens of a CREATE TABLE.
struct Reader<'t, 'a> {
    tokens: &'t [Token<'a>],
    at: usize,
}

impl Reader<'_, '_> {
    fn table(&mut self) -> Option<(usize, Vec<Item>, usize)> {
        self.take("CREATE")?;
        let _ = self.take("TEMP").or_else(|| self.take("TEMPORARY"));
        self.take("TABLE")?;
        if self.take("IF").is_some() {
            self.take("NOT")?;
            self.take("EXISTS")?;
        }
        let mut name = self.step()?;
        if self.take(".").is_some() {
            name = self.step()?;
        }
        self.take("(")?;
        let mut items = Vec::new();
        loop {
            items.push(if self.peek_any(&TABLE_CONSTRAINTS) { self.table_constraint()? } else { self.column()? });
            if self.take(")").is_some() {
                return Some((name, items, self.at - 1));
            }
            // SQLite lets a table constraint follow another without a comma.
            if self.take(",").is_none() && !self.peek_any(&TABLE_CONSTRAINTS) {
                return None;
            }
        }
    }

    fn column(&mut self) -> Option<Item> {
        let start = self.step()?;
        let column = Some(self.tokens[start].name());
        let ty = self.at;
        while !self.peek_any(&COLUMN_CONSTRAINTS) && !self.peek_any(&[",", ")"]) {
            self.skip()?;
        }
        let ty = ty..self.at;
        let mut constraints = Vec::new();
        while !self.peek_any(&[",", ")"]) {
            constraints.extend(self.constraint()?);
        }
        Some(Item { column, ty, constraints, tokens: start..self.at })
    }

    fn table_constraint(&mut self) -> Option<Item> {
        let start = self.at;
        let constraints = self.constraint()?;
        Some(Item { column: None, ty: start..start, constraints, tokens: start..self.at })
    }

    /// Reads one constraint, or none: a bare `CONSTRAINT name`, which SQLite allows, says nothing.
    fn constraint(&mut self) -> Option<Vec<Constraint>> {
        let start = self.at;
        let mut name = None;
        if self.take("CONSTRAINT").is_some() {
            let at = self.step()?;
            name = Some(self.tokens[at].name());
            if self.peek_any(&[",", ")", "CONSTRAINT"]) {
                return Some(Vec::new());
            }
        }
        let kind = self.kind()?;
        Some(vec![Constraint { name, kind, tokens: start..self.at }])
    }

    fn kind(&mut self) -> Option<Kind> {
        let word = self.step()?;
        let word = self.tokens[word];
        Some(if word.is("PRIMARY") {
            self.take("KEY")?;
            self.parentheses()?;
            let _ = self.take("ASC").or_else(|| self.take("DESC"));
            self.conflict()?;
            self.take("AUTOINCREMENT");
            Kind::PrimaryKey
        } else if word.is("NOT") {
            self.take("NULL")?;
            self.conflict()?;
            Kind::NotNull
        } else if word.is("NULL") {
            self.conflict()?;
            Kind::Null
        } else if word.is("UNIQUE") {
            self.parentheses()?;
            self.conflict()?;
            Kind::Unique
        } else if word.is("CHECK") {
            self.parentheses()?;
            self.conflict()?;
            Kind::Check
        } else if word.is("DEFAULT") {
            let _ = self.take("+").or_else(|| self.take("-"));
            self.skip()?;
            Kind::Default
        } else if word.is("COLLATE") {
            self.step()?;
            Kind::Collate
        } else if word.is("FOREIGN") {
            self.take("KEY")?;
            self.parentheses()?;
            self.take("REFERENCES")?;
            self.references()?;
            Kind::ForeignKey
        } else if word.is("REFERENCES") {
            self.references()?;
            Kind::ForeignKey
        } else if word.is("GENERATED") || word.is("AS") {
            if word.is("GENERATED") {
                self.take("ALWAYS")?;
                self.take("AS")?;
            }
            self.parentheses()?;
            let _ = self.take("STORED").or_else(|| self.take("VIRTUAL"));
            Kind::Generated
        } else {
            return None;
        })
    }

    /// What follows REFERENCES, DEFERRABLE included.
    fn references(&mut self) -> Option<()> {
        self.step()?;
        self.parentheses()?;
        loop {
            if self.take("ON").is_some() {
                self.step()?;
                let _ = self.take("SET").or_else(|| self.take("NO"));
                self.step()?;
            } else if self.take("MATCH").is_some() {
                self.step()?;
            } else if self.peek_any(&["DEFERRABLE"]) || self.peeks_at(0, "NOT") && self.peeks_at(1, "DEFERRABLE") {
                self.take("NOT");
                self.take("DEFERRABLE")?;
                if self.take("INITIALLY").is_some() {
                    self.step()?;
                }
            } else {
                return Some(());
            }
        }
    }

    fn conflict(&mut self) -> Option<()> {
        if self.take("ON").is_some() {
            self.take("CONFLICT")?;
            self.step()?;
        }
        Some(())
    }

    fn parentheses(&mut self) -> Option<()> {
        if self.peek_any(&["("]) { self.skip() } else { Some(()) }
    }

    /// Goes past one token, or past a whole pair of parentheses.
    fn skip(&mut self) -> Option<()> {
        let at = self.step()?;
        if self.tokens[at].text == "(" {
            self.at = closing(self.tokens, at + 1) + 1;
        }
        (self.at <= self.tokens.len()).then_some(())
    }

    fn step(&mut self) -> Option<usize> {
        let at = self.at;
        self.at += 1;
        (at < self.tokens.len()).then_some(at)
    }

    fn take(&mut self, word: &str) -> Option<()> {
        if !self.peeks_at(0, word) {
            return None;
        }
        self.at += 1;
        Some(())
    }

    fn peek_any(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.peeks_at(0, word))
    }

    fn peeks_at(&self, ahead: usize, word: &str) -> bool {
        self.tokens.get(self.at + ahead).is_some_and(|token| token.is(word))
    }
}
