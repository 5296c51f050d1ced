//! The connection, and databases that are created or removed on the server.

use std::collections::BTreeSet;

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::sql_types::{Bool, Text};
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
    /// The invalid indexes that were reported.
    pub(super) invalid: BTreeSet<String>,
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
            invalid: BTreeSet::new(),
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

/// Connects to a database that every server has, to work in for the sake of another one.
fn in_maintenance(url: &DatabaseUrl) -> Option<PgConnection> {
    ["postgres", "template1"].iter().find_map(|name| connect(&url.on_same_server(name)).ok())
}

/// Whether the server has the database of that URL.
pub(super) fn exists(url: &DatabaseUrl) -> Result<bool, Error> {
    on_server(url, has_database)
}

fn has_database(connection: &mut PgConnection, name: &str) -> Result<bool, Error> {
    let query = format!("SELECT EXISTS (SELECT FROM pg_database WHERE datname = {})", literal(name));
    Ok(sql::<Bool>(&query).get_result(connection)?)
}

/// Creates the database, if it is missing, with the encoding UTF8. Returns whether this call did.
pub(super) fn create(url: &DatabaseUrl) -> Result<bool, Error> {
    let Err(refused) = PgConnection::establish(url.as_str()) else { return Ok(false) };
    let message = refused.to_string();
    let refused = || Error::database(&url.to_string(), DatabaseErrorKind::Unreachable, refusal(url.as_str(), &message));
    let place = Place::of(url.as_str());
    let Some(mut connection) = in_maintenance(url) else {
        let lacks = |what: &str| message.contains(&format!("{what} \"")) && message.contains("does not exist");
        let statement = format!("{} ENCODING 'UTF8' TEMPLATE template0", place.statement());
        return Err(if lacks("role") {
            let role = place.role.as_deref().map(quote).unwrap_or_default();
            place.denied(url, "the server has no such role", &format!("CREATE ROLE {role} LOGIN; {statement}"))
        } else if lacks("database") {
            place.denied(url, "the role may not open the database postgres or template1", &statement)
        } else {
            None
        }
        .unwrap_or_else(refused));
    };
    if has_database(&mut connection, &place.database)? {
        return Err(refused());
    }
    create_on(&mut connection, url, place).map_err(|error| error.in_database(&url.to_string()))
}

fn create_on(connection: &mut PgConnection, url: &DatabaseUrl, mut place: Place) -> Result<bool, Error> {
    let is_utf8 = "SELECT pg_encoding_to_char(encoding) = 'UTF8' FROM pg_database WHERE datname = 'template1'";
    let options = if sql::<Bool>(is_utf8).get_result(connection)? {
        // The first has what an administrator put there, and cannot be copied while anybody is connected to it.
        ["", " TEMPLATE template0"]
    } else {
        // A locale may be one of another encoding.
        [" ENCODING 'UTF8' TEMPLATE template0", " ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0"]
    };
    let mut failed = None;
    for options in options {
        match connection.batch_execute(&format!("CREATE DATABASE {}{options}", quote(&place.database))) {
            Ok(()) => return Ok(true),
            // Another program was faster.
            Err(_) if has_database(connection, &place.database)? => return Ok(false),
            Err(error) => failed = Some(error),
        }
    }
    let query = "SELECT current_user::text, rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user";
    let (role, may_create): (String, bool) = sql::<(Text, Bool)>(query).get_result(connection)?;
    place.role = Some(role);
    let statement = format!("{}{}", place.statement(), options[0]);
    let denied = (!may_create).then(|| place.denied(url, "the role may not create databases", &statement)).flatten();
    denied.or(failed.map(Error::from)).map_or(Ok(false), Err)
}

pub(super) fn remove(url: &DatabaseUrl) -> Result<(), Error> {
    on_server(url, |connection, name| Ok(connection.batch_execute(&format!("DROP DATABASE {}", quote(name)))?))
}

/// Works in a database that every server has, for the sake of the one that the URL names.
fn on_server<T>(url: &DatabaseUrl, work: impl FnOnce(&mut PgConnection, &str) -> Result<T, Error>) -> Result<T, Error> {
    let place = Place::of(url.as_str());
    let mut connection = in_maintenance(url).map_or_else(|| connect(url), Ok)?;
    work(&mut connection, &place.database).map_err(|error| error.in_database(&url.to_string()))
}

/// What a URL says of the server, the database and the role.
struct Place {
    database: String,
    role: Option<String>,
    /// Whether no part of the password can stand in another place than its own.
    is_plain: bool,
}

impl Place {
    fn of(url: &str) -> Self {
        let (rest, query) = url.split_once('?').unwrap_or((url, ""));
        let start = rest.find("://").map_or(0, |at| at + 3);
        let path = rest[start..].find('/').map_or(rest.len(), |at| start + at);
        let (server, path) = (&rest[..path], rest[path..].trim_start_matches('/'));
        let value = |name: &str| query.rsplit('&').find_map(|pair| Some(decoded(pair.strip_prefix(name)?)));
        let user = server[start..].split_once('@').and_then(|(user, _)| user.split(':').next());
        let role = value("user=").or_else(|| user.filter(|user| !user.is_empty()).map(decoded));
        let named = value("dbname=").unwrap_or_else(|| decoded(path));
        let database = if named.is_empty() { role.clone().unwrap_or_default() } else { named };
        let is_plain = server.matches('@').count() < 2 && !url[server.len()..].contains('@');
        Self { database, role, is_plain }
    }

    /// The statement by which an administrator creates the database for the role.
    fn statement(&self) -> String {
        let owner = self.role.as_ref().map(|role| format!(" OWNER {}", quote(role))).unwrap_or_default();
        format!("CREATE DATABASE {}{owner}", quote(&self.database))
    }

    /// The error that holds SQL for an administrator; `None` where a name in it may be part of a password, or cannot be
    /// shown on one line.
    fn denied(&self, url: &DatabaseUrl, why: &'static str, statements: &str) -> Option<Error> {
        let is_shown = self.is_plain && !statements.contains(char::is_control);
        let sql = format!("{statements};");
        is_shown.then(|| Error::CannotCreate { database: url.to_string(), why, sql })
    }
}
