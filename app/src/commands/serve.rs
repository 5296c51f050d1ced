//! `app`: serves the site until it is told to end.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use app::site::{self, StartError, logging, pool, settings};
use config::Config;
use rocket::error::ErrorKind;
use rocket::fairing::AdHoc;
use rocket::tokio::runtime;

use super::{CommandError, say};

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
    pool::settle(&database_url);
    Ok(end?)
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
