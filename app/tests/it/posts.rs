//! Posts: writing, links and tags, deletion by the author.

use crate::support::{Browser, TestDb, link};
use app::models::Post;

#[test]
fn a_new_post_is_shown_with_links() {
    let mut db = TestDb::new();
    let john = db.user("john");
    let site = Browser::signed_in(&mut db, &john);
    let response = site.post("/", &[("body", " Hi @susan,\r\nsee https://example.org/?a=1&b=2 #Rust \0\r\n")]);
    assert_eq!((response.status, response.location.as_deref()), (303, Some("/")));
    let [post] = Post::all(&mut db.connection).unwrap().try_into().unwrap();
    assert_eq!(post.body, "Hi @susan,\nsee https://example.org/?a=1&b=2 #Rust");
    let shown = "Hi <a href=\"/user/susan\">@susan</a>,\nsee <a href=\"https://example.org/?a=1&amp;b=2\" \
                 rel=\"nofollow noopener ugc\">https://example.org/?a=1&amp;b=2</a> <a href=\"/tag/rust\">#Rust</a></p>";
    let plain = |page: String| page.replace("&#x2F;", "/");
    for path in ["/", "/explore", "/tag/rust", "/tag/RUST", "/user/john", &format!("/post/{}", post.id)] {
        let page = plain(site.get(path).body);
        assert!(page.contains(shown), "{path}: {page}");
        assert!(page.contains(&format!("action=\"/post/{}/delete\"", post.id)), "{path}: {page}");
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
        (&tower, "made of too many parts"),
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
    assert_eq!(susan.post(&delete, &[]).status, 403);
    assert!(!susan.get("/explore").body.contains(&delete));
    assert_eq!(Post::all(&mut db.connection).unwrap(), std::slice::from_ref(&post));
    let john = Browser::signed_in(&mut db, &john);
    assert_eq!(john.post(&delete, &[]).status, 303);
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
