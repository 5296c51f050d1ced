//! The form to change one's nickname and what one says of oneself.

use rocket::fairing::{AdHoc, Fairing};
use rocket::form::Form;
use rocket::response::Redirect;
use rocket::{FromForm, get, post, routes, uri};

use super::user_page;
use crate::models::User;
use crate::site::auth::Visitor;
use crate::site::flash::Flash;
use crate::site::forms::{self, Fields};
use crate::site::templates::Page;
use crate::site::{AppError, AppResult, Db};

/// The fairing that serves it.
pub fn stage() -> impl Fairing {
    AdHoc::on_ignite("Edit profile", |rocket| async { rocket.mount("/", routes![show, submit]) })
}

/// The link of it.
pub fn link() -> String {
    uri!(show).to_string()
}

/// What is typed into the form.
#[derive(FromForm)]
struct Profile<'r> {
    #[field(default = "")]
    nickname: &'r str,
    #[field(default = "")]
    about_me: &'r str,
}

#[get("/edit")]
async fn show(visitor: Visitor, db: &Db) -> AppResult<Page> {
    let viewer = db.run(move |connection| visitor.require(connection)).await?;
    let about_me = viewer.about_me.as_deref().unwrap_or_default();
    Ok(page(&Fields::new([("nickname", viewer.nickname.as_str()), ("about_me", about_me)]), &viewer))
}

#[post("/edit", data = "<typed>")]
async fn submit(typed: Form<Profile<'_>>, visitor: Visitor, db: &Db) -> AppResult<Result<Flash, Page>> {
    let (nickname, about_me) = (typed.nickname.to_owned(), forms::tidy(typed.about_me));
    let mut form = Fields::new([("nickname", nickname.as_str()), ("about_me", about_me.as_str())])
        .checked("nickname", forms::nickname(&nickname))
        .checked("about_me", forms::about_me(&about_me));
    let back = Redirect::to(user_page(&nickname));
    let are_good = form.are_good();
    let (viewer, stored) = db
        .write(move |connection| {
            let viewer = visitor.require(connection)?;
            let stored = if are_good { viewer.set_profile(&nickname, &about_me, connection) } else { Ok(()) };
            Ok::<_, AppError>((viewer, stored))
        })
        .await?;
    if let Err(error) = stored {
        form.refused(error)?;
    }
    if form.are_good() {
        return Ok(Ok(Flash::new(back, "Your changes have been saved.")));
    }
    Ok(Err(page(&form, &viewer)))
}

fn page(form: &Fields, viewer: &User) -> Page {
    Page::new("edit.html")
        .viewer(Some(viewer))
        .form(form)
        .with("longest", &User::ABOUT_ME_LENGTH)
        .with("action", &uri!(submit).to_string())
}
