//! `db_downgrade`: takes the database one revision back.

#![allow(clippy::doc_markdown, reason = "the comments on the arguments are what --help prints")]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use config::Config;
use migrate::cli::{say, warn};
use migrate::{Project, Settings, dialogue};

/// Takes back the newest migration, or every one above a revision: all of them, or none when one fails.
///
/// What a migration written by db_migrate dropped comes back with its values. What it added goes, with whatever was
/// written into it since: that is counted and said, and on a terminal you are asked. A database that holds rows is
/// copied to the folder backups first.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Go back to revision N; 0 takes back everything
    #[arg(long, value_name = "N")]
    to: Option<u64>,
    /// Print the SQL that would run, and run nothing
    #[arg(long)]
    dry_run: bool,
    /// Put a backup in the database's place, and run nothing; stop the site first
    #[arg(long, value_name = "FILE", conflicts_with_all = ["to", "dry_run"])]
    restore: Option<PathBuf>,
    /// Do not look before the commit whether rows or values are gone that no SQL takes away
    #[arg(long)]
    no_verify: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    migrate::cli::run("db_downgrade", || {
        let config = Config::load()?;
        let project = Project::new(&config.database_url, &config.migrations_dir, &config.base_dir);
        let settings = Settings::new(config.backups, |line| warn("db_downgrade", line));
        let project = project.with(Settings { verify: !arguments.no_verify, ..settings });
        if let Some(file) = arguments.restore {
            let version = project.restore(&file)?;
            say(format_args!("Restored {} from {}", project.database(), file.display()))?;
            say(format_args!("Current database version: {version}"))?;
            return Ok(ExitCode::SUCCESS);
        }
        if arguments.dry_run {
            for step in project.revertible(arguments.to)? {
                say(format_args!("-- {}\n{}", step.name, step.sql))?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        dialogue::confirm_downgrade(&project, arguments.to)?;
        for step in project.downgrade(arguments.to)? {
            say(format_args!("Downgraded to {}: {} taken back", step.version, step.name))?;
        }
        say(format_args!("Current database version: {}", project.db_version()?))?;
        Ok(ExitCode::SUCCESS)
    })
}
