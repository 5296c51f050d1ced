//! `app`: serves the site until it is stopped.

use std::io::{self, IsTerminal as _};
use std::net::SocketAddr;

use app::site::{self, StartError, logging, pool, settings};
use config::Config;
use rocket::error::ErrorKind;
use rocket::fairing::{AdHoc, Fairing};
use rocket::tokio::runtime;
#[cfg(unix)]
use rocket::tokio::signal::unix::{SignalKind, signal};

use super::{CommandError, print_line};

/// Serves the site.
pub fn run() -> Result<(), CommandError> {
    let config = Config::load()?;
    let (database_url, public_address) = (config.database_url.clone(), config.public_address.clone());
    let settings = settings::rocket_config(&settings::figment(&config)?)?;
    logging::start(settings.log_level);
    super::check(&config)?;

    // Each connection of a client is an open file.
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        log::warn!("the limit of open files cannot be raised: {error}");
    }

    let rocket = site::rocket(config)?.attach(hangups()).attach(AdHoc::on_liftoff("Address", |rocket| {
        Box::pin(async move {
            let address = public_address.unwrap_or_else(|| settings::own_address(rocket.config()));
            print_line(&format!("The microblog is at {address}"));
        })
    }));

    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(settings.workers)
        .max_blocking_threads(settings.max_blocking)
        .enable_all()
        .build()
        .map_err(|error| StartError::Launch(error.to_string()))?;
    let result = runtime.block_on(async {
        match rocket.launch().await {
            Ok(_) => Ok(()),
            // A connection was still open at the end of the grace period, and was closed.
            Err(error) if matches!(error.kind(), ErrorKind::Shutdown(_, None)) => Ok(()),
            Err(error) => {
                Err(StartError::from_rocket(&error, SocketAddr::new(settings.address, settings.port).to_string()))
            }
        }
    });
    drop(runtime);
    pool::checkpoint(&database_url);
    Ok(result?)
}

/// The fairing that stops the site when its terminal is closed. Without a terminal SIGHUP is ignored: programs that rotate
/// logs send it to a service, and there is nothing to read again.
fn hangups() -> impl Fairing {
    AdHoc::on_liftoff("Hangups", |rocket| {
        Box::pin(async {
            #[cfg(unix)]
            match signal(SignalKind::hangup()) {
                Ok(mut hangups) => {
                    let (shutdown, has_terminal) = (rocket.shutdown(), io::stdin().is_terminal());
                    rocket::tokio::spawn(async move {
                        while hangups.recv().await.is_some() {
                            if has_terminal {
                                shutdown.clone().notify();
                            }
                        }
                    });
                }
                Err(error) => log::warn!("SIGHUP will end the site: {error}"),
            }
        })
    })
}
