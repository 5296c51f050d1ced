//! What each command does.

use std::path::Path;

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::arguments::{Arguments, Create, Downgrade, Migrate, Upgrade};
use super::console::Console;
use super::program::{LoadError, Program};
use super::questions;
use crate::history::Target;
use crate::{DatabaseUrl, LossKind, Migrator, Plan, PlanOptions, Schema, text};

/// Whether a command found what it was to find; an error says why it could not look.
pub(super) type Outcome = Result<bool, LoadError>;

pub(super) fn create(migrator: &Migrator, arguments: &Create, console: &Console) -> Outcome {
    if let Some(url) = &arguments.copy_from {
        return copy_from(migrator, url, console);
    }
    let init = match &arguments.stamp {
        Some(version) => migrator.baseline(version.clone())?,
        None => migrator.init()?,
    };
    let since = if init.is_new { "now" } else { "already" };
    console.say(format_args!("{} is {since} under version control", migrator.database_name()))?;
    console.say(format_args!("Current database version: {}", init.version))?;
    Ok(true)
}

fn copy_from(migrator: &Migrator, url: &str, console: &Console) -> Outcome {
    let url = DatabaseUrl::parse(url, Path::new("")).map_err(|error| format!("--copy-from: {error}"))?;
    let source = migrator.on(url);
    let version = migrator.copy_from(&source)?.version;
    console.say(format_args!("{} holds all rows of {} now", migrator.database_name(), source.database_name()))?;
    console.say(format_args!("Current database version: {version}"))?;
    Ok(true)
}

pub(super) fn migrate(migrator: Migrator, models: &Schema, arguments: &Migrate, console: &Console) -> Outcome {
    let verify = migrator.settings().verify;
    let migrator = &with_care(migrator, verify, !arguments.no_backup);
    if arguments.print_schema {
        return print_schema(migrator, models, console);
    }
    let asks = !arguments.check && !arguments.dry_run;
    let options = PlanOptions::from(arguments);
    if let Some(url) = arguments.rehearse_on.as_ref().filter(|_| !arguments.dry_run) {
        for name in migrator.rehearse_on(url, models)? {
            console.say(format_args!("Rehearsed {name}: up, down and up again"))?;
        }
    }
    let options = if asks { questions::complete(migrator, models, options, console)? } else { options };
    let plan =
        if arguments.check { migrator.plan_alone(models, &options, None) } else { migrator.plan(models, &options) };
    let Some(plan) = plan? else {
        console.say("The models and the database agree: there is nothing to migrate")?;
        return Ok(true);
    };
    console.say(&plan)?;
    warn_of_old_nodes(migrator, &plan, console);
    let has_unmentioned = plan.losses.iter().any(|loss| loss.kind == LossKind::Unmentioned);
    if arguments.check {
        let print = ", or {print-schema}, which writes as models what the models do not mention";
        let print = if has_unmentioned { print } else { "" };
        console.warn(console.fill(&format!("the models and the database differ; run {{migrate}}{print}")));
        return Ok(false);
    }
    if arguments.dry_run {
        console.say(plan.files())?;
        if has_unmentioned {
            let hint = "what the models do not mention would be dropped; {print-schema} writes it as models";
            console.warn(console.fill(hint));
        }
        return Ok(true);
    }
    let plan = questions::confirm(plan, console)?;
    let folder = migrator.apply(&plan)?;
    console.say(format_args!("New migration saved as {folder}"))?;
    for migration in &plan.then {
        let folder = Path::new(&folder).with_file_name(&migration.name);
        console.say(format_args!("New migration saved as {}", folder.display()))?;
    }
    if let Some(other) = &plan.other {
        let state =
            if other.is_rehearsed { "" } else { ", not rehearsed: {migrate} --rehearse-on URL does it on a server" };
        for migration in plan.all_of_other() {
            let folder = migrator.settings().shown(&other.folder.join(&migration.name));
            console.say(console.fill(&format!("New migration saved as {folder}{state}")))?;
        }
    }
    console.say(format_args!("Current database version: {}", migrator.version()?))?;
    Ok(true)
}

/// Names what the nodes that run the previous release do not survive. A SQLite database has one node, which is stopped.
fn warn_of_old_nodes(migrator: &Migrator, plan: &Plan, console: &Console) {
    let breaks = plan.breaks();
    if migrator.url().is_postgres() && !breaks.is_empty() {
        let breaks = breaks.join("; ");
        let advice = "stop it before the upgrade, or deploy in two steps";
        console.warn(format_args!("the previous release fails after this migration: {breaks}; {advice}"));
    }
}

pub(super) fn print_schema(migrator: &Migrator, models: &Schema, console: &Console) -> Outcome {
    console.say(migrator.print_schema_with(models)?.trim_end())?;
    Ok(true)
}

pub(super) fn upgrade(migrator: Migrator, models: &Schema, arguments: &Upgrade, console: &Console) -> Outcome {
    let migrator = with_care(migrator, !arguments.no_verify, !arguments.no_backup);
    let target = arguments.to.clone().map_or(Target::Latest, Target::Version);
    if arguments.check {
        return check(&migrator, models, console);
    } else if arguments.rehearse {
        console.say(migrator.rehearse(target)?)?;
    } else if arguments.purge_kept {
        let purged = migrator.purge_kept(arguments.before.clone())?;
        for (table, rows) in &purged {
            console.say(format_args!("Removed {table}: {}", text::counted(*rows, "row")))?;
        }
        if purged.is_empty() {
            console.say("No values are kept: there is nothing to remove")?;
        }
    } else if arguments.dry_run {
        for step in migrator.pending(target)? {
            console.say(format_args!("-- {}\n{}", step.name, step.sql))?;
        }
    } else {
        apply(&migrator, models, arguments, &target, console)?;
    }
    Ok(true)
}

fn apply(
    migrator: &Migrator,
    models: &Schema,
    arguments: &Upgrade,
    target: &Target,
    console: &Console,
) -> Result<(), LoadError> {
    if let Some(version) = &arguments.accept_edited {
        migrator.accept_edited(version.clone())?;
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
        Ok(_) => console.warn(console.fill("the database differs from the models; {migrate} --check says how")),
        Err(error) => console.warn(format_args!("the database was not compared with the models: {error}")),
    }
    Ok(())
}

pub(super) fn downgrade(migrator: Migrator, arguments: &Downgrade, console: &Console) -> Outcome {
    let migrator = with_care(migrator, !arguments.no_verify, !arguments.no_backup);
    let target = arguments.to.clone().map_or(Target::Previous, Target::Version);
    if let Some(file) = &arguments.restore {
        let version = migrator.restore(file)?;
        console.say(format_args!("Restored {} from {}", migrator.database_name(), file.display()))?;
        console.say(format_args!("Current database version: {version}"))?;
        return Ok(true);
    }
    if arguments.dry_run {
        for step in migrator.revertible(target)? {
            console.say(format_args!("-- {}\n{}", step.name, step.sql))?;
        }
        return Ok(true);
    }
    if !arguments.allow_data_loss {
        questions::confirm_downgrade(&migrator, target.clone(), console)?;
    }
    for step in migrator.downgrade(target)? {
        console.say(format_args!("Downgraded to {}: {} reverted", step.version, step.name))?;
    }
    console.say(format_args!("Current database version: {}", migrator.version()?))?;
    Ok(true)
}

pub(super) fn check(migrator: &Migrator, models: &Schema, console: &Console) -> Outcome {
    migrator.check(models)?;
    console.say("The models and the database agree")?;
    Ok(true)
}

pub(super) fn new(migrator: &Migrator, name: &str, console: &Console) -> Outcome {
    let folder = migrator.write_empty(name)?;
    console.say(format_args!("New migration saved as {folder}"))?;
    console.say(console.fill("Write its up.sql and down.sql, then run {upgrade}"))?;
    Ok(true)
}

pub(super) fn completions(shell: Shell, program: &Program, console: &Console) -> Outcome {
    // Scripts of shells are no place for a quote or a space, and clap_complete splits at the space.
    if !program.name().chars().all(|char| char.is_alphanumeric() || "._+-".contains(char)) {
        return Err(format!("a shell cannot complete a program of the name {:?}: rename it", program.name()).into());
    }
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut program.describe(Arguments::command()), program.name(), &mut script);
    console.say(String::from_utf8(script)?.trim_end())?;
    Ok(true)
}

/// The migrator with less care where a flag asks for that.
fn with_care(migrator: Migrator, verify: bool, backup: bool) -> Migrator {
    let mut settings = migrator.settings().clone();
    settings.verify = verify;
    if !backup {
        settings.backups = 0;
    }
    migrator.with(settings)
}
