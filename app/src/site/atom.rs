//! Atom (RFC 4287): posts as XML, with an `ETag`, so that an unchanged feed is not sent again.

use std::fmt::Write as _;

use chrono::NaiveDateTime;
use config::Config;
use rocket::http::{Header, Status};
use rocket::request::{FromRequest, Outcome, Request};
use rocket::response::{self, Responder, Response};
use unicode_segmentation::UnicodeSegmentation as _;

use super::{caching, links, settings};
use crate::models::{Post, User};

/// The title of an entry is the start of the post: at most this many characters.
const TITLE_LENGTH: usize = 60;

/// The base URL of the site, because feeds need absolute URLs.
pub struct BaseUrl(String);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for BaseUrl {
    type Error = std::convert::Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Self::Error> {
        let public = request.rocket().state::<Config>().and_then(|config| config.public_address.clone());
        // Not the header `Host`: a proxy may store the feed that a client has asked for under another name.
        Outcome::Success(Self(public.unwrap_or_else(|| settings::own_address(request.rocket().config()))))
    }
}

/// A feed, ready to send.
pub struct Atom(String);

/// The feed of `posts`, which are sorted newest first. `page` is the link of the page with the same posts, `itself` the
/// link of the feed.
pub fn feed(base: &BaseUrl, title: &str, page: &str, itself: &str, posts: &[(Post, User)]) -> Atom {
    let absolute = |link: &str| escaped(&format!("{}{link}", base.0));
    let updated = time(posts.iter().map(|(post, _)| post.timestamp).max().unwrap_or_default());
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\">\n\
         <id>{itself}</id>\n<title>{title}</title>\n<updated>{updated}</updated>\n\
         <link rel=\"self\" type=\"application/atom+xml\" href=\"{itself}\"/>\n\
         <link rel=\"alternate\" type=\"text/html\" href=\"{page}\"/>\n",
        itself = absolute(itself),
        title = escaped(title),
        page = absolute(page),
    );
    for (post, author) in posts {
        let nickname = &author.nickname;
        let title: String = post.body.lines().next().unwrap_or_default().graphemes(true).take(TITLE_LENGTH).collect();
        let _ = writeln!(
            xml,
            "<entry>\n<id>{link}</id>\n<title>{title}</title>\n<updated>{time}</updated>\n<published>{time}</published>\n\
             <author><name>{nickname}</name><uri>{uri}</uri></author>\n\
             <link rel=\"alternate\" type=\"text/html\" href=\"{link}\"/>\n<content type=\"text\">{body}</content>\n</entry>",
            link = absolute(&links::post(post.id)),
            title = escaped(&title),
            time = time(post.timestamp),
            nickname = escaped(nickname),
            uri = absolute(&links::user(nickname)),
            body = escaped(&post.body),
        );
    }
    xml.push_str("</feed>\n");
    Atom(xml)
}

fn time(time: NaiveDateTime) -> String {
    time.format("%Y-%m-%dT%H:%M:%S%.fZ").to_string()
}

/// The text, escaped for XML, without the control characters that XML 1.0 does not allow even when escaped.
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
        let tag = caching::etag(self.0.as_bytes());
        let is_unchanged = caching::is_unchanged(request, &tag);
        let mut response = Response::build();
        response.header(Header::new("ETag", tag));
        if is_unchanged {
            return response.status(Status::NotModified).ok();
        }
        response.header(Header::new("Content-Type", "application/atom+xml; charset=utf-8"));
        response.sized_body(self.0.len(), std::io::Cursor::new(self.0)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn text_is_escaped_for_xml() {
        assert_eq!(escaped("a<b>&\"'\n\0\u{b}\u{ffff}]]>"), "a&lt;b&gt;&amp;&quot;&#39;\n]]&gt;");
    }
}
