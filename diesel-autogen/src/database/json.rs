//! JSON in one form for each value, since databases store it parsed and write it in different ways.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// As deep as SQLite reads JSON.
const MAX_DEPTH: u32 = 1000;

/// The JSON without white space, with sorted keys, the last of two equal keys, plain characters, and numbers without an
/// exponent; `None` where the text is not JSON.
pub(super) fn canonical(text: &str) -> Option<String> {
    let mut reader = Reader { rest: text };
    let value = reader.value(0)?;
    reader.peek().is_none().then_some(value)
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    /// The next character that is not white space.
    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
        self.rest.chars().next()
    }

    /// Takes that text, if it is next.
    fn take(&mut self, text: &str) -> Option<()> {
        self.peek();
        self.rest = self.rest.strip_prefix(text)?;
        Some(())
    }

    fn value(&mut self, depth: u32) -> Option<String> {
        if depth > MAX_DEPTH {
            return None;
        }
        match self.peek()? {
            '{' => {
                let mut members = BTreeMap::new();
                self.list(("{", "}"), |reader| {
                    let name = reader.string()?;
                    reader.take(":")?;
                    members.insert(name, reader.value(depth + 1)?);
                    Some(())
                })?;
                let members: Vec<_> = members.iter().map(|(name, value)| format!("{}:{value}", quoted(name))).collect();
                Some(format!("{{{}}}", members.join(",")))
            }
            '[' => {
                let mut items = Vec::new();
                self.list(("[", "]"), |reader| {
                    items.push(reader.value(depth + 1)?);
                    Some(())
                })?;
                Some(format!("[{}]", items.join(",")))
            }
            '"' => Some(quoted(&self.string()?)),
            '-' | '0'..='9' => self.number(),
            _ => {
                let word = ["true", "false", "null"].into_iter().find(|word| self.rest.starts_with(word))?;
                self.take(word).map(|()| word.to_owned())
            }
        }
    }

    fn list(&mut self, (open, close): (&str, &str), mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.take(open)?;
        if self.take(close).is_some() {
            return Some(());
        }
        loop {
            item(self)?;
            if self.take(close).is_some() {
                return Some(());
            }
            self.take(",")?;
        }
    }

    fn string(&mut self) -> Option<String> {
        self.take("\"")?;
        let mut units = Vec::new();
        loop {
            let char = self.next()?;
            let plain = match char {
                '"' => return String::from_utf16(&units).ok(),
                '\\' => match self.next()? {
                    'u' => {
                        units.push(u16::from_str_radix(self.rest.get(..4)?, 16).ok()?);
                        self.rest = &self.rest[4..];
                        continue;
                    }
                    'b' => '\u{8}',
                    'f' => '\u{c}',
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    other @ ('"' | '\\' | '/') => other,
                    _ => return None,
                },
                char if char < ' ' => return None,
                char => char,
            };
            units.extend_from_slice(plain.encode_utf16(&mut [0; 2]));
        }
    }

    fn next(&mut self) -> Option<char> {
        let char = self.rest.chars().next()?;
        self.rest = &self.rest[char.len_utf8()..];
        Some(char)
    }

    /// A number as PostgreSQL writes it: its zeros after the point stay, an exponent does not.
    fn number(&mut self) -> Option<String> {
        let end = self.rest.find(|char: char| !matches!(char, '-' | '+' | '.' | 'e' | 'E' | '0'..='9'));
        let (text, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        let (sign, text) = text.strip_prefix('-').map_or(("", text), |text| ("-", text));
        let (number, power) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let power: i32 = power.parse().ok().filter(|power| (-10_000..=10_000).contains(power))?;
        let mut digits = format!("{whole}{fraction}");
        if whole.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let scale = i32::try_from(fraction.len()).ok()? - power;
        digits.extend(std::iter::repeat_n('0', usize::try_from(-scale).unwrap_or_default()));
        let scale = usize::try_from(scale).unwrap_or_default();
        let padded = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = padded.split_at(padded.len() - scale);
        let whole = whole.trim_start_matches('0');
        let whole = if whole.is_empty() { "0" } else { whole };
        let sign = if digits.bytes().all(|digit| digit == b'0') { "" } else { sign };
        Some(if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") })
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => out.extend(['\\', char]),
            char if char < ' ' => drop(write!(out, "\\u{:04x}", u32::from(char))),
            char => out.push(char),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::canonical;

    #[test]
    fn each_value_has_one_form() {
        for (text, expected) in [
            (" { \"b\" : [ ] , \"a\" : {} , \"b\" : 1 } ", Some("{\"a\":{},\"b\":1}")),
            ("[true,false,null,\"\"]", Some("[true,false,null,\"\"]")),
            ("\"\\u00fc\\ud83d\\ude00\\/\\n\\\"\\u007f\"", Some("\"ü😀/\\u000a\\\"\u{7f}\"")),
            ("1.50e1", Some("15.0")),
            ("-1.5E+3", Some("-1500")),
            ("12e-4", Some("0.0012")),
            ("-0.0", Some("0.0")),
            ("0.10", Some("0.10")),
            ("", None),
            ("[1,]", None),
            ("{\"a\"}", None),
            ("\"\\ud83d\"", None),
            ("\"a", None),
            (".5", None),
            ("1 2", None),
            ("nul", None),
            ("\"\t\"", None),
        ] {
            assert_eq!(canonical(text).as_deref(), expected, "{text}");
        }
        let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(canonical(&deep(900)).is_some() && canonical(&deep(100_000)).is_none());
    }
}
