//! What the command line programs share: how a result becomes an exit status.

use std::error::Error;
use std::process::ExitCode;

/// Runs a program's work. An error becomes one line on standard error, behind the program's name, and exit status 1.
pub fn run(program: &str, work: impl FnOnce() -> Result<ExitCode, Box<dyn Error>>) -> ExitCode {
    work().unwrap_or_else(|error| {
        eprintln!("{program}: {error}");
        ExitCode::FAILURE
    })
}
