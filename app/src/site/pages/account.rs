//! The account of the signed-in user: the password, the sessions, and deletion.

use rocket::fairing::{AdHoc, Fairing};
use rocket::form::Form;
use rocket::http::CookieJar;
use rocket::response::Redirect;
use rocket::serde::Serialize;
use rocket::{FromForm, State, get, post, routes};

use super::timeline::Moment;
use crate::models::{Session, User};
use crate::site::auth::password::{Passwords, Verdict};
use crate::site::auth::{self, Attempts, Visitor};
use crate::site::error::{AppError, AppResult};
use crate::site::flash::{Flash, FlashMessage};
use crate::site::forms::{self, Fields};
use crate::site::pool::Db;
use crate::site::response::HandlerResult;
use crate::site::templates::Page;
use crate::site::{links, user_agent};

/// The fairing that serves it.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Account", |rocket| async {
        rocket.mount("/", routes![show, change_password, end_session, sign_out_everywhere, delete])
    })
}

#[get("/account")]
pub async fn show(flash: FlashMessage<'_>, visitor: Visitor, db: &Db) -> HandlerResult {
    Ok(page(visitor, fields(), db).await?.flash(flash).into())
}

#[derive(FromForm)]
pub struct PasswordChange<'r> {
    #[field(default = "")]
    old_password: &'r str,
    #[field(default = "")]
    new_password: &'r str,
}

#[post("/account/password", data = "<typed>")]
pub async fn change_password(
    typed: Form<PasswordChange<'_>>,
    visitor: Visitor,
    attempts: Attempts<'_>,
    cookies: &CookieJar<'_>,
    passwords: &State<Passwords>,
    db: &Db,
) -> HandlerResult {
    let mut form = fields().checked("new_password", forms::new_password(typed.new_password));
    let account = Account::load(&visitor, db).await?;
    if form.is_valid() && account.has_password(typed.old_password, &attempts, passwords).await? {
        let (hash, visitor) = (passwords.hash(typed.new_password).await?, visitor.clone());
        let changed = db
            .write(move |connection| {
                if !account.user.has_password_hash(account.hash.as_deref(), connection)? {
                    return Ok(None);
                }
                account.user.set_password_hash(&hash, connection)?;
                visitor.replace_sessions(&account.user, connection).map(Some)
            })
            .await?;
        if let Some(session) = changed {
            session.set_cookies(cookies);
            let message = "Your password is changed. Wherever else you were signed in, you no longer are.";
            return Ok(Flash::new(Redirect::to(links::account()), message).into());
        }
    }
    if form.is_valid() {
        form.add_error("old_password", "This is not your password.");
    }
    Ok(page(visitor, form, db).await?.into())
}

#[post("/account/sessions/<id>/end")]
pub async fn end_session(id: Option<i32>, visitor: Visitor, db: &Db) -> HandlerResult {
    let id = id.ok_or(AppError::NotFound)?;
    let is_ended = db.write(move |connection| {
        Session::end_one(id, &visitor.require(connection)?, connection).map_err(AppError::from)
    });
    if !is_ended.await? {
        return Err(AppError::NotFound);
    }
    Ok(Flash::new(Redirect::to(links::account()), "That session is ended.").into())
}

#[post("/account/sign-out-everywhere")]
pub async fn sign_out_everywhere(visitor: Visitor, cookies: &CookieJar<'_>, db: &Db) -> HandlerResult {
    let sender = visitor.clone();
    db.write(move |connection| Session::end_all(&sender.require(connection)?, connection).map_err(AppError::from))
        .await?;
    visitor.remove_cookie(cookies);
    Ok(Flash::new(Redirect::to(links::home()), "You are signed out everywhere.").into())
}

#[derive(FromForm)]
pub struct AccountDeletion<'r> {
    #[field(default = "")]
    password: &'r str,
}

#[post("/account/delete", data = "<typed>")]
pub async fn delete(
    typed: Form<AccountDeletion<'_>>,
    visitor: Visitor,
    attempts: Attempts<'_>,
    cookies: &CookieJar<'_>,
    passwords: &State<Passwords>,
    db: &Db,
) -> HandlerResult {
    let account = Account::load(&visitor, db).await?;
    if account.has_password(typed.password, &attempts, passwords).await? {
        let work = move |connection: &mut diesel_autogen::Connection| {
            let is_unchanged = account.user.has_password_hash(account.hash.as_deref(), connection)?;
            if is_unchanged {
                account.user.delete(connection)?;
            }
            Ok::<_, AppError>(is_unchanged)
        };
        if db.write(work).await? {
            visitor.remove_cookie(cookies);
            return Ok(Flash::new(Redirect::to(links::home()), "Your account is deleted.").into());
        }
    }
    let mut form = fields();
    form.add_error("password", "This is not your password.");
    Ok(page(visitor, form, db).await?.into())
}

/// The fields of all forms on the page. A password is never shown again.
fn fields() -> Fields {
    Fields::new([("old_password", ""), ("new_password", ""), ("password", "")])
}

/// The signed-in user, with the hash of the password that has to be typed again.
struct Account {
    user: User,
    hash: Option<String>,
}

impl Account {
    async fn load(visitor: &Visitor, db: &Db) -> AppResult<Self> {
        let visitor = visitor.clone();
        db.run(move |connection| {
            let user = visitor.require(connection)?;
            let hash = user.password_hash(connection)?;
            Ok::<_, AppError>(Self { user, hash })
        })
        .await
    }

    async fn has_password(&self, typed: &str, attempts: &Attempts<'_>, passwords: &Passwords) -> AppResult<bool> {
        attempts.count(&self.user.nickname, Some(&self.user))?;
        Ok(passwords.verify(typed, self.hash.clone()).await? != Verdict::Wrong)
    }
}

/// A session as the page lists it.
#[derive(Serialize)]
#[serde(crate = "rocket::serde")]
struct SessionItem {
    browser: String,
    since: Moment,
    used: Option<Moment>,
    from: Option<String>,
    is_this: bool,
    end_link: String,
}

async fn page(visitor: Visitor, form: Fields, db: &Db) -> AppResult<Page> {
    let (user, this, sessions) = db
        .run(move |connection| {
            let (this, user) = visitor.session(connection)?.ok_or(AppError::SignInFirst)?;
            let sessions = Session::of(&user, auth::now(), connection)?;
            Ok::<_, AppError>((user, this, sessions))
        })
        .await?;
    let sessions: Vec<_> = sessions
        .into_iter()
        .map(|session| SessionItem {
            is_this: session.id == this.id,
            since: Moment::new(session.created_at),
            used: session.last_used.map(Moment::new),
            from: session.client_ip,
            end_link: links::end_session(session.id),
            browser: user_agent::describe(&session.user_agent),
        })
        .collect();
    let links = [
        ("password_link", links::change_password()),
        ("sign_out_everywhere_link", links::sign_out_everywhere()),
        ("delete_link", links::delete_account()),
    ];
    let page = Page::new("account.html").viewer(Some(&user)).form(&form).with("sessions", &sessions);
    Ok(links.iter().fold(page.with("email", &user.email), |page, (name, link)| page.with(name, link)))
}
