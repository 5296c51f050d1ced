//! The program that runs, and what its user types for each command.

use std::env::consts::EXE_SUFFIX;
use std::error::Error;
use std::path::Path;

use clap::{Command, Parser};

/// What a program that builds a [`Migrator`](crate::Migrator) from its settings may fail with.
pub type LoadError = Box<dyn Error>;

/// Commands that texts name: as a subcommand of one binary, and as a script of its own.
const COMMANDS: [(&str, &str); 7] = [
    ("init", "db_create"),
    ("migrate", "db_migrate"),
    ("upgrade", "db_upgrade"),
    ("downgrade", "db_downgrade"),
    ("check", "db_upgrade --check"),
    ("print-schema", "db_migrate --print-schema"),
    ("completions", ""),
];

/// The program that runs: a script for one command, or a binary with a subcommand for each.
#[derive(Debug, Clone)]
pub(super) struct Program {
    name: String,
    command: &'static str,
    has_subcommands: bool,
}

impl Program {
    /// The script for that command.
    pub fn script(command: &'static str) -> Self {
        let script = COMMANDS.iter().find(|(subcommand, _)| *subcommand == command);
        Self { name: script.map_or(command, |(_, name)| name).to_owned(), command, has_subcommands: false }
    }

    /// The binary that was started under that path.
    pub fn binary(path: &Path) -> Self {
        let name = path.file_name().map_or_else(|| "diesel-autogen".into(), |name| name.to_string_lossy().into_owned());
        let name = name.strip_suffix(EXE_SUFFIX).map(str::to_owned).unwrap_or(name);
        Self { name, command: "", has_subcommands: true }
    }

    /// The same program, which runs that command.
    pub fn with_command(self, command: &'static str) -> Self {
        Self { command, ..self }
    }

    /// The name of the program, which precedes its messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The command that runs, by its name as a subcommand.
    pub fn command(&self) -> &'static str {
        self.command
    }

    /// The text with what the user types in the place of each command, as `{upgrade}`, and with the program's name
    /// for `{name}`.
    pub fn fill(&self, text: &str) -> String {
        let text = text.replace("{name}", &self.name);
        COMMANDS.iter().fold(text, |text, (subcommand, script)| {
            let typed = if self.has_subcommands { format!("{} {subcommand}", self.name) } else { (*script).to_owned() };
            text.replace(&format!("{{{subcommand}}}"), &typed)
        })
    }

    /// Reads the arguments of the process. Ends it, as clap does, for `--help`, for `--version`, and for arguments that
    /// are wrong.
    pub fn parse<T: Parser>(&self) -> T {
        let command = self.describe(T::command()).bin_name(&self.name).version(env!("CARGO_PKG_VERSION"));
        T::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit())
    }

    /// The clap command with its texts filled.
    pub fn describe(&self, mut command: Command) -> Command {
        if let Some(about) = command.get_about().map(|text| self.fill(&text.to_string())) {
            command = command.about(about);
        }
        if let Some(about) = command.get_long_about().map(|text| self.fill(&text.to_string())) {
            command = command.long_about(about);
        }
        command.mut_subcommands(|subcommand| self.describe(subcommand))
    }
}
