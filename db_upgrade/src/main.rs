//! `db_upgrade`: applies every pending migration.

use std::process::ExitCode;

use config::Config;
use migrate::cli;

fn main() -> ExitCode {
    cli::upgrade(&app::schema::schema(), || Ok(Config::load()?.migrator()))
}
