//! Users: their pages, following, lists of people, and editing the profile.

use crate::support::{self, Browser, TestDb, link, moment};
use app::models::User;
use diesel::connection::SimpleConnection as _;

#[test]
fn a_users_page_shows_the_profile_and_the_posts() {
    let mut db = TestDb::new();
    let (john, mut susan) = (db.user("john"), db.user("susan"));
    susan.set_profile("susan", "I like #rust & @john", &mut db.connection).unwrap();
    susan.touch(moment(0), &mut db.connection).unwrap();
    john.follow(&susan, &mut db.connection).unwrap();
    for number in 1..=5 {
        db.post(&susan, &format!("post {number}"), number);
    }
    db.post(&john, "not hers", 9);
    let site = Browser::new(&db);
    let page = site.get("/user/susan");
    assert_eq!(page.status, 200);
    for part in [
        "<h1>susan</h1>",
        " src=\"/avatar/susan.svg\" alt=\"\" width=\"96\" height=\"96\">",
        "I like <a href=\"/tag/rust\">#rust</a> &amp; <a href=\"/user/john\">@john</a>",
        "Last seen <time datetime=\"2023-11-14T22:13:20Z\">",
        "<a href=\"/user/susan/followers\">1 follower</a>",
        "<a href=\"/user/susan/following\">0 following</a>",
        "<link rel=\"alternate\" type=\"application/atom+xml\" title=\"Newest posts\" href=\"/user/susan/feed.atom\">",
        "post 5<",
        "post 3<",
    ] {
        assert!(page.body.contains(part), "{part} in {page:?}");
    }
    for part in ["post 2<", "not hers", "Follow</button>", "Edit your profile"] {
        assert!(!page.body.contains(part), "{part} in {page:?}");
    }
    let older = site.get(link(&page.body, "Older posts").unwrap()).body;
    assert!(older.contains("post 2<") && older.contains("post 1<") && link(&older, "Older posts").is_none());
    for path in ["/user/nobody", "/user/nobody/followers", "/user/nobody/following", "/user/nobody/feed.atom"] {
        assert_eq!(site.get(path).status, 404, "{path}");
    }
}

#[test]
fn every_nickname_has_a_constant_picture() {
    let db = TestDb::new();
    let site = Browser::new(&db);
    let response = site.client.get("/avatar/susan.svg").dispatch();
    assert_eq!(response.content_type(), Some(rocket::http::ContentType::SVG));
    let picture = response.into_string().unwrap();
    assert!(picture.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""), "{picture}");
    assert_eq!(site.get("/avatar/susan.svg").body, picture);
    assert_ne!(site.get("/avatar/john.svg").body, picture);
    assert_eq!(site.get("/avatar/susan.png").status, 404);
}

#[test]
fn following_and_unfollowing_show_a_message() {
    let mut db = TestDb::new();
    let (john, susan) = (db.user("john"), db.user("susan"));
    let site = Browser::signed_in(&mut db, &john);
    assert!(site.get("/user/susan").body.contains("<form action=\"/user/susan/follow\" method=\"post\">"));

    let response = site.post("/user/susan/follow", &[]);
    assert_eq!((response.status, response.location.as_deref()), (303, Some("/user/susan")));
    let page = site.get("/user/susan").body;
    assert!(page.contains("You are now following susan!"), "{page}");
    assert!(page.contains("1 follower<") && page.contains("action=\"/user/susan/unfollow\""), "{page}");
    assert!(john.follows(&susan, &mut db.connection).unwrap());
    assert!(Browser::new(&db).get("/user/susan/followers").body.contains("href=\"/user/john\""));
    assert!(site.get("/user/john/following").body.contains("href=\"/user/susan\""));

    assert_eq!(site.post("/user/susan/follow", &[]).status, 303, "following is idempotent");
    assert_eq!(site.post("/user/susan/unfollow", &[]).status, 303);
    let page = site.get("/user/susan").body;
    assert!(page.contains("You have stopped following susan.") && page.contains("0 followers<"), "{page}");
    assert!(!john.follows(&susan, &mut db.connection).unwrap());
}

#[test]
fn users_cannot_follow_themselves_or_unknown_users() {
    let mut db = TestDb::new();
    let john = db.user("john");
    let site = Browser::signed_in(&mut db, &john);
    assert_eq!(site.post("/user/john/follow", &[]).status, 303);
    let page = site.get("/user/john").body;
    assert!(
        page.contains("You can&#x27;t follow yourself!") || page.contains("You can&#39;t follow yourself!"),
        "{page}"
    );
    assert_eq!(john.follow_counts(&mut db.connection).unwrap(), (0, 0));
    assert_eq!(site.post("/user/nobody/follow", &[]).status, 404);
    assert_eq!(site.post("/user/nobody/unfollow", &[]).status, 404);
}

#[test]
fn signed_out_visitors_change_nothing() {
    let mut db = TestDb::new();
    let (john, susan) = (db.user("john"), db.user("susan"));
    john.follow(&susan, &mut db.connection).unwrap();
    let site = Browser::new(&db);
    for path in ["/user/susan/follow", "/user/susan/unfollow"] {
        let response = site.post(path, &[("nickname", "eve"), ("about_me", "")]);
        assert_eq!((response.status, response.location.as_deref()), (303, Some("/login")), "{path}");
    }
    assert_eq!(site.post("/edit", &[("nickname", "eve"), ("about_me", "")]).status, 401);
    assert_eq!(site.get("/edit").location.as_deref(), Some("/login?next=%2Fedit"));
    assert_eq!(susan.follow_counts(&mut db.connection).unwrap(), (1, 0));
}

#[test]
fn long_lists_of_people_have_pages() {
    let mut db = TestDb::new();
    let susan = db.user("susan");
    for number in 0..60 {
        db.user(&format!("fan{number:02}")).follow(&susan, &mut db.connection).unwrap();
    }
    let site = Browser::new(&db);
    let first = site.get("/user/susan/followers").body;
    assert!(first.contains("fan00") && first.contains("fan49") && !first.contains("fan50"), "{first}");
    let second = site.get(link(&first, "More people").unwrap()).body;
    assert!(second.contains("fan50") && second.contains("fan59") && !second.contains("fan49"), "{second}");
    assert_eq!(link(&second, "More people"), None);
}

#[test]
fn a_user_edits_the_profile() {
    let mut db = TestDb::new();
    let john = db.user("john");
    let site = Browser::signed_in(&mut db, &john);
    let page = site.get("/edit").body;
    assert!(page.contains("value=\"john\"") && page.contains("<label for=\"about_me\">"), "{page}");
    let about_me = format!("  lines\r\nof {}\0 ", "👨\u{200d}👩\u{200d}👧".repeat(100));
    let response = site.post("/edit", &[("nickname", "john.2"), ("about_me", &about_me)]);
    assert_eq!((response.status, response.location.as_deref()), (303, Some("/user/john.2")));
    assert!(site.get("/user/john.2").body.contains("Your changes have been saved."));
    let found = User::find(john.id, &mut db.connection).unwrap();
    assert_eq!(found.about_me.unwrap(), about_me.replace("\r\n", "\n").replace('\0', "").trim());
    assert_eq!(site.post("/edit", &[("nickname", "john"), ("about_me", "")]).status, 303);
    assert_eq!(User::find(john.id, &mut db.connection).unwrap().about_me, None);
}

#[test]
fn an_invalid_profile_shows_the_form_with_errors() {
    let mut db = TestDb::new();
    let john = db.user("john");
    db.user("susan");
    let site = Browser::signed_in(&mut db, &john);
    let (long, tower) = ("x".repeat(141), format!("e{}", "\u{301}".repeat(1500)));
    for (nickname, about_me, wrong) in [
        ("susan", "kept", "This nickname is taken."),
        ("", "kept", "Please type a nickname."),
        ("jo hn", "kept", "letters from A to Z"),
        ("john", long.as_str(), "141 characters are too many: at most 140 fit."),
        ("john", tower.as_str(), "A character has too many accents"),
    ] {
        let response = site.post("/edit", &[("nickname", nickname), ("about_me", about_me)]);
        assert_eq!(response.status, 422, "{wrong}");
        assert!(
            response.body.contains(wrong) && response.body.contains("aria-invalid=\"true\""),
            "{wrong}: {response:?}"
        );
        assert!(response.body.contains(about_me), "the typed text is kept: {response:?}");
    }
    let found = User::find(john.id, &mut db.connection).unwrap();
    assert_eq!((found.nickname.as_str(), found.about_me), ("john", None));
}

#[test]
fn links_with_a_nickname_are_case_insensitive() {
    let mut db = TestDb::new();
    let (john, susan) = (db.user("john"), db.user_with_password("Susan"));
    susan.follow(&john, &mut db.connection).unwrap();
    db.post(&susan, "hello", 0);
    let site = Browser::signed_in(&mut db, &john);
    let response = site.get("/user/SUSAN");
    assert_eq!((response.status, response.location.as_deref()), (308, Some("/user/Susan")));
    let response = site.get("/user/susan?before=1700000001000000-9");
    assert_eq!((response.status, response.location.as_deref()), (308, Some("/user/Susan?before=1700000001000000-9")));
    assert!(site.get("/user/SUSAN/following").body.contains("<h1>People followed by Susan</h1>"));
    assert!(site.get("/user/SUSAN/feed.atom").body.contains("Susan on microblog"));
    assert_eq!(site.post("/user/SUSAN/follow", &[]).location.as_deref(), Some("/user/Susan"));
    assert!(site.get("/user/Susan").body.contains("You are now following Susan!"));
    let response = site.post("/edit", &[("nickname", "SUSAN"), ("about_me", "")]);
    assert!(response.status == 422 && response.body.contains("This nickname is taken."), "{response:?}");
    assert_eq!(
        site.post("/edit", &[("nickname", "JOHN"), ("about_me", "")]).status,
        303,
        "other capitals of the own nickname"
    );
    support::sign_in(&db.site(), "sUSAN", support::PASSWORD);
}

#[test]
fn registration_is_case_insensitive() {
    let mut db = TestDb::new();
    db.user("susan");
    for (nickname, email, wrong) in [
        ("Susan", "other@example.org", "This nickname is taken."),
        ("other", "Susan@Example.org", "This e-mail address is taken."),
    ] {
        let form = [("nickname", nickname), ("email", email), ("password", support::PASSWORD)];
        let response = Browser::new(&db).post("/register", &form);
        assert!(response.status == 422 && response.body.contains(wrong), "{response:?}");
    }
    assert_eq!(User::all(&mut db.connection).unwrap().len(), 1);
}

#[test]
fn follow_buttons_redirect_back_to_the_list() {
    let mut db = TestDb::new();
    let (john, susan, mary) = (db.user("john"), db.user("susan"), db.user("mary"));
    for fan in [&john, &mary] {
        fan.follow(&susan, &mut db.connection).unwrap();
    }
    for followed in [&john, &mary] {
        susan.follow(followed, &mut db.connection).unwrap();
    }
    let john = Browser::signed_in(&mut db, &john);
    for list in ["/user/susan/followers", "/user/susan/following", "/search?q=mary"] {
        let back = list.replace('/', "%2F").replace('?', "%3F").replace('=', "%3D");
        assert!(!Browser::new(&db).get(list).body.contains("Follow<"), "{list}, signed out");
        let page = john.get(list).body;
        assert!(!page.contains("/user/john/follow?"), "no button for the user himself: {page}");
        for (action, text) in [("follow", "Follow<span class=\"sr-only\"> mary"), ("unfollow", "Unfollow<")] {
            let path = format!("/user/mary/{action}?next={back}");
            let page = john.get(list).body;
            assert!(page.contains(&format!("<form action=\"{path}\"")) && page.contains(text), "{path}: {page}");
            assert_eq!(john.post(&path, &[]).location.as_deref(), Some(list));
        }
        assert!(john.get(list).body.contains("You have stopped following mary."));
    }
    assert!(john.get("/user/john/following").body.contains("Unfollow<span class=\"sr-only\"> susan"));
}

#[test]
fn following_never_redirects_to_another_site() {
    let mut db = TestDb::new();
    let john = db.user("john");
    db.user("susan");
    let john = Browser::signed_in(&mut db, &john);
    for next in ["//evil.example", "https%3A%2F%2Fevil.example", "%2F%5Cevil.example", "", "%3Cb%3E", "%2F%3Cb%3E"] {
        for action in ["follow", "unfollow"] {
            let response = john.post(&format!("/user/susan/{action}?next={next}"), &[]);
            assert_eq!((response.status, response.location.as_deref()), (303, Some("/user/susan")), "{next}");
        }
    }
}

#[test]
fn a_list_of_people_needs_a_constant_number_of_queries() {
    let mut db = TestDb::on_sqlite();
    let susan = db.user("susan");
    let mut asked = |fans: std::ops::Range<u32>| {
        for number in fans {
            let fan = db.user(&format!("fan{number:02}"));
            fan.follow(&susan, &mut db.connection).unwrap();
        }
        let people = susan.followers("", 50, &mut db.connection).unwrap();
        let queries = support::queries(&mut db, |db| assert!(susan.followed_among(&people, db).unwrap().is_empty()));
        let [query] = queries.as_slice() else { panic!("{queries:?}") };
        let plan = support::plan(&mut db, query);
        assert!(plan[0].starts_with("SEARCH followers USING COVERING INDEX"), "{plan:?}");
        people.len()
    };
    assert_eq!((asked(0..2), asked(2..60)), (2, 50));
}

#[test]
fn counts_on_a_users_page_are_limited() {
    let mut db = TestDb::on_sqlite();
    let susan = db.user("susan");
    let site = Browser::new(&db);
    db.post(&susan, "one", 0);
    assert!(site.get("/user/susan").body.contains("<span>1 post</span>"));
    db.post(&susan, "two", 1);
    assert!(site.get("/user/susan").body.contains("<span>2 posts</span>"));
    let many = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 1500)";
    let posts = "INSERT INTO posts (body, timestamp, user_id) SELECT 'x', '2023-11-14 22:13:20', 1 FROM n;";
    let users = "INSERT INTO users (id, nickname, email) SELECT n + 1, 'u' || n, 'u' || n FROM n;";
    let follows = "INSERT INTO followers SELECT n + 1, 1 FROM n; INSERT INTO followers SELECT 1, n + 1 FROM n;";
    for rows in [posts, users] {
        db.connection.batch_execute(&format!("{many} {rows}")).unwrap();
    }
    for rows in follows.split_inclusive(';') {
        db.connection.batch_execute(&format!("{many} {rows}")).unwrap();
    }
    let page = site.get("/user/susan").body;
    for number in ["1,000+ posts", "1,000+ followers", "1,000+ following"] {
        assert!(page.contains(number), "{number}: {page}");
    }
    let queries = support::queries(&mut db, |db| {
        susan.post_count(db).unwrap();
        susan.follow_counts(db).unwrap();
    });
    for query in queries {
        let plan = support::plan(&mut db, &query);
        assert!(plan.iter().any(|step| step.starts_with("SEARCH") && step.contains("COVERING INDEX")), "{plan:?}");
    }
}

#[test]
fn names_of_the_site_cannot_be_registered() {
    let mut db = TestDb::new();
    let admin = db.user("admin");
    let taken =
        |response: &support::Response| response.status == 422 && response.body.contains("This nickname is taken.");
    let site = db.site_with(&[("MICROBLOG_ATTEMPTS_PER_MINUTE", "100")]);
    for nickname in ["Admin", "root", "log_in", "support.", "_microblog_"] {
        let form = [("nickname", nickname), ("email", "other@example.org"), ("password", support::PASSWORD)];
        let response = support::post(&site, "/register", &form);
        assert_eq!(response.status().code, 422, "{nickname}");
        assert!(response.into_string().unwrap().contains("This nickname is taken."), "{nickname}");
    }
    let john = db.user("john");
    let john = Browser::signed_in(&mut db, &john);
    assert!(taken(&john.post("/edit", &[("nickname", "ROOT"), ("about_me", "")])));
    let admin = Browser::signed_in(&mut db, &admin);
    assert_eq!(admin.post("/edit", &[("nickname", "admin"), ("about_me", "I")]).status, 303, "who has it keeps it");
}

#[test]
fn a_nickname_that_was_given_up_is_not_free() {
    let mut db = TestDb::new();
    let [john, susan, mary] = ["John", "susan", "mary"].map(|name| db.user(name));
    john.set_profile("jack", "", &mut db.connection).unwrap();
    mary.delete(&mut db.connection).unwrap();
    for nickname in ["JOHN", "Mary"] {
        let form = [("nickname", nickname), ("email", "other@example.org"), ("password", support::PASSWORD)];
        let refused = Browser::new(&db).post("/register", &form);
        assert!(refused.status == 422 && refused.body.contains("This nickname is taken."), "{refused:?}");
        let refused = Browser::signed_in(&mut db, &susan).post("/edit", &[("nickname", nickname), ("about_me", "")]);
        assert!(refused.status == 422 && refused.body.contains("This nickname is taken."), "{refused:?}");
    }
    let jack = User::find(john.id, &mut db.connection).unwrap();
    jack.set_profile("john", "", &mut db.connection).unwrap();
    assert!(db.connection.batch_execute("DELETE FROM former_nicknames WHERE nickname = 'jack'").is_ok());
    susan.set_profile("jack", "", &mut db.connection).unwrap();

    let old = "UPDATE former_nicknames SET given_up = '2001-01-01 00:00:00' WHERE nickname = 'mary'";
    db.connection.batch_execute(old).unwrap();
    db.user("mary");
}

#[test]
fn an_account_keeps_few_nicknames_from_others() {
    let mut db = TestDb::new();
    let john = db.user("name0");
    for number in 1..=8 {
        let now = User::find(john.id, &mut db.connection).unwrap();
        now.set_profile(&format!("name{number}"), "", &mut db.connection).unwrap();
    }
    for (number, is_free) in [(0, true), (2, true), (3, false), (7, false)] {
        let user = app::models::NewUser::new(&format!("name{number}"), &format!("{number}@example.org"))
            .unwrap()
            .insert(&mut db.connection);
        assert_eq!(user.is_ok(), is_free, "name{number}");
    }
}
