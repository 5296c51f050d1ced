//! Rate limits for passwords, and equal responses for unknown users and wrong passwords.

use std::net::{IpAddr, SocketAddr};

use crate::support::{PASSWORD as OLD, TestDb, post, sign_in};
use app::site::auth::password::Passwords;
use config::Config;
use rocket::http::{ContentType, Cookie, Header, Status};
use rocket::local::blocking::{Client, LocalResponse};

/// Sends a wrong password for that account from that IP, with that `X-Forwarded-For`.
fn attempt<'c>(site: &'c Client, account: &str, from: &str, forwarded: Option<&str>) -> LocalResponse<'c> {
    let body = format!("login={account}&password=not+this+one");
    let mut request = site.post("/login").header(ContentType::Form).body(body);
    request = request.remote(SocketAddr::new(from.parse::<IpAddr>().unwrap(), 4000));
    if let Some(addresses) = forwarded {
        request = request.header(Header::new("X-Forwarded-For", addresses.to_owned()));
    }
    request.dispatch()
}

/// Two attempts per minute. The next one is allowed after 30 seconds, which is longer than a test takes.
const TWO: (&str, &str) = ("MICROBLOG_ATTEMPTS_PER_MINUTE", "2");

/// Whether the third attempt from that IP is rejected. Each attempt is for another account and has the header of its number.
fn is_throttled(site: &Client, from: &str, forwarded: impl Fn(usize) -> Option<String>) -> bool {
    let statuses: Vec<_> =
        (0..3).map(|n| attempt(site, &format!("{from}-{n}"), from, forwarded(n).as_deref()).status()).collect();
    assert!(statuses[..2].iter().all(|status| *status == Status::UnprocessableEntity), "{statuses:?}");
    statuses[2] == Status::TooManyRequests
}

#[test]
fn a_client_ip_is_limited_whatever_headers_it_sends() {
    let db = TestDb::new();
    let site = db.site_with(&[TWO]);
    assert!(is_throttled(&site, "192.0.2.1", |n| Some(format!("198.51.100.{n}"))));
    let response = attempt(&site, "one-more", "192.0.2.1", None);
    let wait: u64 = response.headers().get_one("Retry-After").unwrap().parse().unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    let page = response.into_string().unwrap();
    assert!(page.contains(&format!("Please try again in {wait} second")), "{page}");
    assert!(page.contains("value=\"one-more\""), "what was typed is kept: {page}");
    assert_eq!(attempt(&site, "one-more", "192.0.2.2", None).status(), Status::UnprocessableEntity);
}

#[test]
fn a_trusted_proxy_forwards_the_client_ip() {
    let db = TestDb::new();
    let site = db.site_with(&[TWO, ("MICROBLOG_TRUSTED_PROXIES", "10.0.0.0/8")]);
    assert!(!is_throttled(&site, "10.0.0.1", |n| Some(format!("198.51.100.{n}"))), "three clients");
    assert!(is_throttled(&site, "10.0.0.2", |n| Some(format!("198.51.100.{n}, 203.0.113.1, 10.9.9.9"))));
    assert!(is_throttled(&site, "192.0.2.1", |n| Some(format!("198.51.100.{n}"))), "not a trusted proxy");
}

#[test]
fn an_account_is_limited_whether_or_not_it_exists() {
    for account in ["susan", "nobody"] {
        let mut db = TestDb::new();
        db.user_with_password("susan");
        let site = db.site_with(&[TWO]);
        for n in 0..2 {
            let response = attempt(&site, account, &format!("192.0.2.{n}"), None);
            assert_eq!(response.status(), Status::UnprocessableEntity);
        }
        assert_eq!(attempt(&site, account, "192.0.2.99", None).status(), Status::TooManyRequests, "{account}");
        assert_eq!(attempt(&site, "john", "192.0.2.99", None).status(), Status::UnprocessableEntity);
    }
}

/// Tries to sign in from that IP with that device cookie. Returns the status and the new device cookie.
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
    let response = request.dispatch();
    let mut cookies =
        response.headers().get("Set-Cookie").map(|cookie| Cookie::parse_encoded(cookie.to_owned()).unwrap());
    (response.status().code, cookies.find(|cookie| cookie.name() == "device"))
}

/// A site on which susan and john have signed in, with their device cookies. Afterwards, other clients have used up the
/// attempts for susan's account, by nickname and by e-mail address.
fn site_under_attack() -> (TestDb, Client, [Cookie<'static>; 2]) {
    let mut db = TestDb::new();
    db.user_with_password("susan");
    db.user_with_password("john");
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
fn other_clients_do_not_block_a_known_device() {
    let (_db, site, [susans, johns]) = site_under_attack();
    for account in ["susan", "Susan@Example.org"] {
        assert_eq!(from_device(&site, account, OLD, 50, None).0, 429, "an unknown device with the password");
        assert_eq!(from_device(&site, account, OLD, 51, Some(&johns)).0, 429, "the device of another account");
    }
    let forged = Cookie::new("device", "0000\nsusan@example.org");
    assert_eq!(from_device(&site, "susan", OLD, 52, Some(&forged)).0, 429, "a forged cookie");
    for account in ["susan", "susan@example.org"] {
        let (status, again) = from_device(&site, account, OLD, 53, Some(&susans));
        assert_eq!((status, again.is_some()), (303, true), "{account}");
    }
}

#[test]
fn a_known_device_survives_a_change_of_nickname() {
    let (mut db, site, [susans, _]) = site_under_attack();
    app::models::User::by_nickname("susan", &mut db.connection)
        .unwrap()
        .set_profile("sue", "", &mut db.connection)
        .unwrap();
    assert_eq!(from_device(&site, "susan", OLD, 50, Some(&susans)).0, 422, "the old nickname");
    assert_eq!(from_device(&site, "sue", OLD, 51, None).0, 429, "the attempts for the account are used up still");
    assert_eq!(from_device(&site, "sue", OLD, 52, Some(&susans)).0, 303);
}

#[test]
fn a_known_device_has_a_limit_for_its_account_only() {
    let (_db, site, [susans, johns]) = site_under_attack();
    for n in 0..2 {
        assert_eq!(from_device(&site, "susan", "not this one", 60 + n, Some(&susans)).0, 422);
    }
    assert_eq!(from_device(&site, "susan", OLD, 70, Some(&susans)).0, 429);
    // One of the two attempts for john's account was his own sign-in.
    assert_eq!(from_device(&site, "john", "not this one", 80, Some(&susans)).0, 422);
    assert_eq!(from_device(&site, "john", OLD, 90, Some(&susans)).0, 429);
    assert_eq!(from_device(&site, "john", OLD, 91, Some(&johns)).0, 303);
}

#[test]
fn the_device_cookie_lasts_a_year_and_is_encrypted() {
    let (_db, _site, [susans, _]) = site_under_attack();
    let year = rocket::time::Duration::days(365);
    assert_eq!(susans.max_age(), Some(year));
    let expires = susans.expires_datetime().unwrap() - rocket::time::OffsetDateTime::now_utc();
    assert!(expires > year - rocket::time::Duration::hours(1), "{expires}");
    assert!(!susans.value().contains("susan"), "{susans}");
}

#[test]
fn registering_and_confirming_a_password_are_limited() {
    let mut db = TestDb::new();
    db.user_with_password("susan");
    let site = db.site_with(&[TWO]);
    sign_in(&site, "susan", OLD);
    let change = [("old_password", "not this one"), ("new_password", "a better horse")];
    assert_eq!(post(&site, "/account/password", &change).status(), Status::UnprocessableEntity);
    assert_eq!(post(&site, "/account/password", &change).status(), Status::TooManyRequests);
    assert_eq!(post(&site, "/account/delete", &[("password", OLD)]).status(), Status::TooManyRequests);
    let form = [("nickname", "john"), ("email", "john@example.org"), ("password", OLD)];
    let refused = post(&site, "/register", &form);
    assert_eq!((refused.status(), refused.headers().contains("Retry-After")), (Status::TooManyRequests, true));
    assert!(refused.into_string().unwrap().contains("value=\"john@example.org\""), "what was typed is kept");
    assert_eq!(app::models::User::all(&mut db.connection).unwrap().len(), 1);
}

#[test]
fn a_nickname_and_its_address_are_one_account() {
    let mut db = TestDb::new();
    db.user_with_password("susan");
    let site = db.site_with(&[TWO]);
    let status = |account, from| attempt(&site, account, from, None).status().code;
    assert_eq!((status("susan", "192.0.2.1"), status("susan@example.org", "192.0.2.2")), (422, 422));
    assert_eq!((status("SUSAN", "192.0.2.3"), status("Susan@example.org", "192.0.2.4")), (429, 429));
}

#[test]
fn a_forwarded_address_may_have_a_port() {
    let db = TestDb::new();
    let site = db.site_with(&[TWO, ("MICROBLOG_TRUSTED_PROXIES", "10.0.0.0/8")]);
    let forwarded = ["203.0.113.1:PORT", "[2001:db8::1]:PORT", "\"[2001:db8:1::1]:PORT\""];
    for (number, address) in forwarded.into_iter().enumerate() {
        let ports = |n: usize| Some(address.replace("PORT", &format!("{}", 40_000 + n)));
        assert!(is_throttled(&site, &format!("10.0.0.{number}"), ports), "{address}");
    }
}

#[test]
fn changes_are_limited_by_account_and_keep_what_was_typed() {
    let mut db = TestDb::new();
    let users = ["susan", "john"].map(|name| db.user_with_password(name));
    let site = db.site_with(&[("MICROBLOG_WRITES_PER_MINUTE", "2")]);
    sign_in(&site, "susan", OLD);
    assert_eq!(post(&site, "/", &[("body", "one")]).status(), Status::SeeOther);
    assert_eq!(post(&site, "/user/john/follow", &[]).status(), Status::SeeOther);
    for (path, form) in [
        ("/", vec![("body", "three")]),
        ("/edit", vec![("nickname", "susan"), ("about_me", "three")]),
        ("/user/john/unfollow", vec![]),
        ("/post/1/delete", vec![]),
    ] {
        let response = post(&site, path, &form);
        assert_eq!(response.status(), Status::TooManyRequests, "{path}");
        assert!(response.headers().contains("Retry-After"), "{path}");
        let page = response.into_string().unwrap();
        assert!(page.contains("Please try again in "), "{path}: {page}");
        assert!(form.is_empty() || page.contains(">three</textarea>"), "{path}: {page}");
    }
    assert_eq!(users[0].post_count(&mut db.connection).unwrap(), 1);
    sign_in(&site, "john", OLD);
    assert_eq!(post(&site, "/", &[("body", "of another account")]).status(), Status::SeeOther);
}

#[test]
fn unknown_users_and_wrong_passwords_look_the_same() {
    let mut db = TestDb::new();
    db.user_with_password("susan");
    db.user("no_password");
    let site = db.site();
    let passwords = site.rocket().state::<Passwords>().unwrap();
    let responses: Vec<_> = ["susan", "susan@example.org", "nobody", "no_password"]
        .into_iter()
        .map(|name| {
            let before = passwords.hashed();
            let response = post(&site, "/login", &[("login", name), ("password", "not this one")]);
            let (status, headers) = (response.status(), response.headers().len());
            let page = response.into_string().unwrap().replace(&format!("value=\"{name}\""), "");
            (status, headers, page, passwords.hashed() - before)
        })
        .collect();
    assert_eq!((responses[0].0, responses[0].3), (Status::UnprocessableEntity, 1));
    assert!(responses.iter().all(|response| *response == responses[0]), "{responses:#?}");
}
