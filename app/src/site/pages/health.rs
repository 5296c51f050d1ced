//! `/health`, for whoever watches the site: 200 when the database answers and is at the version that the site needs.

use std::collections::BTreeSet;

use config::Config;
use diesel::prelude::*;
use migrate::Connection;
use rocket::fairing::{AdHoc, Fairing};
use rocket::http::Status;
use rocket::{State, get, routes};

use crate::site::{AppError, Db, migrations};

diesel::table! {
    /// The table that `diesel_migrations` keeps.
    __diesel_schema_migrations (version) {
        version -> VarChar,
    }
}

/// The fairing that serves it.
pub fn stage() -> impl Fairing {
    AdHoc::try_on_ignite("Health", |rocket| async {
        let url = rocket.state::<Config>().map(|config| &config.database_url);
        match url.map(migrations::embedded) {
            Some(Ok(scripts)) => {
                let needed = Needed(scripts.iter().map(migrate::Migration::version).collect());
                Ok(rocket.manage(needed).mount("/", routes![health]))
            }
            _ => Err(rocket),
        }
    })
}

/// The migrations that a current database has had, by the versions that Diesel records.
struct Needed(BTreeSet<String>);

#[get("/health")]
async fn health(needed: &State<Needed>, db: &Db) -> (Status, &'static str) {
    match db.run(applied).await {
        Ok(applied) if applied == needed.0 => (Status::Ok, "ok\n"),
        Ok(_) => (Status::ServiceUnavailable, "the database is not at the version that the site needs\n"),
        Err(error) => {
            log::warn!("GET /health: {error}");
            (Status::ServiceUnavailable, "the database does not answer\n")
        }
    }
}

fn applied(connection: &mut Connection) -> Result<BTreeSet<String>, AppError> {
    let versions: Vec<String> =
        __diesel_schema_migrations::table.select(__diesel_schema_migrations::version).load(connection)?;
    Ok(versions.into_iter().collect())
}
