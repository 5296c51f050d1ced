//! The commands: arguments, questions, progress, and hints that name a command or a flag.
//!
//! [`main`] is a whole program, with a subcommand for each command. [`create`], [`migrate`], [`upgrade`] and
//! [`downgrade`] are one program each, for a project that has settings of its own.
//!
//! A result goes to standard output, everything else to standard error, after the program's name. The exit status is 0
//! on success, 1 when something is wrong, which one line says, and 2 for wrong arguments.

mod arguments;
mod commands;
mod console;
mod environment;
mod hints;
mod program;
mod questions;
mod status;

use std::path::Path;
use std::process::ExitCode;

use self::arguments::{Arguments, Command, Create, Downgrade, Migrate, Upgrade};
use self::commands::Outcome;
use self::console::Console;
pub use self::program::LoadError;
use self::program::Program;
use crate::{Migrator, Schema};

/// A whole program for the database of these models, with the subcommands `init`, `migrate`, `upgrade`, `downgrade`,
/// `check`, `print-schema`, `status`, `new` and `completions`.
///
/// The database is `DATABASE_URL`, and the folder of the migrations `MIGRATIONS_DIR` (`migrations`, unless it is set).
/// Both may stand in a file `.env` in the current folder or above it; a variable of the environment overrides it, and
/// the options `--database-url` and `--migrations-dir` override both. Relative paths start at the folder of `.env`,
/// those of options at the current folder.
///
/// ```no_run
/// use std::process::ExitCode;
///
/// diesel_autogen::schema! {
///     posts (id) {
///         id -> Integer,
///         title -> Text,
///     }
/// }
///
/// fn main() -> ExitCode {
///     diesel_autogen::cli::main(schema())
/// }
/// ```
#[must_use]
#[expect(clippy::needless_pass_by_value, reason = "`main(schema())` is all that a program has to say")]
pub fn main(models: Schema) -> ExitCode {
    let program = Program::binary(Path::new(&std::env::args_os().next().unwrap_or_default()));
    let Arguments { command, place } = program.parse();
    let program = program.with_command(command.name());
    if let Command::Completions { shell } = command {
        let console = Console::new(&program);
        return finish(commands::completions(shell, &program, &console), &program, "", &console);
    }
    run(
        &program,
        || place.migrator(),
        |migrator, console| match &command {
            Command::Init(arguments) => commands::create(&migrator, arguments, console),
            Command::Migrate(arguments) => commands::migrate(migrator, &models, arguments, console),
            Command::Upgrade(arguments) => commands::upgrade(migrator, &models, arguments, console),
            Command::Downgrade(arguments) => commands::downgrade(migrator, arguments, console),
            Command::Check => commands::check(&migrator, &models, console),
            Command::PrintSchema => commands::print_schema(&migrator, &models, console),
            Command::Status { json } => {
                console.say(if *json { status::json(&migrator)? } else { status::text(&migrator)? })?;
                Ok(true)
            }
            Command::New { name } => commands::new(&migrator, name, console),
            Command::Completions { .. } => Ok(true),
        },
    )
}

/// The script `db_create`: creates the database and puts it under version control.
///
/// ```no_run
/// use std::process::ExitCode;
///
/// use diesel_autogen::{Migrator, cli};
///
/// fn main() -> ExitCode {
///     cli::create(|| Ok(Migrator::new("sqlite:app.db", "migrations")?))
/// }
/// ```
pub fn create(load: impl FnOnce() -> Result<Migrator, LoadError>) -> ExitCode {
    let program = Program::script("init");
    let arguments: Create = program.parse();
    run(&program, load, |migrator, console| commands::create(&migrator, &arguments, console))
}

/// The script `db_migrate`: compares the models with the database, writes the migration between them and applies it.
/// It is called as [`create`] is.
pub fn migrate(models: &Schema, load: impl FnOnce() -> Result<Migrator, LoadError>) -> ExitCode {
    let program = Program::script("migrate");
    let arguments: Migrate = program.parse();
    run(&program, load, |migrator, console| commands::migrate(migrator, models, &arguments, console))
}

/// The script `db_upgrade`: applies the pending migrations. It is called as [`create`] is.
pub fn upgrade(models: &Schema, load: impl FnOnce() -> Result<Migrator, LoadError>) -> ExitCode {
    let program = Program::script("upgrade");
    let arguments: Upgrade = program.parse();
    run(&program, load, |migrator, console| commands::upgrade(migrator, models, &arguments, console))
}

/// The script `db_downgrade`: reverts migrations, or restores a backup. It is called as [`create`] is.
pub fn downgrade(load: impl FnOnce() -> Result<Migrator, LoadError>) -> ExitCode {
    let program = Program::script("downgrade");
    let arguments: Downgrade = program.parse();
    run(&program, load, |migrator, console| commands::downgrade(migrator, &arguments, console))
}

/// Runs a command with a migrator that reports to the console.
fn run(
    program: &Program,
    load: impl FnOnce() -> Result<Migrator, LoadError>,
    work: impl FnOnce(Migrator, &Console) -> Outcome,
) -> ExitCode {
    let console = Console::new(program);
    let mut database = String::new();
    let outcome = load().and_then(|migrator| {
        database = migrator.database_name();
        let listener = console.clone();
        let settings = migrator.settings().clone().on_event(move |event| listener.report(event));
        work(migrator.with(settings), &console)
    });
    finish(outcome, program, &database, &console)
}

/// The exit status of an outcome, after the line that says what is wrong.
fn finish(outcome: Outcome, program: &Program, database: &str, console: &Console) -> ExitCode {
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            match error.downcast_ref().and_then(|error| hints::hint(error, program, database)) {
                Some(hint) => console.warn(format_args!("{error}; {hint}")),
                None => console.warn(&error),
            }
            ExitCode::FAILURE
        }
    }
}
