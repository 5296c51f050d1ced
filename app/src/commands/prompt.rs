//! Prompts: for a password, which is never shown and never an argument, and for a confirmation.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use app::site::auth::password;
use app::site::forms;
use console::Term;

use super::CommandError;

/// The hash of a new password: typed twice without echo on a terminal, or the first line of standard input.
pub fn new_password_hash() -> Result<String, CommandError> {
    let password = if io::stdin().is_terminal() {
        let password = hidden("Password: ")?;
        if hidden("Repeat the password: ")? != password {
            return Err(CommandError::Invalid("the two passwords differ, nothing was changed".into()));
        }
        password
    } else {
        line()?
    };
    forms::new_password(&password).map_err(CommandError::Invalid)?;
    password::hash(password.as_bytes()).ok_or_else(|| CommandError::Invalid("the password cannot be hashed".into()))
}

/// Asks the user to type a word as confirmation.
pub fn confirm(what: &str, word: &str) -> Result<(), CommandError> {
    if !io::stdin().is_terminal() {
        return Err(CommandError::Invalid(format!(
            "{what} needs a terminal for the confirmation; pass --yes to do it without"
        )));
    }
    eprint!("{what} cannot be undone. Type {word} to continue: ");
    io::stderr().flush()?;
    if line()? == word { Ok(()) } else { Err(CommandError::Invalid("nothing was changed".into())) }
}

fn hidden(question: &str) -> io::Result<String> {
    let terminal = Term::stderr();
    terminal.write_str(question)?;
    terminal.read_secure_line()
}

fn line() -> io::Result<String> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
