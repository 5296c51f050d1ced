//! `db_create`: creates the database and puts it under version control.

use std::process::ExitCode;

use config::Config;
use migrate::cli;

fn main() -> ExitCode {
    cli::create(|| Ok(Config::load()?.migrator()))
}
