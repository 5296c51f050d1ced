//! What the command line programs share: where results and errors go, and how a result becomes an exit status.

mod display;
mod interrupt;

use std::error::Error;
use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write};
use std::process::ExitCode;

use crate::progress;

/// Runs a program's work, and shows it where it is long. An error becomes one line on standard error, behind the
/// program's name, and exit status 1; SIGINT and SIGTERM end the work where it can be undone, with status 130 and 143.
pub fn run(program: &str, work: impl FnOnce() -> Result<ExitCode, Box<dyn Error>>) -> ExitCode {
    interrupt::listen(program);
    progress::watch(display::Display::new(program));
    let outcome = work();
    let interruption = progress::unwatch();
    outcome.unwrap_or_else(|error| {
        warn(program, interruption.as_ref().map_or(error.to_string(), ToString::to_string));
        interruption.map_or(ExitCode::FAILURE, |_| ExitCode::from(interrupt::exit_status()))
    })
}

/// Writes a result and the end of a line to standard output.
///
/// # Errors
///
/// When it cannot be written, because the disk is full, for example. A reader that has gone away (`db_upgrade | head`)
/// is no error: it wants no more, and the work goes on.
pub fn say(result: impl Display) -> io::Result<()> {
    progress::clear();
    match writeln!(io::stdout(), "{result}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(io::Error::new(error.kind(), format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes one line to standard error, behind the program's name. Line breaks and other control characters, which a
/// trigger's message may bring, become spaces. Does nothing when there is nobody to tell.
pub fn warn(program: &str, what: impl Display) {
    progress::clear();
    let _ = writeln!(io::stderr(), "{program}: {}", one_line(what));
}

fn one_line(what: impl Display) -> String {
    what.to_string().chars().map(|char| if char.is_control() { ' ' } else { char }).collect()
}

/// Whether somebody sits there who can be asked.
#[must_use]
pub fn is_terminal() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks a question, on standard error, and returns the line that is typed. `None` where nobody is there to be asked, or
/// whoever is there has ended the input.
#[must_use]
pub fn ask(question: impl Display) -> Option<String> {
    if !is_terminal() {
        return None;
    }
    let _ = write!(io::stderr(), "{question} ");
    let answer = interrupt::read_line().ok()?;
    if answer.is_empty() {
        // The input has ended on the question's line.
        let _ = writeln!(io::stderr());
        return None;
    }
    Some(answer.trim_end_matches(['\r', '\n']).to_owned())
}

/// Asks a question until it is answered by yes or no; nothing typed is a no.
#[must_use]
pub fn ask_whether(question: impl Display) -> Option<bool> {
    loop {
        match ask(format_args!("{question} [y/N]"))?.trim().to_lowercase().as_str() {
            "y" | "yes" => return Some(true),
            "" | "n" | "no" => return Some(false),
            _ => {}
        }
    }
}
