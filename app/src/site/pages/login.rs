//! The form to sign in. It checks what is typed and says what was asked for; accounts are not there yet.

use rocket::fairing::{AdHoc, Fairing};
use rocket::form::{self, Contextual, Form};
use rocket::http::Status;
use rocket::request::FlashMessage;
use rocket::response::{Flash, Redirect};
use rocket::{FromForm, get, post, routes, uri};

use crate::models::User;
use crate::site::templates::Page;

/// The fairing that serves it.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Sign in", |rocket| async { rocket.mount("/", routes![show, submit]) })
}

/// What is typed into the form.
#[derive(FromForm)]
struct Login<'r> {
    #[field(validate = is_nickname())]
    nickname: &'r str,
    remember_me: bool,
}

#[get("/login")]
pub fn show(flash: Option<FlashMessage<'_>>) -> Page {
    page(&form::Context::default()).flash(flash)
}

#[post("/login", data = "<login>")]
fn submit(login: Form<Contextual<'_, Login<'_>>>) -> Result<Flash<Redirect>, Page> {
    match &login.value {
        Some(Login { nickname, remember_me }) => Ok(Flash::success(
            Redirect::to(uri!("/index")),
            format!("Login requested for nickname \"{nickname}\", remember_me={remember_me}"),
        )),
        None => Err(page(&login.context).status(Status::UnprocessableEntity)),
    }
}

/// The form, with what was typed and with what is wrong with it.
fn page(typed: &form::Context<'_>) -> Page {
    let error = typed.field_errors("nickname").next().map(|error| match &error.kind {
        form::error::ErrorKind::Validation(message) => message.to_string(),
        _ => NICKNAME_REQUIRED.to_owned(),
    });
    Page::new("login.html")
        .with("nickname", &typed.field_value("nickname").unwrap_or_default())
        .with("nickname_error", &error)
        .with("remember_me", &typed.field_value("remember_me").is_some())
}

const NICKNAME_REQUIRED: &str = "Please type your nickname.";

fn is_nickname<'v>(text: &&str) -> form::Result<'v, ()> {
    let refused = |why: String| Err(form::Error::validation(why).into());
    if text.is_empty() {
        return refused(NICKNAME_REQUIRED.into());
    }
    if text.chars().count() > User::NICKNAME_LENGTH {
        return refused(format!("A nickname has at most {} characters.", User::NICKNAME_LENGTH));
    }
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.') {
        return refused("A nickname has letters from A to Z, digits, dots and underscores only.".into());
    }
    Ok(())
}
