//! User text as pages show it: segments of plain data, which the template escapes.

use std::ops::Range;

use rocket::serde::Serialize;

use super::links;
use crate::models::Mentioned;
use crate::models::count::COUNT_LIMIT;
use crate::models::markup::{self, Part};

/// A part of a text: plain text, or a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(crate = "rocket::serde")]
pub struct Segment<'a> {
    /// The target, if the segment is a link.
    link: Option<String>,
    /// Whether the target is on another site.
    is_external: bool,
    /// The visible text.
    runs: Vec<Run<'a>>,
}

/// A count as a page shows it. Counts above [`COUNT_LIMIT`] are not exact.
pub fn count(number: i64) -> String {
    match number {
        ..1000 => number.to_string(),
        COUNT_LIMIT => "1,000".into(),
        _ => "1,000+".into(),
    }
}

/// A part of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(crate = "rocket::serde")]
struct Run<'a> {
    text: &'a str,
    /// Whether it matches the search.
    is_marked: bool,
}

/// Splits a text into segments, with the byte ranges `marks` marked. A mention of nobody is no link.
pub fn segments<'a>(text: &'a str, marks: &[Range<usize>], mentioned: &Mentioned) -> Vec<Segment<'a>> {
    let mut at = 0;
    let segment = |part: Part<'a>| {
        let start = at;
        at += part.text().len();
        let (link, is_external) = match part {
            Part::Text(_) => (None, false),
            Part::Url(url) => (Some(url.to_owned()), true),
            Part::Mention(mention) => (mentioned.nickname(mention).map(links::user), false),
            Part::Tag(tag) => (Some(links::tag(&markup::tag_key(tag))), false),
        };
        Segment { link, is_external, runs: runs(text, start..at, marks) }
    };
    markup::parts(text).into_iter().map(segment).collect()
}

/// A text without links, with the byte ranges `marks` marked.
pub fn plain<'a>(text: &'a str, marks: &[Range<usize>]) -> Vec<Segment<'a>> {
    vec![Segment { link: None, is_external: false, runs: runs(text, 0..text.len(), marks) }]
}

/// A part of the text, split where a mark begins or ends. The marks are in ascending order.
fn runs<'a>(text: &'a str, piece: Range<usize>, marks: &[Range<usize>]) -> Vec<Run<'a>> {
    let mut runs = Vec::new();
    let mut push = |range: Range<usize>, is_marked| {
        if let Some(text) = text.get(range).filter(|text| !text.is_empty()) {
            runs.push(Run { text, is_marked });
        }
    };
    let mut at = piece.start;
    for mark in marks {
        let (start, end) = (mark.start.max(at), mark.end.min(piece.end));
        if start < end && text.is_char_boundary(start) && text.is_char_boundary(end) {
            push(at..start, false);
            push(start..end, true);
            at = end;
        }
    }
    push(at..piece.end, false);
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everyone of these tests.
    fn mentioned() -> Mentioned {
        ["susan", "two"].into_iter().collect()
    }

    fn shown(text: &str, marks: &[Range<usize>]) -> String {
        let run = |run: &Run| if run.is_marked { format!("[{}]", run.text) } else { run.text.to_owned() };
        let segment = |segment: &Segment| {
            let runs: String = segment.runs.iter().map(run).collect();
            segment.link.as_ref().map_or(runs.clone(), |link| format!("<{link} {runs}>"))
        };
        segments(text, marks, &mentioned()).iter().map(segment).collect()
    }

    #[test]
    fn mentions_tags_and_urls_are_links() {
        assert_eq!(
            shown("@susan likes #Über, see http://a.example/?b=c.", &[]),
            "</user/susan @susan> likes </tag/%C3%BCber #Über>, see <http://a.example/?b=c http://a.example/?b=c>."
        );
        assert_eq!(shown("@nobody and @SUSAN", &[]), "@nobody and </user/susan @SUSAN>");
        assert_eq!(shown("javascript:alert(1)", &[]), "javascript:alert(1)");
    }

    #[test]
    fn counts_are_exact_up_to_the_limit() {
        let shown = [0, 1, COUNT_LIMIT - 1, COUNT_LIMIT, COUNT_LIMIT + 1].map(count);
        assert_eq!(shown, ["0", "1", "999", "1,000", "1,000+"]);
    }

    #[test]
    fn marks_split_text_and_links() {
        assert_eq!(shown("one @two three", &[0..1, 2..7, 9..14]), "[o]n[e ]</user/two [@tw]o> [three]");
        assert_eq!(shown("ab", &[0..2, 5..9]), "[ab]");
        assert_eq!(shown("ü", &[0..1, 1..2]), "ü", "a mark inside a character is ignored");
    }
}
