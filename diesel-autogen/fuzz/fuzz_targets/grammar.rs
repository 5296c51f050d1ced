//! CREATE TABLE texts as SQLite's grammar allows them, drawn from bytes.

use arbitrary::{Result, Unstructured};

/// Names that some reader could stumble over.
const NAMES: [&str; 16] = [
    "id",
    "a",
    "b",
    "score",
    "order",
    "check",
    "größe",
    "with space",
    "quo\"te",
    "t",
    "key",
    "brack]et",
    "generated",
    "it's",
    "rowid",
    "constraint",
];

const TYPES: [&str; 22] = [
    "",
    "INTEGER",
    "INT",
    "TEXT",
    "REAL",
    "BLOB",
    "ANY",
    "VARCHAR(64)",
    "VARCHAR ( 10 , 2 )",
    "BOOLEAN",
    "BIGINT",
    "UNSIGNED BIG INT",
    "DOUBLE PRECISION",
    "TIMESTAMP",
    "DATE",
    "\"my type\"",
    "[TEXT]",
    "NUMERIC(+1, -2)",
    "integer",
    "TINYINT(1)",
    "NVARCHAR(100)",
    "int2",
];

const DEFAULTS: [&str; 18] = [
    "0",
    "-1",
    "+ 2.5e3",
    "'it''s'",
    "NULL",
    "(1 + (2))",
    "CURRENT_TIMESTAMP",
    "x'00ff'",
    "TRUE",
    "\"text\"",
    "now",
    "(lower('A;)'))",
    "'-- no comment'",
    "0x1F",
    "(CURRENT_DATE)",
    "- 9223372036854775808",
    "''",
    "(/* why */ 1)",
];

const SPACES: [&str; 8] = [" ", "\n", "  ", "\t", " -- a, comment)\n", " /* one; (two */ ", "\r\n    ", " /**/ "];

const ACTIONS: [&str; 5] = ["CASCADE", "SET NULL", "SET DEFAULT", "RESTRICT", "NO ACTION"];

/// Writes one text.
struct Grammar<'u, 'a> {
    bytes: &'u mut Unstructured<'a>,
    text: String,
    table: String,
    columns: Vec<String>,
}

/// A CREATE TABLE of a table of that name.
pub fn create_table(bytes: &mut Unstructured, table: &str) -> Result<String> {
    let mut grammar = Grammar { bytes, text: String::new(), table: table.to_owned(), columns: Vec::new() };
    grammar.table()?;
    Ok(grammar.text)
}

impl Grammar<'_, '_> {
    fn table(&mut self) -> Result<()> {
        let first = self.bytes.int_in_range(0..=NAMES.len() - 1)?;
        let count = self.bytes.int_in_range(1..=6)?;
        self.columns = (0..count).map(|at| NAMES[(first + at) % NAMES.len()].to_owned()).collect();
        self.word("CREATE")?;
        self.word("TABLE")?;
        if self.one_in(8)? {
            self.word("IF NOT EXISTS")?;
        }
        let table = self.table.clone();
        self.name(&table)?;
        self.word("(")?;
        let strict = self.one_in(6)?;
        let mut has_key = false;
        for at in 0..count {
            if at > 0 {
                self.word(",")?;
            }
            has_key |= self.column(at, strict, has_key)?;
        }
        for _ in 0..self.bytes.int_in_range(0..=3)? {
            let comma = if self.one_in(8)? { " " } else { "," };
            self.word(comma)?;
            has_key |= self.table_constraint(has_key)?;
        }
        self.text.push(')');
        let without = has_key && self.one_in(4)?;
        if without {
            self.word(" WITHOUT ROWID")?;
        }
        if strict {
            self.word(if without { ", STRICT" } else { " STRICT" })?;
        }
        if self.one_in(6)? {
            let end = *self.bytes.choose(&["-- the end", "/* the end", " ", "/* end */"])?;
            self.text.push_str(end);
        }
        Ok(())
    }

    /// A column; says whether it is the primary key.
    fn column(&mut self, at: usize, strict: bool, has_key: bool) -> Result<bool> {
        let name = self.columns[at].clone();
        self.name(&name)?;
        let ty = if strict { &TYPES[1..7] } else { &TYPES[..] };
        let ty = *self.bytes.choose(ty)?;
        self.word(ty)?;
        let mut is_key = false;
        for _ in 0..self.bytes.int_in_range(0..=3)? {
            match self.bytes.int_in_range(0..=9)? {
                0 if !has_key && !is_key => {
                    is_key = true;
                    self.constraint_name()?;
                    self.word("PRIMARY KEY")?;
                    if self.one_in(3)? {
                        let word = *self.bytes.choose(&["ASC", "DESC"])?;
                        self.word(word)?;
                    }
                    self.conflict()?;
                    if self.one_in(3)? {
                        self.word("AUTOINCREMENT")?;
                    }
                }
                1 => {
                    self.constraint_name()?;
                    self.word("NOT NULL")?;
                    self.conflict()?;
                }
                2 => {
                    self.constraint_name()?;
                    self.word("UNIQUE")?;
                    self.conflict()?;
                }
                3 => self.check()?,
                4 => {
                    self.constraint_name()?;
                    self.word("DEFAULT")?;
                    let default = *self.bytes.choose(&DEFAULTS)?;
                    self.word(default)?;
                }
                5 => {
                    self.word("COLLATE")?;
                    let collation = *self.bytes.choose(&["NOCASE", "\"RTRIM\"", "binary", "'nocase'"])?;
                    self.word(collation)?;
                }
                6 => self.references()?,
                7 => {
                    self.constraint_name()?;
                    let word = *self.bytes.choose(&["AS", "GENERATED ALWAYS AS"])?;
                    self.word(word)?;
                    self.expression(1)?;
                    let kind = *self.bytes.choose(&["", "STORED", "VIRTUAL"])?;
                    self.word(kind)?;
                }
                8 => {
                    self.word("CONSTRAINT")?;
                    self.name("bare")?;
                }
                _ => self.word("NULL")?,
            }
        }
        Ok(is_key)
    }

    /// A table constraint; says whether it is the primary key.
    fn table_constraint(&mut self, has_key: bool) -> Result<bool> {
        self.constraint_name()?;
        match self.bytes.int_in_range(0..=3)? {
            0 if !has_key => {
                self.word("PRIMARY KEY")?;
                self.indexed_columns()?;
                self.conflict()?;
                return Ok(true);
            }
            1 => {
                self.word("UNIQUE")?;
                self.indexed_columns()?;
                self.conflict()?;
            }
            2 => {
                self.word("FOREIGN KEY (")?;
                let column = self.bytes.choose(&self.columns)?.clone();
                self.name(&column)?;
                self.word(")")?;
                self.references()?;
            }
            _ => self.check()?,
        }
        Ok(false)
    }

    fn indexed_columns(&mut self) -> Result<()> {
        self.word("(")?;
        for at in 0..self.bytes.int_in_range(1..=2)? {
            if at > 0 {
                self.word(",")?;
            }
            let column = self.bytes.choose(&self.columns)?.clone();
            self.name(&column)?;
            if self.one_in(5)? {
                self.word("COLLATE NOCASE")?;
            }
            if self.one_in(4)? {
                self.word("DESC")?;
            }
        }
        self.word(")")
    }

    fn check(&mut self) -> Result<()> {
        self.constraint_name()?;
        self.word("CHECK")?;
        self.expression(2)?;
        if self.one_in(8)? {
            self.word("ON CONFLICT FAIL")?;
        }
        Ok(())
    }

    /// An expression in parentheses, over columns of the table.
    fn expression(&mut self, depth: u32) -> Result<()> {
        self.word("(")?;
        let terms = self.bytes.int_in_range(1..=2)?;
        for at in 0..terms {
            if at > 0 {
                let operator = *self.bytes.choose(&["AND", "OR", "<>", "!=", "||", "IS NOT", "=", "==", "+", ">"])?;
                self.word(operator)?;
            }
            match self.bytes.int_in_range(0..=5)? {
                0 if depth > 0 => self.expression(depth - 1)?,
                1 => {
                    let constant = *self.bytes.choose(&["1", "'a)'", "x'00'", "NULL", "-2.5", "'it''s'"])?;
                    self.word(constant)?;
                }
                2 => {
                    let function = *self.bytes.choose(&["length", "ABS", "coalesce", "\"lower\""])?;
                    self.text.push_str(function);
                    self.text.push('(');
                    self.column_name()?;
                    self.word(if function == "coalesce" { ", 1)" } else { ")" })?;
                }
                3 => {
                    self.word("CASE WHEN")?;
                    self.column_name()?;
                    self.word("THEN 1 ELSE NULL END")?;
                }
                _ => self.column_name()?,
            }
        }
        self.word(")")
    }

    fn column_name(&mut self) -> Result<()> {
        let column = self.bytes.choose(&self.columns)?.clone();
        if self.one_in(5)? {
            let table = self.table.clone();
            self.bare_or_quoted(&table, &['"', '[', '`'])?;
            self.text.push('.');
        }
        // In an expression a name in single quotes is a text.
        self.bare_or_quoted(&column, &['"', '[', '`'])?;
        self.space()
    }

    fn references(&mut self) -> Result<()> {
        self.constraint_name()?;
        self.word("REFERENCES")?;
        let itself = self.table.clone();
        let table = if self.one_in(4)? { itself } else { "other".to_owned() };
        self.name(&table)?;
        if self.one_in(2)? {
            self.word("(")?;
            let column = if table == "other" { "id".to_owned() } else { self.bytes.choose(&self.columns)?.clone() };
            self.name(&column)?;
            self.word(")")?;
        }
        for _ in 0..self.bytes.int_in_range(0..=2)? {
            match self.bytes.int_in_range(0..=3)? {
                0 => {
                    let word = *self.bytes.choose(&["ON DELETE", "ON UPDATE"])?;
                    self.word(word)?;
                    let action = *self.bytes.choose(&ACTIONS)?;
                    self.word(action)?;
                }
                1 => self.word("MATCH FULL")?,
                2 => self.word("NOT DEFERRABLE")?,
                _ => {
                    self.word("DEFERRABLE")?;
                    let when = *self.bytes.choose(&["", "INITIALLY DEFERRED", "INITIALLY IMMEDIATE"])?;
                    self.word(when)?;
                }
            }
        }
        Ok(())
    }

    fn conflict(&mut self) -> Result<()> {
        if self.one_in(5)? {
            self.word("ON CONFLICT")?;
            let way = *self.bytes.choose(&["IGNORE", "REPLACE", "ABORT", "FAIL", "ROLLBACK"])?;
            self.word(way)?;
        }
        Ok(())
    }

    fn constraint_name(&mut self) -> Result<()> {
        if self.one_in(6)? {
            self.word("CONSTRAINT")?;
            let name = *self.bytes.choose(&NAMES)?;
            self.name(name)?;
        }
        Ok(())
    }

    fn name(&mut self, name: &str) -> Result<()> {
        self.bare_or_quoted(name, &['"', '[', '`', '\''])?;
        self.space()
    }

    fn bare_or_quoted(&mut self, name: &str, quotes: &[char]) -> Result<()> {
        let is_plain = !["order", "check", "constraint"].contains(&name) && name.chars().all(char::is_alphanumeric);
        if is_plain && !self.one_in(3)? {
            let upper = self.one_in(6)?;
            self.text.push_str(&if upper { name.to_ascii_uppercase() } else { name.to_owned() });
            return Ok(());
        }
        let quote = *self.bytes.choose(quotes)?;
        // Between brackets nothing can stand for a closing one.
        let quote = if quote == '[' && name.contains(']') { '"' } else { quote };
        if quote == '[' {
            self.text.push_str(&format!("[{name}]"));
        } else {
            let doubled = name.replace(quote, &format!("{quote}{quote}"));
            self.text.push_str(&format!("{quote}{doubled}{quote}"));
        }
        Ok(())
    }

    fn word(&mut self, word: &str) -> Result<()> {
        let lower = !word.contains(['\'', '"', '[']) && self.one_in(10)?;
        self.text.push_str(&if lower { word.to_ascii_lowercase() } else { word.to_owned() });
        self.space()
    }

    fn space(&mut self) -> Result<()> {
        let space = if self.one_in(4)? { *self.bytes.choose(&SPACES)? } else { " " };
        self.text.push_str(space);
        Ok(())
    }

    fn one_in(&mut self, chances: u8) -> Result<bool> {
        Ok(self.bytes.int_in_range(1..=chances)? == chances)
    }
}
