//! Texts and comments as Rust writes them.

/// A text in quotes. One with quotes or backslashes is raw, where Rust can read it so.
pub(super) fn quoted(text: &str) -> String {
    let is_plain = |char: char| !char.is_control() && !is_direction(char);
    // Rust reads up to 255 `#`; so many would hide the text.
    let fence = (1..9).map(|length| "#".repeat(length)).find(|fence| !text.contains(&format!("\"{fence}")));
    if let Some(fence) = fence.filter(|_| text.contains(['"', '\\']) && text.chars().all(is_plain)) {
        return format!("r{fence}\"{text}\"{fence}");
    }
    let escaped = text.chars().map(|char| match char {
        '"' | '\\' => format!("\\{char}"),
        char if is_plain(char) => char.to_string(),
        '\n' | '\r' | '\t' => char.escape_default().to_string(),
        char => char.escape_unicode().to_string(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

/// A line that names what stays in the database without being declared.
pub(super) fn comment(text: &str) -> String {
    format!("// Only in the database: {}", printable(&text.split_whitespace().collect::<Vec<_>>().join(" ")))
}

/// The lines of a doc comment.
pub(super) fn docs(comment: Option<&str>) -> Vec<String> {
    let line = |line: &str| format!("/// {}", printable(line.trim())).trim_end().to_owned();
    comment.into_iter().flat_map(str::lines).map(line).collect()
}

/// The text without the characters that no comment of Rust may hold: controls, and those that reverse a text.
fn printable(text: &str) -> String {
    text.replace('\t', " ").replace(|char: char| char.is_control() || is_direction(char), "\u{fffd}")
}

fn is_direction(char: char) -> bool {
    matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
