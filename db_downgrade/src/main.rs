//! `db_downgrade`: reverts the newest migration.

use std::process::ExitCode;

use config::Config;
use diesel_autogen::cli;

fn main() -> ExitCode {
    cli::downgrade(|| Ok(Config::load()?.migrator()))
}
