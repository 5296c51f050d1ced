//! SQL as text: SQLite's own tokens, the statements of a script, and names and values as SQL writes them.

pub(crate) mod create_table;

use sqlite3_parser::dialect::TokenType;
use sqlite3_parser::lexer::Scanner;
use sqlite3_parser::lexer::sql::Tokenizer;

use crate::Error;
use crate::schema::{DefaultValue, Type};

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
                None => return Err(Error::Sql { what: excerpt(sql), why: "a token ends inside a character".into() }),
            },
            Err(error) if may_end_in_comment && error.to_string().contains("non-terminated block comment") => {
                return Ok(tokens);
            }
            Err(error) => {
                let (why, at) = (error.to_string(), scanner.position(sql.as_bytes()));
                let why = why.split(" at Some").next().unwrap_or(&why);
                return Err(Error::Sql {
                    what: excerpt(sql),
                    why: format!("{why} at line {}, column {}", at.line, at.column),
                });
            }
        }
    }
}

/// The statements of a script, each without its semicolon, in order. Comments between them belong to none. One that is
/// not closed is an error: it would hide the statements behind it.
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

fn creates_trigger(statement: &[Token]) -> bool {
    let mut words = statement.iter();
    words.next().is_some_and(|word| word.is("CREATE"))
        && words.find(|word| !word.is_any(&["TEMP", "TEMPORARY"])).is_some_and(|word| word.is("TRIGGER"))
}

fn ends_trigger(statement: &[Token]) -> bool {
    matches!(statement, [.., semicolon, end] if semicolon.text == ";" && end.is("END"))
}

/// The text with comments, space, quotes and letter case evened out, and without the parentheses around the whole:
/// two expressions that a person would call the same compare equal.
pub(crate) fn canonical(sql: &str) -> String {
    let Ok(tokens) = tokens(sql) else { return sql.trim().to_owned() };
    let mut tokens = tokens.as_slice();
    while let [open, inner @ .., close] = tokens {
        if open.text != "(" || close.text != ")" || !is_balanced(inner) {
            break;
        }
        tokens = inner;
    }
    canonical_tokens(tokens)
}

/// The tokens with quotes and letter case evened out, a space between each.
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

fn is_balanced(tokens: &[Token]) -> bool {
    let mut depth = 0_i32;
    for token in tokens {
        match token.text {
            "(" => depth += 1,
            ")" => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return false;
        }
    }
    depth == 0
}

/// Whether one of the text's tokens is that name.
pub(crate) fn mentions(sql: &str, name: &str) -> bool {
    tokens(sql).map_or(true, |tokens| tokens.iter().any(|token| token.name().eq_ignore_ascii_case(name)))
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

/// Whether an expression is the same value each time, because it only writes one.
pub(crate) fn is_literal(expression: &str) -> bool {
    use TokenType::{TK_BLOB, TK_FLOAT, TK_INTEGER, TK_LP, TK_MINUS, TK_NULL, TK_PLUS, TK_RP, TK_STRING};
    let writes = [TK_BLOB, TK_FLOAT, TK_INTEGER, TK_LP, TK_MINUS, TK_NULL, TK_PLUS, TK_RP, TK_STRING];
    let is_part = |token: &Token| writes.contains(&token.kind) || token.is_any(&["TRUE", "FALSE"]);
    tokens(expression).is_ok_and(|tokens| tokens.iter().all(is_part))
}

/// A text as SQL writes it.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A default as a column's definition writes it.
pub(crate) fn default_sql(value: &DefaultValue, ty: &Type) -> String {
    match value {
        DefaultValue::Number(number) => number.clone(),
        DefaultValue::Text(text) => literal(text),
        DefaultValue::Bool(value) => if *value { "TRUE" } else { "FALSE" }.to_owned(),
        DefaultValue::Now => match ty {
            Type::Date => "CURRENT_DATE",
            Type::Time => "CURRENT_TIME",
            _ => "CURRENT_TIMESTAMP",
        }
        .to_owned(),
        DefaultValue::Sql(sql) => format!("({sql})"),
    }
}

/// What SQLite makes of a declared type: <https://www.sqlite.org/datatype3.html#determination_of_column_affinity>.
/// To store a value, INTEGER is as good as NUMERIC.
pub(crate) fn affinity(declared: &str) -> &'static str {
    let declared = declared.to_ascii_uppercase();
    let has = |part: &str| declared.contains(part);
    if has("INT") {
        "numeric"
    } else if has("CHAR") || has("CLOB") || has("TEXT") {
        "text"
    } else if has("BLOB") || declared.is_empty() {
        "blob"
    } else if has("REAL") || has("FLOA") || has("DOUB") {
        "real"
    } else {
        "numeric"
    }
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

/// Whether SQLite or PostgreSQL has that word for a keyword; `timestamp` and the like are safe bare.
fn is_keyword(name: &str) -> bool {
    !matches!(tokens(name).as_deref(), Ok([token]) if token.kind == TokenType::TK_ID)
        || POSTGRESQL_RESERVED.contains(&name.to_ascii_lowercase().as_str())
}

/// Reserved in PostgreSQL and plain in SQLite: <https://www.postgresql.org/docs/current/sql-keywords-appendix.html>.
const POSTGRESQL_RESERVED: [&str; 22] = [
    "analyse",
    "any",
    "array",
    "asymmetric",
    "both",
    "current_role",
    "current_user",
    "end",
    "false",
    "for",
    "grant",
    "lateral",
    "leading",
    "localtime",
    "localtimestamp",
    "only",
    "placing",
    "session_user",
    "symmetric",
    "trailing",
    "true",
    "user",
];

/// The beginning of a statement, on one line, for a message.
pub(crate) fn excerpt(sql: &str) -> String {
    let line = sql.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= 120 {
        return line;
    }
    line.chars().take(117).collect::<String>() + "..."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_falls_into_statements_and_a_trigger_stays_whole() {
        let script = "-- first; not a statement\nCREATE TABLE a (b TEXT DEFAULT ';');\n\
            CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT CASE WHEN 1 THEN 2 END; DELETE FROM a; END;\n;\nSELECT 1";
        assert_eq!(
            statements(script).unwrap(),
            [
                "CREATE TABLE a (b TEXT DEFAULT ';')",
                "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT CASE WHEN 1 THEN 2 END; DELETE FROM a; END",
                "SELECT 1"
            ]
        );
    }

    #[test]
    fn expressions_that_differ_in_writing_only_are_the_same() {
        assert_eq!(canonical("((Length(\"Name\") <> 0))"), canonical("length(name) != 0 -- why"));
        assert_ne!(canonical("(a) + (b)"), canonical("a) + (b"));
        assert_ne!(canonical("a = 'X'"), canonical("a = 'x'"));
    }

    #[test]
    fn names_are_quoted_where_they_must_be() {
        assert_eq!(quote("nickname"), "nickname");
        assert_eq!(quote("order"), "\"order\"");
        assert_eq!(quote("user"), "\"user\"");
        assert_eq!(quote("a\"b c"), "\"a\"\"b c\"");
        assert_eq!(quote("größe"), "\"größe\"");
        assert_eq!(quote("2nd"), "\"2nd\"");
    }
}
