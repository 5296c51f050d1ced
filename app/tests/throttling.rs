//! Who tries passwords too often is told to wait, and an unknown user is answered as a wrong password is.

#![cfg(feature = "site")]

mod support;

use std::net::{IpAddr, SocketAddr};

use app::site::auth::password::Passwords;
use config::Config;
use rocket::http::{ContentType, Cookie, Header, Status};
use rocket::local::blocking::{Client, LocalResponse};
use support::{OLD_PASSWORD as OLD, TestDb, post, sign_in};

/// A wrong password for that account, from that address, by way of those proxies.
fn attempt<'c>(site: &'c Client, account: &str, from: &str, forwarded: Option<&str>) -> LocalResponse<'c> {
    let body = format!("login={account}&password=not+this+one");
    let mut request = site.post("/login").header(ContentType::Form).body(body);
    request = request.remote(SocketAddr::new(from.parse::<IpAddr>().unwrap(), 4000));
    if let Some(addresses) = forwarded {
        request = request.header(Header::new("X-Forwarded-For", addresses.to_owned()));
    }
    request.dispatch()
}

/// Two attempts a minute: the next comes free after 30 seconds, which is longer than any of this takes.
const TWO: (&str, &str) = ("MICROBLOG_ATTEMPTS_PER_MINUTE", "2");

/// Whether the third attempt is refused, each for another account, where the nth has that header.
fn is_throttled(site: &Client, from: &str, forwarded: impl Fn(usize) -> Option<String>) -> bool {
    let statuses: Vec<_> =
        (0..3).map(|n| attempt(site, &format!("{from}-{n}"), from, forwarded(n).as_deref()).status()).collect();
    assert!(statuses[..2].iter().all(|status| *status == Status::UnprocessableEntity), "{statuses:?}");
    statuses[2] == Status::TooManyRequests
}

#[test]
fn an_address_has_so_many_attempts_a_minute_whatever_it_writes_into_a_header() {
    let db = TestDb::new();
    let site = db.site_of(&[TWO]);
    assert!(is_throttled(&site, "192.0.2.1", |n| Some(format!("198.51.100.{n}"))));
    let answer = attempt(&site, "one-more", "192.0.2.1", None);
    let wait: u64 = answer.headers().get_one("Retry-After").unwrap().parse().unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    assert!(answer.into_string().unwrap().contains("That was tried too often."));
    assert_eq!(attempt(&site, "one-more", "192.0.2.2", None).status(), Status::UnprocessableEntity);
}

#[test]
fn behind_a_trusted_proxy_the_last_address_that_is_no_proxy_counts() {
    let db = TestDb::new();
    let site = db.site_of(&[TWO, ("MICROBLOG_TRUSTED_PROXIES", "10.0.0.0/8")]);
    assert!(!is_throttled(&site, "10.0.0.1", |n| Some(format!("198.51.100.{n}"))), "each is somebody else");
    assert!(is_throttled(&site, "10.0.0.2", |n| Some(format!("198.51.100.{n}, 203.0.113.1, 10.9.9.9"))));
    assert!(is_throttled(&site, "192.0.2.1", |n| Some(format!("198.51.100.{n}"))), "no proxy");
}

#[test]
fn an_account_has_so_many_attempts_a_minute_from_wherever_and_whether_or_not_it_exists() {
    for account in ["susan", "nobody"] {
        let mut db = TestDb::new();
        db.member("susan");
        let site = db.site_of(&[TWO]);
        for n in 0..2 {
            let answer = attempt(&site, account, &format!("192.0.2.{n}"), None);
            assert_eq!(answer.status(), Status::UnprocessableEntity);
        }
        assert_eq!(attempt(&site, account, "192.0.2.99", None).status(), Status::TooManyRequests, "{account}");
        assert_eq!(attempt(&site, "john", "192.0.2.99", None).status(), Status::UnprocessableEntity);
    }
}

/// Signs in, or tries to, from an address of one's own and with that cookie: the status, and the device's new cookie.
fn from_device(
    site: &Client,
    account: &str,
    password: &str,
    address: u8,
    device: Option<&Cookie<'static>>,
) -> (u16, Option<Cookie<'static>>) {
    let body = format!("login={account}&password={}", password.replace(' ', "+"));
    let mut request = site.post("/login").header(ContentType::Form).body(body);
    request = request.remote(SocketAddr::new(IpAddr::from([198, 51, 100, address]), 4000));
    if let Some(device) = device {
        request = request.cookie(device.clone());
    }
    let answer = request.dispatch();
    let mut cookies =
        answer.headers().get("Set-Cookie").map(|cookie| Cookie::parse_encoded(cookie.to_owned()).unwrap());
    (answer.status().code, cookies.find(|cookie| cookie.name() == "device"))
}

/// The site, where somebody has signed in as each of the two, with their devices; and where strangers have then used
/// up the attempts on susan's account by both of its names.
fn besieged() -> (TestDb, Client, [Cookie<'static>; 2]) {
    let mut db = TestDb::new();
    db.member("susan");
    db.member("john");
    let config = Config::from_environment([(TWO.0.into(), TWO.1.into())], db.folder.path()).unwrap();
    let site = Client::untracked(app::site::rocket(config).unwrap()).unwrap();
    let devices = ["susan", "john"].map(|name| from_device(&site, name, OLD, 1, None).1.unwrap());
    for account in ["susan", "susan@example.org"] {
        let used_up = (0..3).find(|n| from_device(&site, account, "not this one", 10 + n, None).0 == 429);
        assert!(used_up.is_some());
    }
    (db, site, devices)
}

#[test]
fn strangers_do_not_lock_the_owner_out_of_a_device_that_the_owner_has_signed_in_on() {
    let (_db, site, [susans, johns]) = besieged();
    for account in ["susan", "Susan@Example.org"] {
        assert_eq!(from_device(&site, account, OLD, 50, None).0, 429, "a stranger who knows the password");
        assert_eq!(from_device(&site, account, OLD, 51, Some(&johns)).0, 429, "the device of another account");
    }
    let forged = Cookie::new("device", "0000\nsusan@example.org");
    assert_eq!(from_device(&site, "susan", OLD, 52, Some(&forged)).0, 429, "a cookie that the site has not made");
    for account in ["susan", "susan@example.org"] {
        let (status, again) = from_device(&site, account, OLD, 53, Some(&susans));
        assert_eq!((status, again.is_some()), (303, true), "{account}");
    }
}

#[test]
fn a_device_stays_known_when_its_user_takes_another_nickname() {
    let (mut db, site, [susans, _]) = besieged();
    app::models::User::by_nickname("susan", &mut db.connection)
        .unwrap()
        .set_profile("sue", "", &mut db.connection)
        .unwrap();
    assert_eq!(from_device(&site, "susan", OLD, 50, Some(&susans)).0, 429, "nobody has that name now");
    assert_eq!(from_device(&site, "sue", OLD, 51, Some(&susans)).0, 303);
}

#[test]
fn a_device_has_its_attempts_on_its_account_and_none_extra_on_another() {
    let (_db, site, [susans, johns]) = besieged();
    for n in 0..2 {
        assert_eq!(from_device(&site, "susan", "not this one", 60 + n, Some(&susans)).0, 422);
    }
    assert_eq!(from_device(&site, "susan", OLD, 70, Some(&susans)).0, 429);
    // One of the two on john's account was john's own.
    assert_eq!(from_device(&site, "john", "not this one", 80, Some(&susans)).0, 422);
    assert_eq!(from_device(&site, "john", OLD, 90, Some(&susans)).0, 429);
    assert_eq!(from_device(&site, "john", OLD, 91, Some(&johns)).0, 303);
}

#[test]
fn a_device_is_known_for_a_year_and_its_cookie_shows_nothing() {
    let (_db, _site, [susans, _]) = besieged();
    let year = rocket::time::Duration::days(365);
    assert_eq!(susans.max_age(), Some(year));
    let expires = susans.expires_datetime().unwrap() - rocket::time::OffsetDateTime::now_utc();
    assert!(expires > year - rocket::time::Duration::hours(1), "{expires}");
    assert!(!susans.value().contains("susan"), "{susans}");
}

#[test]
fn registering_and_asking_for_the_old_password_count_as_attempts() {
    let mut db = TestDb::new();
    db.member("susan");
    let site = db.site_of(&[TWO]);
    sign_in(&site, "susan", OLD);
    let change = [("old_password", "not this one"), ("new_password", "a better horse")];
    assert_eq!(post(&site, "/account/password", &change).status(), Status::UnprocessableEntity);
    assert_eq!(post(&site, "/account/password", &change).status(), Status::TooManyRequests);
    assert_eq!(post(&site, "/account/delete", &[("password", OLD)]).status(), Status::TooManyRequests);
    let form = [("nickname", "john"), ("email", "john@example.org"), ("password", OLD)];
    assert_eq!(post(&site, "/register", &form).status(), Status::TooManyRequests);
    assert_eq!(app::models::User::all(&mut db.connection).unwrap().len(), 1);
}

#[test]
fn an_unknown_user_and_a_wrong_password_get_the_same_answer_after_as_many_hashes() {
    let mut db = TestDb::new();
    db.member("susan");
    db.user("no_password");
    let site = db.site();
    let passwords = site.rocket().state::<Passwords>().unwrap();
    let answers: Vec<_> = ["susan", "susan@example.org", "nobody", "no_password"]
        .into_iter()
        .map(|name| {
            let before = passwords.hashed();
            let answer = post(&site, "/login", &[("login", name), ("password", "not this one")]);
            let (status, headers) = (answer.status(), answer.headers().len());
            let page = answer.into_string().unwrap().replace(&format!("value=\"{name}\""), "");
            (status, headers, page, passwords.hashed() - before)
        })
        .collect();
    assert_eq!((answers[0].0, answers[0].3), (Status::UnprocessableEntity, 1));
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
}
