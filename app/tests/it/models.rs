//! Users and posts in a SQLite file: storing, validating, and the relations between them.

use crate::support::{self, TestDb, moment};
use app::models::{ModelError, NewPost, NewUser, Post, User};
use app::schema::posts;
use diesel::prelude::*;

#[test]
fn a_user_and_a_post_print_as_in_the_tutorial() {
    let mut db = TestDb::new();
    let john = db.user("john");
    let post = db.post(&john, "my first post!", 0);
    assert_eq!(format!("{john:?} {post:?}"), "<User 'john'> <Post 'my first post!'>");
}

#[test]
fn rows_are_read_as_they_were_stored() {
    let mut db = TestDb::new();
    let john = db.user("john");
    let post = db.post(&john, "Grüße\nan alle 👋", 0);
    let db = &mut db.connection;
    assert_eq!(User::find(john.id, db).unwrap(), john);
    assert_eq!(User::by_nickname("john", db).unwrap(), john);
    assert_eq!(User::all(db).unwrap(), [john]);
    assert_eq!(Post::all(db).unwrap(), [post]);
}

#[test]
fn a_new_post_has_the_current_time_in_utc() {
    let mut db = TestDb::new();
    let john = db.user("john");
    let before = chrono::Utc::now().naive_utc() - chrono::TimeDelta::milliseconds(1);
    let post = NewPost::new(&john, "now").unwrap().insert(&mut db.connection).unwrap();
    assert!(before <= post.timestamp && post.timestamp <= chrono::Utc::now().naive_utc());
    assert_eq!(Post::all(&mut db.connection).unwrap(), [post], "the time is stored with full precision");
}

#[test]
fn a_users_posts_are_a_query() {
    let mut db = TestDb::new();
    let (john, susan) = (db.user("john"), db.user("susan"));
    for number in 0..5 {
        db.post(&john, &format!("post {number}"), number);
    }
    let db = &mut db.connection;
    assert_eq!(john.posts().load::<Post>(db).unwrap().len(), 5);
    let page: Vec<Post> = john
        .posts()
        .filter(posts::timestamp.gt(moment(0)))
        .order(posts::timestamp.desc())
        .limit(2)
        .offset(1)
        .load(db)
        .unwrap();
    assert_eq!(format!("{page:?}"), "[<Post 'post 3'>, <Post 'post 2'>]");
    assert_eq!(susan.posts().load::<Post>(db).unwrap(), []);
}

#[test]
fn a_post_has_an_author() {
    let mut db = TestDb::new();
    let (john, susan) = (db.user("john"), db.user("susan"));
    let (first, second) = (db.post(&john, "mine", 0), db.post(&susan, "hers", 1));
    assert_eq!(first.author(&mut db.connection).unwrap(), john);
    assert_eq!(second.author(&mut db.connection).unwrap(), susan);
}

#[test]
fn a_taken_nickname_or_email_is_named() {
    let mut db = TestDb::new();
    db.user("john");
    let mut insert = |nickname, email| NewUser::new(nickname, email).unwrap().insert(&mut db.connection).unwrap_err();
    let nickname = insert("john", "other@example.org");
    assert!(matches!(nickname, ModelError::Taken { field: "nickname" }), "{nickname:?}");
    assert_eq!(nickname.to_string(), "this nickname is taken");
    let email = insert("other", "john@example.org");
    assert!(matches!(email, ModelError::Taken { field: "email" }), "{email:?}");
}

#[test]
fn lengths_are_counted_in_grapheme_clusters() {
    let mut db = TestDb::new();
    let longest = "ü".repeat(64);
    let user = NewUser::new(&longest, "u@example.org").unwrap().insert(&mut db.connection).unwrap();
    assert!(NewPost::new(&user, &"👋".repeat(140)).is_ok());

    let family = "👨\u{200d}👩\u{200d}👧\u{200d}👦";
    let post = NewPost::new(&user, &family.repeat(140)).unwrap().insert(&mut db.connection).unwrap();
    assert_eq!(Post::find(post.id, &mut db.connection).unwrap().body.chars().count(), 980);
    let tower = NewPost::new(&user, &format!("e{}", "\u{301}".repeat(1400))).unwrap_err();
    assert!(matches!(tower, ModelError::TooLong { field: "body", length: 1401, max: 1400 }), "{tower:?}");
    let post = NewPost::new(&user, &"👋".repeat(141)).unwrap_err();
    assert_eq!(post.to_string(), "the body has 141 characters, and 140 are allowed");
    let nickname = NewUser::new(&"ü".repeat(65), "u@example.org").unwrap_err();
    assert!(matches!(nickname, ModelError::TooLong { field: "nickname", length: 65, max: 64 }), "{nickname:?}");
    let email = NewUser::new("u", &"e".repeat(121)).unwrap_err();
    assert!(matches!(email, ModelError::TooLong { field: "email", length: 121, max: 120 }), "{email:?}");
}

#[test]
fn blank_fields_are_invalid() {
    let mut db = TestDb::new();
    let john = db.user("john");
    for blank in ["", " ", "\n\t", "\u{200b}\u{3164} \u{2800}"] {
        assert!(matches!(NewUser::new(blank, "e"), Err(ModelError::Empty { field: "nickname" })));
        assert!(matches!(NewUser::new("n", blank), Err(ModelError::Empty { field: "email" })));
        assert!(matches!(NewPost::new(&john, blank), Err(ModelError::Empty { field: "body" })));
    }
}

#[test]
fn deleting_a_user_deletes_their_posts_only() {
    let mut db = TestDb::new();
    let (john, susan) = (db.user("john"), db.user("susan"));
    db.post(&john, "mine", 0);
    let hers = db.post(&susan, "hers", 1);
    john.delete(&mut db.connection).unwrap();
    assert_eq!(User::all(&mut db.connection).unwrap(), [susan]);
    assert_eq!(Post::all(&mut db.connection).unwrap(), [hers]);
}

#[test]
fn a_post_of_a_deleted_author_is_not_stored() {
    let mut db = TestDb::new();
    let john = db.user("john");
    john.delete(&mut db.connection).unwrap();
    let error = NewPost::new(&john, "from nowhere").unwrap().insert(&mut db.connection).unwrap_err();
    assert!(matches!(error, ModelError::Database(_)), "{error:?}");
}

#[test]
fn about_me_is_a_short_text_or_null() {
    let mut db = TestDb::new();
    let (john, susan) = (db.user("john"), db.user("susan"));
    john.set_profile("john_2", &"ü".repeat(140), &mut db.connection).unwrap();
    let found = User::by_nickname("john_2", &mut db.connection).unwrap();
    assert_eq!((found.id, found.about_me), (john.id, Some("ü".repeat(140))));
    john.set_profile("john", "", &mut db.connection).unwrap();
    assert_eq!(User::find(john.id, &mut db.connection).unwrap().about_me, None);
    let long = susan.set_profile("susan", &"ü".repeat(141), &mut db.connection).unwrap_err();
    assert!(matches!(long, ModelError::TooLong { field: "about_me", .. }), "{long:?}");
    let taken = susan.set_profile("john", "", &mut db.connection).unwrap_err();
    assert!(matches!(taken, ModelError::Taken { field: "nickname" }), "{taken:?}");
}

#[test]
fn following_is_idempotent_and_deleted_with_a_user() {
    let mut db = TestDb::new();
    let (john, susan) = (db.user("john"), db.user("susan"));
    let db = &mut db.connection;
    assert!(john.follow(&susan, db).unwrap());
    assert!(!john.follow(&susan, db).unwrap());
    assert!(john.follows(&susan, db).unwrap() && !susan.follows(&john, db).unwrap());
    assert_eq!((susan.follow_counts(db).unwrap(), john.follow_counts(db).unwrap()), ((1, 0), (0, 1)));
    assert_eq!(susan.followers("", 9, db).unwrap(), std::slice::from_ref(&john));
    assert_eq!(john.following("", 9, db).unwrap(), std::slice::from_ref(&susan));
    assert_eq!(john.following("susan", 9, db).unwrap(), []);
    assert!(john.unfollow(&susan, db).unwrap());
    assert!(!john.unfollow(&susan, db).unwrap());
    john.follow(&susan, db).unwrap();
    john.delete(db).unwrap();
    assert_eq!(susan.follow_counts(db).unwrap(), (0, 0));
}

#[test]
fn nicknames_are_case_insensitive() {
    let mut db = TestDb::new();
    let (susan, john) = (db.user("Susan_1"), db.user("john"));
    for other in ["S", "Susan", "SUSAN_10", "susan.1", "sUSAN_", "Tim", "susan_2"] {
        db.user(other);
    }
    let db = &mut db.connection;
    for spelling in ["Susan_1", "susan_1", "SUSAN_1", "sUsAn_1"] {
        assert_eq!(User::by_nickname(spelling, db).unwrap(), susan, "{spelling}");
        assert_eq!(User::by_login(spelling, db).unwrap().unwrap().0, susan, "{spelling}");
        let taken = NewUser::new(spelling, "other@example.org").unwrap().insert(db);
        assert!(matches!(taken, Err(ModelError::Taken { field: "nickname" })), "{spelling}: {taken:?}");
        let taken = john.set_profile(spelling, "", db);
        assert!(matches!(taken, Err(ModelError::Taken { field: "nickname" })), "{spelling}: {taken:?}");
        susan.set_profile(spelling, "its own other spelling", db).unwrap();
        susan.set_profile("Susan_1", "", db).unwrap();
    }
    assert!(User::by_nickname("susan_3", db).is_err() && User::by_login("susan_3", db).unwrap().is_none());
}

#[test]
fn email_addresses_are_case_insensitive() {
    let mut db = TestDb::new();
    let susan = NewUser::new("susan", "Susan@Example.org").unwrap().insert(&mut db.connection).unwrap();
    let db = &mut db.connection;
    for spelling in ["Susan@Example.org", "susan@example.org", "SUSAN@EXAMPLE.ORG"] {
        assert_eq!(User::by_login(spelling, db).unwrap().unwrap().0, susan, "{spelling}");
        let taken = NewUser::new("other", spelling).unwrap().insert(db);
        assert!(matches!(taken, Err(ModelError::Taken { field: "email" })), "{spelling}: {taken:?}");
    }
    for unknown in ["usan@example.org", "susan\0"] {
        assert!(User::by_login(unknown, db).unwrap().is_none(), "{unknown:?}");
    }
}

#[test]
fn case_insensitive_lookups_use_an_index() {
    let mut db = TestDb::on_sqlite();
    db.user("susan");
    let asked = support::queries(&mut db, |db| {
        assert!(User::by_nickname("SUSAN", db).is_ok() && User::by_login("SUSAN", db).unwrap().is_some());
    });
    let plans: Vec<_> = asked.iter().map(|query| support::plan(&mut db, query).join(", ")).collect();
    assert!(plans[0].starts_with("SEARCH users USING INDEX users_nickname_lower"), "{plans:?}");
    assert!(plans[1].contains("users_nickname_lower") && plans[1].contains("users_email_lower"), "{plans:?}");
    assert!(plans.len() == 2 && !plans[1].contains("SCAN"), "{plans:?}");
}

#[test]
fn ids_of_deleted_posts_are_not_reused() {
    let mut db = TestDb::new();
    let john = db.user("john");
    let post = db.post(&john, "the newest", 0);
    post.delete(&mut db.connection).unwrap();
    assert!(db.post(&john, "the next", 1).id > post.id);
}
