//! `/health`, for monitoring: 200 if the database responds and has the migrations that the site needs, else 503. It may
//! have newer ones: a node of the previous release goes on while the nodes are replaced.

use std::collections::BTreeSet;

use config::Config;
use diesel::prelude::*;
use diesel_autogen::Connection;
use rocket::fairing::{AdHoc, Fairing};
use rocket::http::Status;
use rocket::{State, get, routes};

use crate::site::error::AppResult;
use crate::site::migrations;
use crate::site::pool::Db;
use crate::site::response::HandlerResult;

diesel::table! {
    /// The table of applied migrations of `diesel_migrations`.
    __diesel_schema_migrations (version) {
        version -> VarChar,
    }
}

/// The fairing that serves it.
pub fn stage() -> impl Fairing {
    AdHoc::try_on_ignite("Health", |rocket| async {
        let url = rocket.state::<Config>().map(|config| &config.database_url);
        match url.map(migrations::versions) {
            Some(Ok(versions)) => Ok(rocket.manage(Needed(versions)).mount("/", routes![health])),
            _ => Err(rocket),
        }
    })
}

/// The versions of all embedded migrations.
struct Needed(BTreeSet<String>);

#[get("/health")]
async fn health(needed: &State<Needed>, db: &Db) -> HandlerResult {
    let (status, text) = match db.run(applied).await {
        Ok(applied) if applied.is_superset(&needed.0) => (Status::Ok, "ok\n"),
        Ok(_) => (Status::ServiceUnavailable, "the database is not at the version that the site needs\n"),
        Err(error) => {
            log::warn!("GET /health: {error}");
            (Status::ServiceUnavailable, "the database does not respond\n")
        }
    };
    Ok((status, text).into())
}

fn applied(connection: &mut Connection) -> AppResult<BTreeSet<String>> {
    let versions: Vec<String> =
        __diesel_schema_migrations::table.select(__diesel_schema_migrations::version).load(connection)?;
    Ok(versions.into_iter().collect())
}
