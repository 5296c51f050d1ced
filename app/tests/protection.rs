//! Every answer carries the headers that protect a reader, and no other site can send our forms.

#![cfg(feature = "site")]

mod support;

use rocket::http::{ContentType, Header, Method, Status};
use support::TestDb;

#[test]
fn every_answer_carries_the_headers() {
    let db = TestDb::new();
    let site = db.site();
    for path in ["/", "/login", "/health", "/static/style.css", "/nowhere"] {
        let answer = site.get(path).dispatch();
        let headers = answer.headers();
        let policy = headers.get_one("Content-Security-Policy").unwrap();
        for part in [
            "default-src 'none'",
            "style-src 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains("script-src"), "{path}: {policy}");
        assert_eq!(headers.get_one("X-Content-Type-Options"), Some("nosniff"), "{path}");
        assert!(headers.contains("Referrer-Policy") && headers.contains("Cache-Control"), "{path}");
    }
}

#[test]
fn no_page_holds_a_script_or_a_style_of_its_own() {
    let db = TestDb::new();
    let site = db.site();
    for path in ["/", "/login", "/nowhere"] {
        let page = site.get(path).dispatch().into_string().unwrap();
        for forbidden in ["<script", "<style", " style=", " onclick=", "javascript:"] {
            assert!(!page.contains(forbidden), "{path}: {forbidden}");
        }
    }
}

fn send(headers: &[(&'static str, &'static str)]) -> Status {
    let mut db = TestDb::new();
    db.user("john");
    let site = db.site();
    let mut request = site.post("/login").header(ContentType::Form).body("nickname=john");
    for (name, value) in headers {
        request = request.header(Header::new(*name, *value));
    }
    request.dispatch().status()
}

#[test]
fn a_form_of_this_site_is_taken() {
    let host = ("Host", "blog.example.org");
    assert_eq!(send(&[("Sec-Fetch-Site", "same-origin")]), Status::SeeOther);
    assert_eq!(send(&[("Sec-Fetch-Site", "none")]), Status::SeeOther);
    assert_eq!(send(&[host, ("Origin", "https://blog.example.org")]), Status::SeeOther);
    assert_eq!(send(&[]), Status::SeeOther, "a program that is no browser");
}

#[test]
fn a_form_of_another_site_is_refused() {
    let host = ("Host", "blog.example.org");
    for (name, value) in [
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
        ("Sec-Fetch-Site", ""),
        ("Origin", "https://evil.example.org"),
        ("Origin", "https://blog.example.org.evil.example"),
        ("Origin", "null"),
        ("Origin", ""),
    ] {
        assert_eq!(send(&[host, (name, value)]), Status::Forbidden, "{name}: {value}");
    }
}

#[test]
fn every_route_that_changes_something_is_behind_that_check() {
    let db = TestDb::new();
    let site = db.site();
    let unsafe_routes: Vec<_> =
        site.rocket().routes().filter(|route| !matches!(route.method, Method::Get | Method::Head)).collect();
    assert!(!unsafe_routes.is_empty());
    for route in unsafe_routes {
        let request = site.req(route.method, route.uri.origin.path().to_string());
        let answer = request.header(Header::new("Sec-Fetch-Site", "cross-site")).dispatch();
        assert_eq!(answer.status(), Status::Forbidden, "{route}");
        assert!(answer.into_string().unwrap().contains("You may not do this from here."));
    }
}
