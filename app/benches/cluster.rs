//! The site on `deploy/cluster` while it is deployed, and while its parts fail: which requests fail, how long the longest
//! takes, and whether an accepted post is lost.
//!
//! `deploy/cluster test` runs it, or `deploy/cluster cargo bench -p app --bench cluster`. `RATE=100` is the number of requests
//! per second. `NEXT` is a folder with the next release's `app`, by default `BIN`.
//!
//! A request has a connection of its own, and none is sent again. Where the longest delay, counted from the moment at which a
//! request was due, is much more than the longest answer, the machine is too slow for the rate.

mod support;

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use app::schema::posts;
use app::site::pool;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel_autogen::schema::{Column, DefaultValue, Index, IndexColumn, Schema, Type};
use diesel_autogen::{DatabaseUrl, Migrator, PlanOptions, Settings, Target};
use support::{Client, cookies, number};
use tempfile::TempDir;
use ureq::Body;
use ureq::http::Response;

/// What happens, and which requests may fail meanwhile.
type Step = (&'static str, MayFail, fn(&Cluster));

/// What happens under load, in this order.
const STEPS: [Step; 10] = [
    ("nothing", MayFail::None, |_| {}),
    ("rolling restart", MayFail::None, |cluster| restart_nodes(&cluster.bin)),
    ("db_upgrade, old nodes", MayFail::None, Cluster::upgrade),
    ("kill -9 of an old node", MayFail::Posts, |cluster| kill_node(&cluster.bin, "1")),
    ("rolling restart, new nodes", MayFail::None, |cluster| restart_nodes(&cluster.next)),
    ("kill -9 of a new node", MayFail::Posts, |cluster| kill_node(&cluster.next, "2")),
    ("restart of the primary", MayFail::Writers, |cluster| deploy(&cluster.bin, &["primary", "restart"])),
    ("after that", MayFail::None, |_| {}),
    ("kill -9 of the replica", MayFail::None, |cluster| deploy(&cluster.bin, &["replica", "kill"])),
    ("return of the replica", MayFail::None, |cluster| deploy(&cluster.bin, &["replica", "start"])),
];

#[derive(Clone, Copy)]
enum MayFail {
    None,
    /// A post that was sent to a node that is killed: nobody knows whether it was stored.
    Posts,
    /// Those that need the primary, and by 503.
    Writers,
}

impl MayFail {
    fn allows(self, sent: &Sent) -> bool {
        match self {
            Self::None => false,
            Self::Posts => sent.post.is_some(),
            Self::Writers => sent.needs_primary && sent.answer == Err("503".into()),
        }
    }
}

fn main() -> ExitCode {
    if env::var_os("CLUSTER").is_none() {
        eprintln!("no cluster is running: deploy/cluster test starts one");
        // `cargo bench` runs every benchmark.
        return ExitCode::SUCCESS;
    }
    let cluster = Cluster::new();
    sessions(&cluster.address);
    attempts(&cluster.address);
    replica(&cluster);

    let load = Load::new(&cluster.address);
    let is_done = thread::scope(|scope| {
        for client in 0..CLIENTS {
            let load = &load;
            scope.spawn(move || load.visit(client));
        }
        let is_done = STEPS.iter().enumerate().all(|(at, (name, _, run))| {
            load.step.store(at, Ordering::Relaxed);
            eprintln!("{name}");
            // The threads end, and the report is printed, also when a step panics.
            let is_done = catch_unwind(AssertUnwindSafe(|| run(&cluster))).is_ok();
            load.wait_for_requests();
            is_done
        });
        load.has_ended.store(true, Ordering::Relaxed);
        is_done
    });
    let is_well = report(&load.sent.into_inner().expect("no panic"), &cluster);
    cluster.migrator.check(&next_release()).expect("the database has the tables of the next release");
    if is_done && is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The running cluster, and the migrations of the next release.
struct Cluster {
    address: String,
    bin: PathBuf,
    next: PathBuf,
    migrator: Migrator,
    folder: TempDir,
}

impl Cluster {
    fn new() -> Self {
        let bin = PathBuf::from(variable("BIN"));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let migrations = folder.path().join("postgresql");
        for migration in files(&Path::new(&variable("MIGRATIONS_DIR")).join("postgresql")) {
            let copy = migrations.join(migration.file_name().expect("a name"));
            fs::create_dir_all(&copy).expect("a folder");
            for file in files(&migration) {
                fs::copy(&file, copy.join(file.file_name().expect("a name"))).expect("a copy");
            }
        }
        let mut settings = Settings::default();
        settings.per_database_folders = true;
        settings.backups = 0;
        let migrator = Migrator::with_url(database("DATABASE_URL"), folder.path()).with(settings);
        let next = env::var_os("NEXT").map_or_else(|| bin.clone(), PathBuf::from);
        let cluster = Self { address: variable("CLUSTER_URL"), bin, next, migrator, folder };
        cluster.write_migrations();
        cluster
    }

    /// Writes the migrations as a developer does, on another database.
    fn write_migrations(&self) {
        let url = format!("{}_development", self.migrator.url().as_str());
        let developer = self.migrator.on(DatabaseUrl::parse(&url, Path::new("/")).expect("a URL"));
        developer.init().expect("a database");
        developer.upgrade(Target::Latest).expect("the migrations of the repository");
        let mut options = PlanOptions::default();
        options.online = true;
        let plan = developer.plan(&next_release(), &options).expect("a plan").expect("a change");
        eprintln!("{plan}");
        developer.apply(&plan).expect("the migrations");
    }

    fn upgrade(&self) {
        let mut command = Command::new(self.bin.join("db_upgrade"));
        let status = command.env("MIGRATIONS_DIR", self.folder.path()).stdout(Stdio::null()).status();
        assert!(status.expect("db_upgrade").success(), "db_upgrade");
    }
}

/// Calls `deploy/cluster`, which starts nodes from the folder `bin`.
fn deploy(bin: &Path, arguments: &[&str]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/cluster");
    let status = Command::new(script).args(arguments).env("BIN", bin).status().expect("deploy/cluster");
    assert!(status.success(), "deploy/cluster {arguments:?}: {status}");
}

fn restart_nodes(bin: &Path) {
    for node in ["1", "2", "3"] {
        deploy(bin, &["node", "restart", node]);
    }
}

fn kill_node(bin: &Path, node: &str) {
    deploy(bin, &["node", "kill", node]);
    deploy(bin, &["node", "start", node]);
}

/// The tables of the next release: the previous one survives the change.
fn next_release() -> Schema {
    let mut schema = app::schema::schema();
    let posts = schema.tables.iter_mut().find(|table| table.name == "posts").expect("the table of posts");
    posts.columns.push(Column::new("edited_at", Type::Timestamp).nullable());
    let token = Column::new("token", Type::Diesel("Uuid"));
    posts.columns.push(token.default(DefaultValue::Sql("gen_random_uuid()".into())));
    posts.indexes.push(Index::new("posts", ["user_id", "body"].map(IndexColumn::asc), false));
    schema
}

/// A visitor's requests go to one node after the other.
fn sessions(address: &str) {
    let visitor = Client::new(0, "").sign_up(address, "visitor");
    let mut nodes = Vec::new();
    let mut node =
        |response: &Response<Body>| nodes.push(response.headers()["X-Node"].to_str().unwrap_or("").to_owned());
    let written = visitor.post(&format!("{address}/"), &[("body", "from node to node")]).expect("a response");
    assert_eq!(written.status(), 303, "the next node knows the session");
    node(&written);
    let page = |cookie: String| Client::new(0, cookie).get(&format!("{address}/")).expect("a response");
    let flash = cookies(&written).find(|cookie| cookie.starts_with("flash")).expect("a message");
    let mut home = page(format!("{}; {flash}", visitor.cookie));
    node(&home);
    let text = home.body_mut().read_to_string().expect("a page");
    assert!(text.contains("Your post is now live!") && text.contains("from node to node"), "{text}");
    let home = page(visitor.cookie);
    node(&home);
    nodes.sort();
    nodes.dedup();
    assert_eq!(nodes.len(), 3, "each request goes to another node: {nodes:?}");
}

/// Three nodes allow three times as many attempts, and no more.
fn attempts(address: &str) {
    let attempt = || {
        let request = ureq::post(format!("{address}/login")).header("X-Forwarded-For", "192.0.2.1");
        match request.send_form([("login", "nobody"), ("password", "wrong"), ("next", "")]) {
            Err(ureq::Error::StatusCode(status)) => status,
            other => panic!("{other:?}"),
        }
    };
    let allowed = (0..60).map(|_| attempt()).take_while(|status| *status == 422).count();
    // Some are allowed again in the time that it takes.
    assert!((30..60).contains(&allowed), "{allowed} attempts, of 10 per minute on each of three nodes");
    assert_eq!(attempt(), 429);
}

/// Signed-out visitors read from the replica, and who has written reads what they wrote.
fn replica(cluster: &Cluster) {
    let text = variable("DATABASE_REPLICA_URL").replace("microblog@", "postgres@");
    let url = DatabaseUrl::parse(&text, Path::new("/")).expect("a URL");
    let mut replica = pool::open(&url).expect("the replica");
    replica.batch_execute("SELECT pg_wal_replay_pause()").expect("a pause");
    let link = format!("{}/explore", cluster.address);
    let author = Client::new(0, "").sign_up(&cluster.address, "author");
    let written = author.post(&format!("{}/", cluster.address), &[("body", "on the primary")]).expect("a response");
    let shows = |cookie: &str| {
        let page = Client::new(0, cookie).get(&link).and_then(|mut response| response.body_mut().read_to_string());
        page.expect("a page").contains("on the primary")
    };
    let place = cookies(&written).find(|cookie| cookie.starts_with("written")).expect("the place of the post");
    for _ in 0..3 {
        assert!(!shows(""), "a signed-out visitor reads from the replica");
        assert!(shows(&author.cookie) && shows(place), "who has written reads from the primary");
    }
    replica.batch_execute("SELECT pg_wal_replay_resume()").expect("the end of the pause");
    let start = Instant::now();
    while !shows("") {
        assert!(start.elapsed() < Duration::from_secs(30), "the replica gets the post");
    }
}

/// The number of requests at the same time.
const CLIENTS: u32 = 32;

/// The number of signed-in users.
const USERS: usize = 8;

const PAGES: [&str; 5] = ["/", "/explore", "/user/reader0", "/feed.atom", "/search?q=coffee"];

/// Requests at a fixed rate, of which six of ten are those of signed-out visitors, three are pages of signed-in users, and
/// one is a post.
struct Load {
    address: String,
    rate: u32,
    users: Vec<Client>,
    step: AtomicUsize,
    has_ended: AtomicBool,
    sent: Mutex<Vec<Sent>>,
}

/// A request, and its answer.
struct Sent {
    /// The steps in which it was sent and answered.
    steps: [usize; 2],
    post: Option<String>,
    needs_primary: bool,
    took: Duration,
    late: Duration,
    answer: Result<(), String>,
}

impl Load {
    fn new(address: &str) -> Self {
        let users = (0..USERS).map(|user| Client::new(0, "").sign_up(address, &format!("reader{user}"))).collect();
        let rate = u32::try_from(number("RATE", 100)).expect("a rate").max(1);
        let (step, has_ended) = (AtomicUsize::new(0), AtomicBool::new(false));
        Self { address: address.to_owned(), rate, users, step, has_ended, sent: Mutex::default() }
    }

    fn visit(&self, client: u32) {
        let stranger = Client::new(0, "");
        let start = Instant::now();
        for round in 0.. {
            let due = start + Duration::from_secs((round * CLIENTS + client).into()) / self.rate;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if self.has_ended.load(Ordering::Relaxed) {
                return;
            }
            let number = (round + client) as usize;
            let needs_primary = number % 10 > 5;
            let user = if needs_primary { &self.users[number % USERS] } else { &stranger };
            let (sent_at, sent_in) = (Instant::now(), self.step.load(Ordering::Relaxed));
            let post = (number % 10 == 9).then(|| format!("load {client} {round} #coffee for @reader0"));
            let answer = match &post {
                Some(body) => read(user.post(&format!("{}/", self.address), &[("body", body)]), 303),
                None => read(user.get(&format!("{}{}", self.address, PAGES[number % PAGES.len()])), 200),
            };
            let steps = [sent_in, self.step.load(Ordering::Relaxed)];
            let sent = Sent { steps, post, needs_primary, took: sent_at.elapsed(), late: due.elapsed(), answer };
            self.sent.lock().expect("no panic").push(sent);
        }
    }

    /// Waits for as many answers as there are in a second.
    fn wait_for_requests(&self) {
        let count = || self.sent.lock().expect("no panic").len();
        let enough = count() + self.rate as usize;
        while count() < enough {
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Reads the whole answer. Another status than the expected one is an error.
fn read(response: Result<Response<Body>, ureq::Error>, expected: u16) -> Result<(), String> {
    let mut response = response.map_err(|error| error.to_string())?;
    response.body_mut().read_to_vec().map_err(|error| error.to_string())?;
    if response.status() == expected { Ok(()) } else { Err(response.status().as_u16().to_string()) }
}

/// Prints what happened, and returns whether all is well.
fn report(sent: &[Sent], cluster: &Cluster) -> bool {
    println!("{:28} requests  failed unexpected  longest answer    delay", "step");
    let mut is_well = true;
    for (at, (name, ..)) in STEPS.iter().enumerate() {
        let sent: Vec<_> = sent.iter().filter(|sent| sent.steps[1] == at).collect();
        let took = sent.iter().map(|sent| sent.took).max().unwrap_or_default().as_millis();
        let late = sent.iter().map(|sent| sent.late).max().unwrap_or_default().as_millis();
        let failed: Vec<_> = sent.iter().filter(|sent| sent.answer.is_err()).collect();
        let mut unexpected = BTreeMap::<_, usize>::new();
        for sent in &failed {
            if !STEPS[sent.steps[0]..=at].iter().any(|(_, may_fail, _)| may_fail.allows(sent)) {
                let kind = if sent.post.is_some() { "post" } else { "page" };
                *unexpected.entry((kind, sent.needs_primary, &sent.answer)).or_default() += 1;
            }
        }
        let count: usize = unexpected.values().sum();
        println!("{name:28} {:>8} {:>7} {count:>10} {took:>12} ms {late:>5} ms", sent.len(), failed.len());
        for ((kind, needs_primary, answer), count) in unexpected {
            println!("    {count} {kind}s, signed in: {needs_primary}: {answer:?}");
            is_well = false;
        }
    }
    let mut connection = pool::open(cluster.migrator.url()).expect("the primary");
    let stored: Vec<String> =
        posts::table.filter(posts::body.like("load %")).select(posts::body).load(&mut connection).expect("the posts");
    let mut stored = stored.into_iter().fold(BTreeMap::<_, usize>::new(), |mut stored, body| {
        *stored.entry(body).or_default() += 1;
        stored
    });
    let accepted = sent.iter().filter(|sent| sent.answer.is_ok()).filter_map(|sent| sent.post.as_ref());
    let wrong = accepted.clone().filter(|body| stored.remove(*body) != Some(1)).count();
    let twice = stored.values().filter(|count| **count > 1).count();
    println!("{} accepted posts: {wrong} lost or stored twice", accepted.count());
    println!("{} other posts are stored: {twice} of them twice", stored.len());
    is_well && wrong + twice == 0
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("deploy/cluster sets {name}"))
}

fn database(name: &str) -> DatabaseUrl {
    DatabaseUrl::parse(&variable(name), Path::new("/")).expect("a URL")
}

fn files(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.expect("an entry").path())
}
