//! Whether a page takes longer when there is more: each kind of page at 1,000 posts and at 1,000,000, by turns, by the
//! same reader, on one line that stays open.
//!
//! `cargo bench -p app --bench growth`; `POSTS=100000` makes it shorter. The goal is a ratio of at most 1.3.

mod support;

use std::time::{Duration, Instant};

use app::models::User;
use app::schema::users;
use app::site::pool;
use diesel::prelude::*;
use migrate::Connection;
use support::{Reader, Server, number, quantile, seed, url};
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

/// A site with so many posts, and somebody who reads it.
struct Site {
    /// It ends before its folder goes.
    server: Server,
    reader: Reader,
    user: String,
    home: TempDir,
}

impl Site {
    fn with(posts: u32) -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        let start = Instant::now();
        seed(home.path(), USERS, posts);
        let server = Server::start(home.path());
        println!("{posts} posts of {USERS} people, made in {:.0} s", start.elapsed().as_secs_f64());
        let reader = Reader::register(&server.address, "reader");
        let url = url(home.path());
        let user = follow_all(&mut pool::open(&url).expect("the database"));
        let site = Self { server, reader, user, home };
        for body in ["a quixotic plan", "nothing quixotic about it"] {
            let answer = site.reader.post(&site.link("/"), &[("body", body)]).expect("an answer");
            assert_eq!(answer.status(), 303, "the reader writes");
        }
        site
    }

    fn link(&self, path: &str) -> String {
        format!("{}{}", self.server.address, path.replace("{user}", &self.user))
    }

    /// How long that page takes, to its last byte.
    fn time(&self, path: &str) -> Duration {
        let start = Instant::now();
        let mut answer = self.reader.get(&self.link(path)).expect("an answer");
        let page = answer.body_mut().read_to_string().expect("a page");
        let time = start.elapsed();
        assert_eq!(answer.status(), 200, "{path}");
        assert!(page.contains("reader") || path.contains("atom"), "{path} is another page for the reader");
        time
    }
}

/// Has the reader follow everybody, and returns somebody with many posts.
fn follow_all(connection: &mut Connection) -> String {
    let everybody: Vec<User> =
        users::table.order(users::id).select(User::as_select()).load(connection).expect("people");
    let (reader, others) = everybody.split_last().expect("people");
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
    println!("the larger database: {size} MB");
}
