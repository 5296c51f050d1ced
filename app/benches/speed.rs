//! Requests per second, measured by `wrk -t1 -c16` in one run in turn: the page of all posts for a signed-in user (25 of
//! 10,000 posts), compared with
//!
//! - `/health`, which runs one query and renders no page;
//! - a bare page: Rocket, one query by Diesel for the same 25 posts, and a minimal Tera template (with the same SQLite, which
//!   keeps the plan of the query when its LIMIT is bound, see `.cargo/config.toml`);
//! - a static page: the same page of posts as constant text in a Tera template.
//!
//! `cargo bench -p app --bench speed`; `SECONDS=2` and `RUNS=1` make it shorter. It needs `wrk`, and does nothing
//! without it. The goal: 0.35 times the bare page (7,000 requests per second when the bare page has 20,000).

mod support;

use std::process::Command;
use std::sync::mpsc;
use std::thread;

use app::schema::{posts, users};
use app::site::pool::{self, Db};
use diesel::prelude::*;
use rocket::fairing::AdHoc;
use rocket::figment::Figment;
use rocket::http::Status;
use rocket::response::content::RawHtml;
use rocket::serde::Serialize;
use rocket::{State, get, routes};
use support::{Client, Server, number, seed, url};
use tera::{Context, Tera};

const BARE: &str = "<!doctype html><title>Posts</title>\n{% for post in posts %}<p><b>{{ post.author }}</b> \
     {{ post.timestamp }}: {{ post.body }}</p>\n{% endfor %}";

#[derive(Serialize)]
#[serde(crate = "rocket::serde")]
struct Post {
    body: String,
    timestamp: String,
    author: String,
}

#[get("/bare")]
async fn bare(db: &Db, tera: &State<Tera>) -> Result<RawHtml<String>, Status> {
    let rows = db
        .run(|connection| {
            posts::table
                .inner_join(users::table)
                .order((posts::timestamp.desc(), posts::id.desc()))
                .select((posts::body, posts::timestamp, users::nickname))
                .limit(25)
                .load::<(String, chrono::NaiveDateTime, String)>(connection)
        })
        .await
        .map_err(|_| Status::InternalServerError)?;
    let post = |(body, timestamp, author): (String, chrono::NaiveDateTime, String)| Post {
        body,
        timestamp: timestamp.to_string(),
        author,
    };
    let mut context = Context::new();
    context.insert("posts", &rows.into_iter().map(post).collect::<Vec<_>>());
    render(tera, "bare.html", &context)
}

#[get("/static")]
fn unchanging(tera: &State<Tera>) -> Result<RawHtml<String>, Status> {
    render(tera, "static.html", &Context::new())
}

fn render(tera: &Tera, name: &str, context: &Context) -> Result<RawHtml<String>, Status> {
    tera.render(name, context).map(RawHtml).map_err(|_| Status::InternalServerError)
}

/// Serves the bare page and the static page from this process. Returns the base URL.
fn comparison(url: &str, page: &str) -> String {
    let mut tera = Tera::new();
    tera.add_raw_templates([("bare.html", BARE), ("static.html", page)]).expect("two templates");
    let figment = Figment::from(rocket::Config::release_default())
        .merge(("port", 0))
        .merge(("log_level", "off"))
        .merge(("cli_colors", false))
        .merge(("secret_key", support::SECRET_KEY))
        .merge(("databases.microblog.url", url));
    let (sender, port) = mpsc::channel();
    let rocket =
        rocket::custom(figment).manage(tera).attach(pool::stage()).mount("/", routes![bare, unchanging]).attach(
            AdHoc::on_liftoff("Port", move |rocket| {
                let _ = sender.send(rocket.config().port);
                Box::pin(async {})
            }),
        );
    thread::spawn(|| drop(rocket::execute(rocket.launch())));
    format!("http://127.0.0.1:{}", port.recv().expect("a port"))
}

/// The number of requests per second. Panics if one fails.
fn requests_per_second(url: &str, cookie: &str, seconds: u64) -> f64 {
    let (duration, header) = (format!("-d{seconds}s"), format!("Cookie: {cookie}"));
    let output = Command::new("wrk").args(["-t1", "-c16", &duration, "-H", &header, url]).output().expect("wrk");
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(!report.contains("Non-2xx") && !report.contains("Socket errors"), "{url}: {report}");
    let number = report.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
    number.and_then(|number| number.trim().parse().ok()).unwrap_or_else(|| panic!("{url}: {report}"))
}

fn main() {
    if Command::new("wrk").arg("--version").output().is_err() {
        return eprintln!("wrk is not installed, nothing was measured");
    }
    let (seconds, runs) = (number("SECONDS", 5).clamp(1, 60), number("RUNS", 3).clamp(1, 20));
    let home = tempfile::tempdir().expect("a temporary folder");
    seed(home.path(), 200, 10_000);
    let server = Server::start(home.path());
    let client = Client::register(&server.address, "reader");
    let explore = format!("{}/explore", server.address);
    let page = client.get(&explore).and_then(|mut page| page.body_mut().read_to_string()).expect("a page");
    assert!(page.matches("<article").count() == 25 && page.contains("reader"), "{page}");
    let url = url(home.path());
    let other = comparison(url.as_str(), &page);

    let targets = [
        ("explore", explore.clone()),
        ("/health", format!("{}/health", server.address)),
        ("bare page", format!("{other}/bare")),
        ("static page", format!("{other}/static")),
    ];
    println!("wrk -t1 -c16, {runs} runs of {seconds} s of each; the page of posts is {} bytes long", page.len());
    let mut measured = vec![Vec::new(); targets.len()];
    for _ in 0..runs {
        for ((_, url), rates) in targets.iter().zip(&mut measured) {
            rates.push(requests_per_second(url, &client.cookie, seconds));
        }
    }
    let medians = measured.iter_mut().map(|rates| {
        rates.sort_unstable_by(f64::total_cmp);
        rates[rates.len() / 2]
    });
    let medians: Vec<_> = medians.collect();
    for ((name, _), median) in targets.iter().zip(&medians) {
        println!("{name:>12}: {median:7.0} requests per second; explore has {:5.2} times as many", medians[0] / median);
    }
}
