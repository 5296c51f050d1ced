//! The server: connections, and databases that are created or removed.

use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::sql_types::{Bool, Text};
use diesel::{PgConnection, RunQueryDsl};

use super::sql::{literal, quote};
use crate::Error;
use crate::database::connect_postgres;
use crate::url::DatabaseUrl;

/// Connects, with the settings under which PostgreSQL writes every value and expression in the same way.
pub(super) fn connect(url: &DatabaseUrl) -> Result<PgConnection, Error> {
    let mut connection = connect_postgres(url)?;
    connection.batch_execute(
        "SET client_min_messages = warning; SET standard_conforming_strings = on; SET quote_all_identifiers = off; \
         SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres'; SET bytea_output = 'hex'; SET extra_float_digits = 1",
    )?;
    Ok(connection)
}

/// Whether the server has a database of that name.
pub(super) fn exists(url: &DatabaseUrl) -> Result<bool, Error> {
    on_server(url, |connection, name| {
        let query = format!("SELECT EXISTS (SELECT FROM pg_database WHERE datname = {})", literal(name));
        Ok(sql::<Bool>(&query).get_result(connection)?)
    })
}

/// Creates the database. Returns whether this call did.
pub(super) fn create(url: &DatabaseUrl) -> Result<bool, Error> {
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
    }
}
