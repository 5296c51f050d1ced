//! `db_create`: creates the database and puts it under version control.

use std::process::ExitCode;

use config::Config;
use diesel_autogen::cli;

fn main() -> ExitCode {
    cli::create(|| Ok(Config::load()?.migrator()))
}
