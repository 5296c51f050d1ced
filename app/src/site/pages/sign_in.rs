//! Signing in and out.

use rocket::fairing::{AdHoc, Fairing};
use rocket::form::Form;
use rocket::http::{CookieJar, Method};
use rocket::request::Request;
use rocket::response::Redirect;
use rocket::{FromForm, State, get, post, routes, uri};

use crate::models::User;
use crate::site::auth::password::{Passwords, Verdict};
use crate::site::auth::{Attempts, Visitor};
use crate::site::flash::{Flash, FlashMessage};
use crate::site::forms::Fields;
use crate::site::templates::Page;
use crate::site::{AppResult, Db, local};

/// The fairing that serves them.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Sign in", |rocket| async { rocket.mount("/", routes![show, submit, sign_out]) })
}

/// What is typed into the form.
#[derive(FromForm)]
struct Credentials<'r> {
    #[field(default = "")]
    login: &'r str,
    #[field(default = "")]
    password: &'r str,
    // What cannot be read is not an error, which Rocket would log with all that was sent.
    remember_me: Option<bool>,
    #[field(default = "")]
    next: &'r str,
}

/// The answer to a page that only those see who are signed in: to the form, and back afterwards.
pub fn lead_to(request: &Request<'_>) -> Flash {
    let next = if request.method() == Method::Get { Some(request.uri().to_string()) } else { None };
    Flash::new(Redirect::to(uri!(show(next))), "Please sign in to see this page.")
}

#[get("/login?<next>")]
pub async fn show(
    next: Option<String>,
    flash: FlashMessage<'_>,
    visitor: Visitor,
    db: &Db,
) -> AppResult<Result<Redirect, Page>> {
    if visitor.has_token() && db.run(move |connection| visitor.load(connection)).await?.is_some() {
        return Ok(Ok(Redirect::to(super::home_page())));
    }
    let form = Fields::new([("login", ""), ("password", ""), ("next", next.as_deref().unwrap_or_default())]);
    Ok(Err(page(&form, false).flash(flash)))
}

#[post("/login", data = "<login>")]
async fn submit(
    login: Form<Credentials<'_>>,
    visitor: Visitor,
    attempts: Attempts<'_>,
    cookies: &CookieJar<'_>,
    passwords: &State<Passwords>,
    db: &Db,
) -> AppResult<Result<Redirect, Page>> {
    let mut form = Fields::new([("login", login.login), ("password", ""), ("next", login.next)]);
    let remember_me = login.remember_me.unwrap_or_default();
    for (field, text, why) in [
        ("login", login.login, "Please type your nickname or e-mail address."),
        ("password", login.password, "Please type your password."),
    ] {
        if text.is_empty() {
            form.refuse(field, why);
        }
    }
    if form.are_good() {
        let name = login.login.trim();
        let typed = name.to_owned();
        let found = db.run(move |connection| User::by_login(&typed, connection)).await?;
        let (user, stored) = found.map_or((None, None), |(user, hash)| (Some(user), hash));
        attempts.count(name, user.as_ref())?;
        let verdict = passwords.verify(login.password, stored.clone()).await?;
        if let Some(user) = user.filter(|_| verdict != Verdict::Wrong) {
            let work = move |connection: &mut migrate::Connection| {
                // The password may have been changed, or the account deleted, while it was compared.
                if !user.has_password_hash(stored.as_deref(), connection)? {
                    return Ok(None);
                }
                if let Verdict::Rehashed(hash) = verdict {
                    user.set_password_hash(&hash, connection)?;
                }
                visitor.sign_in(&user, remember_me, connection).map(Some)
            };
            if let Some(session) = db.write(work).await? {
                session.remember(cookies);
                return Ok(Ok(local::to(login.next, super::home_page)));
            }
        }
        form.refuse("password", "This nickname or e-mail address and this password do not belong together.");
    }
    Ok(Err(page(&form, remember_me)))
}

#[post("/logout")]
pub async fn sign_out(visitor: Visitor, cookies: &CookieJar<'_>, db: &Db) -> AppResult<Flash> {
    let session = visitor.clone();
    db.run(move |connection| session.end_session(connection)).await?;
    visitor.forget(cookies);
    Ok(Flash::new(Redirect::to(super::home_page()), "You are signed out."))
}

fn page(form: &Fields, remember_me: bool) -> Page {
    Page::new("sign_in.html").form(form).with("remember_me", &remember_me)
}
