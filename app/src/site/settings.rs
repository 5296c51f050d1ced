//! Rocket's configuration: Rocket's defaults, then ours, then `.env`, then the environment.
//!
//! There is no `Rocket.toml`, and `ROCKET_PROFILE` is not read: a release build always needs a secret key.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use config::Config;
use rocket::figment::Figment;
use rocket::figment::providers::{Env, Serialized};
use rocket::figment::value::Value;

use super::startup::StartError;

/// Rocket's whole configuration, validated.
///
/// # Errors
///
/// When Rocket rejects the value of a setting, or a release build has no secret key.
pub fn figment(config: &Config) -> Result<Figment, StartError> {
    let mut figment =
        Figment::from(rocket::Config::default()).merge(Serialized::global(rocket::Config::LOG_LEVEL, "critical"));
    // Forms contain only short texts, in either of the two encodings.
    for limit in ["limits.form", "limits.data-form"] {
        figment = figment.merge(Serialized::global(limit, "32KiB"));
    }
    for (name, value) in [("max_connections", config.pool_size), ("statement_timeout", config.statement_timeout)] {
        figment = figment.merge(Serialized::global(&format!("databases.microblog.{name}"), value));
    }
    for setting in &config.rocket {
        figment = figment.merge(Serialized::global(&setting.name, parsed(&setting.value)));
    }
    if let Some(url) = &config.database_replica_url {
        figment = figment
            .merge(Serialized::global("databases.replica.url", url.as_str()))
            .merge(Serialized::global("databases.replica.max_connections", config.pool_size))
            .merge(Serialized::global("databases.replica.statement_timeout", config.statement_timeout));
    }
    let figment = figment
        .merge(Env::prefixed("ROCKET_").ignore(&["PROFILE"]).global())
        .merge(Serialized::global("databases.microblog.url", config.database_url.as_str()));
    rocket_config(&figment)?;
    Ok(figment)
}

/// The value as Rocket parses an environment variable: a number, a word, a list.
fn parsed(text: &str) -> Value {
    match text.parse() {
        Ok(value) => value,
        Err(never) => match never {},
    }
}

/// Rocket's view of the configuration.
///
/// # Errors
///
/// As [`figment`].
pub fn rocket_config(figment: &Figment) -> Result<rocket::Config, StartError> {
    let config = rocket::Config::try_from(figment).map_err(|error| {
        let name = error.path.join("_").to_uppercase();
        // The message quotes the value, and a secret must not be printed.
        let why = if error.path.iter().any(|part| part == rocket::Config::SECRET_KEY) {
            format!("it must be 32 bytes in base 64; {HOW_TO_MAKE_A_KEY}")
        } else {
            error.kind.to_string()
        };
        StartError::Setting { name: format!("ROCKET_{name}"), why }
    })?;
    if config.profile != rocket::Config::DEBUG_PROFILE && !config.secret_key.is_provided() {
        return Err(StartError::Setting {
            name: "ROCKET_SECRET_KEY".into(),
            why: format!("it must be set for a release build; {HOW_TO_MAKE_A_KEY}"),
        });
    }
    Ok(config)
}

/// The URL at which this machine reaches the site.
#[must_use]
pub fn own_address(config: &rocket::Config) -> String {
    let address = match config.address {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        address => address,
    };
    format!("http://{}", SocketAddr::new(address, config.port))
}

const HOW_TO_MAKE_A_KEY: &str = "make one with `openssl rand -base64 32`, and keep it secret";

#[cfg(test)]
mod tests {
    use super::*;

    fn figment_of(name: &str, value: &str) -> Figment {
        Figment::from(rocket::Config::default()).merge(Serialized::global(name, parsed(value)))
    }

    #[test]
    fn values_are_parsed_like_environment_variables() {
        assert_eq!(rocket_config(&figment_of("port", "8123")).unwrap().port, 8123);
        assert_eq!(rocket_config(&figment_of("address", "0.0.0.0")).unwrap().address.to_string(), "0.0.0.0");
        let limits = rocket_config(&figment_of("limits", "{form=\"2KiB\"}")).unwrap().limits;
        assert_eq!(limits.get("form").map(rocket::data::ByteUnit::as_u64), Some(2048));
    }

    #[test]
    fn an_invalid_value_is_named() {
        let error = rocket_config(&figment_of("port", "many")).unwrap_err().to_string();
        assert!(error.starts_with("ROCKET_PORT: ") && error.contains("many"), "{error}");
    }

    #[test]
    fn an_invalid_secret_key_is_not_printed() {
        let error = rocket_config(&figment_of("secret_key", "hunter2")).unwrap_err();
        assert!(error.to_string().starts_with("ROCKET_SECRET_KEY: it must be 32 bytes in base 64"), "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }

    #[test]
    fn a_release_build_needs_a_secret_key() {
        let release = Figment::from(rocket::Config::default()).select(rocket::Config::RELEASE_PROFILE);
        let error = rocket_config(&release).unwrap_err().to_string();
        assert!(error.starts_with("ROCKET_SECRET_KEY: ") && error.contains("openssl rand -base64 32"), "{error}");
        let with_key = release.merge(("secret_key", "q1w2e3r4t5y6u7i8o9p0a1s2d3f4g5h6j7k8l9z0x1c="));
        assert!(rocket_config(&with_key).is_ok());
    }
}
