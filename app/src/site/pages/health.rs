//! `/health`, for monitoring: 200 if the database responds, takes a write (SQLite), and has the migrations that the site
//! needs, else 503. It may have newer ones: a node of the previous release goes on while the nodes are replaced.

use std::collections::BTreeSet;

use config::Config;
use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Integer;
use diesel_autogen::Connection;
use rocket::fairing::{AdHoc, Fairing};
use rocket::http::Status;
use rocket::{State, get, routes};

use crate::site::error::{AppError, AppResult};
use crate::site::migrations;
use crate::site::pool::{self, Db};
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
    let found = db.run(|connection| match write(connection) {
        // Not an error: that would close the connections, and free the room of the WAL file for the next attempt.
        Err(AppError::Unavailable(cause)) if cause.contains("disk is full") => Ok(None),
        written => written.and_then(|()| applied(connection)).map(Some),
    });
    let (status, text) = match found.await {
        Ok(None) => (Status::ServiceUnavailable, "the disk is full\n"),
        Ok(Some(applied)) if applied.is_superset(&needed.0) => (Status::Ok, "ok\n"),
        Ok(Some(_)) => (Status::ServiceUnavailable, "the database is not at the version that the site needs\n"),
        Err(error) => {
            log::warn!("GET /health: {error}");
            (Status::ServiceUnavailable, "the database does not respond\n")
        }
    };
    Ok((status, text).into())
}

/// Writes to a SQLite file, which fails on a full disk. It goes well while another program holds the write lock.
fn write(connection: &mut Connection) -> AppResult<()> {
    if let Connection::Postgres(_) = connection {
        return Ok(());
    }
    let written = pool::with_short_busy_timeout(connection, |connection| {
        pool::write_transaction(connection, |connection| {
            // The site has no use for the number. SQLite writes the page with it also when it is unchanged.
            let version: i32 = sql::<Integer>("SELECT user_version FROM pragma_user_version").get_result(connection)?;
            connection.batch_execute(&format!("PRAGMA user_version = {version}"))
        })
    });
    match written.map_err(AppError::from) {
        Err(AppError::Unavailable(cause)) if cause.contains("is locked") => Ok(()),
        written => written,
    }
}

fn applied(connection: &mut Connection) -> AppResult<BTreeSet<String>> {
    let versions: Vec<String> =
        __diesel_schema_migrations::table.select(__diesel_schema_migrations::version).load(connection)?;
    Ok(versions.into_iter().collect())
}
