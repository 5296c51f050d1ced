//! The connection, and databases that are created or removed on the server.

use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::sql_types::Bool;
use diesel::{Connection, PgConnection, RunQueryDsl};

use super::refusal::{decoded, refusal};
use super::sql::quote;
use crate::Error;
use crate::error::DatabaseErrorKind;
use crate::settings::Settings;
use crate::text::literal;
use crate::url::DatabaseUrl;

pub(super) type Manager = <PgConnection as Connection>::TransactionManager;

/// A database of a PostgreSQL server.
pub(crate) struct Postgres {
    pub(super) url: DatabaseUrl,
    pub(super) settings: Settings,
    pub(super) connection: Option<PgConnection>,
    /// The schemas that are read beside the current one.
    pub(super) schemas: Vec<String>,
    /// Those that the migrations create.
    pub(super) created: Vec<String>,
}

impl Postgres {
    pub fn new(url: &DatabaseUrl, settings: &Settings) -> Self {
        Self {
            url: url.clone(),
            settings: settings.clone(),
            connection: None,
            schemas: Vec::new(),
            created: Vec::new(),
        }
    }

    /// The connection, opened at the first call.
    pub(super) fn connect(&mut self) -> Result<&mut PgConnection, Error> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => connect(&self.url)?,
        };
        Ok(self.connection.insert(connection))
    }

    /// Does work with the connection; an error gets the database's name.
    pub(super) fn on<T, E: Into<Error>>(
        &mut self,
        work: impl FnOnce(&mut PgConnection) -> Result<T, E>,
    ) -> Result<T, Error> {
        let name = self.url.to_string();
        work(self.connect()?).map_err(|error| error.into().in_database(&name))
    }
}

/// Connects to a PostgreSQL server.
pub(crate) fn establish(url: &DatabaseUrl) -> Result<PgConnection, Error> {
    PgConnection::establish(url.as_str()).map_err(|error| {
        let why = refusal(url.as_str(), &error.to_string());
        Error::database(&url.to_string(), DatabaseErrorKind::Unreachable, why)
    })
}

/// Connects, with the settings under which PostgreSQL writes every value and expression in the same way.
fn connect(url: &DatabaseUrl) -> Result<PgConnection, Error> {
    let mut connection = establish(url)?;
    connection.batch_execute(
        "SET client_min_messages = warning; SET standard_conforming_strings = on; SET quote_all_identifiers = off; \
         SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres'; SET bytea_output = 'hex'; SET extra_float_digits = 1; \
         SET diesel_autogen.schemas = '{}'",
    )?;
    Ok(connection)
}

/// Whether the server has the database of that URL.
pub(super) fn exists(url: &DatabaseUrl) -> Result<bool, Error> {
    on_server(url, has_database)
}

fn has_database(connection: &mut PgConnection, name: &str) -> Result<bool, Error> {
    let query = format!("SELECT EXISTS (SELECT FROM pg_database WHERE datname = {})", literal(name));
    Ok(sql::<Bool>(&query).get_result(connection)?)
}

/// Creates the database. Returns whether this call did.
pub(super) fn create(url: &DatabaseUrl) -> Result<bool, Error> {
    on_server(url, |connection, name| match connection.batch_execute(&format!("CREATE DATABASE {}", quote(name))) {
        // Another program was faster.
        Err(error) => {
            if has_database(connection, name)? {
                Ok(false)
            } else {
                Err(error.into())
            }
        }
        Ok(()) => Ok(true),
    })
}

pub(super) fn remove(url: &DatabaseUrl) -> Result<(), Error> {
    on_server(url, |connection, name| Ok(connection.batch_execute(&format!("DROP DATABASE {}", quote(name)))?))
}

/// Works in the database `postgres`, which every server has, for the sake of the one that the URL names.
fn on_server<T>(url: &DatabaseUrl, work: impl FnOnce(&mut PgConnection, &str) -> Result<T, Error>) -> Result<T, Error> {
    let (before, name, after) = parts(url.as_str());
    let server = DatabaseUrl::parse(&format!("{before}/postgres{after}"), Path::new(""))?;
    work(&mut connect(&server)?, &name).map_err(|error| error.in_database(&url.to_string()))
}

/// The URL up to its path, the name of the database, and the query.
fn parts(url: &str) -> (&str, String, &str) {
    let (rest, query) = url.split_at(url.find('?').unwrap_or(url.len()));
    let start = rest.find("://").map_or(0, |at| at + 3);
    let path = rest[start..].find('/').map_or(rest.len(), |at| start + at);
    (&rest[..path], decoded(rest[path..].trim_start_matches('/')), query)
}
