//! The front page, and what all pages share.

use crate::support::{Browser, Response, TestDb, link};
use diesel::connection::SimpleConnection;

#[test]
fn the_front_page_lists_the_newest_posts_with_their_authors() {
    let mut db = TestDb::new();
    let (john, susan) = (db.user("john"), db.user("susan"));
    db.post(&john, "Beautiful day in Portland!", 0);
    db.post(&susan, "The Avengers movie was so cool!", 60);
    let site = Browser::new(&db);
    let response = site.get("/");
    assert_eq!(response.status, 200);
    let at = |text: &str| response.body.find(text).unwrap_or_else(|| panic!("{text} in {response:?}"));
    assert!(at("href=\"/user/susan\"") < at("The Avengers movie was so cool!"));
    assert!(at("The Avengers movie was so cool!") < at("href=\"/user/john\""));
    assert!(at("href=\"/user/john\"") < at("Beautiful day in Portland!"));
    at("<time datetime=\"2023-11-14T22:13:20Z\">14 November 2023, 22:13 UTC</time></a>");
    assert_eq!(site.get("/index").body, response.body);
}

#[test]
fn an_empty_front_page_has_a_message() {
    let Response { status, body: page, .. } = Browser::new(&TestDb::new()).get("/");
    assert_eq!(status, 200);
    assert!(page.contains("There is nothing here yet."), "{page}");
    assert_eq!((link(&page, "Newer posts"), link(&page, "Older posts")), (None, None));
}

#[test]
fn the_front_page_links_to_older_posts_and_back() {
    let mut db = TestDb::new();
    let john = db.user("john");
    for number in 1..=7 {
        db.post(&john, &format!("post {number}"), number);
    }
    let site = Browser::new(&db);
    let bodies = |page: &str| (1..=7).filter(|number| page.contains(&format!("post {number}<"))).collect::<Vec<_>>();
    let first = site.get("/").body;
    assert_eq!((bodies(&first), link(&first, "Newer posts")), (vec![5, 6, 7], None));
    let second = site.get(link(&first, "Older posts").unwrap()).body;
    assert_eq!(bodies(&second), [2, 3, 4]);
    let third = site.get(link(&second, "Older posts").unwrap()).body;
    assert_eq!((bodies(&third), link(&third, "Older posts")), (vec![1], None));
    let back = site.get(link(&third, "Newer posts").unwrap()).body;
    assert_eq!(bodies(&back), [2, 3, 4]);
}

#[test]
fn strangers_read_what_the_site_is() {
    let mut db = TestDb::new();
    let john = db.user("john");
    for number in 1..=12 {
        db.post(&john, &format!("post {number}"), number);
    }
    let site = db.site_with(&[]);
    let page = |path: &'static str| site.get(path).dispatch().into_string().unwrap();
    let home = page("/");
    assert!(home.contains("people say in 140 characters") && link(&home, "Create an account") == Some("/register"));
    assert_eq!((home.matches("<article").count(), page("/explore").matches("<article").count()), (10, 12));
    assert!(link(&home, "Older posts").unwrap().starts_with("/explore?before="), "{home}");
}

#[test]
fn a_new_account_is_offered_people_to_follow() {
    let mut db = TestDb::new();
    let [john, susan, mary] = ["john", "susan", "mary"].map(|name| db.user(name));
    db.post(&susan, "older", 0);
    db.post(&mary, "newer", 1);
    let site = Browser::signed_in(&mut db, &john);
    let page = site.get("/").body;
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} in {page}"));
    assert!(at("People to follow") < at("/user/mary/follow") && at("/user/mary/follow") < at("/user/susan/follow"));
    assert!(!page.contains("There is nothing here yet.") && !page.contains("/user/john/follow?"), "{page}");
    assert_eq!(site.post("/user/mary/follow?next=%2F", &[]).location.as_deref(), Some("/"));
    assert!(!site.get("/").body.contains("People to follow"), "who follows someone is offered nobody");
}

#[test]
fn who_is_signed_in_needs_no_form_for_it() {
    let mut db = TestDb::new();
    let john = db.user("john");
    let site = Browser::signed_in(&mut db, &john);
    for (path, target) in
        [("/register", "/"), ("/login", "/"), ("/login?next=%2Fedit", "/edit"), ("/login?next=%2F%2Fevil.example", "/")]
    {
        let response = site.get(path);
        assert_eq!((response.status, response.location.as_deref()), (303, Some(target)), "{path}");
    }
}

#[test]
fn an_invalid_cursor_shows_the_first_page() {
    let mut db = TestDb::new();
    let john = db.user("john");
    db.post(&john, "here", 0);
    let site = Browser::new(&db);
    for query in ["before=", "before=x", "after=99999999999999999999-1", "before='--", "before=1-1&before=2-2"] {
        let Response { status, body: page, .. } = site.get(&format!("/?{query}"));
        assert_eq!(status, 200, "{query}");
        assert!(page.contains("here") || query.starts_with("before=1-1"), "{query}: {page}");
    }
}

#[test]
fn an_unknown_path_has_an_error_page() {
    let db = TestDb::new();
    let Response { status, body: page, .. } = Browser::new(&db).get("/nowhere/%3Cscript%3E");
    assert_eq!(status, 404);
    assert!(page.contains("There is nothing at this address.") && link(&page, "Home") == Some("/"), "{page}");
    assert!(!page.contains("<script>") && !page.contains("&lt;script"), "{page}");
}

#[test]
fn a_database_error_is_one_plain_sentence() {
    let mut db = TestDb::new();
    let site = Browser::new(&db);
    db.connection.batch_execute("ALTER TABLE posts RENAME TO gone").unwrap();
    let Response { status, body: page, .. } = site.get("/");
    assert_eq!(status, 500);
    assert!(page.contains("Something went wrong on our side."), "{page}");
    assert!(!page.contains("posts.") && !page.contains("no such table"), "{page}");
}
