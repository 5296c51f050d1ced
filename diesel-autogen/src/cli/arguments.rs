//! The arguments of the commands. In their texts, a command in braces stands for what the user types.

#![allow(clippy::doc_markdown, clippy::struct_excessive_bools, reason = "the comments are what --help prints")]

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::{DatabaseUrl, ParseUrlError, PlanOptions, Settings, Version};

/// Creates the database, empty and at version 0, and the migrations folder if it is missing.
///
/// A database that is already under version control stays as it is. Run {upgrade} next, to apply the migrations that
/// exist, or {migrate}, to write the first one.
///
/// DATABASE_URL and MIGRATIONS_DIR say which database and which folder, in the environment or in the file .env.
#[derive(Parser)]
#[command(name = "db_create")]
pub(super) struct Create {
    /// For a database that has its tables already: record the migrations up to N as applied, after checking that the
    /// tables are what these migrations make
    #[arg(long, value_name = "N", value_parser = version)]
    pub stamp: Option<Version>,
    /// Fill the new database with all rows of a database of the other kind, at the same version: sqlite:app.db, or
    /// postgres://USER@HOST/DATABASE
    #[arg(long, value_name = "URL", conflicts_with = "stamp")]
    pub copy_from: Option<String>,
}

/// A version as a number, as Diesel records it, or as the name of its folder.
fn version(given: &str) -> Result<Version, &'static str> {
    let is_in_names = |char: char| char.is_alphanumeric() || char == '-' || char == '_';
    if given.starts_with(|char: char| char.is_ascii_digit()) && given.chars().all(is_in_names) {
        Ok(given.into())
    } else {
        Err("a version begins with a digit, as 3 or 20180114171611")
    }
}

const EXIT_STATUS: &str = "Exit status: 0 on success, 1 when something is wrong \
    or a check found a difference, 2 for wrong arguments.";

/// Compares the models with the database, writes the migration that makes the database agree, and applies it.
///
/// Edit the tables in Rust, run this, read the SQL that it wrote, and commit both. Apply pending migrations first, with
/// {upgrade}.
///
/// The migration is rehearsed first, up and down, on a copy of the database. It is saved and applied, or neither.
#[derive(Parser)]
#[command(name = "db_migrate", after_help = EXIT_STATUS)]
pub(super) struct Migrate {
    /// What the migration does, to name its folder: "add about me" makes 003_add_about_me
    #[arg(short, long, value_name = "TEXT")]
    pub message: Option<String>,
    /// Print the plan and the SQL, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Write nothing, and exit with status 1 when models and database differ or migrations are pending
    #[arg(long, conflicts_with_all = ["dry_run", "message"])]
    pub check: bool,
    /// Print the database as the source of a schema! that declares it, and write nothing
    #[arg(long, conflicts_with_all = ["dry_run", "check", "message"])]
    pub print_schema: bool,
    /// Write and apply the migration even if values are lost, or what protects them and the models do not mention
    #[arg(long)]
    pub allow_data_loss: bool,
    /// The value of a column that must not be NULL, for rows that have none; may be given more than once
    #[arg(long, value_name = "TABLE.COLUMN=VALUE")]
    pub fill: Vec<String>,
    /// Rename a column, or a table by TABLE=NAME, instead of dropping and adding it; may be given more than once
    #[arg(long, value_name = "TABLE.COLUMN=NAME")]
    pub rename: Vec<String>,
    /// Do not keep the values that the migration drops or converts: its downgrade will not restore them
    #[arg(long)]
    pub no_keep: bool,
    /// Do not rehearse the migration on a copy of the rows
    #[arg(long)]
    pub no_rehearsal: bool,
    /// Change the database without a backup of its rows
    #[arg(long)]
    pub no_backup: bool,
    /// Where the migrations folder has a folder for each kind of database: rehearse there what was written for the other
    /// kind, now or before, in a scratch database on that PostgreSQL server, or beside that SQLite file
    #[arg(long, value_name = "URL", value_parser = url, conflicts_with = "check")]
    pub rehearse_on: Option<DatabaseUrl>,
    /// PostgreSQL: write several migrations, which let the application use the tables meanwhile; what is dropped
    /// needs --no-keep
    #[arg(long)]
    pub online: bool,
}

fn url(given: &str) -> Result<DatabaseUrl, ParseUrlError> {
    DatabaseUrl::parse(given, Path::new(""))
}

impl From<&Migrate> for PlanOptions {
    fn from(arguments: &Migrate) -> Self {
        Self {
            message: arguments.message.clone(),
            fills: arguments.fill.clone(),
            renames: arguments.rename.clone(),
            not_renames: Vec::new(),
            allow_data_loss: arguments.allow_data_loss,
            no_keep: arguments.no_keep,
            no_rehearsal: arguments.no_rehearsal || arguments.check || arguments.dry_run,
            rehearse_on: arguments.rehearse_on.clone(),
            online: arguments.online,
        }
    }
}

/// Applies every pending migration to the database: all of them, or none when one fails.
///
/// Run it on deploy, before the new release starts. A database that holds rows is copied to the folder backups first. At
/// the end it warns when the database differs from this release's models.
#[derive(Parser)]
#[command(name = "db_upgrade")]
pub(super) struct Upgrade {
    /// Stop at version N
    #[arg(long, value_name = "N", value_parser = version)]
    pub to: Option<Version>,
    /// Print the SQL that would run, and run nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Run nothing, and exit with status 1 when migrations are pending or the database differs from the models
    #[arg(long, conflicts_with_all = ["to", "dry_run"])]
    pub check: bool,
    /// Run the pending migrations up, down and up again on a copy of the database, and report what they change in the
    /// rows; the database itself stays as it is
    #[arg(long, conflicts_with_all = ["dry_run", "check"])]
    pub rehearse: bool,
    /// Accept migration N, which was edited after it was applied, as it is now; then apply every pending migration
    #[arg(long, value_name = "N", value_parser = version, conflicts_with_all = ["to", "dry_run", "check", "rehearse"])]
    pub accept_edited: Option<Version>,
    /// Remove the values that migrations kept for their downgrade, and run nothing
    #[arg(long, conflicts_with_all = ["to", "dry_run", "check", "rehearse", "accept_edited"])]
    pub purge_kept: bool,
    /// Remove only what migrations below N kept
    #[arg(long, value_name = "N", value_parser = version, requires = "purge_kept")]
    pub before: Option<Version>,
    /// Do not check, before the commit, that no rows, references or triggers are lost by accident
    #[arg(long)]
    pub no_verify: bool,
    /// Change the database without a backup of its rows
    #[arg(long)]
    pub no_backup: bool,
}

/// Reverts the newest migration, or every one above a version: all of them, or none when one fails.
///
/// What a migration written by {migrate} dropped is restored with its values. What it added is removed, with the values
/// written into it since: these are counted and reported, and on a terminal you are asked. A database that holds rows
/// is copied to the folder backups first; where no backup is made, --allow-data-loss is the answer elsewhere.
#[derive(Parser)]
#[command(name = "db_downgrade")]
pub(super) struct Downgrade {
    /// Go back to version N; 0 reverts everything
    #[arg(long, value_name = "N", value_parser = version)]
    pub to: Option<Version>,
    /// Print the SQL that would run, and run nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Delete the values that migrations added since, without asking
    #[arg(long)]
    pub allow_data_loss: bool,
    /// Replace the database with a backup, and run nothing; stop the application first
    #[arg(long, value_name = "FILE", conflicts_with_all = ["to", "dry_run", "allow_data_loss"])]
    pub restore: Option<PathBuf>,
    /// Do not check, before the commit, that no rows, references or triggers are lost by accident
    #[arg(long)]
    pub no_verify: bool,
    /// Change the database without a backup of its rows
    #[arg(long)]
    pub no_backup: bool,
}

/// Migrations for Diesel, generated from the tables in Rust, rehearsed and reversible.
///
/// DATABASE_URL and MIGRATIONS_DIR say which database and which folder, in the environment or in the file .env, at or
/// above the current folder; the options below override them.
#[derive(Parser)]
#[command(name = "diesel-autogen", after_help = EXIT_STATUS)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub place: Place,
}

/// The options that every subcommand takes.
#[derive(Args)]
#[command(next_help_heading = "Options of every command")]
pub(super) struct Place {
    /// The database, in the place of DATABASE_URL: sqlite:app.db, or postgres://USER@HOST/DATABASE
    #[arg(long, global = true, value_name = "URL")]
    pub database_url: Option<String>,
    /// The folder of the migrations, in the place of MIGRATIONS_DIR [default: migrations]
    #[arg(long, global = true, value_name = "FOLDER")]
    pub migrations_dir: Option<PathBuf>,
    /// How many backups are kept of those that are made before a change; 0 makes none
    #[arg(long, global = true, value_name = "N", default_value_t = Settings::default().backups)]
    pub backups: usize,
}

/// The subcommands of one binary.
#[derive(Subcommand)]
pub(super) enum Command {
    Init(Create),
    Migrate(Migrate),
    Upgrade(Upgrade),
    Downgrade(Downgrade),
    /// Fails when migrations are pending or the database differs from the models
    ///
    /// Triggers, views and other objects that the models cannot declare are compared with what the migrations make.
    /// Nothing is changed.
    Check,
    /// Prints the database as the source of a schema! that declares it
    ///
    /// Paste it into the program: then the models and the database agree. What schema! cannot say stays in the database, and
    /// is named in comments. Nothing is changed.
    PrintSchema,
    /// Lists the migrations: applied, edited since, pending, or unknown here
    ///
    /// Exit status: 0 whatever the list says; {check} is the command that fails.
    Status {
        /// Print one line of JSON, for programs
        #[arg(long)]
        json: bool,
    },
    /// Writes an empty migration to be completed by hand
    ///
    /// It is for what the models cannot declare, as a view or a trigger, and for changes of rows. Complete both files,
    /// then run {upgrade}.
    New {
        /// What the migration does, to name its folder: "add search" makes 003_add_search
        name: String,
    },
    /// Prints the script that completes this command line in a shell
    ///
    /// For bash, for example: {completions} bash > ~/.local/share/bash-completion/completions/{name}
    Completions {
        /// The shell
        shell: Shell,
    },
}

impl Command {
    /// The name of the subcommand.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Init(_) => "init",
            Self::Migrate(_) => "migrate",
            Self::Upgrade(_) => "upgrade",
            Self::Downgrade(_) => "downgrade",
            Self::Check => "check",
            Self::PrintSchema => "print-schema",
            Self::Status { .. } => "status",
            Self::New { .. } => "new",
            Self::Completions { .. } => "completions",
        }
    }
}
