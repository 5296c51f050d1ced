//! What the command line programs share: where results and errors go, and how a result becomes an exit status.

use std::error::Error;
use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write};
use std::process::ExitCode;

/// Runs a program's work. An error becomes one line on standard error, behind the program's name, and exit status 1.
pub fn run(program: &str, work: impl FnOnce() -> Result<ExitCode, Box<dyn Error>>) -> ExitCode {
    work().unwrap_or_else(|error| {
        warn(program, &*error);
        ExitCode::FAILURE
    })
}

/// Writes a result and the end of a line to standard output.
///
/// # Errors
///
/// When it cannot be written, because the disk is full, for example. A reader that has gone away (`db_upgrade | head`)
/// is no error: it wants no more, and the work goes on.
pub fn say(result: impl Display) -> io::Result<()> {
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
    let line: String = what.to_string().chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    let _ = writeln!(io::stderr(), "{program}: {line}");
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
    let mut answer = String::new();
    let length = io::stdin().read_line(&mut answer).ok()?;
    (length > 0).then(|| answer.trim_end_matches(['\r', '\n']).to_owned())
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
