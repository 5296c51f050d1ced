//! Splits a file into statements, as PostgreSQL's lexer does: `'…'`, `"…"`, `$tag$…$tag$`, `--` and nested `/* */`.

use crate::change::Rename;
use crate::database::changes::rename_of;
use crate::table_path::{beside, path};

/// A part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Token<'a> {
    kind: Kind,
    text: &'a str,
    start: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// White space or a comment.
    Space,
    /// A keyword or a name without quotes.
    Word,
    /// A name in quotes.
    Quoted,
    /// A string, in `'` or between dollar tags.
    String,
    /// Any other character.
    Symbol,
}

/// The statements of a file, each from its first word to its last, without the semicolon.
pub(super) fn statements(text: &str) -> Vec<&str> {
    let mut statements = Vec::new();
    let mut range: Option<(usize, usize)> = None;
    let (mut parentheses, mut blocks) = (0_usize, 0_usize);
    let mut last = "";
    for token in significant(text) {
        if token.text == ";" && parentheses == 0 && blocks == 0 {
            statements.extend(range.take().map(|(start, end)| &text[start..end]));
            continue;
        }
        match token.text {
            "(" => parentheses += 1,
            ")" => parentheses = parentheses.saturating_sub(1),
            _ if token.kind != Kind::Word => {}
            // The body of a function in standard SQL holds semicolons: BEGIN ATOMIC … END.
            word if word.eq_ignore_ascii_case("ATOMIC") && last.eq_ignore_ascii_case("BEGIN") => blocks += 1,
            word if word.eq_ignore_ascii_case("CASE") && blocks > 0 => blocks += 1,
            word if word.eq_ignore_ascii_case("END") => blocks = blocks.saturating_sub(1),
            _ => {}
        }
        last = token.text;
        let end = token.start + token.text.len();
        range = Some((range.map_or(token.start, |(start, _)| start), end));
    }
    statements.extend(range.map(|(start, end)| &text[start..end]));
    statements
}

/// Why a statement may not be part of a migration, if it may not.
pub(super) fn why_not(statement: &str) -> Option<&'static str> {
    let words: Vec<_> = tokens(statement).into_iter().filter(|token| token.kind == Kind::Word).collect();
    let is = |at: usize, word: &str| words.get(at).is_some_and(|token| token.text.eq_ignore_ascii_case(word));
    let to_savepoint = is(1, "TO") || is(2, "TO");
    let ends = ["BEGIN", "COMMIT", "END", "ABORT"].iter().any(|word| is(0, word))
        || is(0, "START") && is(1, "TRANSACTION")
        || is(0, "PREPARE") && is(1, "TRANSACTION")
        || is(0, "ROLLBACK") && !to_savepoint;
    ends.then_some("it would end the transaction that protects the migration: take it out")
}

/// The statement without `CONCURRENTLY`, which no transaction may enclose.
pub(super) fn not_concurrently(statement: &str) -> String {
    let is_kept = |token: &Token| token.kind != Kind::Word || !token.text.eq_ignore_ascii_case("CONCURRENTLY");
    tokens(statement).into_iter().filter(is_kept).map(|token| token.text).collect()
}

/// Whether the text names a table, a column or another object, outside comments. A string counts too: it may be the
/// body of a function.
pub(super) fn mentions(text: &str, name: &str) -> bool {
    let name = name.to_lowercase();
    tokens(text).iter().any(|token| match token.kind {
        Kind::String => token.text.split(|char| !is_in_word(char)).any(|word| word.to_lowercase() == name),
        _ => token.name().is_some_and(|own| own.to_lowercase() == name),
    })
}

/// An expression with other names for columns, each already quoted. A function and a type may have the name of a column.
pub(super) fn with_columns(expression: &str, new_name: &dyn Fn(&str) -> Option<String>) -> String {
    let tokens = tokens(expression);
    let mut text = String::new();
    for (at, token) in tokens.iter().enumerate() {
        let is_call =
            tokens[at + 1..].iter().find(|next| next.kind != Kind::Space).is_some_and(|next| next.text == "(");
        let is_type = text.trim_end().ends_with("::");
        let name = token.name().filter(|_| !is_call && !is_type).and_then(|name| new_name(&name));
        text.push_str(name.as_deref().unwrap_or(token.text));
    }
    text
}

/// The names and keywords in a text, each once.
pub(super) fn names(text: &str) -> Vec<String> {
    let mut names: Vec<_> = significant(text).iter().filter_map(Token::name).collect();
    names.sort();
    names.dedup();
    names
}

/// The words, names and symbols of a statement, in order: names as the catalogs spell them, keywords in lower case.
pub(super) fn words(statement: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut is_in_schema = false;
    for token in significant(statement) {
        let word = token.name().unwrap_or_else(|| token.text.to_owned());
        match words.pop_if(|_| is_in_schema) {
            Some(schema) => words.push(path(Some(&schema), &word)),
            None if token.text == "." && !words.is_empty() => {}
            None => words.push(word),
        }
        is_in_schema = token.text == "." && !is_in_schema;
    }
    words
}

/// The name of the index that a statement creates, and whether it is created concurrently.
pub(super) fn created_index(statement: &str) -> Option<(String, bool)> {
    let words = words(statement);
    let start = ["create", "unique", "index", "concurrently", "if", "not", "exists"];
    let skipped = words.iter().take_while(|word| start.contains(&word.as_str())).count();
    let (start, name) = (&words[..skipped], words.get(skipped)?);
    let has = |word: &str| start.iter().any(|own| own == word);
    (has("create") && has("index") && name != "on").then(|| (name.clone(), has("concurrently")))
}

/// The renames that a text's statements make, in order.
pub(super) fn renames(text: &str) -> Vec<Rename> {
    let rename = |statement| {
        let mut tokens = significant(statement);
        let schema = if tokens.get(3)?.text == "." { tokens.drain(2..4).next()?.name() } else { None };
        let mut words = tokens.iter().map(Token::name).collect::<Option<Vec<_>>>()?;
        words[2] = path(schema.as_deref(), words.get(2)?);
        let mut rename = rename_of(&words)?;
        if let Rename::Table { from, to } = &mut rename {
            *to = beside(from, to);
        }
        Some(rename)
    };
    statements(text).into_iter().filter_map(rename).collect()
}

/// The schemas that a text's statements create.
pub(super) fn created_schemas(text: &str) -> Vec<String> {
    let schema = |statement| {
        let words: Vec<_> = significant(statement).iter().map_while(Token::name).collect();
        match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["create", "schema", "if", "not", "exists", name, ..] | ["create", "schema", name, ..] => {
                Some((*name).to_owned())
            }
            _ => None,
        }
    };
    statements(text).into_iter().filter_map(schema).collect()
}

impl Token<'_> {
    /// The name that a word or a quoted name stands for, of which PostgreSQL takes 63 bytes.
    fn name(&self) -> Option<String> {
        let mut name = match self.kind {
            Kind::Word => self.text.to_lowercase(),
            Kind::Quoted => inner(self.text).replace("\"\"", "\""),
            Kind::Space | Kind::String | Kind::Symbol => return None,
        };
        while name.len() > 63 {
            name.pop();
        }
        Some(name)
    }
}

/// A name in quotes without them.
fn inner(quoted: &str) -> &str {
    let rest = quoted.strip_prefix('"').unwrap_or(quoted);
    rest.strip_suffix('"').unwrap_or(rest)
}

/// The tokens without white space and comments.
fn significant(text: &str) -> Vec<Token<'_>> {
    tokens(text).into_iter().filter(|token| token.kind != Kind::Space).collect()
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let rest = &text[start..];
        let has_escapes = tokens.last().is_some_and(|last| last.text.eq_ignore_ascii_case("E"));
        let (kind, length) = token(rest, has_escapes);
        tokens.push(Token { kind, text: &rest[..length], start });
        start += length;
    }
    tokens
}

/// The kind and the length of the first token. `has_escapes` says that a string there is an `E'…'`.
fn token(rest: &str, has_escapes: bool) -> (Kind, usize) {
    let run = |is: &dyn Fn(char) -> bool| rest.find(|char| !is(char)).unwrap_or(rest.len());
    match rest.chars().next() {
        Some(char) if char.is_whitespace() => (Kind::Space, run(&char::is_whitespace)),
        _ if rest.starts_with("--") => (Kind::Space, rest.find('\n').unwrap_or(rest.len())),
        _ if rest.starts_with("/*") => (Kind::Space, block_comment(rest)),
        Some('\'') => (Kind::String, quoted(rest, '\'', has_escapes)),
        Some('"') => (Kind::Quoted, quoted(rest, '"', false)),
        Some('$') => dollar_quoted(rest).map_or((Kind::Symbol, 1), |length| (Kind::String, length)),
        Some(char) if is_in_word(char) => (Kind::Word, run(&is_in_word)),
        Some(char) => (Kind::Symbol, char.len_utf8()),
        None => (Kind::Space, 0),
    }
}

fn is_in_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_' || char == '$'
}

fn block_comment(rest: &str) -> usize {
    let (mut at, mut depth) = (2, 1);
    while depth > 0 {
        let Some(next) = rest[at..].find(['*', '/']).map(|found| at + found) else { return rest.len() };
        let pair = rest[next..].get(..2).unwrap_or_default();
        depth = match pair {
            "/*" => depth + 1,
            "*/" => depth - 1,
            _ => depth,
        };
        at = next + if matches!(pair, "/*" | "*/") { 2 } else { 1 };
    }
    at
}

fn quoted(rest: &str, quote: char, has_escapes: bool) -> usize {
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, char)) = chars.next() {
        if char == '\\' && has_escapes {
            chars.next();
        } else if char == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
            return at + 1;
        }
    }
    rest.len()
}

/// The length of `$tag$…$tag$`; `None` where no tag begins.
fn dollar_quoted(rest: &str) -> Option<usize> {
    let end = rest[1..].find('$')? + 2;
    let tag = &rest[..end];
    let is_name = |tag: &str| tag.chars().all(|char| char.is_alphanumeric() || char == '_');
    if !is_name(&tag[1..end - 1]) || tag[1..].starts_with(|char: char| char.is_ascii_digit()) {
        return None;
    }
    Some(rest[end..].find(tag).map_or(rest.len(), |found| end + found + end))
}
