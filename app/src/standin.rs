//! Stands in for the part of `migrate` that is not there yet.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use migrate::{Connection, connection::sqlite_path};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Migrate(#[from] migrate::Error),
    #[error("{0}")]
    Other(String),
    #[error("no database")]
    NoDatabase(std::path::PathBuf),
    #[error("the database has tables but is not under version control")]
    NotUnderVersionControl,
}

#[derive(Debug, Clone)]
pub struct Scripts(Vec<(String, String)>);

impl Scripts {
    pub fn embedded<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Error> {
        let mut files: Vec<_> = files
            .into_iter()
            .filter(|(path, _)| path.ends_with("/up.sql"))
            .map(|(path, text)| (path.split('/').next().unwrap_or("").to_owned(), text.to_owned()))
            .collect();
        files.sort();
        Ok(Self(files))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    pub version: u64,
    pub newest: u64,
    pub pending: Vec<String>,
    pub unknown: Vec<String>,
}

pub struct Project {
    url: String,
    scripts: Scripts,
}

fn number(name: &str) -> u64 {
    name.split('_').next().and_then(|n| n.parse().ok()).unwrap_or(0)
}

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = diesel::sql_types::Text)]
    version: String,
}

impl Project {
    #[must_use]
    pub fn new(url: &str, scripts: Scripts) -> Self {
        Self { url: url.into(), scripts }
    }

    pub fn status(&self) -> Result<Status, Error> {
        let mut connection = Connection::open(&self.url).map_err(|error| match error {
            migrate::Error::NoDatabase(path) => Error::NoDatabase(path),
            other => other.into(),
        })?;
        let applied: Vec<Version> =
            diesel::sql_query("SELECT version FROM __diesel_schema_migrations ORDER BY version")
                .load(&mut connection)
                .map_err(|_| Error::NotUnderVersionControl)?;
        let applied: Vec<u64> = applied.iter().map(|v| number(&v.version)).collect();
        let known: Vec<u64> = self.scripts.0.iter().map(|(n, _)| number(n)).collect();
        Ok(Status {
            version: applied.iter().copied().max().unwrap_or(0),
            newest: known.iter().copied().max().unwrap_or(0),
            pending: self
                .scripts
                .0
                .iter()
                .filter(|(n, _)| !applied.contains(&number(n)))
                .map(|(n, _)| n.clone())
                .collect(),
            unknown: applied.iter().filter(|n| !known.contains(n)).map(|n| format!("{n:03}")).collect(),
        })
    }

    pub fn create_current(&self) -> Result<Status, Error> {
        let path = sqlite_path(&self.url).ok_or_else(|| Error::Other("no SQLite".into()))?;
        std::fs::File::create_new(&path).map_err(|e| Error::Other(format!("cannot create {}: {e}", path.display())))?;
        let mut connection = Connection::open(&self.url)?;
        let mut sql = String::from(
            "BEGIN IMMEDIATE; CREATE TABLE __diesel_schema_migrations (version VARCHAR(50) PRIMARY KEY NOT NULL, run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP);",
        );
        for (name, text) in &self.scripts.0 {
            sql += text;
            sql += &format!("; INSERT INTO __diesel_schema_migrations (version) VALUES ('{:03}');", number(name));
        }
        connection.batch_execute(&(sql + "COMMIT;")).map_err(|e| Error::Other(e.to_string()))?;
        self.status()
    }
}
