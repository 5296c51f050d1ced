//! User text is shown as text, never as markup.

use crate::support::{Browser, TestDb};
use rocket::http::RawStr;

const HOSTILE: [&str; 7] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "</p></article></li></ol><b>out</b>",
    "{{ 7 * 191 }}{% raw %}",
    "javascript:alert(1)",
    "https://example.org/\"onmouseover='alert(1)",
];

/// Markup that must not appear on a page.
const MARKUP: [&str; 7] =
    ["<script>", "<img src=x", "<b>out", "1337", "onmouseover='", "\"alert(", "href=\"javascript"];

fn assert_harmless(page: &str, text: &str) {
    for markup in MARKUP {
        assert!(!page.contains(markup), "{text}: {page}");
    }
}

#[test]
fn stored_text_is_escaped_on_every_page() {
    for text in HOSTILE {
        let mut db = TestDb::new();
        let (author, viewer) = (db.user(text), db.user("susan"));
        let post = db.post(&author, &format!("{text} #tag"), 0);
        author.set_profile(text, text, &mut db.connection).unwrap();
        author.follow(&viewer, &mut db.connection).unwrap();
        viewer.follow(&author, &mut db.connection).unwrap();
        let name = RawStr::new(text).percent_encode().to_string();
        for site in [Browser::new(&db), Browser::signed_in(&mut db, &viewer), Browser::signed_in(&mut db, &author)] {
            for path in [
                "/".to_owned(),
                "/explore".to_owned(),
                format!("/post/{}", post.id),
                "/tag/tag".to_owned(),
                format!("/search?q={name}"),
                "/search?q=alert+script".to_owned(),
                format!("/user/{name}"),
                format!("/user/{name}/followers"),
                "/user/susan/followers".to_owned(),
                "/feed.atom".to_owned(),
                "/tag/tag/feed.atom".to_owned(),
                format!("/user/{name}/feed.atom"),
                format!("/avatar/{name}.svg"),
            ] {
                let response = site.get(&path);
                assert_eq!(response.status, 200, "{path}");
                assert_harmless(&response.body, text);
            }
            assert_harmless(&site.get("/edit").body, text);
        }
    }
}

#[test]
fn form_values_are_escaped() {
    let mut db = TestDb::new();
    let john = db.user("john");
    let site = Browser::signed_in(&mut db, &john);
    for text in HOSTILE {
        let long = text.repeat(200);
        for (path, form) in [
            ("/", [("body", long.as_str()), ("", "")]),
            ("/edit", [("nickname", text), ("about_me", &long)]),
            ("/register", [("nickname", text), ("email", text)]),
            ("/login", [("login", text), ("next", text)]),
        ] {
            let response = site.post(path, &form);
            assert_eq!(response.status, 422, "{path} {text}");
            assert_harmless(&response.body, text);
            assert_harmless(&site.get(&format!("/tag/{}", RawStr::new(text).percent_encode())).body, text);
        }
    }
}

#[test]
fn flash_messages_are_escaped_and_signed() {
    let db = TestDb::new();
    let site = db.site();
    let message = ("flash", "<script>alert(1)</script>");
    let page = site.get("/").private_cookie(message).dispatch().into_string().unwrap();
    assert!(page.contains("&lt;script&gt;") && !page.contains("<script>"), "{page}");
    let page = site.get("/").cookie(message).dispatch().into_string().unwrap();
    assert!(!page.contains("alert"), "{page}");
}
