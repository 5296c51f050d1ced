//! `db_upgrade`: applies every pending migration.

use std::process::ExitCode;

use clap::Parser;
use config::Config;
use migrate::cli::{say, warn};
use migrate::{Project, Settings};

/// Applies every pending migration to the database: all of them, or none when one fails.
///
/// Run it on deploy, before the new release starts. A database that holds rows is copied to the folder backups first.
/// At the end it warns when the database is not what this release's models expect.
#[derive(Parser)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[command(version)]
struct Arguments {
    /// Stop at revision N
    #[arg(long, value_name = "N")]
    to: Option<u64>,
    /// Print the SQL that would run, and run nothing
    #[arg(long)]
    dry_run: bool,
    /// Run nothing, and exit with status 1 when migrations are pending or the database is not what the models expect
    #[arg(long, conflicts_with_all = ["to", "dry_run"])]
    check: bool,
    /// Try what would run, up, down and up again, on a copy of the database, and run nothing
    #[arg(long, conflicts_with_all = ["dry_run", "check"])]
    rehearse: bool,
    /// Take migration N, which was edited after it was applied, as it is now; then apply every pending migration
    #[arg(long, value_name = "N", conflicts_with_all = ["to", "dry_run", "check", "rehearse"])]
    accept_edited: Option<u64>,
    /// Remove the values that migrations kept aside for their downgrade, and run nothing
    #[arg(long, conflicts_with_all = ["to", "dry_run", "check", "rehearse", "accept_edited"])]
    purge_kept: bool,
    /// Remove only what migrations below N kept aside
    #[arg(long, value_name = "N", requires = "purge_kept")]
    before: Option<u64>,
    /// Do not look before the commit whether rows or values are gone that no SQL takes away
    #[arg(long)]
    no_verify: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    migrate::cli::run("db_upgrade", || {
        let config = Config::load()?;
        let project = Project::new(&config.database_url, &config.migrations_dir, &config.base_dir);
        let settings = Settings::new(config.backups, |line| warn("db_upgrade", line));
        let project = project.with(Settings { verify: !arguments.no_verify, ..settings });
        let models = app::schema::schema();
        if arguments.check {
            project.require_agreement(&models)?;
            say("The models and the database agree")?;
        } else if arguments.rehearse {
            say(project.rehearse(arguments.to)?)?;
        } else if arguments.purge_kept {
            for (table, rows) in project.purge_kept(arguments.before)? {
                say(format_args!("Removed {table}: {rows} row{}", if rows == 1 { "" } else { "s" }))?;
            }
        } else if arguments.dry_run {
            for step in project.pending(arguments.to)? {
                say(format_args!("-- {}\n{}", step.name, step.sql))?;
            }
        } else {
            if let Some(number) = arguments.accept_edited {
                project.accept_edited(number)?;
            }
            for step in project.upgrade(arguments.to)? {
                say(format_args!("Upgraded to {}: {}", step.version, step.name))?;
            }
            say(format_args!("Current database version: {}", project.db_version()?))?;
            if arguments.to.is_none() && !project.differences(&models)?.is_empty() {
                warn("db_upgrade", "the database is not what the models expect: db_migrate --check says what differs");
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}
