//! What people write, as the pages show it: plain data that a template escapes piece by piece.

use std::ops::Range;

use rocket::serde::Serialize;

use super::pages;
use crate::models::count::COUNTED;
use crate::models::markup::{self, Part};

/// A piece of a text: text, or a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(crate = "rocket::serde")]
pub struct Segment<'a> {
    /// Where it leads to, if it is a link.
    link: Option<String>,
    /// Whether that is outside this site.
    is_outside: bool,
    /// What is read.
    runs: Vec<Run<'a>>,
}

/// A number as people read it, up to where the models count.
pub fn count(number: i64) -> String {
    match number {
        ..1000 => number.to_string(),
        COUNTED => "1,000".into(),
        _ => "1,000+".into(),
    }
}

/// Letters of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(crate = "rocket::serde")]
struct Run<'a> {
    text: &'a str,
    /// Whether they are what was searched for.
    is_marked: bool,
}

/// Takes a text apart, and marks those bytes of it.
pub fn segments<'a>(text: &'a str, marks: &[Range<usize>]) -> Vec<Segment<'a>> {
    let mut at = 0;
    let segment = |part: Part<'a>| {
        let start = at;
        at += part.text().len();
        let (link, is_outside) = match part {
            Part::Text(_) => (None, false),
            Part::Address(address) => (Some(address.to_owned()), true),
            Part::Mention(mention) => (Some(pages::user_page(&mention[1..])), false),
            Part::Tag(tag) => (Some(pages::tag_page(&markup::tag_key(tag))), false),
        };
        Segment { link, is_outside, runs: runs(text, start..at, marks) }
    };
    markup::parts(text).into_iter().map(segment).collect()
}

/// A text without links, with those bytes of it marked.
pub fn plain<'a>(text: &'a str, marks: &[Range<usize>]) -> Vec<Segment<'a>> {
    vec![Segment { link: None, is_outside: false, runs: runs(text, 0..text.len(), marks) }]
}

/// That piece of the text, cut where a mark begins or ends. The marks are in order.
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

    fn shown(text: &str, marks: &[Range<usize>]) -> String {
        let run = |run: &Run| if run.is_marked { format!("[{}]", run.text) } else { run.text.to_owned() };
        let segment = |segment: &Segment| {
            let runs: String = segment.runs.iter().map(run).collect();
            segment.link.as_ref().map_or(runs.clone(), |link| format!("<{link} {runs}>"))
        };
        segments(text, marks).iter().map(segment).collect()
    }

    #[test]
    fn links_lead_to_people_tags_and_addresses() {
        assert_eq!(
            shown("@susan likes #Über, see http://a.example/?b=c.", &[]),
            "</user/susan @susan> likes </tag/%C3%BCber #Über>, see <http://a.example/?b=c http://a.example/?b=c>."
        );
        assert_eq!(shown("javascript:alert(1)", &[]), "javascript:alert(1)");
    }

    #[test]
    fn a_number_is_exact_as_far_as_it_is_counted() {
        let shown = [0, 1, COUNTED - 1, COUNTED, COUNTED + 1].map(count);
        assert_eq!(shown, ["0", "1", "999", "1,000", "1,000+"]);
    }

    #[test]
    fn marks_cut_text_and_links_alike() {
        assert_eq!(shown("one @two three", &[0..1, 2..7, 9..14]), "[o]n[e ]</user/two [@tw]o> [three]");
        assert_eq!(shown("ab", &[0..2, 5..9]), "[ab]");
        assert_eq!(shown("ü", &[0..1, 1..2]), "ü", "a mark that cuts a letter in two is none");
    }
}
