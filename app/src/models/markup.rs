//! What means something in a text: addresses of the web, @mentions and #tags.

use std::collections::BTreeSet;

use unicode_segmentation::UnicodeSegmentation as _;

use super::User;

/// A part of a text. All parts together are the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// Nothing but text.
    Text(&'a str),
    /// An address that begins with `http://` or `https://`.
    Address(&'a str),
    /// A nickname, with the `@` before it. Whether somebody has it, is not looked up.
    Mention(&'a str),
    /// A tag, with the `#` before it, as it was written.
    Tag(&'a str),
}

impl<'a> Part<'a> {
    /// The text of the part.
    #[must_use]
    pub fn text(self) -> &'a str {
        match self {
            Self::Text(text) | Self::Address(text) | Self::Mention(text) | Self::Tag(text) => text,
        }
    }
}

/// How many characters a tag may have, without its `#`.
pub const TAG_LENGTH: usize = 64;

/// The tag as it is stored and looked up: in small letters, without its `#`.
#[must_use]
pub fn tag_key(tag: &str) -> String {
    tag.strip_prefix('#').unwrap_or(tag).to_lowercase()
}

/// The keys of the tags in a text, each one once.
#[must_use]
pub fn tags(text: &str) -> BTreeSet<String> {
    let key = |part| if let Part::Tag(tag) = part { Some(tag_key(tag)) } else { None };
    parts(text).into_iter().filter_map(key).collect()
}

/// Takes a text apart.
#[must_use]
pub fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let (mut plain, mut at, mut before) = (0, 0, None);
    while let Some(char) = text[at..].chars().next() {
        if let Some(part) = special(&text[at..], before) {
            if plain < at {
                parts.push(Part::Text(&text[plain..at]));
            }
            at += part.text().len();
            plain = at;
            before = part.text().chars().next_back();
            parts.push(part);
        } else {
            at += char.len_utf8();
            before = Some(char);
        }
    }
    if plain < text.len() {
        parts.push(Part::Text(&text[plain..]));
    }
    parts
}

/// What begins here, unless it is nothing but text. A word or an e-mail address is not cut in two.
fn special(rest: &str, before: Option<char>) -> Option<Part<'_>> {
    if before.is_some_and(|char| char.is_alphanumeric() || "_@#&/".contains(char)) {
        return None;
    }
    match rest.as_bytes()[0] {
        b'h' | b'H' => address(rest).map(Part::Address),
        b'@' => mention(rest).map(Part::Mention),
        b'#' => tag(rest).map(Part::Tag),
        _ => None,
    }
}

fn address(rest: &str) -> Option<&str> {
    let scheme = ["https://", "http://"]
        .into_iter()
        .find(|scheme| rest.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))?;
    let ends =
        |char: char| char.is_whitespace() || char.is_control() || "<>\"\\^`{|}".contains(char) || is_unseen(char);
    let address = &rest[..rest.find(ends).unwrap_or(rest.len())];
    let address = without_punctuation(address);
    let host = address.get(scheme.len()..)?;
    host.starts_with(|char: char| char.is_alphanumeric() || char == '[').then_some(address)
}

/// Whether a text shows nothing at all.
#[must_use]
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|char| char.is_whitespace() || char.is_control() || is_unseen(char))
}

/// Whether a character is not seen, though it may change what stands beside it: its direction, for example. In an address
/// it would show another one than is meant.
///
/// These are Unicode's `Default_Ignorable_Code_Point` (UAX #44, `DerivedCoreProperties.txt`), and the empty Braille pattern.
#[must_use]
pub fn is_unseen(char: char) -> bool {
    matches!(char,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Leaves out what ends the sentence around the address: a bracket too, unless it is opened within.
fn without_punctuation(mut address: &str) -> &str {
    while let Some(last) = address.chars().next_back() {
        let ends_the_sentence = match last {
            '.' | ',' | ':' | ';' | '!' | '?' | '\'' | '*' | '…' | '”' | '’' | '»' => true,
            ')' => address.matches(')').count() > address.matches('(').count(),
            ']' => address.matches(']').count() > address.matches('[').count(),
            _ => false,
        };
        if !ends_the_sentence {
            break;
        }
        address = &address[..address.len() - last.len_utf8()];
    }
    address
}

fn mention(rest: &str) -> Option<&str> {
    let is_inside = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == '.';
    let end = rest[1..].find(|char| !is_inside(char)).map_or(rest.len(), |at| at + 1);
    let mention = rest[..end].trim_end_matches('.');
    (2..=User::NICKNAME_LENGTH + 1).contains(&mention.len()).then_some(mention)
}

fn tag(rest: &str) -> Option<&str> {
    // A letter may be made of several characters, of which the first one is a letter.
    let is_inside =
        |(_, letter): &(usize, &str)| letter.starts_with(|char: char| char.is_alphanumeric() || char == '_');
    let end = rest[1..].grapheme_indices(true).find(|letter| !is_inside(letter)).map_or(rest.len(), |(at, _)| at + 1);
    let (tag, name) = (&rest[..end], &rest[1..end]);
    let is_a_word = name.chars().any(char::is_alphabetic);
    (is_a_word && name.chars().count() <= TAG_LENGTH).then_some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parts that are more than text.
    fn found(text: &str) -> Vec<&str> {
        let parts = parts(text);
        assert_eq!(parts.iter().map(|part| part.text()).collect::<String>(), text, "nothing is lost");
        parts.into_iter().filter(|part| !matches!(part, Part::Text(_))).map(Part::text).collect()
    }

    #[test]
    fn a_text_is_taken_apart_and_nothing_is_lost() {
        assert_eq!(
            parts("Hi @susan, see https://example.org/a #Rust"),
            [
                Part::Text("Hi "),
                Part::Mention("@susan"),
                Part::Text(", see "),
                Part::Address("https://example.org/a"),
                Part::Text(" "),
                Part::Tag("#Rust"),
            ]
        );
        assert_eq!(parts(""), []);
        assert_eq!(parts("👋"), [Part::Text("👋")]);
    }

    #[test]
    fn an_address_ends_where_the_sentence_goes_on() {
        for (text, address) in [
            ("(see http://example.org/a).", "http://example.org/a"),
            ("https://en.wikipedia.org/wiki/Rust_(language), yes", "https://en.wikipedia.org/wiki/Rust_(language)"),
            ("HTTPS://EXAMPLE.ORG!", "HTTPS://EXAMPLE.ORG"),
            ("<https://example.org>", "https://example.org"),
            ("https://example.org/?a=1&b=2#c", "https://example.org/?a=1&b=2#c"),
            ("https://example.org/\u{202e}gpj", "https://example.org/"),
            ("https://example.org/\"onclick=\"x", "https://example.org/"),
        ] {
            assert_eq!(found(text), [address], "{text}");
        }
        for text in
            ["http://", "https://.", "javascript:alert(1)", "ftp://a", "xhttp://a", "h", "http:/a", "https://@x"]
        {
            assert!(!found(text).iter().any(|part| part.contains(':')), "{text}");
        }
    }

    #[test]
    fn a_mention_is_a_nickname_and_no_part_of_an_address() {
        assert_eq!(found("@susan. @j.o_9! (@x)"), ["@susan", "@j.o_9", "@x"]);
        for text in ["susan@example.org", "@", "@@a", "@.", "a@b", "@ü", &format!("@{}", "x".repeat(65))] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn a_tag_has_a_letter_and_is_known_by_its_small_letters() {
        assert_eq!(found("#Rust, #über #a1 #日本"), ["#Rust", "#über", "#a1", "#日本"]);
        assert_eq!(found("#हिन्दी #ไทยดี, #e\u{301}te\u{301}!"), ["#हिन्दी", "#ไทยดี", "#e\u{301}te\u{301}"]);
        assert_eq!(tags("#Rust #RUST #Über").into_iter().collect::<Vec<_>>(), ["rust", "über"]);
        for text in ["#1", "#", "##a", "a#b", "&#x27;", &format!("#{}", "x".repeat(65))] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }
}
