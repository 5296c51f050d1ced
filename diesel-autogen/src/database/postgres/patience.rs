//! Waits for locks in short attempts: every later statement on a table waits behind an `ALTER TABLE` that waits.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant};

use diesel::dsl::sql;
use diesel::sql_types::{Integer, Nullable, Text};
use diesel::{PgConnection, RunQueryDsl};

use super::connection::establish;
use crate::Error;
use crate::settings::{Event, Settings};
use crate::url::DatabaseUrl;

/// How attempts of one connection are made.
pub(super) struct Patience {
    url: DatabaseUrl,
    settings: Settings,
    /// The process of the server that serves the connection.
    process: i32,
}

impl Patience {
    pub fn of(connection: &mut PgConnection, url: &DatabaseUrl, settings: &Settings) -> Result<Self, Error> {
        let process = diesel::select(sql::<Integer>("pg_backend_pid()")).get_result(connection)?;
        Ok(Self { url: url.clone(), settings: settings.clone(), process })
    }

    /// The statement that makes each attempt of this session fail in time.
    pub fn set_timeout(&self) -> String {
        set_timeout(&self.settings, "SESSION")
    }

    /// Makes attempts, each of which fails at a lock that it waits for too long, for as long as the settings say.
    pub fn retried<T>(&self, attempt: &mut dyn FnMut() -> Result<T, Error>) -> Result<T, Error> {
        let start = Instant::now();
        let pause = timeout(&self.settings) / 2;
        loop {
            let watch = Watch::start(&self.url, self.process, pause / 2);
            let result = attempt();
            let blocker = watch.end();
            let error = match result {
                Err(error) if is_blocked(&error) => error,
                other => return other,
            };
            let blocker = blocker.unwrap_or_else(|| "another process".into());
            if start.elapsed() + pause >= self.settings.wait {
                return Err(naming(error, &blocker));
            }
            self.settings.emit(&Event::Blocked { by: &blocker, pause });
            sleep(pause);
        }
    }
}

/// How long one attempt waits for a lock. The server takes 0 for ever.
pub(super) fn timeout(settings: &Settings) -> Duration {
    settings.lock_timeout.max(Duration::from_millis(1))
}

/// The statement that sets it, `LOCAL` to a transaction or for the `SESSION`.
pub(super) fn set_timeout(settings: &Settings, scope: &str) -> String {
    format!("SET {scope} lock_timeout = {}", timeout(settings).as_millis())
}

fn is_blocked(error: &Error) -> bool {
    let (Error::Database { source, .. } | Error::Statement { source, .. }) = error else { return false };
    let message = source.to_string();
    ["due to lock timeout", "deadlock detected"].iter().any(|words| message.contains(words))
}

/// The error with the name of what blocks.
fn naming(mut error: Error, blocker: &str) -> Error {
    if let Error::Database { source, .. } | Error::Statement { source, .. } = &mut error {
        *source = format!("{source}: {blocker} holds the lock").into();
    }
    error
}

/// Looks from another connection which process blocks one. It connects when the first look is due.
struct Watch {
    end: Sender<()>,
    thread: JoinHandle<Option<String>>,
}

impl Watch {
    fn start(url: &DatabaseUrl, process: i32, every: Duration) -> Self {
        let (end, ended) = mpsc::channel();
        let url = url.clone();
        let thread = thread::spawn(move || {
            let (mut connection, mut seen) = (None, None);
            while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                let connection = match &mut connection {
                    Some(connection) => connection,
                    none => none.insert(establish(&url).ok()?),
                };
                seen = blocker(connection, process).or(seen);
            }
            seen
        });
        Self { end, thread }
    }

    fn end(self) -> Option<String> {
        drop(self.end);
        self.thread.join().ok().flatten()
    }
}

/// Which processes block that one, such as `process 4711 (psql)`.
fn blocker(connection: &mut PgConnection, process: i32) -> Option<String> {
    let query = format!(
        "SELECT string_agg(concat('process ', own, ' (' || nullif(application_name, '') || ')'), ', ') \
         FROM unnest(pg_blocking_pids({process})) own LEFT JOIN pg_stat_activity ON pid = own"
    );
    sql::<Nullable<Text>>(&query).get_result(connection).ok().flatten()
}
