//! Numbers and excerpts for messages, and text in SQL.

use std::fmt;

/// A number with commas: `12,345`.
pub(crate) struct Thousands(pub u64);

impl fmt::Display for Thousands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

/// The number of something: `1 row`, `1,204 rows`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", Thousands(count), if count == 1 { "" } else { "s" })
}

/// A size in the unit that suits it: `3.2 GB`.
pub(crate) struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name) = match self.0 {
            0..1_000_000 => (1_000, "kB"),
            1_000_000..1_000_000_000 => (1_000_000, "MB"),
            _ => (1_000_000_000, "GB"),
        };
        let tenths = (self.0.saturating_mul(10) + unit / 2) / unit;
        write!(f, "{}.{} {name}", tenths / 10, tenths % 10)
    }
}

/// A text as SQL writes it.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The beginning of a text, on one line.
pub(crate) fn excerpt(text: &str) -> String {
    shortened(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The beginning of a line.
pub(crate) fn shortened(line: String) -> String {
    if line.chars().count() <= 120 {
        return line;
    }
    line.chars().take(117).collect::<String>() + "..."
}
