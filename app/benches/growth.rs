//! Whether pages become slower with more data: each kind of page with 1,000 and with 1,000,000 posts, in turn, by the same
//! client on one open connection.
//!
//! `cargo bench -p app --bench growth`; `POSTS=100000` makes it shorter. The goal is a ratio of at most 1.3. Run by
//! `.ci/with-postgres`, it compares with as many posts on PostgreSQL.

mod support;

use std::time::{Duration, Instant};

use app::models::User;
use app::schema::users;
use app::site::{migrations, pool};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel_autogen::Connection;
use support::{Client, Server, number, quantile, seed, url};
use tempfile::TempDir;
use test_support::TestDatabase;

const USERS: u32 = 20;
const FEW: u32 = 1_000;
const ROUNDS: usize = 400;

const PAGES: [(&str, &str); 6] = [
    ("home", "/"),
    ("explore", "/explore"),
    ("user", "/user/{user}"),
    ("search, a common word", "/search?q=the"),
    ("search, a rare word", "/search?q=quixotic"),
    ("feed.atom", "/feed.atom"),
];

/// A site with a number of posts, and a client.
struct Site {
    /// Dropped before its folder.
    server: Server,
    client: Client,
    user: String,
    home: TempDir,
    /// `None` on SQLite.
    _postgresql: Option<TestDatabase>,
}

impl Site {
    fn with(posts: u32, postgresql: Option<TestDatabase>) -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        if let Some(database) = &postgresql {
            let setting = format!("DATABASE_URL='{}'", database.url());
            std::fs::write(home.path().join(".env"), setting).expect("the settings");
            let migrator = migrations::migrator(&url(home.path()), home.path()).expect("migrations");
            migrator.create_current().expect("the tables");
        }
        let start = Instant::now();
        seed(home.path(), USERS, posts);
        let server = Server::start(home.path());
        println!("{posts} posts of {USERS} users, created in {:.0} s", start.elapsed().as_secs_f64());
        let client = Client::register(&server.address, "reader");
        let url = url(home.path());
        let mut connection = pool::open(&url).expect("the database");
        let user = follow_all(&mut connection);
        connection.batch_execute("ANALYZE").expect("statistics");
        let site = Self { server, client, user, home, _postgresql: postgresql };
        for body in ["a quixotic plan", "nothing quixotic about it"] {
            let response = site.client.post(&site.link("/"), &[("body", body)]).expect("a response");
            assert_eq!(response.status(), 303, "the client writes a post");
        }
        site
    }

    fn link(&self, path: &str) -> String {
        format!("{}{}", self.server.address, path.replace("{user}", &self.user))
    }

    /// The time of a page, up to its last byte.
    fn time(&self, path: &str) -> Duration {
        let start = Instant::now();
        let mut response = self.client.get(&self.link(path)).expect("a response");
        let page = response.body_mut().read_to_string().expect("a page");
        let time = start.elapsed();
        assert_eq!(response.status(), 200, "{path}");
        assert!(page.contains("reader") || path.contains("atom"), "{path} does not show the signed-in user");
        time
    }
}

/// The client's user follows all others. Returns a user with many posts.
fn follow_all(connection: &mut Connection) -> String {
    let all: Vec<User> = users::table.order(users::id).select(User::as_select()).load(connection).expect("users");
    let (reader, others) = all.split_last().expect("users");
    for other in others {
        reader.follow(other, connection).expect("a follower");
    }
    others[0].nickname.clone()
}

fn main() {
    let many = u32::try_from(number("POSTS", 1_000_000)).expect("POSTS is too large");
    let mut sites = vec![Site::with(FEW, None), Site::with(many, None)];
    sites.extend(TestDatabase::new().map(|database| Site::with(many, Some(database))));
    for (name, path) in PAGES {
        let mut times = vec![Vec::new(); sites.len()];
        for _ in 0..ROUNDS {
            for (site, times) in sites.iter().zip(&mut times) {
                times.push(site.time(path));
            }
        }
        let medians: Vec<f64> = times.iter_mut().map(|times| quantile(times, 0.5).as_secs_f64() * 1e3).collect();
        print!("{name:>22}: {:6.2} ms, {:6.2} ms, {:4.2} times", medians[0], medians[1], medians[1] / medians[0]);
        match medians.get(2) {
            Some(postgresql) => println!("; PostgreSQL {postgresql:6.2} ms, {:4.2} times", postgresql / medians[1]),
            None => println!(),
        }
    }
    let size = sites[1].home.path().join("app.db").metadata().map_or(0, |file| file.len() / 1_000_000);
    println!("size of the larger database: {size} MB");
}
