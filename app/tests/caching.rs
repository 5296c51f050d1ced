//! A browser keeps nothing of somebody who is signed in, and asks whether a page has changed else.

#![cfg(feature = "site")]

mod support;

use rocket::http::{Header, Method, Status};
use support::{OLD_PASSWORD, TestDb, sign_in};

#[test]
fn a_page_for_everybody_has_a_tag_and_is_sent_once() {
    let mut db = TestDb::new();
    let susan = db.member("susan");
    db.post(&susan, "first", 0);
    let site = db.site();
    let answer = site.get("/").dispatch();
    let headers = answer.headers();
    assert_eq!((headers.get_one("Cache-Control"), headers.get_one("Vary")), (Some("no-cache"), Some("Cookie")));
    let tag = headers.get_one("ETag").unwrap().to_owned();
    assert!(answer.into_string().unwrap().contains("first"));

    for known in [tag.clone(), format!("\"other\", W/{tag}")] {
        let answer = site.get("/").header(Header::new("If-None-Match", known)).dispatch();
        assert_eq!((answer.status(), answer.headers().get_one("ETag")), (Status::NotModified, Some(tag.as_str())));
        assert!(answer.into_bytes().unwrap_or_default().is_empty());
    }
    let head = site.req(Method::Head, "/").dispatch();
    assert_eq!((head.status(), head.headers().get_one("ETag")), (Status::Ok, Some(tag.as_str())));

    db.post(&susan, "second", 1);
    let answer = site.get("/").header(Header::new("If-None-Match", tag)).dispatch();
    assert_eq!(answer.status(), Status::Ok);
    assert!(answer.into_string().unwrap().contains("second"));
}

#[test]
fn nothing_is_kept_of_a_reader_who_is_signed_in_and_no_message_of_one_reader_is() {
    let mut db = TestDb::new();
    db.member("susan");
    let site = db.site();
    let to_login = site.get("/account").dispatch();
    assert_eq!(to_login.headers().get_one("Cache-Control"), Some("no-store"));
    let message = site.get("/login").dispatch();
    assert_eq!(message.headers().get_one("Cache-Control"), Some("no-store"));
    assert!(message.into_string().unwrap().contains("Please sign in to see this page."));

    sign_in(&site, "susan", OLD_PASSWORD);
    for path in ["/", "/explore", "/account", "/nowhere"] {
        let answer = site.get(path).dispatch();
        assert_eq!(answer.headers().get_one("Cache-Control"), Some("no-store"), "{path}");
        assert!(!answer.headers().contains("ETag"), "{path}");
    }
}
