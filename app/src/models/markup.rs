//! The markup of posts: URLs, @mentions and #tags.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization as _;
use unicode_segmentation::UnicodeSegmentation as _;

use super::User;
use super::unicode::is_invisible;

/// A part of a text. The concatenation of all parts is the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// Plain text.
    Text(&'a str),
    /// A URL that begins with `http://` or `https://`.
    Url(&'a str),
    /// A nickname with its `@`. Whether the user exists is not checked.
    Mention(&'a str),
    /// A tag with its `#`, as it was typed.
    Tag(&'a str),
}

impl<'a> Part<'a> {
    /// The text of the part.
    #[must_use]
    pub fn text(self) -> &'a str {
        match self {
            Self::Text(text) | Self::Url(text) | Self::Mention(text) | Self::Tag(text) => text,
        }
    }
}

/// The maximum length of a tag in characters, without its `#`.
pub const TAG_LENGTH: usize = 64;

/// The tag as it is stored: in lower case, composed (NFC), without its `#`.
#[must_use]
pub fn tag_key(tag: &str) -> String {
    tag.strip_prefix('#').unwrap_or(tag).to_lowercase().nfc().collect()
}

/// The keys of the tags in a text, without duplicates.
#[must_use]
pub fn tags(text: &str) -> BTreeSet<String> {
    let key = |part| if let Part::Tag(tag) = part { Some(tag_key(tag)) } else { None };
    parts(text).into_iter().filter_map(key).collect()
}

/// Splits a text into its parts.
#[must_use]
pub fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let (mut plain, mut at, mut before) = (0, 0, None);
    while let Some(char) = text[at..].chars().next() {
        if let Some(part) = markup(&text[at..], before) {
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

/// The markup at the start of `rest`, if any. There is none inside a word or an e-mail address.
fn markup(rest: &str, before: Option<char>) -> Option<Part<'_>> {
    if before.is_some_and(|char| char.is_alphanumeric() || "_@#&/".contains(char)) {
        return None;
    }
    match rest.as_bytes()[0] {
        b'h' | b'H' => url(rest).map(Part::Url),
        b'@' => mention(rest).map(Part::Mention),
        b'#' => tag(rest).map(Part::Tag),
        _ => None,
    }
}

fn url(rest: &str) -> Option<&str> {
    let scheme = ["https://", "http://"]
        .into_iter()
        .find(|scheme| rest.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))?;
    let ends =
        |char: char| char.is_whitespace() || char.is_control() || "<>\"\\^`{|}".contains(char) || is_invisible(char);
    let url = without_punctuation(&rest[..rest.find(ends).unwrap_or(rest.len())]);
    let host = url.get(scheme.len()..)?;
    host.starts_with(|char: char| char.is_alphanumeric() || char == '[').then_some(url)
}

/// Drops the punctuation after a URL, and a closing bracket without an opening one in the URL.
fn without_punctuation(mut url: &str) -> &str {
    while let Some(last) = url.chars().next_back() {
        let is_punctuation = match last {
            '.' | ',' | ':' | ';' | '!' | '?' | '\'' | '*' | '…' | '”' | '’' | '»' => true,
            ')' => url.matches(')').count() > url.matches('(').count(),
            ']' => url.matches(']').count() > url.matches('[').count(),
            _ => false,
        };
        if !is_punctuation {
            break;
        }
        url = &url[..url.len() - last.len_utf8()];
    }
    url
}

fn mention(rest: &str) -> Option<&str> {
    let is_inside = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == '.';
    let end = rest[1..].find(|char| !is_inside(char)).map_or(rest.len(), |at| at + 1);
    let mention = rest[..end].trim_end_matches('.');
    (2..=User::NICKNAME_LENGTH + 1).contains(&mention.len()).then_some(mention)
}

fn tag(rest: &str) -> Option<&str> {
    // A grapheme cluster may have several characters, of which the first one is a letter.
    let is_inside =
        |(_, cluster): &(usize, &str)| cluster.starts_with(|char: char| char.is_alphanumeric() || char == '_');
    let end = rest[1..].grapheme_indices(true).find(|cluster| !is_inside(cluster)).map_or(rest.len(), |(at, _)| at + 1);
    let (tag, name) = (&rest[..end], &rest[1..end]);
    let has_letter = name.chars().any(char::is_alphabetic);
    (has_letter && name.chars().count() <= TAG_LENGTH).then_some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parts that are markup.
    fn found(text: &str) -> Vec<&str> {
        let parts = parts(text);
        assert_eq!(parts.iter().map(|part| part.text()).collect::<String>(), text, "the parts are the text");
        parts.into_iter().filter(|part| !matches!(part, Part::Text(_))).map(Part::text).collect()
    }

    #[test]
    fn a_text_is_split_completely() {
        assert_eq!(
            parts("Hi @susan, see https://example.org/a #Rust"),
            [
                Part::Text("Hi "),
                Part::Mention("@susan"),
                Part::Text(", see "),
                Part::Url("https://example.org/a"),
                Part::Text(" "),
                Part::Tag("#Rust"),
            ]
        );
        assert_eq!(parts(""), []);
        assert_eq!(parts("👋"), [Part::Text("👋")]);
    }

    #[test]
    fn a_url_ends_before_punctuation() {
        for (text, url) in [
            ("(see http://example.org/a).", "http://example.org/a"),
            ("https://en.wikipedia.org/wiki/Rust_(language), yes", "https://en.wikipedia.org/wiki/Rust_(language)"),
            ("HTTPS://EXAMPLE.ORG!", "HTTPS://EXAMPLE.ORG"),
            ("<https://example.org>", "https://example.org"),
            ("https://example.org/?a=1&b=2#c", "https://example.org/?a=1&b=2#c"),
            ("https://example.org/\u{202e}gpj", "https://example.org/"),
            ("https://example.org/\"onclick=\"x", "https://example.org/"),
        ] {
            assert_eq!(found(text), [url], "{text}");
        }
        for text in
            ["http://", "https://.", "javascript:alert(1)", "ftp://a", "xhttp://a", "h", "http:/a", "https://@x"]
        {
            assert!(!found(text).iter().any(|part| part.contains(':')), "{text}");
        }
    }

    #[test]
    fn a_mention_is_not_part_of_an_email_address() {
        assert_eq!(found("@susan. @j.o_9! (@x)"), ["@susan", "@j.o_9", "@x"]);
        for text in ["susan@example.org", "@", "@@a", "@.", "a@b", "@ü", &format!("@{}", "x".repeat(65))] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn a_tag_has_a_letter_and_a_lower_case_key() {
        assert_eq!(found("#Rust, #über #a1 #日本"), ["#Rust", "#über", "#a1", "#日本"]);
        assert_eq!(found("#हिन्दी #ไทยดี, #e\u{301}te\u{301}!"), ["#हिन्दी", "#ไทยดี", "#e\u{301}te\u{301}"]);
        assert_eq!(tags("#Caf\u{e9} #cafe\u{301}").into_iter().collect::<Vec<_>>(), ["caf\u{e9}"]);
        assert_eq!(tags("#Rust #RUST #Über").into_iter().collect::<Vec<_>>(), ["rust", "über"]);
        for text in ["#1", "#", "##a", "a#b", "&#x27;", &format!("#{}", "x".repeat(65))] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }
}
