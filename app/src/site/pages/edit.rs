//! The form to edit one's profile: the nickname and the text about oneself.

use rocket::fairing::{AdHoc, Fairing};
use rocket::form::Form;
use rocket::response::Redirect;
use rocket::{FromForm, get, post, routes};

use super::sign_in;
use crate::models::User;
use crate::site::auth::Visitor;
use crate::site::error::AppError;
use crate::site::flash::Flash;
use crate::site::forms::{self, Fields};
use crate::site::links;
use crate::site::pool::Db;
use crate::site::response::HandlerResult;
use crate::site::templates::Page;

/// The fairing that serves it.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Edit profile", |rocket| async { rocket.mount("/", routes![show, submit]) })
}

#[derive(FromForm)]
pub struct Profile<'r> {
    #[field(default = "")]
    nickname: &'r str,
    #[field(default = "")]
    about_me: &'r str,
}

#[get("/edit")]
pub async fn show(visitor: Visitor, db: &Db) -> HandlerResult {
    let viewer = db.run(move |connection| visitor.require(connection)).await?;
    let about_me = viewer.about_me.as_deref().unwrap_or_default();
    Ok(page(&Fields::new([("nickname", viewer.nickname.as_str()), ("about_me", about_me)]), &viewer).into())
}

#[post("/edit", data = "<typed>")]
pub async fn submit(typed: Form<Profile<'_>>, visitor: Visitor, db: &Db) -> HandlerResult {
    let (nickname, about_me) = (typed.nickname.to_owned(), forms::normalize(typed.about_me));
    let mut form = Fields::new([("nickname", nickname.as_str()), ("about_me", about_me.as_str())])
        .checked("nickname", forms::nickname(&nickname))
        .checked("about_me", forms::about_me(&about_me));
    let profile = links::user(&nickname);
    let is_valid = form.is_valid();
    let unsent = [("nickname", nickname.clone()), ("about_me", about_me.clone())];
    let changed = db.write(move |connection| {
        let viewer = visitor.require(connection)?;
        let counted = visitor.count_change(&viewer);
        // Who has a reserved nickname already may keep it.
        let is_same = nickname.eq_ignore_ascii_case(&viewer.nickname);
        let named = if is_same { Ok(()) } else { forms::new_nickname(&nickname) };
        let is_stored = is_valid && counted.is_ok() && named.is_ok();
        let stored = if is_stored { viewer.set_profile(&nickname, &about_me, connection) } else { Ok(()) };
        Ok::<_, AppError>((viewer, counted, named, stored))
    });
    let (viewer, counted, named, stored) = match changed.await {
        Err(AppError::SignInFirst) => return Ok(sign_in::keep(links::edit_profile(), &unsent).into()),
        changed => changed?,
    };
    if let Err(error) = counted {
        form.add_wait("about_me", error)?;
    }
    let mut form = form.checked("nickname", named);
    if let Err(error) = stored {
        form.add_model_error(error)?;
    }
    if form.is_valid() {
        return Ok(Flash::new(Redirect::to(profile), "Your changes have been saved.").into());
    }
    Ok(page(&form, &viewer).into())
}

fn page(form: &Fields, viewer: &User) -> Page {
    Page::new("edit.html")
        .viewer(Some(viewer))
        .form(form)
        .with("max_length", &User::ABOUT_ME_LENGTH)
        .with("action", &links::edit_profile())
}
