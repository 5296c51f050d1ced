//! Walks the tokens of a CREATE TABLE text.

use super::Token;
use super::create_table::{Constraint, Item, Kind, closing};

/// Words that end a column's type. GENERATED does so before ALWAYS alone: else it is a part of the type.
const COLUMN_CONSTRAINTS: [&str; 11] =
    ["CONSTRAINT", "PRIMARY", "NOT", "NULL", "UNIQUE", "CHECK", "DEFAULT", "COLLATE", "REFERENCES", "DEFERRABLE", "AS"];
const TABLE_CONSTRAINTS: [&str; 5] = ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"];

/// Walks the tokens of a CREATE TABLE.
pub(super) struct Reader<'t, 'a> {
    pub tokens: &'t [Token<'a>],
    pub at: usize,
}

impl Reader<'_, '_> {
    /// The table's name, its items, and the parenthesis after them.
    pub fn table(&mut self) -> Option<(usize, Vec<Item>, usize)> {
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
        let is_generated = |reader: &Self| reader.peeks_at(0, "GENERATED") && reader.peeks_at(1, "ALWAYS");
        while !self.peek_any(&COLUMN_CONSTRAINTS) && !self.peek_any(&[",", ")"]) && !is_generated(self) {
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
        } else if word.is("NOT") && self.take("NULL").is_some() {
            self.conflict()?;
            Kind::NotNull
        } else if word.is("DEFERRABLE") || word.is("NOT") && self.take("DEFERRABLE").is_some() {
            self.initially()?;
            Kind::Deferral
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
                self.initially()?;
            } else {
                return Some(());
            }
        }
    }

    fn initially(&mut self) -> Option<()> {
        if self.take("INITIALLY").is_some() {
            self.step()?;
        }
        Some(())
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

    /// Skips one token, or a whole pair of parentheses.
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
