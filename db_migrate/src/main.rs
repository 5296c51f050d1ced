//! `db_migrate`: compares the models with the database, writes the migration between them and applies it.

use std::process::ExitCode;

use config::Config;
use diesel_autogen::cli;

fn main() -> ExitCode {
    cli::migrate(&app::schema::schema(), || Ok(Config::load()?.migrator()))
}
