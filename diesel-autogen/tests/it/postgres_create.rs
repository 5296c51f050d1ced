//! Creating a PostgreSQL database, or the SQL by which an administrator does.

use std::sync::Barrier;
use std::thread;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection};
use diesel_autogen::{Error, Migrator};
use test_support::TestDatabase;

use crate::postgres::asked;

const HOSTILE: &str = " \"it's\" ü; --%/?@:$1";

fn migrator(url: &str, folder: &tempfile::TempDir) -> Migrator {
    Migrator::new(url, folder.path()).unwrap()
}

#[test]
fn a_database_of_any_name_is_created_with_utf8() {
    for suffix in ["", "UPPER", HOSTILE] {
        let Some(database) = TestDatabase::absent(suffix) else { return };
        let folder = tempfile::tempdir().unwrap();
        assert!(migrator(database.url(), &folder).init().unwrap().is_new);
        let query = "SELECT current_database() || ' ' || current_setting('server_encoding')";
        assert_eq!(asked(database.url(), query), format!("{} UTF8", database.name()));
        assert!(!migrator(database.url(), &folder).init().unwrap().is_new);
    }
}

#[test]
fn of_programs_that_create_it_at_once_all_succeed() {
    let Some(database) = TestDatabase::absent("") else { return };
    let (folder, start) = (tempfile::tempdir().unwrap(), Barrier::new(4));
    let new: Vec<_> = thread::scope(|scope| {
        let create = || {
            start.wait();
            migrator(database.url(), &folder).init().unwrap().is_new
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(create)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(new.contains(&true), "{new:?}");
    assert_eq!(migrator(database.url(), &folder).version().unwrap().to_string(), "0");
}

/// A role that is dropped at the end, with what it owns; everybody may open the server's own databases again.
struct Role(TestDatabase, String);

impl Role {
    fn execute(&self, text: &str) {
        let mut server = PgConnection::establish(self.0.server()).unwrap();
        text.split_inclusive(';')
            .try_for_each(|statement| server.batch_execute(statement))
            .unwrap_or_else(|error| panic!("{error} in {text}"));
    }

    /// The URL of the database for this role, with a password.
    fn url(&self) -> String {
        let encoded: Vec<_> = self.1.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let (scheme, rest) = self.0.url().split_once("://").unwrap();
        format!("{scheme}://{}:hunter2@{}", encoded.concat(), rest.rsplit_once('@').map_or(rest, |(_, host)| host))
    }

    /// The SQL that an administrator gets, and why.
    fn refused(&self, folder: &tempfile::TempDir) -> (String, &'static str) {
        let error = migrator(&self.url(), folder).init().unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
        let Error::CannotCreate { sql, why, .. } = error else { panic!("{error}") };
        (sql, why)
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        let open = "GRANT CONNECT ON DATABASE postgres, template1 TO PUBLIC";
        let (database, role) = (quoted(self.0.name()), quoted(&self.1));
        self.execute(&format!("{open};DROP DATABASE IF EXISTS {database};DROP ROLE IF EXISTS {role}"));
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[test]
fn what_the_role_may_not_do_is_written_for_an_administrator() {
    let (Some(database), folder) = (TestDatabase::absent(" b\"l'og"), tempfile::tempdir().unwrap()) else { return };
    let name = format!("{} r\"o'le", database.name());
    let (role, own) = (quoted(&name), quoted(database.name()));
    let shown = Role(database, name);

    let create = format!("CREATE DATABASE {own} OWNER {role}");
    let (sql, why) = shown.refused(&folder);
    let expected = format!("CREATE ROLE {role} LOGIN; {create} ENCODING 'UTF8' TEMPLATE template0;");
    assert_eq!((sql, why), (expected, "the server has no such role"));

    shown.execute(&format!("CREATE ROLE {role} LOGIN"));
    let is_utf8 = asked(shown.0.server(), "SELECT current_setting('server_encoding')") == "UTF8";
    let options = if is_utf8 { "" } else { " ENCODING 'UTF8' TEMPLATE template0" };
    let expected = (format!("{create}{options};"), "the role may not create databases");
    assert_eq!(shown.refused(&folder), expected);

    shown.execute("REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC");
    let (sql, why) = shown.refused(&folder);
    assert_eq!(why, "the role may not open the database postgres or template1");
    assert_eq!(sql, format!("{create} ENCODING 'UTF8' TEMPLATE template0;"));

    // What is printed is what helps.
    shown.execute(&sql);
    assert!(migrator(&shown.url(), &folder).init().unwrap().is_new);
}

#[test]
fn a_url_that_may_be_misread_shows_no_name() {
    let Some(database) = TestDatabase::absent("") else { return };
    let (scheme, rest) = database.url().split_once("://").unwrap();
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let folder = tempfile::tempdir().unwrap();
    for url in
        [format!("{scheme}://no_such_role@{host}@secret"), format!("{scheme}://no_such_role@{host}?user=a@secret")]
    {
        let error = migrator(&url, &folder).init().unwrap_err();
        assert!(matches!(error, Error::Database { .. }), "{error:?}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
