//! `db_migrate`: compares the models with the database, writes the migration between them and applies it.

#![allow(clippy::doc_markdown, reason = "the comments on the arguments are what --help prints")]

use std::process::ExitCode;

use clap::Parser;
use config::Config;
use migrate::Project;
use migrate::cli::{say, warn};

/// Compares the models with the database, writes the migration that makes the database agree, and applies it.
///
/// Edit app/src/schema.rs, run this, read the SQL that it wrote, and commit both. Pending migrations have to be applied
/// before, with db_upgrade.
///
/// The migration is tried, up and down, on an empty copy of the tables first. It is saved and applied, or neither.
#[derive(Parser)]
#[command(
    version,
    after_help = "Exit status: 0 when the database agrees with the models at the end, 1 when something \
    stood in the way or --check found a difference, 2 for wrong arguments."
)]
#[allow(clippy::doc_markdown, reason = "this is the text of --help, where backticks would show")]
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
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    migrate::cli::run("db_migrate", || {
        let config = Config::load()?;
        let project = Project::new(config.database_url.as_str(), &config.migrations_dir, &config.base_dir);
        let models = app::schema::schema();
        let Some(plan) = project.make_update_script(&models, arguments.message.as_deref())? else {
            say("The models and the database agree: there is nothing to migrate")?;
            return Ok(ExitCode::SUCCESS);
        };
        for change in &plan.changes {
            say(change)?;
        }
        if arguments.check {
            warn("db_migrate", "the models and the database differ: run db_migrate");
            return Ok(ExitCode::FAILURE);
        }
        if arguments.dry_run {
            let (name, sql) = (&plan.name, &plan.sql);
            say(format_args!("\n-- {name}/up.sql\n{}\n-- {name}/down.sql\n{}", sql.up, sql.down))?;
            return Ok(ExitCode::SUCCESS);
        }
        say(format_args!("New migration saved as {}", project.apply(&plan)?))?;
        say(format_args!("Current database version: {}", project.db_version()?))?;
        Ok(ExitCode::SUCCESS)
    })
}
