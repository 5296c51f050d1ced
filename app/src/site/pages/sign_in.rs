//! Signing in and out.

use rocket::fairing::{AdHoc, Fairing};
use rocket::form::Form;
use rocket::http::CookieJar;
use rocket::response::Redirect;
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
}

#[get("/login?<next>")]
pub async fn show(next: Option<String>, flash: FlashMessage<'_>, visitor: Visitor, db: &Db) -> HandlerResult {
    if visitor.has_token() && db.run(move |connection| visitor.load(connection)).await?.is_some() {
        return Ok(Redirect::to(links::home()).into());
    }
    let form = Fields::new([("login", ""), ("password", ""), ("next", next.as_deref().unwrap_or_default())]);
    Ok(page(&form, false).flash(flash).into())
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
        attempts.count(name, user.as_ref())?;
        let verdict = passwords.verify(login.password, stored.clone()).await?;
        if let Some(user) = user.filter(|_| verdict != Verdict::Wrong) {
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
                return Ok(safe_redirect::to(login.next, links::home).into());
            }
        }
        form.add_error("password", "This nickname or e-mail address and this password do not belong together.");
    }
    Ok(page(&form, remember_me).into())
}

#[post("/logout")]
pub async fn sign_out(visitor: Visitor, cookies: &CookieJar<'_>, db: &Db) -> HandlerResult {
    let session = visitor.clone();
    db.run(move |connection| session.end_session(connection)).await?;
    visitor.remove_cookie(cookies);
    Ok(Flash::new(Redirect::to(links::home()), "You are signed out.").into())
}

fn page(form: &Fields, remember_me: bool) -> Page {
    Page::new("sign_in.html").form(form).with("remember_me", &remember_me)
}
