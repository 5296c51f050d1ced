//! Characters that are not visible, and characters that would be seen elsewhere.

use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation as _;

/// Whether a text has no visible character.
#[must_use]
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|char| char.is_whitespace() || char.is_control() || is_invisible(char))
}

/// The largest number of combining marks on one character. Living scripts need fewer; a tower of marks covers other lines.
pub const MAX_MARKS: usize = 8;

/// Whether a character of the text has more than [`MAX_MARKS`] combining marks.
#[must_use]
pub fn has_towers(text: &str) -> bool {
    let marks = |cluster: &str| cluster.chars().filter(|char| is_combining_mark(*char)).count();
    text.graphemes(true).any(|cluster| marks(cluster) > MAX_MARKS)
}

/// The text with at most one blank line between two others.
#[must_use]
pub fn without_blank_lines(text: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in text.split('\n') {
        let line = if is_blank(line) { "" } else { line };
        if !(line.is_empty() && lines.last().is_some_and(|last| last.is_empty())) {
            lines.push(line);
        }
    }
    lines.join("\n")
}

/// Whether a character is invisible. Such a character may still change its neighbours, for example their direction, so
/// that a URL looks like another one.
///
/// These are Unicode's `Default_Ignorable_Code_Point` (UAX #44, `DerivedCoreProperties.txt`) and the empty Braille pattern.
#[must_use]
pub fn is_invisible(char: char) -> bool {
    matches!(char,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tower_of_marks_is_found() {
        for text in [
            "é",
            "e\u{301}\u{302}",
            "👨\u{200d}👩\u{200d}👧\u{200d}👦",
            "ശ്രീ",
            "ဩော်",
            "ក្ស្មៃ៎",
            "שָׁלוֹם",
            "ổ ở",
            "❤\u{fe0f}",
        ] {
            assert!(!has_towers(text), "{text}");
        }
        assert!(has_towers(&format!("x a{} y", "\u{301}".repeat(MAX_MARKS + 1))));
    }

    #[test]
    fn blank_lines_are_one() {
        assert_eq!(without_blank_lines("a\n\n\n \n\u{200b}\nb\nc\n\nd"), "a\n\nb\nc\n\nd");
        assert_eq!(without_blank_lines("  a \n  b"), "  a \n  b");
    }
}
