//! SQL as text: SQLite's own tokens, the statements of a script, and names and values as SQL writes them.

pub(crate) mod create_table;
mod edit;
mod reader;
pub(crate) mod types;

use std::ops::Range;

use sqlite3_parser::dialect::TokenType;
use sqlite3_parser::lexer::Scanner;
use sqlite3_parser::lexer::sql::Tokenizer;

use crate::change::Rename;
use crate::database::changes::rename_of;
use crate::error::Error;
use crate::schema::same_name;
use crate::text::excerpt;

/// One token and where it stands in its text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token<'a> {
    /// The token as it is written, quotes included.
    pub text: &'a str,
    /// The byte at which it begins.
    pub start: usize,
    /// The byte after its last one.
    pub end: usize,
    kind: TokenType,
}

impl Token<'_> {
    /// Whether this is that keyword, not in quotes.
    pub fn is(&self, keyword: &str) -> bool {
        self.text.eq_ignore_ascii_case(keyword)
    }

    /// Whether this is any of those keywords.
    pub fn is_any(&self, keywords: &[&str]) -> bool {
        keywords.iter().any(|keyword| self.is(keyword))
    }

    /// The name that the token stands for, without its quotes.
    pub fn name(&self) -> String {
        unquote(self.text)
    }

    /// The form in which two tokens of one meaning are the same text.
    fn canonical(&self) -> String {
        match self.kind {
            TokenType::TK_STRING | TokenType::TK_BLOB => self.text.to_owned(),
            TokenType::TK_EQ => "=".into(),
            TokenType::TK_NE => "!=".into(),
            _ => unquote(self.text).to_ascii_lowercase(),
        }
    }
}

/// The tokens of a text, without comments and space. A comment may end with the text, as SQLite lets it.
pub(crate) fn tokens(sql: &str) -> Result<Vec<Token<'_>>, Error> {
    scan(sql, true)
}

fn scan(sql: &str, may_end_in_comment: bool) -> Result<Vec<Token<'_>>, Error> {
    let mut scanner = Scanner::new(Tokenizer::new());
    let mut tokens = Vec::new();
    loop {
        match scanner.scan(sql.as_bytes()) {
            Ok((_, None, _)) => return Ok(tokens),
            Ok((start, Some((_, kind)), end)) => match sql.get(start..end) {
                Some(text) => tokens.push(Token { text, start, end, kind }),
                None => return Err(unreadable(sql, "a token ends inside a character")),
            },
            Err(error) if may_end_in_comment && error.to_string().contains("non-terminated block comment") => {
                return Ok(tokens);
            }
            Err(error) => {
                let (why, at) = (error.to_string(), scanner.position(sql.as_bytes()));
                let why = why.split(" at Some").next().unwrap_or(&why);
                return Err(unreadable(sql, &format!("{why} at line {}, column {}", at.line, at.column)));
            }
        }
    }
}

fn unreadable(sql: &str, why: &str) -> Error {
    Error::Sql { text: excerpt(sql), why: why.to_owned() }
}

/// The statements of a script, each without its semicolon, in order. Comments between them belong to none. One that is
/// not closed is an error: it would hide the statements after it.
///
/// A trigger ends where `sqlite3_complete()` says that it does: at `; END ;`.
pub(crate) fn statements(script: &str) -> Result<Vec<&str>, Error> {
    let tokens = scan(script, false)?;
    let mut statements = Vec::new();
    let mut first = 0;
    for (at, token) in tokens.iter().enumerate() {
        let statement = &tokens[first..at];
        if token.text != ";" || (creates_trigger(statement) && !ends_trigger(statement)) {
            continue;
        }
        if let Some(start) = statement.first() {
            statements.push(script[start.start..token.start].trim_end());
        }
        first = at + 1;
    }
    if let (Some(start), Some(end)) = (tokens.get(first), tokens.last()) {
        statements.push(&script[start.start..end.end]);
    }
    Ok(statements)
}

/// The names in a script, each once.
pub(crate) fn names(script: &str) -> Vec<String> {
    let mut names: Vec<_> = tokens(script).unwrap_or_default().iter().map(Token::name).collect();
    names.sort();
    names.dedup();
    names
}

/// The renames that a script's statements make, in order.
pub(crate) fn renames(script: &str) -> Vec<Rename> {
    let words = |statement| tokens(statement).unwrap_or_default().iter().map(Token::name).collect::<Vec<_>>();
    statements(script).unwrap_or_default().into_iter().filter_map(|statement| rename_of(&words(statement))).collect()
}

fn creates_trigger(statement: &[Token]) -> bool {
    let mut words = statement.iter();
    words.next().is_some_and(|word| word.is("CREATE"))
        && words.find(|word| !word.is_any(&["TEMP", "TEMPORARY"])).is_some_and(|word| word.is("TRIGGER"))
}

fn ends_trigger(statement: &[Token]) -> bool {
    matches!(statement, [.., semicolon, end] if semicolon.text == ";" && end.is("END"))
}

/// The text without differences in comments, spaces, quotes and letter case, and without the parentheses around it:
/// equal texts mean the same.
pub(crate) fn canonical(sql: &str) -> String {
    tokens(sql).map_or_else(|_| sql.trim().to_owned(), |tokens| canonical_tokens(without_parentheses(&tokens)))
}

/// The tokens without differences in quotes and letter case, with a space between two.
pub(crate) fn canonical_tokens<'t>(tokens: impl IntoIterator<Item = &'t Token<'t>>) -> String {
    let mut is_name = false;
    let canonical = |token: &Token| {
        // A name may stand in single quotes here, until a rename writes it in double ones.
        let text = if is_name { token.name().to_ascii_lowercase() } else { token.canonical() };
        is_name = token.is("REFERENCES");
        text
    };
    tokens.into_iter().map(canonical).collect::<Vec<_>>().join(" ")
}

/// The condition of a CHECK as it is compared: without the table's own name before a column.
pub(crate) fn canonical_condition(sql: &str, table: &str) -> String {
    let Ok(tokens) = tokens(sql) else { return sql.trim().to_owned() };
    canonical_tokens(without_parentheses(&unqualified(&tokens, table)))
}

/// Where these tokens name the table itself before a column: `posts.score` in a table posts.
fn qualifiers(tokens: &[Token], table: &str) -> Vec<Range<usize>> {
    let is_own = |pair: &&[Token]| pair[1].text == "." && same_name(&pair[0].name(), table);
    tokens.windows(2).filter(is_own).map(|pair| pair[0].start..pair[1].end).collect()
}

/// The tokens without the table's own name before a column.
fn unqualified<'a>(tokens: &[Token<'a>], table: &str) -> Vec<Token<'a>> {
    let cuts = qualifiers(tokens, table);
    tokens.iter().filter(|token| !cuts.iter().any(|cut| cut.contains(&token.start))).copied().collect()
}

/// An expression without differences in comments, spaces and letter case, that is still SQL.
pub(crate) fn tidy(sql: &str) -> String {
    let Ok(tokens) = tokens(sql) else { return sql.trim().to_owned() };
    let mut tidy = String::new();
    let mut previous: Option<&Token> = None;
    for token in without_parentheses(&tokens) {
        let is_joined = previous.is_none_or(|previous| {
            let is_call = previous.kind == TokenType::TK_ID && token.text == "(";
            is_call || ["(", "."].contains(&previous.text) || [")", ",", "."].contains(&token.text)
        });
        if !is_joined {
            tidy.push(' ');
        }
        let is_quoted = token.text.contains(['"', '\'', '`', '[']);
        tidy.push_str(&if is_quoted { token.text.to_owned() } else { token.text.to_ascii_lowercase() });
        previous = Some(token);
    }
    tidy
}

fn without_parentheses<'t, 'a>(mut tokens: &'t [Token<'a>]) -> &'t [Token<'a>] {
    while let [open, inner @ .., close] = tokens {
        if open.text != "(" || close.text != ")" || closing(tokens, 1) + 1 != tokens.len() {
            break;
        }
        tokens = inner;
    }
    tokens
}

/// The index of the parenthesis that closes the one before `from`, or the end.
fn closing(tokens: &[Token], from: usize) -> usize {
    let mut depth = 1;
    let closes = |token: &Token| {
        depth += i32::from(token.text == "(") - i32::from(token.text == ")");
        depth == 0
    };
    tokens[from..].iter().position(closes).map_or(tokens.len(), |found| from + found)
}

/// Whether the text is a name without quotes, and not one of the words that stand for a value.
fn is_bare_name(text: &str) -> bool {
    const VALUES: [&str; 6] = ["null", "true", "false", "current_time", "current_date", "current_timestamp"];
    let is_letter = |char: char| char.is_alphabetic() || char == '_';
    text.starts_with(is_letter)
        && text.chars().all(|char| is_letter(char) || char.is_numeric() || char == '$')
        && !VALUES.iter().any(|value| text.eq_ignore_ascii_case(value))
}

/// Whether one of the text's tokens is that name.
pub(crate) fn mentions(sql: &str, name: &str) -> bool {
    tokens(sql).map_or(true, |tokens| tokens.iter().any(|token| same_name(&token.name(), name)))
}

/// The name as SQL writes it: bare where that is safe, else in double quotes.
pub(crate) fn quote(name: &str) -> String {
    let plain = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|char| char.is_ascii_alphanumeric() || char == '_')
        && !is_keyword(name);
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// Several names, quoted, with commas between.
pub(crate) fn quote_all<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    names.into_iter().map(|name| quote(name)).collect::<Vec<_>>().join(", ")
}

fn unquote(text: &str) -> String {
    let inner = |open: char, close: char| text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
    for quote in ['"', '`', '\''] {
        if let Some(inner) = inner(quote, quote) {
            return inner.replace(&format!("{quote}{quote}"), &quote.to_string());
        }
    }
    inner('[', ']').unwrap_or(text).to_owned()
}

/// Whether the word is a keyword of SQLite or reserved in PostgreSQL; `timestamp` and the like are safe bare.
fn is_keyword(name: &str) -> bool {
    !matches!(tokens(name).as_deref(), Ok([token]) if token.kind == TokenType::TK_ID)
        || POSTGRESQL_RESERVED.split_whitespace().any(|word| same_name(word, name))
}

/// Reserved in PostgreSQL and plain in SQLite: <https://www.postgresql.org/docs/current/sql-keywords-appendix.html>.
const POSTGRESQL_RESERVED: &str = "analyse any array asymmetric both current_role current_user end false for grant \
    lateral leading localtime localtimestamp only placing session_user symmetric trailing true user";
