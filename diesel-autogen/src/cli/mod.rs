//! The four commands of the tutorial as functions: arguments, questions, progress, and hints that name a command or a
//! flag. A program is a call of one of them.
//!
//! A result goes to standard output, everything else to standard error, after the program's name. The exit status is 0
//! on success, 1 when something is wrong, which one line says, and 2 for wrong arguments.

mod arguments;
mod console;
mod hints;
mod questions;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser as _;

use self::arguments::{Create, Downgrade, Migrate, Upgrade};
use self::console::Console;
use crate::history::Target;
use crate::{Migrator, PlanOptions, Schema};

/// What a program that builds a [`Migrator`] from its settings may fail with.
pub type LoadError = Box<dyn Error>;

/// `db_create`: creates the database and puts it under version control.
pub fn create(load: impl FnOnce() -> Result<Migrator, LoadError>) -> ExitCode {
    let arguments = Create::parse();
    run("db_create", load, |migrator, console| {
        let init = match arguments.stamp {
            Some(version) => migrator.baseline(version)?,
            None => migrator.init()?,
        };
        let since = if init.is_new { "now" } else { "already" };
        console.say(format_args!("{} is {since} under version control", migrator.database_name()))?;
        console.say(format_args!("Current database version: {}", init.version))?;
        Ok(ExitCode::SUCCESS)
    })
}

/// `db_migrate`: compares the models with the database, writes the migration between them and applies it.
pub fn migrate(models: &Schema, load: impl FnOnce() -> Result<Migrator, LoadError>) -> ExitCode {
    let arguments = Migrate::parse();
    run("db_migrate", load, |migrator, console| {
        let asks = !arguments.check && !arguments.dry_run;
        let options = PlanOptions::from(&arguments);
        let options = if asks { questions::complete(&migrator, models, options, console)? } else { options };
        let Some(plan) = migrator.plan(models, &options)? else {
            console.say("The models and the database agree: there is nothing to migrate")?;
            return Ok(ExitCode::SUCCESS);
        };
        console.say(&plan)?;
        if arguments.check {
            console.warn("the models and the database differ; run db_migrate");
            return Ok(ExitCode::FAILURE);
        }
        if arguments.dry_run {
            console.say(plan.files())?;
            return Ok(ExitCode::SUCCESS);
        }
        let folder = migrator.apply(&questions::confirm(plan, console)?)?;
        console.say(format_args!("New migration saved as {folder}"))?;
        console.say(format_args!("Current database version: {}", migrator.version()?))?;
        Ok(ExitCode::SUCCESS)
    })
}

/// `db_upgrade`: applies the pending migrations.
pub fn upgrade(models: &Schema, load: impl FnOnce() -> Result<Migrator, LoadError>) -> ExitCode {
    let arguments = Upgrade::parse();
    run("db_upgrade", load, |migrator, console| {
        let migrator = with_verify(migrator, !arguments.no_verify);
        let target = arguments.to.clone().map_or(Target::Latest, Target::Version);
        if arguments.check {
            migrator.check(models)?;
            console.say("The models and the database agree")?;
        } else if arguments.rehearse {
            console.say(migrator.rehearse(target)?)?;
        } else if arguments.purge_kept {
            let purged = migrator.purge_kept(arguments.before)?;
            for (table, rows) in &purged {
                console.say(format_args!("Removed {table}: {}", crate::text::counted(*rows, "row")))?;
            }
            if purged.is_empty() {
                console.say("No values are kept: there is nothing to remove")?;
            }
        } else if arguments.dry_run {
            for step in migrator.pending(target)? {
                console.say(format_args!("-- {}\n{}", step.name, step.sql))?;
            }
        } else {
            apply(&migrator, models, &arguments, &target, console)?;
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn apply(
    migrator: &Migrator,
    models: &Schema,
    arguments: &Upgrade,
    target: &Target,
    console: &Console,
) -> Result<(), LoadError> {
    if let Some(version) = arguments.accept_edited.clone() {
        migrator.accept_edited(version)?;
    }
    for step in migrator.upgrade(target.clone())? {
        console.say(format_args!("Upgraded to {}: {}", step.version, step.name))?;
    }
    console.say(format_args!("Current database version: {}", migrator.version()?))?;
    if *target != Target::Latest {
        return Ok(());
    }
    // The upgrade has succeeded, whatever this finds.
    match migrator.differences(models) {
        Ok(differences) if differences.is_empty() => {}
        Ok(_) => console.warn("the database differs from the models; db_migrate --check says how"),
        Err(error) => console.warn(format_args!("the database was not compared with the models: {error}")),
    }
    Ok(())
}

/// `db_downgrade`: reverts migrations, or restores a backup.
pub fn downgrade(load: impl FnOnce() -> Result<Migrator, LoadError>) -> ExitCode {
    let arguments = Downgrade::parse();
    run("db_downgrade", load, |migrator, console| {
        let migrator = with_verify(migrator, !arguments.no_verify);
        let target = arguments.to.map_or(Target::Previous, Target::Version);
        if let Some(file) = &arguments.restore {
            let version = migrator.restore(file)?;
            console.say(format_args!("Restored {} from {}", migrator.database_name(), file.display()))?;
            console.say(format_args!("Current database version: {version}"))?;
            return Ok(ExitCode::SUCCESS);
        }
        if arguments.dry_run {
            for step in migrator.revertible(target)? {
                console.say(format_args!("-- {}\n{}", step.name, step.sql))?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        questions::confirm_downgrade(&migrator, target.clone(), console)?;
        for step in migrator.downgrade(target)? {
            console.say(format_args!("Downgraded to {}: {} reverted", step.version, step.name))?;
        }
        console.say(format_args!("Current database version: {}", migrator.version()?))?;
        Ok(ExitCode::SUCCESS)
    })
}

fn with_verify(migrator: Migrator, verify: bool) -> Migrator {
    let mut settings = migrator.settings().clone();
    settings.verify = verify;
    migrator.with(settings)
}

/// Runs a command with a migrator that reports to the console.
fn run(
    program: &'static str,
    load: impl FnOnce() -> Result<Migrator, LoadError>,
    work: impl FnOnce(Migrator, &Console) -> Result<ExitCode, LoadError>,
) -> ExitCode {
    let console = Console::new(program);
    let mut database = String::new();
    let outcome = load().and_then(|migrator| {
        database = migrator.database_name();
        let listener = console.clone();
        let settings = migrator.settings().clone().on_event(move |event| listener.report(event));
        work(migrator.with(settings), &console)
    });
    outcome.unwrap_or_else(|error| {
        match error.downcast_ref().and_then(|error| hints::hint(error, program, &database)) {
            Some(hint) => console.warn(format_args!("{error}; {hint}")),
            None => console.warn(&error),
        }
        ExitCode::FAILURE
    })
}
