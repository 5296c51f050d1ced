//! Databases on the PostgreSQL server that `TEST_POSTGRES_URL` names, one for each test.

use std::io::Write as _;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection};

/// An empty database of a test's own. It is dropped at the end of the test.
#[derive(Debug)]
pub struct TestDatabase {
    server: String,
    name: String,
    url: String,
}

impl TestDatabase {
    /// Creates a database. `None` without `TEST_POSTGRES_URL`: the test has to return, and one line on standard error
    /// says for the whole run that such tests are skipped.
    ///
    /// ```
    /// let Some(database) = test_support::TestDatabase::new() else { return };
    /// let connection = database.connect();
    /// ```
    pub fn new() -> Option<Self> {
        static SKIPPED: Once = Once::new();
        static COUNT: AtomicU32 = AtomicU32::new(0);

        let Ok(server) = std::env::var("TEST_POSTGRES_URL") else {
            // Not by eprintln!, which the test harness captures.
            SKIPPED.call_once(|| {
                let _ = std::io::stderr().write_all(b"skipped: PostgreSQL tests need TEST_POSTGRES_URL\n");
            });
            return None;
        };
        let nanoseconds = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{nanoseconds}_{count}", std::process::id());
        let url = with_database(&server, &name);
        execute(&server, &format!("CREATE DATABASE {name} TEMPLATE template0"));
        Some(Self { server, name, url })
    }

    /// The name and the URL of a database that does not exist yet; it is dropped at the end of the test. Its name ends
    /// with that text.
    pub fn absent(suffix: &str) -> Option<Self> {
        let database = Self::new()?;
        execute(&database.server, &format!("DROP DATABASE {}", database.name));
        let name = format!("{}{suffix}", database.name);
        let encode = |byte: u8| {
            if byte.is_ascii_alphanumeric() || byte == b'_' {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        };
        let url = with_database(&database.server, &name.bytes().map(encode).collect::<String>());
        Some(Self { server: database.server.clone(), name, url })
    }

    /// The URL of the server's own database, which a superuser opens.
    pub fn server(&self) -> &str {
        &self.server
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn connect(&self) -> PgConnection {
        connect(&self.url)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let name = self.name.replace('"', "\"\"");
        execute(&self.server, &format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)"));
    }
}

fn connect(url: &str) -> PgConnection {
    PgConnection::establish(url).unwrap_or_else(|error| panic!("TEST_POSTGRES_URL: {error}"))
}

fn execute(url: &str, sql: &str) {
    connect(url).batch_execute(sql).unwrap_or_else(|error| panic!("{error} in {sql}"));
}

/// The URL of another database on the same server.
fn with_database(url: &str, name: &str) -> String {
    let (scheme, rest) = url.split_once("://").expect("TEST_POSTGRES_URL begins with postgres://");
    let (path, query) = rest.find('?').map_or((rest, ""), |at| rest.split_at(at));
    let authority = path.split('/').next().unwrap_or_default();
    format!("{scheme}://{authority}/{name}{query}")
}

#[cfg(test)]
mod tests {
    use diesel::RunQueryDsl as _;
    use diesel::dsl::sql;
    use diesel::sql_types::Text;

    use super::*;

    #[test]
    fn replaces_the_database_in_a_url() {
        for (url, expected) in [
            ("postgres://localhost", "postgres://localhost/x"),
            ("postgres://me:secret@localhost:5433/postgres", "postgres://me:secret@localhost:5433/x"),
            ("postgresql:///postgres?host=/tmp/socket", "postgresql:///x?host=/tmp/socket"),
        ] {
            assert_eq!(with_database(url, "x"), expected);
        }
    }

    #[test]
    fn each_database_is_empty_and_dropped() {
        let (Some(first), Some(second)) = (TestDatabase::new(), TestDatabase::new()) else { return };
        first.connect().batch_execute("CREATE TABLE t (id INTEGER PRIMARY KEY)").unwrap();
        second.connect().batch_execute("CREATE TABLE t (id INTEGER PRIMARY KEY)").unwrap();
        // A connection that is still open does not keep the database.
        let mut open = first.connect();
        let (server, name) = (first.server.clone(), first.name.clone());
        drop(first);
        assert!(sql::<Text>("SELECT current_database()").get_result::<String>(&mut open).is_err());
        assert!(PgConnection::establish(&with_database(&server, &name)).is_err());
    }
}
