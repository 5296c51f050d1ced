//! What every page shows, between `<main>` and `</main>`, signed out and signed in: as it is in `snapshots/`.
//!
//! After a change that is meant, `INSTA_UPDATE=always cargo test -p app --test snapshots` writes the new ones: read the
//! difference before you commit it.

#![cfg(feature = "site")]

mod support;

use app::models::User;
use support::{Answer, Browser, TestDb, moment};

/// What the main part of a page shows. A time that is not one of the rows below is when the test ran.
fn main_of(answer: &Answer) -> String {
    let start = answer.body.find("<main").expect("a page has a main part");
    let end = answer.body.find("</main>").expect("the main part ends");
    let mut main = format!("{}\n{}\n", answer.status, &answer.body[start..end]);
    let mut from = 0;
    while let Some(at) = main[from..].find("<time datetime=\"").map(|at| from + at) {
        let end = at + main[at..].find("</time>").unwrap();
        if !main[at..end].contains("\"2023-11-14T") {
            main.replace_range(at..end, "<time datetime=\"[now]\">[now]");
        }
        from = at + 1;
    }
    assert!(!main.contains(" ago"), "how long ago that was is for the script to say: {main}");
    main
}

fn assert_shown(name: &str, answer: &Answer) {
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(name, main_of(answer));
    });
}

/// John, susan and mary, what they say, and who follows whom.
fn filled() -> (TestDb, User) {
    let mut db = TestDb::new();
    let [john, susan, mary] = ["john", "susan", "mary.2"].map(|name| db.member(name));
    susan.set_profile("susan", "I like #rust & @john,\nsee https://example.org/a?b=c", &mut db.connection).unwrap();
    susan.clone().seen(moment(0), &mut db.connection).unwrap();
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
fn pages_for_everybody() {
    let (db, _) = filled();
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
        assert_shown(name, &site.get(path));
    }
    let wrong = [("nickname", "john"), ("email", "nowhere"), ("password", "short")];
    assert_shown("register_refused", &site.post("/register", &wrong));
    assert_shown("sign_in_refused", &site.post("/login", &[("login", "john"), ("password", "not this one")]));
}

#[test]
fn pages_for_whoever_is_signed_in() {
    let (mut db, john) = filled();
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
        assert_shown(&format!("signed_in_{name}"), &site.get(path));
    }
    let long = "x".repeat(141);
    assert_shown("signed_in_home_refused", &site.post("/", &[("body", &long)]));
    assert_shown("signed_in_edit_refused", &site.post("/edit", &[("nickname", "susan"), ("about_me", &long)]));
    let wrong = [("old_password", "not this one"), ("new_password", "a better horse")];
    assert_shown("signed_in_account_refused", &site.post("/account/password", &wrong));
    assert_eq!(site.post("/user/mary.2/follow", &[]).status, 303);
    assert_shown("signed_in_message", &site.get("/user/mary.2"));
}
