//! How long a rebuild of 1,000,000 rows takes: an upgrade by this library, with its checks and without, against the
//! best SQL by hand, which is the procedure that SQLite's documentation gives. Each run is a process of its own on a
//! fresh copy of the same file, and all three take turns.
//!
//! `cargo bench -p migrate --bench rebuild`; `ROWS=100000` and `RUNS=3` make it shorter.
//!
//! By hand means the same SQLite library, so that the ratio measures this library; with `SHELL_TOO=1` the `sqlite3`
//! command runs the same text as a fourth, in whichever version it has.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::sql_types::Text;
use diesel::{Connection as _, RunQueryDsl, SqliteConnection};
use diesel_autogen::schema::{Action, Column, DefaultValue, ForeignKey, Index, IndexColumn, Schema, Table, Type};
use diesel_autogen::{DatabaseUrl, Migrator, PlanOptions, Settings, Target};

/// <https://www.sqlite.org/lang_altertable.html#otheralter>
const BY_HAND: &str = "
    PRAGMA foreign_keys = OFF;
    BEGIN IMMEDIATE;
    CREATE TABLE new_posts (
        id INTEGER NOT NULL PRIMARY KEY,
        title VARCHAR(120) NOT NULL,
        body TEXT NOT NULL,
        score BIGINT NOT NULL DEFAULT 0,
        is_public BOOLEAN NOT NULL DEFAULT TRUE,
        created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
        user_id INTEGER REFERENCES users (id) ON DELETE CASCADE
    );
    INSERT INTO new_posts (id, title, body, score, is_public, created_at, user_id)
        SELECT id, title, body, score, is_public, created_at, user_id FROM posts;
    DROP TABLE posts;
    ALTER TABLE new_posts RENAME TO posts;
    CREATE INDEX posts_created_at_idx ON posts (created_at);
    CREATE INDEX posts_user_id_created_at_idx ON posts (user_id, created_at DESC);
    PRAGMA foreign_key_check;
    COMMIT;
    PRAGMA foreign_keys = ON;";

const WAYS: [&str; 4] = ["by hand", "unchecked", "checked", "sqlite3 shell"];

fn main() {
    if let (Ok(way), Ok(folder)) = (env::var("WAY"), env::var("FOLDER")) {
        return rebuild(&way, folder.as_ref());
    }
    let (rows, runs) = (number("ROWS", 1_000_000), number("RUNS", 5));
    let origin = tempfile::tempdir().expect("a temporary folder");
    prepare(origin.path(), rows);
    let version: String =
        sql::<Text>("SELECT sqlite_version()").get_result(&mut open(&origin.path().join("app.db"))).expect("a version");
    println!("{rows} rows, {runs} runs of each, SQLite {version}");

    let ways = if env::var("SHELL_TOO").is_ok() { &WAYS[..] } else { &WAYS[..3] };
    let mut times = vec![Vec::new(); ways.len()];
    let mut work = vec![Vec::new(); ways.len()];
    let mut peaks = vec![0; ways.len()];
    for _ in 0..runs {
        for (at, way) in ways.iter().enumerate() {
            let (time, cpu, peak) = run(way, origin.path());
            times[at].push(time);
            work[at].push(cpu);
            peaks[at] = peaks[at].max(peak);
        }
    }
    let median = |times: &Vec<Duration>| {
        let mut times = times.clone();
        times.sort();
        times[times.len() / 2].as_secs_f64()
    };
    let (hand, hand_work) = (median(&times[0]), median(&work[0]));
    for (at, way) in ways.iter().enumerate() {
        let (time, cpu) = (median(&times[at]), median(&work[at]));
        println!(
            "{way:>13}: {time:6.2} s, {:4.2} times by hand; of the processor {cpu:6.2} s, {:4.2} times; {:2} MB at most",
            time / hand,
            cpu / hand_work,
            peaks[at] / 1024
        );
    }
}

fn number(variable: &str, default: usize) -> usize {
    env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A database at version 1 with its rows, and the second migration, generated, beside it.
fn prepare(folder: &Path, rows: usize) {
    let migrator = migrator(folder, true);
    migrator.init().expect("an empty database");
    let mut options = PlanOptions::default();
    (options.no_keep, options.no_rehearsal) = (true, true);
    let plan = migrator.plan(&models(Type::Integer), &options).expect("a plan").expect("tables");
    migrator.apply(&plan).expect("the first migration");
    let plan = migrator.plan(&models(Type::BigInt), &options).expect("a plan").expect("a change");
    let second = folder.join("migrations/sqlite").join(&plan.name);
    plan.sql.write(&second).expect("the second migration");
    let fill = format!(
        "PRAGMA journal_mode = WAL;
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows} / 100)
         INSERT INTO users (id, nickname) SELECT i, 'user ' || i FROM n;
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
         INSERT INTO posts (title, body, score, is_public, created_at, user_id)
         SELECT 'title of post ' || i, 'body ' || hex(randomblob(50)), i % 997, i % 2,
             datetime('2012-02-29', (i * 7919 % 4000000) || ' minutes'), 1 + i * 31 % ({rows} / 100) FROM n;
         PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE"
    );
    open(&folder.join("app.db")).batch_execute(&fill).expect("rows");
}

/// One run on a fresh copy: its time, the processor's time, and its peak memory in KiB; the last two are not known of the
/// shell.
fn run(way: &str, origin: &Path) -> (Duration, Duration, u64) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    copy(origin, folder.path());
    // Nothing that the copy left to be written may slow the run.
    let _ = Command::new("sync").status();
    let start = Instant::now();
    let output = if way == "sqlite3 shell" {
        Command::new("sqlite3").arg(folder.path().join("app.db")).arg(BY_HAND).output()
    } else {
        let program = env::current_exe().expect("this program");
        Command::new(program).env("WAY", way).env("FOLDER", folder.path()).stderr(Stdio::inherit()).output()
    };
    let time = start.elapsed();
    let output = output.expect("a process");
    assert!(output.status.success(), "{way}: {output:?}");
    let ty: String = sql::<Text>("SELECT type FROM pragma_table_info('posts') WHERE name = 'score'")
        .get_result(&mut open(&folder.path().join("app.db")))
        .expect("the table");
    assert_eq!(ty, "BIGINT", "{way} did not rebuild the table");
    let said = String::from_utf8_lossy(&output.stdout);
    let mut numbers = said.split_whitespace().filter_map(|word| word.parse::<u64>().ok());
    let ticks = numbers.next().unwrap_or_default();
    (time, Duration::from_millis(ticks * 10), numbers.next().unwrap_or_default())
}

/// What the process does that is measured.
fn rebuild(way: &str, folder: &Path) {
    if way == "by hand" {
        let mut connection = open(&folder.join("app.db"));
        connection.batch_execute(BY_HAND).expect("the rebuild");
    } else {
        migrator(folder, way == "checked").upgrade(Target::Latest).expect("the upgrade");
    }
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    // The processor's time follows the name in parentheses, in hundredths of a second.
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    println!("{ticks} {}", peak.trim().trim_end_matches(" kB"));
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir_all(&target).expect("a folder");
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).expect("a copy");
        }
    }
}

fn migrator(folder: &Path, verify: bool) -> Migrator {
    let url = DatabaseUrl::parse("app.db", folder).expect("a URL");
    let mut settings = Settings::default();
    (settings.backups, settings.verify) = (0, verify);
    Migrator::with_url(url, folder.join("migrations")).with(settings)
}

fn open(path: &Path) -> SqliteConnection {
    SqliteConnection::establish(path.to_str().expect("a name")).expect("a database")
}

fn models(score: Type) -> Schema {
    let users = Table::new("users", ["id"])
        .column(Column::new("id", Type::Integer))
        .column(Column::new("nickname", Type::Text { max_length: Some(64) }));
    let posts = Table::new("posts", ["id"])
        .column(Column::new("id", Type::Integer))
        .column(Column::new("title", Type::Text { max_length: Some(120) }))
        .column(Column::new("body", Type::Text { max_length: None }))
        .column(Column::new("score", score).default(DefaultValue::Number("0".into())))
        .column(Column::new("is_public", Type::Bool).default(DefaultValue::Bool(true)))
        .column(Column::new("created_at", Type::Timestamp).default(DefaultValue::Now))
        .column(Column::new("user_id", Type::Integer).nullable())
        .index(Index::new("posts", [IndexColumn::asc("created_at")], false))
        .index(Index::new("posts", [IndexColumn::asc("user_id"), IndexColumn::desc("created_at")], false))
        .foreign_key(ForeignKey::new(["user_id"], "users", ["id"]).on_delete(Action::Cascade));
    Schema::new([users, posts])
}
