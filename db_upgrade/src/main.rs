//! `db_upgrade`: applies every pending migration.

use std::process::ExitCode;

use clap::Parser;
use config::Config;
use migrate::Project;
use migrate::cli::{say, warn};

/// Applies every pending migration to the database: all of them, or none when one fails.
///
/// Run it on deploy, before the new release starts. At the end it warns when the database is not what this release's
/// models expect.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Stop at revision N
    #[arg(long, value_name = "N")]
    to: Option<u64>,
    /// Print the SQL that would run, and run nothing
    #[arg(long)]
    dry_run: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    migrate::cli::run("db_upgrade", || {
        let config = Config::load()?;
        let project = Project::new(config.database_url.as_str(), &config.migrations_dir, &config.base_dir);
        if arguments.dry_run {
            for step in project.pending(arguments.to)? {
                say(format_args!("-- {}\n{}", step.name, step.sql))?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        for step in project.upgrade(arguments.to)? {
            say(format_args!("Upgraded to {}: {}", step.version, step.name))?;
        }
        say(format_args!("Current database version: {}", project.db_version()?))?;
        if arguments.to.is_none() && !project.differences(&app::schema::schema())?.is_empty() {
            warn("db_upgrade", "the database is not what the models expect: db_migrate --check says what differs");
        }
        Ok(ExitCode::SUCCESS)
    })
}
