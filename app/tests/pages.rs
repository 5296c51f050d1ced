//! The pages, as a browser asks for them.

#![cfg(feature = "site")]

mod support;

use diesel::connection::SimpleConnection;
use rocket::http::{ContentType, Status};
use rocket::local::blocking::Client;
use support::TestDb;

fn get(site: &Client, path: &str) -> (Status, String) {
    let answer = site.get(path).dispatch();
    (answer.status(), answer.into_string().unwrap_or_default())
}

fn sign_in(site: &Client, form: &str) -> (Status, String) {
    let answer = site.post("/login").header(ContentType::Form).body(form).dispatch();
    (answer.status(), answer.into_string().unwrap_or_default())
}

/// The link with that text.
fn link<'a>(page: &'a str, text: &str) -> Option<&'a str> {
    let before = &page[..page.find(&format!(">{text}</a>"))?];
    before.rsplit_once("href=\"")?.1.strip_suffix('"')
}

#[test]
fn the_front_page_lists_the_newest_posts_with_their_authors() {
    let mut db = TestDb::new();
    let (john, susan) = (db.user("john"), db.user("susan"));
    db.post(&john, "Beautiful day in Portland!", 0);
    db.post(&susan, "The Avengers movie was so cool!", 60);
    let site = db.site();
    let (status, page) = get(&site, "/");
    assert_eq!(status, Status::Ok);
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} in {page}"));
    assert!(at("<b>susan</b>") < at("The Avengers movie was so cool!"));
    assert!(at("The Avengers movie was so cool!") < at("<b>john</b>"));
    assert!(at("<b>john</b>") < at("Beautiful day in Portland!"));
    at("<time datetime=\"2023-11-14T22:13:20Z\">14 November 2023, 22:13 UTC</time>");
    assert_eq!(get(&site, "/index"), (status, page));
}

#[test]
fn a_front_page_without_posts_says_so() {
    let (status, page) = get(&TestDb::new().site(), "/");
    assert_eq!(status, Status::Ok);
    assert!(page.contains("Nobody has written anything yet."), "{page}");
    assert_eq!((link(&page, "Newer posts"), link(&page, "Older posts")), (None, None));
}

#[test]
fn links_lead_to_older_posts_and_back() {
    let mut db = TestDb::new();
    let john = db.user("john");
    for number in 1..=7 {
        db.post(&john, &format!("post {number}"), number);
    }
    let site = db.site();
    let bodies = |page: &str| (1..=7).filter(|number| page.contains(&format!("post {number}<"))).collect::<Vec<_>>();
    let first = get(&site, "/").1;
    assert_eq!((bodies(&first), link(&first, "Newer posts")), (vec![5, 6, 7], None));
    let second = get(&site, link(&first, "Older posts").unwrap()).1;
    assert_eq!(bodies(&second), [2, 3, 4]);
    let third = get(&site, link(&second, "Older posts").unwrap()).1;
    assert_eq!((bodies(&third), link(&third, "Older posts")), (vec![1], None));
    let back = get(&site, link(&third, "Newer posts").unwrap()).1;
    assert_eq!(bodies(&back), [2, 3, 4]);
}

#[test]
fn a_link_with_a_wrong_place_shows_the_first_page() {
    let mut db = TestDb::new();
    let john = db.user("john");
    db.post(&john, "here", 0);
    let site = db.site();
    for query in ["before=", "before=x", "after=99999999999999999999-1", "before='--", "before=1-1&before=2-2"] {
        let (status, page) = get(&site, &format!("/?{query}"));
        assert_eq!(status, Status::Ok, "{query}");
        assert!(page.contains("here") || query.starts_with("before=1-1"), "{query}: {page}");
    }
}

#[test]
fn to_sign_in_leaves_a_message_on_the_front_page_once() {
    let site = TestDb::new();
    let site = site.site();
    for (form, message) in [
        ("nickname=john&remember_me=on", "Login requested for nickname &quot;john&quot;, remember_me=true"),
        ("nickname=J.o_9", "Login requested for nickname &quot;J.o_9&quot;, remember_me=false"),
    ] {
        let answer = site.post("/login").header(ContentType::Form).body(form).dispatch();
        assert_eq!((answer.status(), answer.headers().get_one("Location")), (Status::SeeOther, Some("/index")));
        drop(answer);
        let page = get(&site, "/index").1;
        assert!(page.contains(message), "{page}");
        assert!(!get(&site, "/index").1.contains("Login requested"), "the message is shown once");
    }
}

#[test]
fn the_sign_in_form_has_a_label_for_each_field() {
    let (status, page) = get(&TestDb::new().site(), "/login");
    assert_eq!(status, Status::Ok);
    assert!(page.contains("<label for=\"nickname\">") && page.contains("id=\"nickname\""), "{page}");
    assert!(page.contains("name=\"remember_me\"> Remember me</label>"), "{page}");
    assert!(!page.contains("class=\"error\""), "{page}");
}

#[test]
fn a_wrong_nickname_shows_the_form_again_with_what_was_typed_and_what_is_wrong() {
    let db = TestDb::new();
    let site = db.site();
    let long = "x".repeat(65);
    for (form, typed, error) in [
        ("nickname=", "", "Please type your nickname."),
        ("", "", "Please type your nickname."),
        ("remember_me=on", "", "Please type your nickname."),
        ("nickname=john+doe", "john doe", "letters from A to Z, digits, dots and underscores only."),
        ("nickname=j%C3%B6hn", "jöhn", "letters from A to Z, digits, dots and underscores only."),
        ("nickname=%22%3E%3Cscript%3E", "&quot;&gt;&lt;script&gt;", "letters from A to Z"),
        (&format!("nickname={long}"), &long, "at most 64 characters."),
    ] {
        let (status, page) = sign_in(&site, form);
        assert_eq!(status, Status::UnprocessableEntity, "{form}");
        assert!(page.contains(&format!("value=\"{typed}\"")), "{form}: {page}");
        assert!(page.contains("aria-describedby=\"nickname-error\"") && page.contains(error), "{form}: {page}");
        assert_eq!(page.contains(" checked"), form.contains("remember_me"), "{form}");
    }
    assert_eq!(sign_in(&site, &format!("nickname={}", "x".repeat(64))).0, Status::SeeOther);
}

#[test]
fn a_form_that_is_too_large_or_no_form_is_refused_with_a_page() {
    let db = TestDb::new();
    let site = db.site();
    let (status, page) = sign_in(&site, &format!("nickname={}", "x".repeat(100_000)));
    assert!([Status::PayloadTooLarge, Status::UnprocessableEntity].contains(&status), "{status}");
    assert!(page.contains("<h1>") && page.len() < 200_000, "{status}");
    let json = site.post("/login").header(ContentType::JSON).body("{}").dispatch();
    assert!(json.status().code >= 400 && json.status().code < 500);
}

#[test]
fn an_address_without_a_page_answers_with_a_page_that_leads_home() {
    let db = TestDb::new();
    let (status, page) = get(&db.site(), "/nowhere/%3Cscript%3E");
    assert_eq!(status, Status::NotFound);
    assert!(page.contains("There is nothing at this address.") && link(&page, "Home") == Some("/"), "{page}");
    assert!(!page.contains("script"), "{page}");
}

#[test]
fn an_error_of_the_database_is_one_plain_sentence() {
    let mut db = TestDb::new();
    let site = db.site();
    db.connection.batch_execute("DROP TABLE posts").unwrap();
    let (status, page) = get(&site, "/");
    assert_eq!(status, Status::InternalServerError);
    assert!(page.contains("Something went wrong on our side."), "{page}");
    assert!(!page.contains("posts.") && !page.contains("no such table"), "{page}");
}

#[test]
fn the_style_sheet_is_served_and_nothing_beside_it() {
    let db = TestDb::new();
    let site = db.site();
    let answer = site.get("/static/style.css").dispatch();
    assert_eq!((answer.status(), answer.content_type()), (Status::Ok, Some(ContentType::CSS)));
    for path in
        ["/static/", "/static/../Cargo.toml", "/static/%2e%2e/Cargo.toml", "/static/..%2fCargo.toml", "/static/x.css"]
    {
        assert_ne!(site.get(path).dispatch().status(), Status::Ok, "{path}");
    }
}
