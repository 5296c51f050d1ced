//! `db_create`: creates the database and puts it under version control.

#![allow(clippy::doc_markdown, reason = "the comments on the arguments are what --help prints")]

use std::process::ExitCode;

use clap::Parser;
use config::Config;
use migrate::Project;
use migrate::cli::say;

/// Creates the database, empty and at version 0, and the migrations folder if it is missing.
///
/// A database that is already under version control is left as it is. Run db_upgrade next, to apply the migrations that
/// are there, or db_migrate, to write the first one.
///
/// DATABASE_URL and MIGRATIONS_DIR say which database and which folder, in the environment or in the file .env.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// For a database whose tables are there already: record migrations 1 to N as applied, after checking that the
    /// tables are what those migrations make
    #[arg(long, value_name = "N")]
    stamp: Option<u64>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    migrate::cli::run("db_create", || {
        let config = Config::load()?;
        let project = Project::new(&config.database_url, &config.migrations_dir, &config.base_dir);
        let control = project.version_control(arguments.stamp)?;
        let since = if control.is_new { "now" } else { "already" };
        say(format_args!("{} is {since} under version control", project.database()))?;
        say(format_args!("Current database version: {}", control.version))?;
        Ok(ExitCode::SUCCESS)
    })
}
