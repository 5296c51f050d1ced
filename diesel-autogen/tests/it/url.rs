//! The URLs of databases.

use std::path::Path;

use diesel_autogen::{DatabaseUrl, ParseUrlError};

fn parse(text: &str) -> Result<String, ParseUrlError> {
    DatabaseUrl::parse(text, Path::new("/base")).map(|url| url.as_str().to_owned())
}

#[test]
fn accepts_files_and_postgresql() {
    for (text, expected) in [
        ("sqlite:app.db", "sqlite:/base/app.db"),
        ("sqlite://app.db", "sqlite:/base/app.db"),
        ("app.db", "sqlite:/base/app.db"),
        ("sqlite:data/./app.db", "sqlite:/base/data/app.db"),
        ("data/my blog@home.db", "sqlite:/base/data/my blog@home.db"),
        ("sqlite:a=b:c.db", "sqlite:/base/a=b:c.db"),
        ("sqlite:/srv/app.db", "sqlite:/srv/app.db"),
        ("sqlite:///srv/app.db", "sqlite:/srv/app.db"),
        ("/srv/app.db", "sqlite:/srv/app.db"),
        ("/srv/what?/app.db", "sqlite:/srv/what?/app.db"),
        ("postgres://", "postgres://"),
        ("postgresql://me:secret@db:5432/blog?sslmode=require", "postgresql://me:secret@db:5432/blog?sslmode=require"),
    ] {
        assert_eq!(parse(text).as_deref(), Ok(expected), "{text}");
        assert_eq!(parse(expected).as_deref(), Ok(expected), "the form of as_str() is accepted");
    }
}

#[test]
fn refuses_everything_else() {
    use ParseUrlError::{Folder, InMemory, NoFile, Parameters, UnknownForm};
    for (text, expected) in [
        ("", NoFile),
        ("sqlite:", NoFile),
        ("sqlite://", NoFile),
        (":memory:", InMemory),
        ("sqlite::memory:", InMemory),
        ("sqlite://:memory:", InMemory),
        ("file:app.db", UnknownForm),
        ("mysql://root@localhost/blog", UnknownForm),
        ("SQLITE:app.db", UnknownForm),
        ("postgres:blog", UnknownForm),
        ("host=localhost user=me password=secret", UnknownForm),
        ("sqlite:postgres://me:secret@host/blog", UnknownForm),
        ("sqlite:app.db?mode=rwc", Parameters),
        ("app.db?", Parameters),
        ("sqlite:data/", Folder),
        ("/", Folder),
        ("/tmp/..", Folder),
    ] {
        assert_eq!(parse(text), Err(expected), "{text}");
    }
}

#[test]
fn shows_no_part_of_a_postgresql_url() {
    let url = DatabaseUrl::parse("postgres://me:secret@host/blog", Path::new("/")).unwrap();
    assert_eq!(format!("{url} {url:?}"), "the PostgreSQL database DatabaseUrl(the PostgreSQL database)");
    let url = DatabaseUrl::parse("/srv/app.db", Path::new("/")).unwrap();
    assert_eq!(format!("{url} {url:?}"), "sqlite:/srv/app.db DatabaseUrl(sqlite:/srv/app.db)");
}

#[test]
#[cfg(feature = "postgres")]
fn a_refused_connection_shows_no_part_of_the_url_but_the_host() {
    let Some(database) = test_support::TestDatabase::new() else { return };
    let (start, _) = database.url().rsplit_once('/').unwrap();
    let host = start.rsplit_once('@').unwrap().1;
    for (url, expected) in [
        (format!("postgres://kim:secret@{host}/postgres"), format!("{host}: the server does not admit the user")),
        (format!("{start}/kim?application_name=secret"), format!("{host}: the server has no such database")),
        (format!("{start}/postgres?sslmode=secret"), format!("{host}: ")),
        (format!("{start}/postgres?secret=kim"), format!("{host}: ")),
        ("postgres://kim:secret@127.0.0.1:1/kim".into(), "127.0.0.1:1: connection refused".into()),
        ("postgres://kim:%secret@127.0.0.1:1/kim".into(), "127.0.0.1:1: the connection failed".into()),
        ("postgres://kim:se@cret@127.0.0.1/kim".into(), "the host is unknown".into()),
        ("postgres://kim:secret@kim.invalid/kim".into(), "kim.invalid: the host is unknown".into()),
        ("postgres:///kim?host=/secret".into(), "no server has this socket".into()),
    ] {
        let url = DatabaseUrl::parse(&url, Path::new("/")).unwrap();
        let said = diesel_autogen::Connection::open(&url).err().unwrap().to_string();
        assert!(said.starts_with(&format!("the PostgreSQL database: {expected}")), "{said}");
        let rest = said.replace("kim.invalid", "");
        assert!(!rest.contains("kim") && !rest.contains("secret") && !rest.contains("cret"), "{said}");
    }
}
