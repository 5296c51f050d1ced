//! The server: connections, and databases that are created or removed.

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::sql_types::{Bool, Text};
use diesel::{Connection, PgConnection, RunQueryDsl};

use super::errors::{self, Failure};
use super::sql::{literal, quote};
use crate::error::Error;

/// Connects, with the settings under which PostgreSQL writes every value and expression in the same way.
pub(super) fn connect(url: &str) -> Result<PgConnection, Error> {
    let mut connection = PgConnection::establish(url).map_err(|error| errors::unreachable(&shown(url), &error))?;
    let settings = "SET client_min_messages = warning; SET standard_conforming_strings = on; SET quote_all_identifiers = off; \
                    SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres'; SET bytea_output = 'hex'; SET extra_float_digits = 1";
    connection.batch_execute(settings).map_err(|error| Failure::from(error).explain(&shown(url)))?;
    Ok(connection)
}

/// Whether the server has a database of that name.
pub(super) fn exists(url: &str) -> Result<bool, Error> {
    on_server(url, |connection, name| {
        let query = format!("SELECT EXISTS (SELECT FROM pg_database WHERE datname = {})", literal(name));
        Ok(sql::<Bool>(&query).get_result(connection)?)
    })
}

/// Creates the database. Returns whether this call did.
pub(super) fn create(url: &str) -> Result<bool, Error> {
    on_server(url, |connection, name| {
        let created = connection.batch_execute(&format!("CREATE DATABASE {}", quote(name)));
        let query = format!("SELECT datname::text FROM pg_database WHERE datname = {}", literal(name));
        match created {
            Ok(()) => Ok(true),
            // Another program was faster.
            Err(error) => sql::<Text>(&query).get_result::<String>(connection).map(|_| false).map_err(|_| error.into()),
        }
    })
}

pub(super) fn remove(url: &str) -> Result<(), Error> {
    on_server(url, |connection, name| Ok(connection.batch_execute(&format!("DROP DATABASE {}", quote(name)))?))
}

/// Works in the database `postgres`, which every server has, for the sake of the one that the URL names.
fn on_server<T>(url: &str, work: impl FnOnce(&mut PgConnection, &str) -> Result<T, Failure>) -> Result<T, Error> {
    let (before, name, after) = parts(url);
    let mut connection = connect(&format!("{before}/postgres{after}"))?;
    work(&mut connection, &name).map_err(|failure| failure.explain(&shown(url)))
}

/// The database as messages name it: without the role and the password.
pub(super) fn shown(url: &str) -> String {
    format!("the PostgreSQL database {}", parts(url).1)
}

/// The URL up to its path, the name of the database, and the query.
fn parts(url: &str) -> (&str, String, &str) {
    let (rest, query) = url.split_at(url.find('?').unwrap_or(url.len()));
    let start = rest.find("://").map_or(0, |at| at + 3);
    let path = rest[start..].find('/').map_or(rest.len(), |at| start + at);
    (&rest[..path], decoded(rest[path..].trim_start_matches('/')), query)
}

/// The text without percent encoding.
fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, others @ ..] = rest {
        let digits = others.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &others[2..];
            }
            _ => {
                bytes.push(*first);
                rest = others;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_its_database() {
        let url = "postgres://me:secret@localhost:5432/my%20app?sslmode=disable";
        assert_eq!(parts(url), ("postgres://me:secret@localhost:5432", "my app".into(), "?sslmode=disable"));
        assert_eq!(shown(url), "the PostgreSQL database my app");
    }
}
