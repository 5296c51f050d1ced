//! Atom (RFC 4287): posts as XML, with an `ETag`, so that a feed reader that asks again is told that nothing is new.

use std::fmt::Write as _;

use chrono::NaiveDateTime;
use config::Config;
use rocket::http::{Header, Status};
use rocket::request::{FromRequest, Outcome, Request};
use rocket::response::{self, Responder, Response};
use unicode_segmentation::UnicodeSegmentation as _;

use super::{caching, pages};
use crate::models::{Post, User};

/// How many characters of a post are its title.
const TITLE_LENGTH: usize = 60;

/// Where the site is for whoever asks: a feed is read elsewhere, and needs whole addresses.
pub struct Address(String);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Address {
    type Error = std::convert::Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Self::Error> {
        let public = request.rocket().state::<Config>().and_then(|config| config.public_address.clone());
        let asked = || format!("http://{}", request.headers().get_one("Host").unwrap_or("localhost"));
        Outcome::Success(Self(public.unwrap_or_else(asked)))
    }
}

/// A feed, ready to send.
pub struct Atom(String);

/// The feed of those posts, the newest first. `page` shows them as a page, `itself` is where the feed is.
pub fn feed(address: &Address, title: &str, page: &str, itself: &str, posts: &[(Post, User)]) -> Atom {
    let to = |link: &str| escaped(&format!("{}{link}", address.0));
    let updated = time(posts.iter().map(|(post, _)| post.timestamp).max().unwrap_or_default());
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\">\n\
         <id>{itself}</id>\n<title>{title}</title>\n<updated>{updated}</updated>\n\
         <link rel=\"self\" type=\"application/atom+xml\" href=\"{itself}\"/>\n\
         <link rel=\"alternate\" type=\"text/html\" href=\"{page}\"/>\n",
        itself = to(itself),
        title = escaped(title),
        page = to(page),
    );
    for (post, author) in posts {
        let nickname = &author.nickname;
        let title: String = post.body.lines().next().unwrap_or_default().graphemes(true).take(TITLE_LENGTH).collect();
        let _ = writeln!(
            xml,
            "<entry>\n<id>{link}</id>\n<title>{title}</title>\n<updated>{time}</updated>\n<published>{time}</published>\n\
             <author><name>{nickname}</name><uri>{uri}</uri></author>\n\
             <link rel=\"alternate\" type=\"text/html\" href=\"{link}\"/>\n<content type=\"text\">{body}</content>\n</entry>",
            link = to(&pages::post_page(post.id)),
            title = escaped(&title),
            time = time(post.timestamp),
            nickname = escaped(nickname),
            uri = to(&pages::user_page(nickname)),
            body = escaped(&post.body),
        );
    }
    xml.push_str("</feed>\n");
    Atom(xml)
}

fn time(time: NaiveDateTime) -> String {
    time.format("%Y-%m-%dT%H:%M:%S%.fZ").to_string()
}

/// The text as XML takes it: most control characters may not even be escaped there.
fn escaped(text: &str) -> String {
    let mut xml = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '"' => xml.push_str("&quot;"),
            '\'' => xml.push_str("&#39;"),
            '\n' | '\t' => xml.push(char),
            '\u{fffe}' | '\u{ffff}' => {}
            char if char.is_control() => {}
            char => xml.push(char),
        }
    }
    xml
}

impl<'r> Responder<'r, 'static> for Atom {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let tag = caching::tag_of(self.0.as_bytes());
        let is_known = caching::is_known(request, &tag);
        let mut answer = Response::build();
        answer.header(Header::new("ETag", tag));
        if is_known {
            return answer.status(Status::NotModified).ok();
        }
        answer.header(Header::new("Content-Type", "application/atom+xml; charset=utf-8"));
        answer.sized_body(self.0.len(), std::io::Cursor::new(self.0)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn xml_holds_only_what_xml_may_hold() {
        assert_eq!(escaped("a<b>&\"'\n\0\u{b}\u{ffff}]]>"), "a&lt;b&gt;&amp;&quot;&#39;\n]]&gt;");
    }
}
