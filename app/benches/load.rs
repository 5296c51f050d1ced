//! 64 concurrent clients: every tenth request of a client writes a post, the others read pages. No request may fail, no
//! accepted post may be lost, and the program may use at most 100 MB of memory.
//!
//! `cargo bench -p app --bench load`; `SECONDS=5` makes it shorter, `CLIENTS=8` smaller. Clients, program and database
//! share one machine, so the times are less meaningful than the errors.

mod support;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use app::schema::posts;
use app::site::pool;
use diesel::prelude::*;
use support::{Client, Server, number, quantile, seed, url};

const READ: [&str; 9] = [
    "/",
    "/explore",
    "/",
    "/user/reader0",
    "/search?q=coffee",
    "/explore",
    "/post/17",
    "/feed.atom",
    "/user/reader1/followers",
];

/// The memory limit of the program, in KiB.
const MAX_MEMORY: u64 = 100 * 1000 * 1000 / 1024;

/// The results of one client.
#[derive(Default)]
struct Record {
    times: Vec<Duration>,
    accepted: Vec<String>,
    errors: BTreeMap<String, usize>,
}

fn main() -> ExitCode {
    let (clients, seconds) = (number("CLIENTS", 64), number("SECONDS", 30).min(300));
    let home = tempfile::tempdir().expect("a temporary folder");
    seed(home.path(), 200, 10_000);
    let server = Server::start(home.path());
    let address = server.address.as_str();
    let readers: Vec<_> = (0..clients).map(|client| Client::register(address, &format!("reader{client}"))).collect();

    let end = Instant::now() + Duration::from_secs(seconds);
    let records: Vec<_> = thread::scope(|scope| {
        let work = |(client, reader)| scope.spawn(move || visit(client, reader, address, end));
        let threads: Vec<_> = readers.iter().enumerate().map(work).collect();
        threads.into_iter().map(|thread| thread.join().expect("a client")).collect()
    });
    let peak = server.peak_memory();
    drop(server);

    let mut times: Vec<_> = records.iter().flat_map(|record| &record.times).copied().collect();
    let accepted: Vec<_> = records.iter().flat_map(|record| &record.accepted).collect();
    let mut errors = BTreeMap::<&str, usize>::new();
    for (error, count) in records.iter().flat_map(|record| &record.errors) {
        *errors.entry(error).or_default() += count;
    }
    let url = url(home.path());
    let mut connection = pool::open(&url).expect("the database");
    let stored: Vec<String> =
        posts::table.filter(posts::body.like("load %")).select(posts::body).load(&mut connection).expect("the posts");
    let mut stored = stored.iter().fold(BTreeMap::<_, usize>::new(), |mut stored, body| {
        *stored.entry(body).or_default() += 1;
        stored
    });
    let lost = accepted.iter().filter(|body| stored.remove(**body) != Some(1)).count();

    let each_second = times.len() as u64 / seconds.max(1);
    println!(
        "{clients} clients, {seconds} s: {} requests, {each_second} per second, {} of them posts",
        times.len(),
        accepted.len()
    );
    let [half, most, nearly_all, all] =
        [0.5, 0.9, 0.99, 1.0].map(|share| quantile(&mut times, share).as_secs_f64() * 1e3);
    println!("time of a request: median {half:.1} ms, p90 {most:.1} ms, p99 {nearly_all:.1} ms, at most {all:.1} ms");
    println!("memory: at most {} MB", peak * 1024 / 1_000_000);
    println!(
        "errors: {errors:?}; accepted posts lost or stored twice: {lost}; stored posts not accepted: {}",
        stored.len()
    );
    if errors.is_empty() && lost == 0 && stored.is_empty() && peak <= MAX_MEMORY {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Sends requests until the end.
fn visit(client: usize, reader: &Client, address: &str, end: Instant) -> Record {
    let mut record = Record::default();
    // Clients start at different rounds, so that they do not write at the same time.
    for round in client.. {
        if Instant::now() >= end {
            break;
        }
        let body = format!("load {client} {round} #coffee for @reader{}", round % 64);
        let is_post = round % 10 == 0;
        let start = Instant::now();
        let response = if is_post {
            reader.post(&format!("{address}/"), &[("body", &body)])
        } else {
            reader.get(&format!("{address}{}", READ[round % 10 - 1]))
        };
        // The time of a request includes the whole body.
        let status = response.and_then(|mut response| {
            let status = response.status().as_u16();
            response.body_mut().read_to_vec().map(|_| status)
        });
        record.times.push(start.elapsed());
        match status {
            Ok(303) if is_post => record.accepted.push(body),
            Ok(200) if !is_post => {}
            Ok(status) => *record.errors.entry(format!("status {status}")).or_default() += 1,
            Err(error) => *record.errors.entry(error.to_string()).or_default() += 1,
        }
    }
    record
}
