//! `db_migrate`: compares the models with the database, writes the migration between them and applies it.

#![allow(clippy::doc_markdown, clippy::struct_excessive_bools, reason = "the arguments are what --help prints")]

use std::process::ExitCode;

use clap::Parser;
use config::Config;
use migrate::cli::{say, warn};
use migrate::{Project, Settings, Wishes, dialogue};

const EXIT_STATUS: &str = "Exit status: 0 when the database agrees with the models at the end, 1 when something stood \
    in the way or --check found a difference, 2 for wrong arguments.";

/// Compares the models with the database, writes the migration that makes the database agree, and applies it.
///
/// Edit app/src/schema.rs, run this, read the SQL that it wrote, and commit both. Pending migrations have to be applied
/// before, with db_upgrade.
///
/// The migration is tried, up and down, on a copy of the database first. It is saved and applied, or neither.
#[derive(Parser)]
#[command(version, after_help = EXIT_STATUS)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag on the command line")]
struct Arguments {
    /// What the migration does, to name its folder: "add about me" makes 003_add_about_me
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// Print the plan and the SQL, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Write nothing, and exit with status 1 when models and database differ or migrations are pending
    #[arg(long, conflicts_with_all = ["dry_run", "message"])]
    check: bool,
    /// Write and apply the migration even if values are lost
    #[arg(long)]
    allow_data_loss: bool,
    /// What goes into a column that may not be NULL, in the rows that have no value; may be given again
    #[arg(long, value_name = "TABLE.COLUMN=VALUE")]
    fill: Vec<String>,
    /// A column, or a table (TABLE=NAME), that only changes its name; may be given again
    #[arg(long, value_name = "TABLE.COLUMN=NAME")]
    rename: Vec<String>,
    /// Keep nothing aside of what the migration drops or converts: its downgrade will not bring the values back
    #[arg(long)]
    no_keep: bool,
    /// Do not try the migration on a copy of the rows
    #[arg(long)]
    no_rehearsal: bool,
}

fn main() -> ExitCode {
    let Arguments { message, dry_run, check, allow_data_loss, fill, rename, no_keep, no_rehearsal } =
        Arguments::parse();
    let asks = !check && !dry_run;
    let (fills, renames, no_rehearsal) = (fill, rename, no_rehearsal || !asks);
    let wishes = Wishes { message, fills, renames, allow_data_loss, no_keep, no_rehearsal, ..Wishes::default() };
    migrate::cli::run("db_migrate", || {
        let config = Config::load()?;
        let project = Project::new(&config.database_url, &config.migrations_dir, &config.base_dir);
        let project = project.with(Settings::new(config.backups, |line| warn("db_migrate", line)));
        let Some(plan) = dialogue::plan(&project, &app::schema::schema(), wishes, asks)? else {
            say("The models and the database agree: there is nothing to migrate")?;
            return Ok(ExitCode::SUCCESS);
        };
        say(&plan)?;
        if check {
            warn("db_migrate", "the models and the database differ: run db_migrate");
            return Ok(ExitCode::FAILURE);
        }
        if dry_run {
            return Ok(say(plan.files()).map(|()| ExitCode::SUCCESS)?);
        }
        say(format_args!("New migration saved as {}", project.apply(&dialogue::confirm(plan))?))?;
        say(format_args!("Current database version: {}", project.db_version()?))?;
        Ok(ExitCode::SUCCESS)
    })
}
