//! Where results and messages go, how long work is shown, and how questions are asked.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::program::Program;
use crate::Event;

/// The terminal, or the files, that a command writes to.
#[derive(Clone)]
pub(super) struct Console {
    program: Program,
    /// The tasks that are running, the innermost last, and what shows it. On no terminal nothing is shown.
    tasks: Arc<Mutex<Tasks>>,
    /// Whether it was said that another process uses the database: a command opens it several times.
    has_waited: Arc<AtomicBool>,
}

struct Tasks {
    names: Vec<String>,
    spinner: Option<Spinner>,
}

impl Console {
    pub fn new(program: &Program) -> Self {
        let tasks = Arc::new(Mutex::new(Tasks { names: Vec::new(), spinner: None }));
        Self { program: program.clone(), tasks, has_waited: Arc::default() }
    }

    /// The text with its commands as the user types them.
    pub fn fill(&self, text: &str) -> String {
        self.program.fill(text)
    }

    /// Writes a result to standard output.
    ///
    /// # Errors
    ///
    /// When it cannot be written, because the disk is full, for example. A reader that has gone away (`db_upgrade |
    /// head`) is no error: the work goes on.
    pub fn say(&self, result: impl Display) -> io::Result<()> {
        self.suspend(|| match writeln!(io::stdout(), "{result}") {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(io::Error::new(error.kind(), format!("cannot write to standard output: {error}")))
            }
            _ => Ok(()),
        })
    }

    /// Writes one line to standard error, after the program's name. Control characters, which a trigger's message may
    /// hold, become spaces.
    pub fn warn(&self, what: impl Display) {
        let line = one_line(what);
        self.suspend(|| drop(writeln!(io::stderr(), "{}: {line}", self.program.name())));
    }

    /// Shows an event.
    pub fn report(&self, event: &Event<'_>) {
        match event {
            Event::Started(task) => self.started(task),
            Event::Finished => self.finished(),
            Event::Waiting(_) if self.has_waited.swap(true, Ordering::Relaxed) => {}
            other => self.warn(other),
        }
    }

    fn started(&self, task: &str) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.names.push(one_line(task));
        let message = tasks.names.join(": ");
        tasks.spinner.get_or_insert_with(Spinner::start).bar.set_message(message);
    }

    fn finished(&self) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.names.pop();
        if tasks.names.is_empty()
            && let Some(spinner) = tasks.spinner.take()
        {
            spinner.stop();
        }
    }

    /// Writes something without the spinner in between.
    fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = tasks.spinner.as_ref().map(|spinner| spinner.bar.clone());
        drop(tasks);
        match bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Asks a question on standard error, and returns the line that is typed; `None` where there is no terminal, or the
    /// input has ended.
    pub fn ask(&self, question: impl Display) -> Option<String> {
        if !Self::is_terminal() {
            return None;
        }
        self.suspend(|| drop(write!(io::stderr(), "{question} ")));
        let mut answer = String::new();
        io::stdin().read_line(&mut answer).ok()?;
        if answer.is_empty() {
            // The input has ended on the question's line.
            let _ = writeln!(io::stderr());
            return None;
        }
        Some(answer.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// Asks a question until it is answered by yes or no; an empty line means no.
    pub fn confirm(&self, question: impl Display) -> Option<bool> {
        loop {
            match self.ask(format_args!("{question} [y/N]"))?.trim().to_lowercase().as_str() {
                "y" | "yes" => return Some(true),
                "" | "n" | "no" => return Some(false),
                _ => {}
            }
        }
    }

    /// Whether a person can be asked.
    pub fn is_terminal() -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }
}

/// Work that takes less time is not shown.
const DELAY: Duration = Duration::from_secs(1);

/// A line that shows the running task and its time, once the task has taken longer than [`DELAY`].
struct Spinner {
    bar: ProgressBar,
    stop: Sender<()>,
    timer: JoinHandle<()>,
}

impl Spinner {
    fn start() -> Self {
        let style = ProgressStyle::with_template("{spinner} {wide_msg} {elapsed}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner()).tick_chars("|/-\\ ");
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()).with_style(style);
        let (stop, stopped) = mpsc::channel();
        let shown = bar.clone();
        let timer = thread::spawn(move || {
            if stopped.recv_timeout(DELAY) == Err(RecvTimeoutError::Timeout) {
                shown.set_draw_target(ProgressDrawTarget::stderr());
                shown.enable_steady_tick(Duration::from_millis(250));
            }
        });
        Self { bar, stop, timer }
    }

    fn stop(self) {
        drop(self.stop);
        let _ = self.timer.join();
        self.bar.finish_and_clear();
    }
}

fn one_line(what: impl Display) -> String {
    what.to_string().chars().map(|char| if char.is_control() { ' ' } else { char }).collect()
}
