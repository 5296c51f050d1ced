//! The program `app`: it serves the site, and manages its people from the shell.

mod commands;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use commands::{seed, serve, user};
use mimalloc::MiMalloc;

/// The C library's allocator keeps the 19 MiB of each password that is hashed, again and again on each thread: registering
/// 64 people took 290 MB. This one gives them back.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Serves the microblog.
///
/// Creates the database, with all its tables, when there is no database file. A database that is there is never changed:
/// when it is behind, the site says so and does not start, until `cargo run -p db_upgrade` has brought it forward.
///
/// Ctrl-C or SIGTERM ends the site; requests that are under way are finished.
#[derive(Parser)]
#[command(version, after_long_help = ENVIRONMENT)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Manages people: create, password, delete, list
    #[command(subcommand)]
    User(user::User),
    /// Fills the database with made-up people and posts, for trying things out
    Seed(seed::Seed),
}

const ENVIRONMENT: &str = "\
Environment (all but the first may stand in the file .env too):
  MICROBLOG_HOME
          The folder that holds .env and that relative paths hang on
          [default: the nearest folder, from here upwards, with a file .env]
  DATABASE_URL
          The database: a file, sqlite:app.db or sqlite:///srv/app.db
          [default: sqlite:app.db]
  MICROBLOG_POSTS_PER_PAGE
          Posts on a page, 1 to 100 [default: 25]
  MICROBLOG_PUBLIC_ADDRESS
          The address that readers type, https://blog.example.org
          [default: where the site listens]
  MICROBLOG_TRUSTED_PROXIES
          Whose X-Forwarded-For is believed: 127.0.0.1, 10.0.0.0/8
          [default: nobody's]
  MICROBLOG_ATTEMPTS_PER_MINUTE
          Attempts to sign in or register, by address and account
          [default: 10]
  MICROBLOG_HSTS_DAYS
          For how many days browsers come by https only [default: 0]
  ROCKET_ADDRESS, ROCKET_PORT
          Where the site listens [default: 127.0.0.1 and 8000]
  ROCKET_SECRET_KEY
          The key that encrypts cookies. A release build needs one:
          make it with `openssl rand -base64 32`
  ROCKET_LOG_LEVEL
          What is logged: off, critical, normal or debug [default: critical]

Exit status:
  0  all is well; the site was ended by Ctrl-C or SIGTERM
  1  it could not start, or has failed; standard error says why
  2  an argument is wrong";

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
