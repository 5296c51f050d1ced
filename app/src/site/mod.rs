//! The web site: Rocket, put together from one fairing a room.

#[allow(clippy::needless_pass_by_value, reason = "Rocket hands its handlers owned values")]
mod assets;
mod atom;
pub mod auth;
mod browser;
mod caching;
mod catchers;
mod client;
mod cookies;
mod embedded;
mod error;
mod flash;
pub mod forms;
mod headers;
mod local;
pub mod logging;
pub mod migrations;
mod origin;
#[allow(clippy::needless_pass_by_value, reason = "Rocket hands its handlers owned values")]
mod pages;
pub mod pool;
pub mod settings;
pub mod startup;
mod templates;
mod text;

pub use error::{AppError, AppResult};
pub use pool::Db;
pub use startup::StartError;

use config::Config;
use rocket::{Build, Rocket};

/// The site, ready to launch. The database is to be checked before: [`startup::check_database`].
///
/// # Errors
///
/// When one of Rocket's settings is not allowed, or a template is broken.
pub fn rocket(config: Config) -> Result<Rocket<Build>, StartError> {
    let figment = settings::figment(&config)?;
    Ok(rocket::custom(figment)
        .manage(config)
        .attach(pool::stage())
        .attach(templates::stage()?)
        .attach(cookies::stage())
        .attach(headers::stage())
        .attach(caching::stage())
        .attach(origin::stage())
        .attach(auth::stage())
        .attach(assets::stage())
        .attach(catchers::stage())
        .attach(pages::stage()))
}
