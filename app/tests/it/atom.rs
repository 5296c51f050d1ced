//! The Atom feeds.

use crate::support::{Browser, TestDb};
use rocket::http::{Header, Status};

#[test]
fn site_users_and_tags_have_feeds() {
    let mut db = TestDb::new();
    let (john, susan) = (db.user("john"), db.user("susan"));
    db.post(&john, "a < b & \"c\"\nsecond line", 0);
    db.post(&susan, "#rust", 60);
    let site = Browser::new(&db);
    for (page, feed, entries) in [
        ("/", "/feed.atom", 2),
        ("/explore", "/feed.atom", 2),
        ("/user/john", "/user/john/feed.atom", 1),
        ("/tag/Rust", "/tag/rust/feed.atom", 1),
        ("/tag/none", "/tag/none/feed.atom", 0),
    ] {
        let link = format!("rel=\"alternate\" type=\"application/atom+xml\" title=\"Newest posts\" href=\"{feed}\"");
        let page = site.get(page).body;
        assert!(page.contains(&link), "{page}");
        let response = site.client.get(feed).header(Header::new("Host", "blog.example")).dispatch();
        assert_eq!(response.headers().get_one("Content-Type"), Some("application/atom+xml; charset=utf-8"));
        let xml = response.into_string().unwrap();
        assert!(xml.contains(&format!("<id>http://127.0.0.1:8000{feed}</id>")), "{xml}");
        assert!(!xml.contains("blog.example"), "the header Host: {xml}");
        assert_eq!(xml.matches("<entry>").count(), entries, "{xml}");
    }
    let xml = site.get("/user/john/feed.atom").body;
    for part in [
        "<title>a &lt; b &amp; &quot;c&quot;</title>",
        "<content type=\"text\">a &lt; b &amp; &quot;c&quot;\nsecond line</content>",
        "<updated>2023-11-14T22:13:20Z</updated>",
        "<author><name>john</name>",
    ] {
        assert!(xml.contains(part), "{part} in {xml}");
    }
    assert!(site.get("/feed.atom").body.contains("<updated>2023-11-14T22:14:20Z</updated>\n<link rel=\"self\""));
}

#[test]
fn an_unchanged_feed_is_not_sent_again() {
    let mut db = TestDb::new();
    let john = db.user("john");
    db.post(&john, "one", 0);
    let site = db.site();
    let tag = site.get("/feed.atom").dispatch().headers().get_one("ETag").unwrap().to_owned();
    let again = |known: String| site.get("/feed.atom").header(Header::new("If-None-Match", known)).dispatch();
    for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
        let response = again(known.clone());
        assert_eq!(
            (response.status(), response.headers().get_one("ETag")),
            (Status::NotModified, Some(tag.as_str())),
            "{known}"
        );
        assert_eq!(response.into_string().unwrap_or_default(), "");
    }
    assert_eq!(again("\"other\"".into()).status(), Status::Ok);
    db.post(&john, "two", 1);
    assert_eq!(again(tag).status(), Status::Ok);
}
