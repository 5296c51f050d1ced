//! `db_upgrade`: applies every pending migration.

use std::process::ExitCode;

use config::Config;
use diesel_autogen::cli;

fn main() -> ExitCode {
    cli::upgrade(&app::schema::schema(), || Ok(Config::load()?.migrator()))
}
