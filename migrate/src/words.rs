//! Numbers as people read them.

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

/// How many there are of something: `1 row`, `1,204 rows`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", Thousands(count), if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        let words = [0, 999, 1000, 12_345, 40_000_000].map(|number| Thousands(number).to_string());
        assert_eq!(words, ["0", "999", "1,000", "12,345", "40,000,000"]);
        assert_eq!([0, 1, 1204].map(|count| counted(count, "row")), ["0 rows", "1 row", "1,204 rows"]);
    }
}
