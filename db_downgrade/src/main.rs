//! `db_downgrade`: reverts the newest migration.

use std::process::ExitCode;

use config::Config;
use migrate::cli;

fn main() -> ExitCode {
    cli::downgrade(|| Ok(Config::load()?.migrator()))
}
