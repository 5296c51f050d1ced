//! The account page: changing the password, signing out everywhere, deleting the account.

use crate::support::{Browser, PASSWORD as OLD, TestDb, post, sign_in, wait_until};
use app::models::{Post, Session, User};
use app::site::auth::now;
use app::site::auth::password::{self, Passwords};
use diesel::connection::SimpleConnection as _;
use rocket::http::Status;
use rocket::local::blocking::Client;

const NEW: &str = "a better horse";

/// A second browser on the same database.
fn another_browser(db: &TestDb) -> Client {
    db.site()
}

fn is_signed_in(site: &Client) -> bool {
    site.get("/account").dispatch().status() == Status::Ok
}

#[test]
fn signed_out_visitors_are_redirected_to_sign_in() {
    let db = TestDb::new();
    let site = db.site();
    let response = site.get("/account").dispatch();
    assert_eq!(
        (response.status(), response.headers().get_one("Location")),
        (Status::SeeOther, Some("/login?next=%2Faccount"))
    );
    for path in ["/account/password", "/account/sign-out-everywhere", "/account/delete", "/account/sessions/1/end"] {
        let response = post(&site, path, &[("old_password", OLD), ("new_password", NEW), ("password", OLD)]);
        assert_eq!(
            (response.status(), response.headers().get_one("Location")),
            (Status::SeeOther, Some("/login")),
            "{path}"
        );
    }
}

#[test]
fn changing_the_password_ends_all_other_sessions() {
    let mut db = TestDb::new();
    db.user_with_password("susan");
    let (here, there) = (db.site(), another_browser(&db));
    sign_in(&here, "susan", OLD);
    sign_in(&there, "susan", OLD);
    let old_token = here.cookies().get("session").unwrap().value().to_owned();

    let response = post(&here, "/account/password", &[("old_password", OLD), ("new_password", NEW)]);
    assert_eq!((response.status(), response.headers().get_one("Location")), (Status::SeeOther, Some("/account")));
    assert_ne!(here.cookies().get("session").unwrap().value(), old_token, "the token has changed");
    assert!(is_signed_in(&here) && !is_signed_in(&there));

    assert_eq!(post(&there, "/login", &[("login", "susan"), ("password", OLD)]).status(), Status::UnprocessableEntity);
    sign_in(&there, "susan", NEW);
}

#[test]
fn changing_the_password_needs_the_old_one_and_a_valid_new_one() {
    let mut db = TestDb::new();
    db.user_with_password("susan");
    let site = db.site();
    sign_in(&site, "susan", OLD);
    for (old, new, why) in [
        ("not this one", NEW, "This is not your password."),
        ("", NEW, "This is not your password."),
        (OLD, "short", "A password has 8 to 128 characters."),
        (OLD, &"x".repeat(129), "A password has 8 to 128 characters."),
    ] {
        let response = post(&site, "/account/password", &[("old_password", old), ("new_password", new)]);
        assert_eq!(response.status(), Status::UnprocessableEntity, "{why}");
        let page = response.into_string().unwrap();
        assert!(page.contains(why) && !page.contains(new) && !page.contains(OLD), "{page}");
    }
    sign_in(&another_browser(&db), "susan", OLD);
}

#[test]
fn sign_out_everywhere_ends_the_users_sessions_only() {
    let mut db = TestDb::new();
    db.user_with_password("susan");
    db.user_with_password("john");
    let (here, there, other) = (db.site(), another_browser(&db), another_browser(&db));
    sign_in(&here, "susan", OLD);
    sign_in(&there, "susan", OLD);
    sign_in(&other, "john", OLD);
    let page = here.get("/account").dispatch().into_string().unwrap();
    assert_eq!(page.matches("An unnamed browser").count(), 2, "{page}");
    assert_eq!(page.matches("(this one)").count(), 1, "{page}");

    assert_eq!(post(&here, "/account/sign-out-everywhere", &[]).status(), Status::SeeOther);
    assert!(!is_signed_in(&here) && !is_signed_in(&there) && is_signed_in(&other));
}

#[test]
fn sessions_are_told_apart_and_end_one_by_one() {
    let mut db = TestDb::new();
    let susan = db.user_with_password("susan");
    let john = db.user("john");
    let (here, there) = (db.site(), another_browser(&db));
    sign_in(&there, "susan", OLD);
    let older = "UPDATE sessions SET last_used = '2023-11-14 22:13:20', client_ip = '203.0.113.7'";
    db.connection.batch_execute(older).unwrap();
    sign_in(&here, "susan", OLD);
    let page = here.get("/account").dispatch().into_string().unwrap();
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} in {page}"));
    assert!(at("(this one)") < at("from 203.0.113.7") && at("2023-11-14T22:13:20Z") > at("(this one)"), "{page}");
    let [this, other] = Session::of(&susan, now(), &mut db.connection).unwrap().try_into().unwrap();
    let end = format!("/account/sessions/{}/end", other.id);
    assert!(page.contains(&end) && !page.contains(&format!("/account/sessions/{}/end", this.id)), "{page}");

    assert_eq!(Browser::signed_in(&mut db, &john).post(&end, &[]).status, 404, "the session of another user");
    assert!(is_signed_in(&there), "and it is used");
    let used = Session::of(&susan, now(), &mut db.connection).unwrap();
    assert_eq!(used[0].id, other.id, "the one that was used last is first");
    assert_eq!(post(&here, &end, &[]).status(), Status::SeeOther);
    assert!(is_signed_in(&here) && !is_signed_in(&there));
    assert_eq!(post(&here, &end, &[]).status(), Status::NotFound);
}

#[test]
fn deleting_an_account_needs_the_password() {
    let mut db = TestDb::new();
    let (susan, john) = (db.user_with_password("susan"), db.user_with_password("john"));
    db.post(&susan, "mine", 0);
    let kept = db.post(&john, "his", 1);
    susan.follow(&john, &mut db.connection).unwrap();
    john.follow(&susan, &mut db.connection).unwrap();
    let site = db.site();
    sign_in(&site, "susan", OLD);

    let response = post(&site, "/account/delete", &[("password", "not this one")]);
    assert_eq!(response.status(), Status::UnprocessableEntity);
    assert!(response.into_string().unwrap().contains("This is not your password."));
    assert_eq!(User::all(&mut db.connection).unwrap().len(), 2);

    assert_eq!(post(&site, "/account/delete", &[("password", OLD)]).status(), Status::SeeOther);
    assert!(!is_signed_in(&site));
    assert_eq!(User::all(&mut db.connection).unwrap(), std::slice::from_ref(&john));
    assert_eq!(Post::all(&mut db.connection).unwrap(), [kept]);
    assert_eq!(john.follow_counts(&mut db.connection).unwrap(), (0, 0));
}

/// Sends a form with the old password, and changes the password in the database while the old one is being verified.
fn status_when_changed_meanwhile(path: &str, fields: &[(&str, &str)], signed_in: bool) -> (Status, TestDb) {
    let mut db = TestDb::new();
    let susan = db.user_with_password("susan");
    let site = db.site();
    if signed_in {
        sign_in(&site, "susan", OLD);
        // The page sets `last_seen`, so that the form does not write before it verifies the password.
        assert!(is_signed_in(&site));
    }
    let passwords = site.rocket().state::<Passwords>().unwrap();
    let (before, hash) = (passwords.hashed(), password::hash(NEW.as_bytes()).unwrap());
    db.begin();
    susan.set_password_hash(&hash, &mut db.connection).unwrap();
    let status = std::thread::scope(|scope| {
        let connection = &mut db.connection;
        scope.spawn(move || {
            wait_until("a password is being verified", || passwords.hashed() > before);
            connection.batch_execute("COMMIT").unwrap();
        });
        post(&site, path, fields).status()
    });
    (status, db)
}

#[test]
fn an_old_password_fails_as_soon_as_it_is_changed() {
    for (path, fields) in [
        ("/login", &[("login", "susan"), ("password", OLD)][..]),
        ("/account/password", &[("old_password", OLD), ("new_password", "a third horse")]),
        ("/account/delete", &[("password", OLD)]),
    ] {
        let (status, mut db) = status_when_changed_meanwhile(path, fields, path != "/login");
        assert_eq!(status, Status::UnprocessableEntity, "{path}");
        assert_eq!(User::all(&mut db.connection).unwrap().len(), 1);
        sign_in(&db.site(), "susan", NEW);
    }
}

#[test]
fn a_nickname_of_dots_only_is_invalid() {
    let db = TestDb::new();
    let site = db.site();
    for (nickname, status) in [(".", 422), ("..", 422), ("...", 422), ("._.", 303)] {
        let fields = [("nickname", nickname), ("email", "dots@example.org"), ("password", "correct horse")];
        assert_eq!(post(&site, "/register", &fields).status().code, status, "{nickname}");
    }
}

#[test]
fn a_locked_database_does_not_fail_a_page_view() {
    let mut db = TestDb::new();
    let susan = db.user("susan");
    let site = Browser::signed_in(&mut db, &susan);
    db.begin();
    susan.set_password_hash("locks the row", &mut db.connection).unwrap();
    assert_eq!(site.get("/").status, 200);
    db.connection.batch_execute("COMMIT").unwrap();
    assert_eq!(User::find(susan.id, &mut db.connection).unwrap().last_seen, None);
    site.get("/");
    assert!(User::find(susan.id, &mut db.connection).unwrap().last_seen.is_some());
}
