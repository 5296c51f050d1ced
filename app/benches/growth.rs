//! Whether pages become slower with more data: each kind of page with 1,000 and with 1,000,000 posts, in turn, by the same
//! client on one open connection.
//!
//! `cargo bench -p app --bench growth`; `POSTS=100000` makes it shorter. The goal is a ratio of at most 1.3.

mod support;

use std::time::{Duration, Instant};

use app::models::User;
use app::schema::users;
use app::site::pool;
use diesel::prelude::*;
use diesel_autogen::Connection;
use support::{Client, Server, number, quantile, seed, url};
use tempfile::TempDir;

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
}

impl Site {
    fn with(posts: u32) -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        let start = Instant::now();
        seed(home.path(), USERS, posts);
        let server = Server::start(home.path());
        println!("{posts} posts of {USERS} users, created in {:.0} s", start.elapsed().as_secs_f64());
        let client = Client::register(&server.address, "reader");
        let url = url(home.path());
        let user = follow_all(&mut pool::open(&url).expect("the database"));
        let site = Self { server, client, user, home };
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
    let (few, many) = (Site::with(FEW), Site::with(many));
    for (name, path) in PAGES {
        let (mut small, mut large) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            small.push(few.time(path));
            large.push(many.time(path));
        }
        let [small, large] = [small, large].map(|mut times| quantile(&mut times, 0.5).as_secs_f64() * 1e3);
        println!("{name:>22}: {small:6.2} ms, {large:6.2} ms, {:4.2} times", large / small);
    }
    let size = many.home.path().join("app.db").metadata().map_or(0, |file| file.len() / 1_000_000);
    println!("size of the larger database: {size} MB");
}
