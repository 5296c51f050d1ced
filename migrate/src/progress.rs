//! Long work shows itself to whoever watches, who may end it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use diesel::connection::BoxableConnection;
use diesel::sqlite::Sqlite;

use crate::Error;
use crate::schema::same_name;
use crate::sql::{Token, excerpt, tokens};
use crate::words::Thousands;

/// Somebody who watches the work of this thread. It must not use this library, nor a SQLite connection.
pub trait Watch {
    /// Is called some times a second while SQLite is at work.
    fn working(&mut self, progress: &Progress<'_>);

    /// The task that was shown last is over, or something else is about to be said.
    fn over(&mut self);

    /// Whether the work shall end. What is not finished is then undone, and fails with [`Error::Interrupted`].
    fn is_interrupted(&mut self) -> bool;
}

/// How far a task is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress<'a> {
    /// What is being done: `copying users`.
    pub task: &'a str,
    /// How much of it is done.
    pub done: u64,
    /// How much there is to do, where that is known.
    pub total: Option<u64>,
    /// What is counted.
    pub unit: Unit,
    /// How long the task has taken so far.
    pub elapsed: Duration,
}

/// What a task counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Rows of a table.
    Rows,
    /// Bytes of a file.
    Bytes,
}

impl Progress<'_> {
    /// How long the rest will take if it goes on as it did.
    #[must_use]
    pub fn left(&self) -> Option<Duration> {
        let rest = self.total?.checked_sub(self.done)?;
        (self.done > 0).then(|| self.elapsed.mul_f64(as_float(rest) / as_float(self.done)))
    }
}

impl fmt::Display for Progress<'_> {
    /// `copying users: 4,000,000 of 10,000,000 rows, about 12 s left`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |amount: u64| match self.unit {
            Unit::Rows => Thousands(amount),
            Unit::Bytes => Thousands(amount / 1_000_000),
        };
        let unit = if self.unit == Unit::Rows { "rows" } else { "MB" };
        write!(f, "{}: ", self.task)?;
        match (self.total, self.left()) {
            (Some(total), Some(left)) => {
                let seconds = left.as_secs_f64().ceil();
                write!(f, "{} of {} {unit}, about {seconds} s left", count(self.done), count(total))
            }
            _ if self.done > 0 => write!(f, "{} {unit}, {} s so far", count(self.done), self.elapsed.as_secs()),
            _ => write!(f, "{} s so far", self.elapsed.as_secs()),
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "an estimate needs no more than 52 bits")]
fn as_float(amount: u64) -> f64 {
    amount as f64
}

thread_local! {
    static STATE: RefCell<State> = const { RefCell::new(State::new()) };
}

struct State {
    watch: Option<Box<dyn Watch>>,
    tasks: Vec<Task>,
    counts: BTreeMap<String, i64>,
    looked: Option<Instant>,
    is_interrupted: bool,
    is_done: bool,
    was_changed: bool,
}

struct Task {
    label: String,
    amount: Amount,
    start: Instant,
}

/// By what a task's progress is known.
pub(crate) enum Amount {
    /// By the rows that change, of so many.
    Rows { before: u64, total: Option<u64> },
    /// By the size of a file that is being written, which will have so many bytes.
    File { path: PathBuf, total: u64 },
}

impl Amount {
    /// The rows that change from now on, of so many.
    pub fn rows(total: Option<u64>) -> Self {
        Self::Rows { before: sqlite_hooks::rows_changed(), total }
    }
}

/// Has the work of this thread watched from now on, on the SQLite connections that it opens from now on.
pub fn watch(watch: impl Watch + 'static) {
    sqlite_hooks::install();
    STATE.replace(State { watch: Some(Box::new(watch)), ..State::new() });
    sqlite_hooks::observe(Some(Box::new(|rows| STATE.with_borrow_mut(|state| state.look(rows)))));
}

/// Ends the watch. Returns the error that says so when the watcher has interrupted the work.
#[must_use]
pub fn unwatch() -> Option<Error> {
    sqlite_hooks::observe(None);
    let state = STATE.replace(State::new());
    state.is_interrupted.then(|| state.interrupted())
}

/// Does work that has a name, and is part of whatever task is at work already. When it was interrupted, that is what
/// it failed with.
pub(crate) fn task<T>(label: &str, amount: Amount, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    STATE.with_borrow_mut(|state| state.begin(label, amount))?;
    let result = work();
    STATE.with_borrow_mut(State::end);
    result.map_err(or_interrupted)
}

/// A [`task`] of unknown size.
pub(crate) fn step<T>(label: &str, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    task(label, Amount::rows(None), work)
}

/// Runs one statement of a migration.
pub(crate) fn execute(connection: &mut dyn BoxableConnection<Sqlite>, statement: &str) -> Result<(), Error> {
    let tokens = tokens(statement).unwrap_or_default();
    let source = copied_table(&tokens);
    let label = source.as_ref().map_or_else(|| format!("running {}", excerpt(statement)), |it| format!("copying {it}"));
    let total = source.and_then(|source| STATE.with_borrow(|state| state.rows(&source)));
    task(&label, Amount::rows(total), || Ok(connection.batch_execute(statement)?))
}

/// The table whose rows `INSERT INTO … SELECT … FROM table` copies.
fn copied_table(tokens: &[Token]) -> Option<String> {
    tokens.first().filter(|token| token.is("INSERT"))?;
    let mut depth = 0;
    for pair in tokens.windows(2) {
        match pair[0].text {
            "(" => depth += 1,
            ")" => depth -= 1,
            _ if depth == 0 && pair[0].is("FROM") => return Some(pair[1].name()).filter(|name| name != "("),
            _ => {}
        }
    }
    None
}

/// The rows of the tables were counted: a statement that copies a table is measured by them. It would cost too much to
/// count them for that alone.
pub(crate) fn counted(counts: &BTreeMap<String, i64>) {
    STATE.with_borrow_mut(|state| state.counts.clone_from(counts));
}

/// A transaction begins: until it is committed, it can be interrupted.
pub(crate) fn begin() {
    STATE.with_borrow_mut(|state| state.is_done = false);
}

/// A transaction is committed: whatever is left of the work is brief, and is not interrupted any more.
pub(crate) fn done() {
    STATE.with_borrow_mut(|state| (state.is_done, state.was_changed) = (true, true));
}

/// [`Error::Interrupted`] in place of what an interruption made SQLite say.
pub(crate) fn or_interrupted(error: Error) -> Error {
    STATE.with_borrow(|state| if state.is_interrupted { state.interrupted() } else { error })
}

/// Clears what shows the work, because something is about to be said.
pub(crate) fn clear() {
    // It may be the watcher itself that has something to say.
    STATE.with(|state| {
        if let Ok(mut state) = state.try_borrow_mut()
            && let Some(watch) = &mut state.watch
        {
            watch.over();
        }
    });
}

/// How long nobody looks after a look.
const PAUSE: Duration = Duration::from_millis(50);

impl State {
    const fn new() -> Self {
        Self {
            watch: None,
            tasks: Vec::new(),
            counts: BTreeMap::new(),
            looked: None,
            is_interrupted: false,
            is_done: false,
            was_changed: false,
        }
    }

    fn rows(&self, table: &str) -> Option<u64> {
        let count = self.counts.iter().find(|(name, _)| same_name(name, table));
        count.and_then(|(_, count)| u64::try_from(*count).ok())
    }

    fn begin(&mut self, label: &str, amount: Amount) -> Result<(), Error> {
        if self.must_end() {
            return Err(self.interrupted());
        }
        let label = self.tasks.last().map_or(label.to_owned(), |outer| format!("{}: {label}", outer.label));
        self.tasks.push(Task { label, amount, start: Instant::now() });
        Ok(())
    }

    fn end(&mut self) {
        self.tasks.pop();
        if let Some(watch) = &mut self.watch {
            watch.over();
        }
    }

    fn look(&mut self, rows: u64) -> ControlFlow<()> {
        if self.looked.is_some_and(|looked| looked.elapsed() < PAUSE) {
            return ControlFlow::Continue(());
        }
        self.looked = Some(Instant::now());
        if self.must_end() {
            return ControlFlow::Break(());
        }
        if let (Some(watch), Some(task)) = (&mut self.watch, self.tasks.last()) {
            watch.working(&task.progress(rows));
        }
        ControlFlow::Continue(())
    }

    fn must_end(&mut self) -> bool {
        if self.is_done {
            return false;
        }
        self.is_interrupted |= self.watch.as_mut().is_some_and(|watch| watch.is_interrupted());
        self.is_interrupted
    }

    fn interrupted(&self) -> Error {
        Error::Interrupted { was_changed: self.was_changed }
    }
}

impl Task {
    fn progress(&self, rows: u64) -> Progress<'_> {
        let (done, total, unit) = match &self.amount {
            Amount::Rows { before, total } => (rows.saturating_sub(*before), *total, Unit::Rows),
            Amount::File { path, total } => {
                (fs::metadata(path).map_or(0, |metadata| metadata.len()), Some(*total), Unit::Bytes)
            }
        };
        Progress { task: &self.label, done, total, unit, elapsed: self.start.elapsed() }
    }
}
