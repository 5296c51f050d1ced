//! The web site: Rocket, composed of one fairing per feature.

mod assets;
mod atom;
pub mod auth;
mod caching;
mod catchers;
mod client_ip;
mod cookies;
mod csrf;
mod embedded;
mod error;
mod failure;
mod flash;
pub mod forms;
mod headers;
mod links;
pub mod logging;
pub mod migrations;
#[allow(clippy::needless_pass_by_value, reason = "Rocket passes owned values to handlers")]
#[allow(clippy::unnecessary_wraps, reason = "all handlers have one result type")]
mod pages;
pub mod pool;
mod replica;
mod response;
mod safe_redirect;
pub mod settings;
pub mod startup;
mod templates;
mod text;
mod user_agent;

pub use error::{AppError, AppResult};
pub use pool::Db;
pub use startup::StartError;

use config::Config;
use rocket::{Build, Rocket};

/// The site, ready to launch. Check the database first, by [`startup::check_database`].
///
/// # Errors
///
/// When a setting of Rocket is invalid, or a template is broken.
pub fn rocket(config: Config) -> Result<Rocket<Build>, StartError> {
    let figment = settings::figment(&config)?;
    Ok(rocket::custom(figment)
        .manage(config)
        .attach(pool::stage())
        .attach(replica::stage())
        .attach(templates::stage()?)
        .attach(cookies::stage())
        .attach(headers::stage())
        .attach(caching::stage())
        .attach(csrf::stage())
        .attach(auth::stage())
        .attach(assets::stage())
        .attach(catchers::stage())
        .attach(pages::stage()))
}
