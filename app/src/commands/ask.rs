//! Questions to whoever runs a command: a password, which is never shown nor an argument, and whether to go on.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use app::site::auth::password;
use app::site::forms;
use console::Term;

use super::CommandError;

/// The hash of a new password: typed twice on a terminal, where it does not show, or the first line of what is piped in.
pub fn new_password_hash() -> Result<String, CommandError> {
    let password = if io::stdin().is_terminal() {
        let password = hidden("Password: ")?;
        if hidden("Once more: ")? != password {
            return Err(CommandError::Refused("the two passwords differ: nothing was changed".into()));
        }
        password
    } else {
        line()?
    };
    forms::new_password(&password).map_err(CommandError::Refused)?;
    password::hash(password.as_bytes()).ok_or_else(|| CommandError::Refused("the password cannot be hashed".into()))
}

/// Has a word typed, which says that what is named is meant.
pub fn confirm(what: &str, word: &str) -> Result<(), CommandError> {
    if !io::stdin().is_terminal() {
        return Err(CommandError::Refused(format!("{what} is done without a question with --yes only")));
    }
    eprint!("{what} cannot be undone. Type {word} to go on: ");
    io::stderr().flush()?;
    if line()? == word { Ok(()) } else { Err(CommandError::Refused("nothing was changed".into())) }
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
