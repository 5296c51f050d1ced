//! Pages from templates: embedded in the program; a debug build reads them from disk at each request.
//!
//! Every template's name ends in `.html`, because Tera escapes the values in templates with that extension.

use std::collections::BTreeMap;
use std::time::Duration;

use rocket::fairing::{AdHoc, Fairing};
use rocket::http::Status;
use rocket::request::Request;
use rocket::response::content::RawHtml;
use rocket::response::{self, Responder};
use rocket::serde::Serialize;
use tera::{Context, Tera};

use super::embedded::{TEMPLATES, current};
use super::failure::{self, Failure};
use super::flash::FlashMessage;
use super::forms::Fields;
use super::links;
use super::startup::StartError;
use crate::models::User;

/// The fairing that holds the templates.
pub fn stage() -> Result<impl Fairing, StartError> {
    let templates = Templates { embedded: parse(TEMPLATES.iter().copied())? };
    Ok(AdHoc::on_ignite("Templates", |rocket| async { rocket.manage(templates) }))
}

/// A response made from a template.
pub struct Page {
    template: &'static str,
    context: Context,
    status: Status,
    form_errors: BTreeMap<&'static str, String>,
    retry_after: Option<Duration>,
}

impl Page {
    /// The page of that template.
    pub fn new(template: &'static str) -> Self {
        Self { template, context: Context::new(), status: Status::Ok, form_errors: BTreeMap::new(), retry_after: None }
    }

    /// Passes a value to the template.
    pub fn with(mut self, name: &'static str, value: &impl Serialize) -> Self {
        self.context.insert(name, value);
        self
    }

    /// Shows a form. If it has errors, the status is 422; a client that prefers JSON gets the errors in JSON.
    pub fn form(self, fields: &Fields) -> Self {
        let page = Self { form_errors: fields.errors(), ..self }.with("form", fields);
        match fields.retry_after() {
            Some(wait) => Self { retry_after: Some(wait), ..page.status(Status::TooManyRequests) },
            None if page.form_errors.is_empty() => page,
            None => page.status(Status::UnprocessableEntity),
        }
    }

    /// Shows the signed-in user in the menu.
    pub fn viewer(self, viewer: Option<&User>) -> Self {
        match viewer {
            Some(viewer) => self.signed_in_as(&viewer.nickname),
            None => self,
        }
    }

    /// As [`viewer`](Self::viewer), by the nickname.
    pub fn signed_in_as(self, nickname: &str) -> Self {
        self.with("viewer", &nickname).with("profile_page", &links::user(nickname))
    }

    /// Shows the message of the previous response, if there is one.
    pub fn flash(self, message: FlashMessage<'_>) -> Self {
        match message.take() {
            Some(message) => self.with("flash", &message),
            None => self,
        }
    }

    /// Sets the status, which is 200 by default.
    pub fn status(self, status: Status) -> Self {
        Self { status, ..self }
    }
}

impl<'r> Responder<'r, 'static> for Page {
    fn respond_to(mut self, request: &'r Request<'_>) -> response::Result<'static> {
        if !self.form_errors.is_empty() && failure::prefers_json(request) {
            let Self { form_errors, retry_after, .. } = self;
            Failure { retry_after, form_errors, ..Failure::default() }.record(request);
            return Err(self.status);
        }
        // The menu marks the current page.
        self.context.insert("here", request.uri().path().as_str());
        let templates = request.rocket().state::<Templates>().ok_or(Status::InternalServerError)?;
        match templates.render(self.template, &self.context) {
            Ok(html) => {
                let mut response = (self.status, RawHtml(html)).respond_to(request)?;
                if let Some(wait) = self.retry_after {
                    response.set_header(failure::retry_after(wait));
                }
                Ok(response)
            }
            Err(error) => {
                Failure { cause: Some(format!("{}: {error}", self.template)), ..Failure::default() }.record(request);
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
    for (name, link) in links::for_templates() {
        tera.global_context().insert(name, &link);
    }
    tera.add_raw_templates(files).map_err(|error| broken(&error))?;
    Ok(tera)
}

/// The error and its chain of causes, in one line.
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
    fn every_name_ends_in_html() {
        assert!(!TEMPLATES.is_empty());
        for (name, _) in TEMPLATES {
            assert_eq!(std::path::Path::new(name).extension(), Some("html".as_ref()), "{name}");
        }
    }

    #[test]
    fn no_template_disables_escaping() {
        for (name, text) in TEMPLATES {
            assert!(!text.contains("safe"), "{name}");
        }
    }

    #[test]
    fn values_are_escaped() {
        let tera = parse([("page.html", "<p title=\"{{ text }}\">{{ text }}</p>")]).unwrap();
        let mut context = Context::new();
        context.insert("text", "<script>alert(\"1\")</script>' &");
        let html = tera.render("page.html", &context).unwrap();
        assert!(!html.contains("<script>") && !html.contains("\"1\""), "{html}");
    }
}
