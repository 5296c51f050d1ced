//! `db_create`: creates the database and puts it under version control.

use std::process::ExitCode;

use clap::Parser;
use config::Config;

/// Creates the database, empty and at version 0, and the migrations folder if it is missing.
///
/// Where the database is, and where the migrations are, stands in .env or in the environment: DATABASE_URL and
/// MIGRATIONS_DIR. A database that is already under version control is left as it is.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// For a database whose tables are there already: record migrations 1 to N as applied, after checking that the
    /// tables are what those migrations make.
    #[arg(long, value_name = "N")]
    stamp: Option<u64>,
}

fn main() -> ExitCode {
    migrate::cli::run("db_create", || {
        let arguments = Arguments::parse();
        let config = Config::load()?;
        let project = migrate::Project::new(config.database_url.as_str(), &config.migrations_dir, &config.base_dir);
        let control = project.version_control(arguments.stamp)?;
        let state = if control.is_new { "is now" } else { "is already" };
        println!("{} {state} under version control", project.database());
        println!("Current database version: {}", control.version);
        Ok(ExitCode::SUCCESS)
    })
}
