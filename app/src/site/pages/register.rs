//! The form to register a new account.

use rocket::fairing::{AdHoc, Fairing};
use rocket::form::Form;
use rocket::http::CookieJar;
use rocket::response::Redirect;
use rocket::{FromForm, State, get, post, routes};

use crate::models::NewUser;
use crate::site::auth::password::Passwords;
use crate::site::auth::{Attempts, Visitor};
use crate::site::error::AppError;
use crate::site::flash::Flash;
use crate::site::forms::{self, Fields};
use crate::site::links;
use crate::site::pool::Db;
use crate::site::response::HandlerResult;
use crate::site::templates::Page;

/// The fairing that serves it.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Register", |rocket| async { rocket.mount("/", routes![show, submit]) })
}

#[derive(FromForm)]
struct Registration<'r> {
    #[field(default = "")]
    nickname: &'r str,
    #[field(default = "")]
    email: &'r str,
    #[field(default = "")]
    password: &'r str,
}

#[get("/register")]
pub async fn show(visitor: Visitor, db: &Db) -> HandlerResult {
    if visitor.is_signed_in(db).await? {
        return Ok(Redirect::to(links::home()).into());
    }
    Ok(page(&Fields::new([("nickname", ""), ("email", ""), ("password", "")])).into())
}

#[post("/register", data = "<typed>")]
async fn submit(
    typed: Form<Registration<'_>>,
    visitor: Visitor,
    attempts: Attempts<'_>,
    cookies: &CookieJar<'_>,
    passwords: &State<Passwords>,
    db: &Db,
) -> HandlerResult {
    let (nickname, email) = (typed.nickname.to_owned(), typed.email.trim().to_owned());
    let mut form = Fields::new([("nickname", nickname.as_str()), ("email", email.as_str()), ("password", "")])
        .checked("nickname", forms::new_nickname(&nickname))
        .checked("email", forms::email(&email))
        .checked("password", forms::new_password(typed.password));
    if form.is_valid()
        && let Err(error) = attempts.count(&nickname, None)
    {
        form.add_wait("password", error)?;
    }
    if form.is_valid() {
        let hash = passwords.hash(typed.password).await?;
        let stored = db
            .write(move |connection| {
                let user = match NewUser::new(&nickname, &email)
                    .and_then(|user| user.password_hash(&hash).insert(connection))
                {
                    Ok(user) => user,
                    Err(error) => return Ok(Err(error)),
                };
                Ok::<_, AppError>(Ok(visitor.sign_in(&user, false, connection)?))
            })
            .await?;
        match stored {
            Ok(session) => {
                session.set_cookies(cookies);
                return Ok(Flash::new(Redirect::to(links::home()), "Welcome! Your account is ready.").into());
            }
            Err(error) => form.add_model_error(error)?,
        }
    }
    Ok(page(&form).into())
}

fn page(form: &Fields) -> Page {
    Page::new("register.html").form(form)
}
