//! Whatever people write is shown as text, never run as markup.

#![cfg(feature = "site")]

mod support;

use rocket::http::ContentType;
use support::TestDb;

const HOSTILE: [&str; 5] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "</p></article></li></ol><b>out</b>",
    "{{ 7 * 191 }}{% raw %}",
];

#[test]
fn a_post_and_a_nickname_are_escaped() {
    for text in HOSTILE {
        let mut db = TestDb::new();
        let author = db.user(text);
        db.post(&author, text, 0);
        let page = db.site().get("/").dispatch().into_string().unwrap();
        for markup in ["<script", "<img", "<b>out", "1337"] {
            assert!(!page.contains(markup), "{text}: {page}");
        }
        let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let escaped = escaped.replace('"', "&quot;").replace('\'', "&#x27;").replace('/', "&#x2F;");
        let plain = |page: &str| page.replace("&#39;", "&#x27;").replace("&#x2F;", "/");
        assert_eq!(plain(&page).matches(&plain(&escaped)).count(), 2, "{text}: {page}");
    }
}

#[test]
fn what_is_typed_into_a_form_is_escaped() {
    let db = TestDb::new();
    let site = db.site();
    for text in HOSTILE {
        let form: String = rocket::http::RawStr::new(text).percent_encode().to_string();
        let page = site.post("/login").header(ContentType::Form).body(format!("nickname={form}")).dispatch();
        let page = page.into_string().unwrap();
        for markup in ["<script", "<img", "<b>out", "1337", "onmouseover='", "\"alert"] {
            assert!(!page.contains(markup), "{text}: {page}");
        }
    }
}

#[test]
fn a_message_from_a_forged_cookie_is_escaped() {
    let db = TestDb::new();
    let site = db.site();
    let page =
        site.get("/").private_cookie(("x", "y")).cookie(("_flash", "7:success<script>alert(1)</script>")).dispatch();
    let page = page.into_string().unwrap();
    assert!(page.contains("&lt;script&gt;") && !page.contains("<script"), "{page}");
}
