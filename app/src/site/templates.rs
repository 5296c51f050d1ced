//! Pages from templates: embedded in the program, and read from disk at each request in a debug build.
//!
//! Every name ends in `.html`, which is what makes Tera escape all that a page shows.

use std::collections::BTreeMap;

use rocket::fairing::{AdHoc, Fairing};
use rocket::http::Status;
use rocket::request::Request;
use rocket::response::content::RawHtml;
use rocket::response::{self, Responder};
use rocket::serde::Serialize;
use tera::{Context, Tera};

use super::catchers::{self, Failure};
use super::embedded::{TEMPLATES, current};
use super::flash::FlashMessage;
use super::forms::Fields;
use super::{StartError, assets, pages};
use crate::models::User;

/// The fairing that holds the templates.
pub fn stage() -> Result<impl Fairing, StartError> {
    let templates = Templates { embedded: parse(TEMPLATES.iter().copied())? };
    Ok(AdHoc::on_ignite("Templates", |rocket| async { rocket.manage(templates) }))
}

/// An answer made from a template.
pub struct Page {
    template: &'static str,
    context: Context,
    status: Status,
    mistakes: BTreeMap<&'static str, String>,
}

impl Page {
    /// The page of that template.
    pub fn new(template: &'static str) -> Self {
        Self { template, context: Context::new(), status: Status::Ok, mistakes: BTreeMap::new() }
    }

    /// Hands the template a value.
    pub fn with(mut self, name: &'static str, value: &impl Serialize) -> Self {
        self.context.insert(name, value);
        self
    }

    /// Shows a form. With mistakes in it the answer is 422, in JSON for who asks for JSON.
    pub fn form(self, fields: &Fields) -> Self {
        let page = Self { mistakes: fields.mistakes(), ..self }.with("form", fields);
        if page.mistakes.is_empty() { page } else { page.status(Status::UnprocessableEntity) }
    }

    /// Shows who is signed in.
    pub fn viewer(self, viewer: Option<&User>) -> Self {
        match viewer {
            Some(viewer) => {
                self.with("viewer", &viewer.nickname).with("profile_page", &pages::user_page(&viewer.nickname))
            }
            None => self,
        }
    }

    /// Shows the message that the page before left, if there is one.
    pub fn flash(self, message: FlashMessage<'_>) -> Self {
        match message.take() {
            Some(message) => self.with("flash", &message),
            None => self,
        }
    }

    /// Answers with another status than 200.
    pub fn status(self, status: Status) -> Self {
        Self { status, ..self }
    }
}

impl<'r> Responder<'r, 'static> for Page {
    fn respond_to(mut self, request: &'r Request<'_>) -> response::Result<'static> {
        if !self.mistakes.is_empty() && catchers::is_json_asked(request) {
            Failure { mistakes: self.mistakes, ..Failure::default() }.leave(request);
            return Err(self.status);
        }
        // The menu marks the page that is open.
        self.context.insert("here", request.uri().path().as_str());
        let templates = request.rocket().state::<Templates>().ok_or(Status::InternalServerError)?;
        match templates.render(self.template, &self.context) {
            Ok(html) => (self.status, RawHtml(html)).respond_to(request),
            Err(error) => {
                Failure { why: Some(format!("{}: {error}", self.template)), ..Failure::default() }.leave(request);
                Err(Status::InternalServerError)
            }
        }
    }
}

struct Templates {
    embedded: Tera,
}

impl Templates {
    fn render(&self, template: &str, context: &Context) -> Result<String, StartError> {
        let render = |tera: &Tera| tera.render(template, context).map_err(|error| broken(&error));
        if cfg!(debug_assertions) {
            return render(&parse(TEMPLATES.iter().map(|file| (file.0, current("templates", file))))?);
        }
        render(&self.embedded)
    }
}

fn parse(files: impl IntoIterator<Item = (&'static str, impl AsRef<str>)>) -> Result<Tera, StartError> {
    let mut tera = Tera::new();
    tera.autoescape_on([".html"]);
    for (name, link) in pages::links().into_iter().chain(assets::links()) {
        tera.global_context().insert(name, &link);
    }
    tera.add_raw_templates(files).map_err(|error| broken(&error))?;
    Ok(tera)
}

/// The error and all its causes, in one line.
fn broken(error: &tera::Error) -> StartError {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    StartError::Templates(text.replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_has_a_name_that_is_escaped() {
        assert!(!TEMPLATES.is_empty());
        for (name, _) in TEMPLATES {
            assert_eq!(std::path::Path::new(name).extension(), Some("html".as_ref()), "{name}");
        }
    }

    #[test]
    fn no_template_switches_the_escaping_off() {
        for (name, text) in TEMPLATES {
            assert!(!text.contains("safe"), "{name}");
        }
    }

    #[test]
    fn what_a_template_shows_is_escaped() {
        let tera = parse([("page.html", "<p title=\"{{ text }}\">{{ text }}</p>")]).unwrap();
        let mut context = Context::new();
        context.insert("text", "<script>alert(\"1\")</script>' &");
        let html = tera.render("page.html", &context).unwrap();
        assert!(!html.contains("<script>") && !html.contains("\"1\""), "{html}");
    }
}
