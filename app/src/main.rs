//! Starts the site.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;

use app::site::startup::Checked;
use app::site::{self, StartError, logging, pool, settings, startup};
use clap::Parser;
use config::Config;
use rocket::error::ErrorKind;
use rocket::fairing::AdHoc;
use rocket::tokio::runtime;

/// Serves the microblog.
///
/// Creates the database, with all its tables, when there is no database file. A database that is there is never changed:
/// when it is behind, the site says so and does not start, until `cargo run -p db_upgrade` has brought it forward.
///
/// Ctrl-C or SIGTERM ends the site; requests that are under way are finished.
#[derive(Parser)]
#[command(version, after_long_help = ENVIRONMENT)]
struct Arguments {}

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
  ROCKET_ADDRESS, ROCKET_PORT
          Where the site listens [default: 127.0.0.1 and 8000]
  ROCKET_SECRET_KEY
          The key that encrypts cookies. A release build needs one:
          make it with `openssl rand -base64 32`
  ROCKET_LOG_LEVEL
          What is logged: off, critical, normal or debug [default: critical]

Exit status:
  0  it was ended by Ctrl-C or SIGTERM
  1  it could not start, or has failed; standard error says why
  2  an argument is wrong";

fn main() -> ExitCode {
    Arguments::parse();
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("app: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), StartError> {
    let config = Config::load()?;
    let (database_url, public_address) = (config.database_url.clone(), config.public_address.clone());
    let settings = settings::rocket_config(&settings::figment(&config)?)?;
    logging::start(settings.log_level);

    if let Checked::Created { database, version } = startup::check_database(&config)? {
        say(&format!("Created {database} at version {version}"));
    }
    let rocket = site::rocket(config)?.attach(AdHoc::on_liftoff("Address", |rocket| {
        Box::pin(async move {
            let (address, port) = (rocket.config().address, rocket.config().port);
            let address = public_address.unwrap_or_else(|| format!("http://{}", reachable(address, port)));
            say(&format!("The microblog is at {address}"));
        })
    }));

    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(settings.workers)
        .max_blocking_threads(settings.max_blocking)
        .enable_all()
        .build()
        .map_err(|error| StartError::Launch(error.to_string()))?;
    let end = runtime.block_on(async {
        match rocket.launch().await {
            Ok(_) => Ok(()),
            // A reader held the line to the end of the time that Rocket allows: it was ended all the same.
            Err(error) if matches!(error.kind(), ErrorKind::Shutdown(_, None)) => Ok(()),
            Err(error) => Err(StartError::from_rocket(&error, socket(settings.address, settings.port))),
        }
    });
    drop(runtime);
    pool::settle(database_url.as_str());
    end
}

/// Writes a line for the person at the terminal, or for whoever reads the pipe, if they still do.
fn say(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Where this machine reaches a site that listens there.
fn reachable(address: IpAddr, port: u16) -> String {
    match address {
        IpAddr::V4(address) if address.is_unspecified() => socket(Ipv4Addr::LOCALHOST.into(), port),
        IpAddr::V6(address) if address.is_unspecified() => socket(Ipv6Addr::LOCALHOST.into(), port),
        address => socket(address, port),
    }
}

fn socket(address: IpAddr, port: u16) -> String {
    SocketAddr::new(address, port).to_string()
}
