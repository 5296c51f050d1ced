//! Caching: nothing for signed-in users; public pages are validated by their `ETag`.

use crate::support::{PASSWORD, TestDb, sign_in};
use rocket::http::{Header, Method, Status};

#[test]
fn an_unchanged_public_page_is_not_sent_again() {
    let mut db = TestDb::new();
    let susan = db.user_with_password("susan");
    db.post(&susan, "first", 0);
    let site = db.site();
    let response = site.get("/").dispatch();
    let headers = response.headers();
    assert_eq!((headers.get_one("Cache-Control"), headers.get_one("Vary")), (Some("no-cache"), Some("Cookie")));
    let tag = headers.get_one("ETag").unwrap().to_owned();
    assert!(response.into_string().unwrap().contains("first"));

    for known in [tag.clone(), format!("\"other\", W/{tag}")] {
        let response = site.get("/").header(Header::new("If-None-Match", known)).dispatch();
        assert_eq!((response.status(), response.headers().get_one("ETag")), (Status::NotModified, Some(tag.as_str())));
        assert!(response.into_bytes().unwrap_or_default().is_empty());
    }
    let head = site.req(Method::Head, "/").dispatch();
    assert_eq!((head.status(), head.headers().get_one("ETag")), (Status::Ok, Some(tag.as_str())));

    db.post(&susan, "second", 1);
    let response = site.get("/").header(Header::new("If-None-Match", tag)).dispatch();
    assert_eq!(response.status(), Status::Ok);
    assert!(response.into_string().unwrap().contains("second"));
}

#[test]
fn pages_for_one_user_are_not_cached() {
    let mut db = TestDb::new();
    db.user_with_password("susan");
    let site = db.site();
    let redirect = site.get("/account").dispatch();
    assert_eq!(redirect.headers().get_one("Cache-Control"), Some("no-store"));
    let message = site.get("/login").dispatch();
    assert_eq!(message.headers().get_one("Cache-Control"), Some("no-store"));
    assert!(message.into_string().unwrap().contains("Please sign in to see this page."));

    sign_in(&site, "susan", PASSWORD);
    for path in ["/", "/explore", "/account", "/nowhere"] {
        let response = site.get(path).dispatch();
        assert_eq!(response.headers().get_one("Cache-Control"), Some("no-store"), "{path}");
        assert!(!response.headers().contains("ETag"), "{path}");
    }
}
