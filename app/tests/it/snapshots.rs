//! Snapshots of every page, from `<main>` to `</main>`, signed out and signed in.
//!
//! After an intended change, `INSTA_UPDATE=always cargo test -p app --test it snapshots` updates them. Review the difference
//! before you commit it.

use crate::support::{self, Browser, Response, TestDb, moment};
use app::models::User;

/// The main part of a page. A time that is not from the rows below is the time of the test run, and is replaced.
fn main_of(response: &Response) -> String {
    let start = response.body.find("<main").expect("a page has a main part");
    let end = response.body.find("</main>").expect("the main part ends");
    let mut main = format!("{}\n{}\n", response.status, &response.body[start..end]);
    let mut from = 0;
    while let Some(at) = main[from..].find("<time datetime=\"").map(|at| from + at) {
        let end = at + main[at..].find("</time>").unwrap();
        if !main[at..end].contains("\"2023-11-14T") {
            main.replace_range(at..end, "<time datetime=\"[now]\">[now]");
        }
        from = at + 1;
    }
    assert!(!main.contains(" ago"), "relative times are the script's task: {main}");
    main
}

fn assert_page(name: &str, response: &Response) {
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(name, main_of(response));
    });
}

/// A database with three users, who follow each other and have posts.
fn filled_database() -> (TestDb, User) {
    let mut db = TestDb::new();
    let [john, susan, mary] = ["john", "susan", "mary.2"].map(|name| db.user_with_password(name));
    susan.set_profile("susan", "I like #rust & @john,\nsee https://example.org/a?b=c", &mut db.connection).unwrap();
    susan.clone().touch(moment(0), &mut db.connection).unwrap();
    for (follower, followed) in [(&john, &susan), (&mary, &susan), (&susan, &john)] {
        follower.follow(followed, &mut db.connection).unwrap();
    }
    for (author, body, second) in [
        (&john, "the first #rust of all", 1),
        (&susan, "@john <b>is</b> \"bold\" #rust\nhttps://example.org/", 2),
        (&mary, "#rust never sleeps", 3),
        (&john, "the last one: #rust", 4),
        (&susan, "and good night 👋 #rust", 5),
    ] {
        db.post(author, body, second);
    }
    (db, john)
}

#[test]
fn signed_out_pages() {
    let (db, _) = filled_database();
    let site = Browser::new(&db);
    let home = site.get("/");
    let older = support::link(&home.body, "Older posts").unwrap();
    for (name, path) in [
        ("home", "/"),
        ("home_older", older),
        ("explore", "/explore"),
        ("user", "/user/susan"),
        ("followers", "/user/susan/followers"),
        ("following", "/user/susan/following"),
        ("followers_nobody", "/user/mary.2/followers"),
        ("post", "/post/2"),
        ("tag", "/tag/rust"),
        ("tag_unused", "/tag/nothing"),
        ("search", "/search"),
        ("search_found", "/search?q=john"),
        ("search_nothing", "/search?q=nothing"),
        ("sign_in", "/login?next=%2Fedit"),
        ("register", "/register"),
        ("not_found", "/nowhere"),
    ] {
        assert_page(name, &site.get(path));
    }
    let wrong = [("nickname", "john"), ("email", "nowhere"), ("password", "short")];
    assert_page("register_refused", &site.post("/register", &wrong));
    assert_page("sign_in_refused", &site.post("/login", &[("login", "john"), ("password", "not this one")]));
}

#[test]
fn signed_in_pages() {
    let (mut db, john) = filled_database();
    let site = Browser::signed_in(&mut db, &john);
    for (name, path) in [
        ("home", "/"),
        ("explore", "/explore"),
        ("user", "/user/susan"),
        ("user_not_followed", "/user/mary.2"),
        ("user_self", "/user/john"),
        ("followers", "/user/susan/followers"),
        ("post", "/post/1"),
        ("post_of_another", "/post/2"),
        ("tag", "/tag/rust"),
        ("search_found", "/search?q=john"),
        ("search_person", "/search?q=mary"),
        ("edit", "/edit"),
        ("account", "/account"),
        ("not_found", "/nowhere"),
    ] {
        assert_page(&format!("signed_in_{name}"), &site.get(path));
    }
    let long = "x".repeat(141);
    assert_page("signed_in_home_refused", &site.post("/", &[("body", &long)]));
    assert_page("signed_in_edit_refused", &site.post("/edit", &[("nickname", "susan"), ("about_me", &long)]));
    let wrong = [("old_password", "not this one"), ("new_password", "a better horse")];
    assert_page("signed_in_account_refused", &site.post("/account/password", &wrong));
    assert_eq!(site.post("/user/mary.2/follow", &[]).status, 303);
    assert_page("signed_in_message", &site.get("/user/mary.2"));
}
