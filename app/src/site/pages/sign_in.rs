//! Signing in and out.

use std::collections::BTreeMap;

use rocket::fairing::{AdHoc, Fairing};
use rocket::form::Form;
use rocket::http::{CookieJar, Status};
use rocket::response::Redirect;
use rocket::serde::Serialize;
use rocket::{FromForm, State, get, post, routes};

use crate::models::User;
use crate::site::auth::password::{Passwords, Verdict};
use crate::site::auth::{Attempts, Visitor};
use crate::site::flash::{Flash, FlashMessage};
use crate::site::forms::Fields;
use crate::site::pool::Db;
use crate::site::response::HandlerResult;
use crate::site::templates::Page;
use crate::site::{links, safe_redirect};

/// The fairing that serves them.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Sign in", |rocket| async { rocket.mount("/", routes![show, submit, sign_out]) })
}

#[derive(FromForm)]
struct Credentials<'r> {
    #[field(default = "")]
    login: &'r str,
    #[field(default = "")]
    password: &'r str,
    // An `Option`, because Rocket would log an invalid value together with the whole form.
    remember_me: Option<bool>,
    #[field(default = "")]
    next: &'r str,
    /// The fields of a form that was sent without a session; `next` is its action.
    unsent: BTreeMap<&'r str, &'r str>,
}

/// The form to sign in, for someone who sent a form without a session. What was typed is kept: after signing in, it is
/// shown again, to be sent to `action`.
pub fn keep(action: String, unsent: &[(&'static str, String)]) -> Page {
    let unsent: BTreeMap<&str, &str> = unsent.iter().map(|(name, value)| (*name, value.as_str())).collect();
    page(&Fields::new([("login", ""), ("password", ""), ("next", action.as_str())]), false, &unsent)
        .status(Status::Unauthorized)
        .with("flash", &"Please sign in first. What you typed is kept.")
}

#[get("/login?<next>")]
pub async fn show(next: Option<String>, flash: FlashMessage<'_>, visitor: Visitor, db: &Db) -> HandlerResult {
    let next = next.unwrap_or_default();
    if visitor.is_signed_in(db).await? {
        return Ok(safe_redirect::to(&next, links::home).into());
    }
    let form = Fields::new([("login", ""), ("password", ""), ("next", next.as_str())]);
    Ok(page(&form, false, &BTreeMap::new()).flash(flash).into())
}

#[post("/login", data = "<login>")]
async fn submit(
    login: Form<Credentials<'_>>,
    visitor: Visitor,
    attempts: Attempts<'_>,
    cookies: &CookieJar<'_>,
    passwords: &State<Passwords>,
    db: &Db,
) -> HandlerResult {
    let mut form = Fields::new([("login", login.login), ("password", ""), ("next", login.next)]);
    let remember_me = login.remember_me.unwrap_or_default();
    for (field, text, error) in [
        ("login", login.login, "Please type your nickname or e-mail address."),
        ("password", login.password, "Please type your password."),
    ] {
        if text.is_empty() {
            form.add_error(field, error);
        }
    }
    if form.is_valid() {
        let name = login.login.trim();
        let typed = name.to_owned();
        let found = db.run(move |connection| User::by_login(&typed, connection)).await?;
        let (user, stored) = found.map_or((None, None), |(user, hash)| (Some(user), hash));
        if let Err(error) = attempts.count(name, user.as_ref()) {
            form.add_wait("password", error)?;
            return Ok(page(&form, remember_me, &login.unsent).into());
        }
        let verdict = passwords.verify(login.password, stored.clone()).await?;
        if let Some(user) = user.filter(|_| verdict != Verdict::Wrong) {
            let nickname = user.nickname.clone();
            let work = move |connection: &mut diesel_autogen::Connection| {
                // The password may have changed, or the account may have been deleted, during the verification.
                if !user.has_password_hash(stored.as_deref(), connection)? {
                    return Ok(None);
                }
                if let Verdict::Rehashed(hash) = &verdict {
                    user.set_password_hash(hash, connection)?;
                }
                visitor.sign_in(&user, remember_me, connection).map(Some)
            };
            if let Some(session) = db.write(work).await? {
                session.set_cookies(cookies);
                if !login.unsent.is_empty() && safe_redirect::is_local(login.next) {
                    return Ok(unsent_page(&nickname, login.next, &login.unsent).into());
                }
                return Ok(safe_redirect::to(login.next, links::home).into());
            }
        }
        form.add_error("password", "This nickname or e-mail address and this password do not belong together.");
    }
    Ok(page(&form, remember_me, &login.unsent).into())
}

#[post("/logout")]
pub async fn sign_out(visitor: Visitor, cookies: &CookieJar<'_>, db: &Db) -> HandlerResult {
    let session = visitor.clone();
    db.write(move |connection| session.end_session(connection)).await?;
    visitor.remove_cookie(cookies);
    Ok(Flash::new(Redirect::to(links::home()), "You are signed out.").into())
}

fn page(form: &Fields, remember_me: bool, unsent: &BTreeMap<&str, &str>) -> Page {
    Page::new("sign_in.html").form(form).with("remember_me", &remember_me).with("unsent", unsent)
}

/// A field of a form that has not been sent.
#[derive(Serialize)]
#[serde(crate = "rocket::serde")]
struct Unsent<'a> {
    name: &'a str,
    label: &'static str,
    value: &'a str,
}

fn unsent_page(nickname: &str, action: &str, typed: &BTreeMap<&str, &str>) -> Page {
    let labels = [("body", "Your post"), ("nickname", "Nickname"), ("about_me", "About me")];
    let field = |(name, label): (&'static str, &'static str)| {
        let value = *typed.get(name)?;
        Some(Unsent { name, label, value })
    };
    let fields: Vec<_> = labels.into_iter().filter_map(field).collect();
    Page::new("unsent.html").signed_in_as(nickname).with("action", &action).with("fields", &fields)
}
