//! Pages that are read from a replica. Another database stands for it: its rows differ, so that a page tells which was read.

use diesel::connection::SimpleConnection as _;
use rocket::http::Status;
use rocket::local::blocking::Client;

use crate::support::{PASSWORD, TestDb, post, sign_in};

/// A primary and a replica, each with a post of susan's.
struct Servers {
    primary: TestDb,
    replica: TestDb,
}

impl Servers {
    fn new() -> Option<Self> {
        let (mut primary, mut replica) = (TestDb::on_postgresql()?, TestDb::on_postgresql()?);
        for (db, body) in [(&mut replica, "on the replica"), (&mut primary, "on the primary")] {
            let susan = db.user_with_password("susan");
            db.post(&susan, body, 0);
        }
        Some(Self { primary, replica })
    }

    /// The site. A function in `public` comes before the server's own, so that a test sets how far the replica is.
    fn site(&self) -> Client {
        let url = format!("{}?options=-csearch_path%3Dpublic,pg_catalog", self.replica.url.as_str());
        self.primary.site_with(&[("DATABASE_REPLICA_URL", &url)])
    }

    fn replica_is_at(&mut self, place: &str) {
        let function = format!(
            "CREATE OR REPLACE FUNCTION public.pg_last_wal_replay_lsn() RETURNS pg_lsn LANGUAGE sql \
             AS 'SELECT pg_lsn ''{place}'''"
        );
        self.replica.connection.batch_execute(&function).unwrap();
    }
}

/// Which database a page was read from.
fn read_from(site: &Client, path: &str) -> &'static str {
    let response = site.get(path.to_owned()).dispatch();
    assert_eq!(response.status(), Status::Ok, "{path}");
    let page = response.into_string().unwrap();
    if page.contains("on the replica") {
        "replica"
    } else if page.contains("on the primary") {
        "primary"
    } else {
        "none"
    }
}

const PAGES: [&str; 5] = ["/", "/explore", "/user/susan", "/feed.atom", "/post/1"];

#[test]
fn signed_out_visitors_read_from_the_replica() {
    let Some(servers) = Servers::new() else { return };
    let site = servers.site();
    for page in PAGES {
        assert_eq!(read_from(&site, page), "replica", "{page}");
    }
    sign_in(&site, "susan", PASSWORD);
    for page in PAGES {
        assert_eq!(read_from(&site, page), "primary", "{page}");
    }
}

#[test]
fn who_has_written_reads_from_the_primary_until_the_replica_has_it() {
    let Some(mut servers) = Servers::new() else { return };
    servers.replica_is_at("0/1");
    let site = servers.site();
    sign_in(&site, "susan", PASSWORD);
    assert_eq!(post(&site, "/logout", &[]).status(), Status::SeeOther);
    assert_eq!(read_from(&site, "/"), "primary");
    assert_eq!(read_from(&servers.site(), "/"), "replica", "who has written nothing");
    servers.replica_is_at("FFFFFFFF/0");
    assert_eq!(read_from(&site, "/"), "replica");
}

#[test]
fn a_lost_replica_fails_no_page() {
    let Some(Servers { primary, mut replica }) = Servers::new() else { return };
    let servers = Servers { primary, replica: TestDb::on_postgresql().unwrap() };
    let site = servers.site();
    assert_eq!(read_from(&site, "/"), "none", "an empty replica");
    drop(servers.replica);
    for _ in 0..3 {
        assert_eq!(read_from(&site, "/"), "primary");
    }
    replica.connection.batch_execute("ALTER TABLE posts RENAME TO gone").unwrap();
    let servers = Servers { primary: servers.primary, replica };
    assert_eq!(read_from(&servers.site(), "/"), "primary", "a replica without the newest migration");
}

#[test]
fn a_post_that_the_replica_lacks_is_found() {
    let Some(mut servers) = Servers::new() else { return };
    let susan = servers.primary.user("mary");
    let post = servers.primary.post(&susan, "on the primary", 0);
    assert_eq!(read_from(&servers.site(), &format!("/post/{}", post.id)), "primary");
}
