//! What belongs to whoever is signed in: the password, the places where they are signed in, and the end of the account.

use rocket::fairing::{AdHoc, Fairing};
use rocket::form::Form;
use rocket::http::CookieJar;
use rocket::response::Redirect;
use rocket::serde::Serialize;
use rocket::{FromForm, State, get, post, routes, uri};

use super::timeline::Moment;
use crate::models::{Session, User};
use crate::site::auth::password::{Passwords, Verdict};
use crate::site::auth::{self, Attempts, Visitor};
use crate::site::flash::{Flash, FlashMessage};
use crate::site::forms::{self, Fields};
use crate::site::templates::Page;
use crate::site::{AppError, AppResult, Db, browser};

/// The fairing that serves it.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Account", |rocket| async {
        rocket.mount("/", routes![show, change_password, sign_out_everywhere, delete])
    })
}

/// Either the next page, or the form again.
type Answer = AppResult<Result<Flash, Page>>;

#[get("/account")]
pub async fn show(flash: FlashMessage<'_>, visitor: Visitor, db: &Db) -> AppResult<Page> {
    Ok(page(visitor, fields(), db).await?.flash(flash))
}

#[derive(FromForm)]
struct PasswordChange<'r> {
    #[field(default = "")]
    old_password: &'r str,
    #[field(default = "")]
    new_password: &'r str,
}

#[post("/account/password", data = "<typed>")]
async fn change_password(
    typed: Form<PasswordChange<'_>>,
    visitor: Visitor,
    attempts: Attempts<'_>,
    cookies: &CookieJar<'_>,
    passwords: &State<Passwords>,
    db: &Db,
) -> Answer {
    let mut form = fields().checked("new_password", forms::new_password(typed.new_password));
    let asker = Asker::load(&visitor, db).await?;
    if form.are_good() && asker.has_password(typed.old_password, &attempts, passwords).await? {
        let (hash, visitor) = (passwords.hash(typed.new_password).await?, visitor.clone());
        let changed = db
            .write(move |connection| {
                if !asker.user.has_password_hash(asker.hash.as_deref(), connection)? {
                    return Ok(None);
                }
                asker.user.set_password_hash(&hash, connection)?;
                visitor.sign_in_anew(&asker.user, connection).map(Some)
            })
            .await?;
        if let Some(session) = changed {
            session.remember(cookies);
            let done = "Your password is changed. Wherever else you were signed in, you no longer are.";
            return Ok(Ok(Flash::new(Redirect::to(uri!(show)), done)));
        }
    }
    if form.are_good() {
        form.refuse("old_password", "This is not your password.");
    }
    Ok(Err(page(visitor, form, db).await?))
}

#[post("/account/sign-out-everywhere")]
async fn sign_out_everywhere(visitor: Visitor, cookies: &CookieJar<'_>, db: &Db) -> AppResult<Flash> {
    let asker = visitor.clone();
    db.write(move |connection| Session::end_all(&asker.require(connection)?, connection).map_err(AppError::from))
        .await?;
    visitor.forget(cookies);
    Ok(Flash::new(Redirect::to(super::home_page()), "You are signed out everywhere."))
}

#[derive(FromForm)]
struct Farewell<'r> {
    #[field(default = "")]
    password: &'r str,
}

#[post("/account/delete", data = "<typed>")]
async fn delete(
    typed: Form<Farewell<'_>>,
    visitor: Visitor,
    attempts: Attempts<'_>,
    cookies: &CookieJar<'_>,
    passwords: &State<Passwords>,
    db: &Db,
) -> Answer {
    let asker = Asker::load(&visitor, db).await?;
    if asker.has_password(typed.password, &attempts, passwords).await? {
        let work = move |connection: &mut migrate::Connection| {
            let is_still_right = asker.user.has_password_hash(asker.hash.as_deref(), connection)?;
            if is_still_right {
                asker.user.delete(connection)?;
            }
            Ok::<_, AppError>(is_still_right)
        };
        if db.write(work).await? {
            visitor.forget(cookies);
            return Ok(Ok(Flash::new(Redirect::to(super::home_page()), "Your account is deleted.")));
        }
    }
    let mut form = fields();
    form.refuse("password", "This is not your password.");
    Ok(Err(page(visitor, form, db).await?))
}

/// No password is shown again.
fn fields() -> Fields {
    Fields::new([("old_password", ""), ("new_password", ""), ("password", "")])
}

/// Who asks for what only they may ask for, with the hash of the password that proves it.
struct Asker {
    user: User,
    hash: Option<String>,
}

impl Asker {
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
struct Place {
    browser: String,
    since: Moment,
    is_this: bool,
}

async fn page(visitor: Visitor, form: Fields, db: &Db) -> AppResult<Page> {
    let (user, this, sessions) = db
        .run(move |connection| {
            let (this, user) = visitor.session(connection)?.ok_or(AppError::SignInFirst)?;
            let sessions = Session::of(&user, auth::now(), connection)?;
            Ok::<_, AppError>((user, this, sessions))
        })
        .await?;
    let places: Vec<_> = sessions
        .into_iter()
        .map(|session| Place {
            is_this: session.id == this.id,
            since: Moment::new(session.created_at),
            browser: browser::name(&session.user_agent),
        })
        .collect();
    let links = [
        ("password_link", uri!(change_password).to_string()),
        ("sign_out_everywhere_link", uri!(sign_out_everywhere).to_string()),
        ("delete_link", uri!(delete).to_string()),
    ];
    let page = Page::new("account.html").viewer(Some(&user)).form(&form).with("sessions", &places);
    Ok(links.iter().fold(page.with("email", &user.email), |page, (name, link)| page.with(name, link)))
}
