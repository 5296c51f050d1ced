//! `db_downgrade`: takes the database one revision back.

#![allow(clippy::doc_markdown, reason = "the comments on the arguments are what --help prints")]

use std::process::ExitCode;

use clap::Parser;
use config::Config;
use migrate::Project;
use migrate::cli::say;

/// Takes back the newest migration, or every one above a revision: all of them, or none when one fails.
///
/// What a migration written by db_migrate dropped comes back with its values. What it added goes, with whatever was
/// written into it since.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Go back to revision N; 0 takes back everything
    #[arg(long, value_name = "N")]
    to: Option<u64>,
    /// Print the SQL that would run, and run nothing
    #[arg(long)]
    dry_run: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    migrate::cli::run("db_downgrade", || {
        let config = Config::load()?;
        let project = Project::new(config.database_url.as_str(), &config.migrations_dir, &config.base_dir);
        if arguments.dry_run {
            for step in project.revertible_steps(arguments.to)? {
                say(format_args!("-- {}\n{}", step.name, step.sql))?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        for step in project.downgrade(arguments.to)? {
            say(format_args!("Downgraded to {}: {} taken back", step.version, step.name))?;
        }
        say(format_args!("Current database version: {}", project.db_version()?))?;
        Ok(ExitCode::SUCCESS)
    })
}
