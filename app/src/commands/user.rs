//! `app user`: creates, deletes and lists users, and changes passwords.

use app::models::{self, NewUser, Session};
use app::site::{forms, pool};
use clap::Subcommand;
use diesel_autogen::Connection;

use super::{CommandError, find, print_line, prompt};

#[derive(Subcommand)]
pub enum User {
    /// Creates an account; asks for its password, or reads it from standard input
    Create { nickname: String, email: String },
    /// Changes the password of an account, and ends its sessions
    Password { nickname: String },
    /// Deletes an account with its posts and follows
    Delete {
        nickname: String,
        /// Do not ask for confirmation
        #[arg(long)]
        yes: bool,
    },
    /// Lists all users: nickname, e-mail address, number of posts, last seen
    List,
}

/// Runs the command.
pub fn run(command: User) -> Result<(), CommandError> {
    let mut connection = super::open()?;
    match command {
        User::Create { nickname, email } => create(&nickname, &email, &mut connection),
        User::Password { nickname } => set_password(&nickname, &mut connection),
        User::Delete { nickname, yes } => delete(&nickname, yes, &mut connection),
        User::List => list(&mut connection),
    }
}

fn create(nickname: &str, email: &str, connection: &mut Connection) -> Result<(), CommandError> {
    forms::nickname(nickname).and_then(|()| forms::email(email)).map_err(CommandError::Invalid)?;
    let hash = prompt::new_password_hash()?;
    let user = NewUser::new(nickname, email)?.password_hash(&hash);
    let user = user.insert(connection)?;
    print_line(&format!("Created {}", user.nickname));
    Ok(())
}

fn set_password(nickname: &str, connection: &mut Connection) -> Result<(), CommandError> {
    let user = find(nickname, connection)?;
    let hash = prompt::new_password_hash()?;
    pool::write_transaction(connection, |connection| {
        user.set_password_hash(&hash, connection)?;
        Session::end_all(&user, connection)
    })?;
    print_line(&format!("The password of {} is changed, and all sessions are ended", user.nickname));
    Ok(())
}

fn delete(nickname: &str, yes: bool, connection: &mut Connection) -> Result<(), CommandError> {
    let user = find(nickname, connection)?;
    if !yes {
        prompt::confirm(&format!("Deleting {} with all posts", user.nickname), &user.nickname)?;
    }
    user.delete(connection)?;
    print_line(&format!("Deleted {}", user.nickname));
    Ok(())
}

fn list(connection: &mut Connection) -> Result<(), CommandError> {
    for (user, posts) in models::User::all_with_post_counts(connection)? {
        let seen = user.last_seen.map_or_else(|| "never".into(), |time| time.format("%Y-%m-%d %H:%M").to_string());
        // Rows that were not written by the site may contain control characters, which a terminal would interpret.
        let line = format!("{:<20} {:<36} {posts:>6}  {seen}", user.nickname, user.email);
        print_line(&line.chars().map(|char| if char.is_control() { '\u{fffd}' } else { char }).collect::<String>());
    }
    Ok(())
}
