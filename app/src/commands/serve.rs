//! `app`: serves the site until it is stopped.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use app::site::{self, StartError, logging, pool, settings};
use config::Config;
use rocket::error::ErrorKind;
use rocket::fairing::AdHoc;
use rocket::tokio::runtime;

use super::{CommandError, print_line};

/// Serves the site.
pub fn run() -> Result<(), CommandError> {
    let config = Config::load()?;
    let (database_url, public_address) = (config.database_url.clone(), config.public_address.clone());
    let settings = settings::rocket_config(&settings::figment(&config)?)?;
    logging::start(settings.log_level);
    super::check(&config)?;

    let rocket = site::rocket(config)?.attach(AdHoc::on_liftoff("Address", |rocket| {
        Box::pin(async move {
            let (address, port) = (rocket.config().address, rocket.config().port);
            let address = public_address.unwrap_or_else(|| format!("http://{}", reachable(address, port)));
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
            Err(error) => Err(StartError::from_rocket(&error, socket(settings.address, settings.port))),
        }
    });
    drop(runtime);
    pool::checkpoint(&database_url);
    Ok(result?)
}

/// The address at which this machine can reach the site.
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
