//! Posts: writing, links and tags, deletion by the author.

use crate::support::{self, Browser, TestDb, link};
use app::models::Post;

#[test]
fn a_new_post_is_shown_with_links() {
    let mut db = TestDb::new();
    let john = db.user("john");
    db.user("Susan");
    let site = Browser::signed_in(&mut db, &john);
    let response = site.post("/", &[("body", " Hi @susan,\r\nsee https://example.org/?a=1&b=2 #Rust \0\r\n")]);
    assert_eq!((response.status, response.location.as_deref()), (303, Some("/")));
    let [post] = Post::all(&mut db.connection).unwrap().try_into().unwrap();
    assert_eq!(post.body, "Hi @susan,\nsee https://example.org/?a=1&b=2 #Rust");
    let shown = "Hi <a href=\"/user/Susan\">@susan</a>,\nsee <a href=\"https://example.org/?a=1&amp;b=2\" \
                 rel=\"nofollow noopener ugc\">https://example.org/?a=1&amp;b=2</a> <a href=\"/tag/rust\">#Rust</a></p>";
    let plain = |page: String| page.replace("&#x2F;", "/");
    for path in ["/", "/explore", "/tag/rust", "/tag/RUST", "/user/john", &format!("/post/{}", post.id)] {
        let page = plain(site.get(path).body);
        assert!(page.contains(shown), "{path}: {page}");
        assert!(page.contains(&format!("href=\"/post/{}/delete", post.id)), "{path}: {page}");
        assert!(page.contains(&format!("<a href=\"/post/{}\"><time datetime=", post.id)), "{path}: {page}");
    }
}

#[test]
fn a_post_has_1_to_140_grapheme_clusters() {
    let mut db = TestDb::new();
    let john = db.user("john");
    let site = Browser::signed_in(&mut db, &john);
    let family = "👨\u{200d}👩\u{200d}👧\u{200d}👦";
    for body in ["x", &"ü".repeat(140), &family.repeat(140), &"a\r\n".repeat(70)] {
        assert_eq!(site.post("/", &[("body", body)]).status, 303, "{body}");
    }
    let tower = format!("e{}", "\u{301}".repeat(1400));
    let unseen = |char: char| char.is_whitespace() || app::models::unicode::is_invisible(char);
    for (body, wrong) in [
        ("", "Please type what you want to say."),
        (" \r\n ", "Please type what you want to say."),
        ("\u{200b}\u{2800}\r\n\u{3164}", "Please type what you want to say."),
        (&"x".repeat(141), "141 characters are too many: at most 140 fit."),
        (&family.repeat(141), "141 characters are too many: at most 140 fit."),
        (&tower, "A character has too many accents: at most 8 fit."),
    ] {
        let response = site.post("/", &[("body", body)]);
        assert_eq!(response.status, 422, "{body}");
        assert!(
            response.body.contains(wrong)
                && response.body.contains(&format!("{}</textarea>", body.trim_matches(unseen))),
            "{response:?}"
        );
    }
    assert_eq!(Post::all(&mut db.connection).unwrap().len(), 4);
}

#[test]
fn only_the_author_deletes_a_post() {
    let mut db = TestDb::new();
    let (john, susan) = (db.user("john"), db.user("susan"));
    let post = db.post(&john, "mine #tag", 0);
    let delete = format!("/post/{}/delete", post.id);
    let signed_out = Browser::new(&db);
    assert_eq!(signed_out.post(&delete, &[]).location.as_deref(), Some("/login"));
    assert!(!signed_out.get("/explore").body.contains(&delete));
    let susan = Browser::signed_in(&mut db, &susan);
    assert_eq!((susan.post(&delete, &[]).status, susan.get(&delete).status), (403, 403));
    assert!(!susan.get("/explore").body.contains(&delete));
    assert_eq!(Post::all(&mut db.connection).unwrap(), std::slice::from_ref(&post));
    let john = Browser::signed_in(&mut db, &john);
    let asked = john.get(&format!("{delete}?next=%2Fexplore%3Fbefore%3D1-1")).body;
    let action =
        format!("<form class=\"actions after\" action=\"{delete}?next=%2Fexplore%3Fbefore%3D1-1\" method=\"post\">");
    assert!(asked.contains("mine ") && asked.contains(&action), "{asked}");
    assert_eq!(Post::all(&mut db.connection).unwrap().len(), 1, "the question deletes nothing");
    let back = john.post(&format!("{delete}?next=%2Fexplore%3Fbefore%3D1-1"), &[]);
    assert_eq!((back.status, back.location.as_deref()), (303, Some("/explore?before=1-1")));
    assert!(john.get("/").body.contains("Your post is deleted."));
    assert_eq!(Post::all(&mut db.connection).unwrap(), []);
    assert_eq!(john.get(&format!("/post/{}", post.id)).status, 404);
    assert_eq!(john.post(&delete, &[]).status, 404);
    assert!(john.get("/tag/tag").body.contains("There is nothing here yet."));
    for id in ["0", "-1", "x", "99999999999"] {
        assert_eq!(john.get(&format!("/post/{id}")).status, 404, "{id}");
        assert_eq!(john.post(&format!("/post/{id}/delete"), &[]).status, 404, "{id}");
    }
}

#[test]
fn home_shows_own_and_followed_posts() {
    let mut db = TestDb::new();
    let (john, susan, mary) = (db.user("john"), db.user("susan"), db.user("mary"));
    john.follow(&susan, &mut db.connection).unwrap();
    for number in 1..=4 {
        db.post(if number % 2 == 0 { &john } else { &susan }, &format!("post {number}"), number);
    }
    db.post(&mary, "not followed", 9);
    let site = Browser::signed_in(&mut db, &john);
    let first = site.get("/").body;
    assert!(first.contains("post 4<") && first.contains("post 2<") && !first.contains("not followed"), "{first}");
    let older = site.get(link(&first, "Older posts").unwrap()).body;
    assert!(older.contains("post 1<") && !older.contains("post 2<"), "{older}");
    let newer = site.get(link(&older, "Newer posts").unwrap()).body;
    assert!(newer.contains("post 4<"), "{newer}");
    assert!(site.get("/explore").body.contains("not followed"));
}

#[test]
fn a_mention_of_nobody_is_no_link() {
    let mut db = TestDb::new();
    let susan = db.user("Susan");
    susan.set_profile("Susan", "with @nobody and @susan", &mut db.connection).unwrap();
    db.post(&susan, "@nobody and @SUSAN", 0);
    let site = Browser::new(&db);
    for path in ["/", "/explore", "/user/Susan", "/post/1", "/search?q=susan"] {
        let page = site.get(path).body;
        assert!(page.contains("@nobody") && !page.contains("/user/nobody"), "{path}: {page}");
        assert!(page.contains("<a href=\"/user/Susan\">@"), "{path}: {page}");
    }
}

#[test]
fn blank_lines_are_stored_once() {
    let mut db = TestDb::new();
    let john = db.user("john");
    let site = Browser::signed_in(&mut db, &john);
    let body = format!("a{}\r\nb", "\r\n \u{200b}".repeat(60));
    assert_eq!(site.post("/", &[("body", &body)]).status, 303);
    assert_eq!(Post::all(&mut db.connection).unwrap()[0].body, "a\n\nb");
}

#[test]
fn composed_and_decomposed_tags_are_one() {
    let mut db = TestDb::new();
    let john = db.user("john");
    db.post(&john, "composed #caf\u{e9}", 0);
    db.post(&john, "decomposed #cafe\u{301}", 1);
    let site = Browser::new(&db);
    for path in ["/tag/caf%C3%A9", "/tag/cafe%CC%81", "/tag/CAFE%CC%81"] {
        let page = site.get(path).body;
        assert!(page.contains(">composed") || page.contains("composed <a"), "{page}");
        assert_eq!(page.matches("<time ").count(), 2, "{path}: {page}");
    }
}

#[test]
fn what_was_typed_without_a_session_is_kept() {
    let mut db = TestDb::new();
    let john = db.user_with_password("john");
    let site = db.site();
    for (path, name, text) in [("/", "body", "a long <thought>"), ("/edit", "about_me", "about \"me\"")] {
        let shown = text.replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
        let page = support::post(&site, path, &[(name, text), ("nickname", "john")]);
        assert_eq!(page.status().code, 401, "{path}");
        let hidden = format!("<input type=\"hidden\" name=\"unsent[{name}]\" value=\"{shown}\">");
        let page = page.into_string().unwrap();
        assert!(page.contains(&hidden) && page.contains("What you typed is kept."), "{page}");
        let unsent = format!("unsent[{name}]");
        let sign_in = |password| {
            support::post(
                &site,
                "/login",
                &[("login", "john"), ("password", password), ("next", path), (&unsent, text)],
            )
        };
        let again = sign_in("not this one").into_string().unwrap();
        assert!(again.contains(&hidden), "after a wrong password: {again}");
        let page = sign_in(support::PASSWORD).into_string().unwrap();
        let form = format!("<form class=\"form\" action=\"{path}\" method=\"post\">");
        assert!(page.replace("&#x2F;", "/").contains(&form) && page.contains(&format!("{shown}</textarea>")), "{page}");
        assert_eq!(support::post(&site, path, &[(name, text), ("nickname", "john")]).status().code, 303);
        assert_eq!(john.post_count(&mut db.connection).unwrap(), 1, "{path}");
        support::post(&site, "/logout", &[]);
    }
    let unsafe_action =
        [("login", "john"), ("password", support::PASSWORD), ("next", "//evil.example"), ("unsent[body]", "x")];
    assert_eq!(support::post(&site, "/login", &unsafe_action).headers().get_one("Location"), Some("/"));
}
