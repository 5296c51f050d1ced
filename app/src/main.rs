//! The program `app`: serves the site, and manages users from the shell.

mod commands;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use commands::{seed, serve, user};
use mimalloc::MiMalloc;

/// The C library's allocator keeps the 19 MiB of a password hash for each thread: 64 registrations took 290 MB. mimalloc
/// returns the memory.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Serves the microblog.
///
/// Creates the database with all its tables if there is no SQLite file. An existing database is never changed: if it
/// lacks migrations, the site does not start until `cargo run -p db_upgrade` has applied them.
///
/// Ctrl-C or SIGTERM stops the site; pending requests are finished.
#[derive(Parser)]
#[command(version, after_long_help = ENVIRONMENT)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Manages users: create, password, delete, list
    #[command(subcommand)]
    User(user::User),
    /// Fills the database with fake users and posts, for trying things out
    Seed(seed::Seed),
}

const ENVIRONMENT: &str = "\
Environment (all variables except the first may be in the file .env):
  MICROBLOG_HOME
          The folder of .env, and the base of relative paths
          [default: the nearest folder, from here upwards, with a file .env]
  DATABASE_URL
          The database: a file, sqlite:app.db or sqlite:///srv/app.db, or
          a server, postgres://USER:PASSWORD@HOST/DATABASE
          [default: sqlite:app.db]
  DATABASE_REPLICA_URL
          A streaming replica for the pages of signed-out visitors
          [default: none]
  MICROBLOG_POSTS_PER_PAGE
          Posts on a page, 1 to 100 [default: 25]
  MICROBLOG_PUBLIC_ADDRESS
          The public URL of the site, https://blog.example.org
          [default: the address that the site listens on]
  MICROBLOG_TRUSTED_PROXIES
          Proxies whose X-Forwarded-For is trusted: 127.0.0.1, 10.0.0.0/8
          [default: none]
  MICROBLOG_ATTEMPTS_PER_MINUTE
          Attempts to sign in or register, by client IP and by account
          [default: 10]
  MICROBLOG_SEARCHES_PER_MINUTE
          Searches, by client IP [default: 60]
  MICROBLOG_WRITES_PER_MINUTE
          Posts, follows and other changes, by account [default: 60]
  MICROBLOG_HSTS_DAYS
          For how many days browsers use https only [default: 0]
  MICROBLOG_POOL_SIZE
          The largest number of database connections [default: 16]
  MICROBLOG_STATEMENT_TIMEOUT
          After how many seconds PostgreSQL ends a statement [default: 30]
  ROCKET_ADDRESS, ROCKET_PORT
          The address to listen on [default: 127.0.0.1 and 8000]
  ROCKET_SECRET_KEY
          The key that encrypts cookies. A release build needs one:
          make it with `openssl rand -base64 32`
  ROCKET_LOG_LEVEL
          The log level: off, critical, normal or debug [default: critical]

Exit status:
  0  success; the site was stopped by Ctrl-C or SIGTERM
  1  the command failed; standard error says why
  2  an argument is invalid";

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        None => serve::run(),
        Some(Command::User(command)) => user::run(command),
        Some(Command::Seed(command)) => seed::run(&command),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("app: {error}");
            ExitCode::FAILURE
        }
    }
}
