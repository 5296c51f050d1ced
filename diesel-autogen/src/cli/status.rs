//! Where a database stands, migration by migration: for people, in colours on a terminal, and as JSON for programs.

use std::fmt::Write as _;
use std::io;

use anstream::{AutoStream, ColorChoice};
use clap::builder::styling::{AnsiColor, Style};

use crate::{Error, Migrations, Migrator, Status};

/// A line of the report: the version, the migration's name where there is one, and its state.
struct Line {
    version: String,
    name: Option<String>,
    state: State,
}

#[derive(Clone, Copy)]
enum State {
    Applied,
    Edited,
    Pending,
    Unknown,
}

impl State {
    /// Its word in JSON.
    fn word(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Edited => "edited",
            Self::Pending => "pending",
            Self::Unknown => "unknown",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Edited => "applied, and edited since",
            Self::Unknown => "applied, and not among these migrations",
            Self::Applied | Self::Pending => self.word(),
        }
    }

    fn style(self) -> Style {
        let color = match self {
            Self::Applied => AnsiColor::Green,
            Self::Pending => AnsiColor::Yellow,
            Self::Edited | Self::Unknown => AnsiColor::Red,
        };
        color.on_default()
    }
}

/// The report for people: a line for the database, and one for each migration.
pub(super) fn text(migrator: &Migrator) -> Result<String, Error> {
    let status = migrator.status()?;
    let lines = lines(&status, &migrator.migrations()?);
    let has_color = AutoStream::choice(&io::stdout()) != ColorChoice::Never;
    let mut report = format!("{} is at version {}", migrator.database_name(), status.version);
    let title = |line: &Line| line.name.as_ref().unwrap_or(&line.version).clone();
    let width = lines.iter().map(|line| title(line).chars().count()).max().unwrap_or(0);
    for line in &lines {
        let style = if has_color { line.state.style() } else { Style::new() };
        let _ = write!(report, "\n  {:width$}  {style}{}{style:#}", title(line), line.state.words());
    }
    if lines.is_empty() {
        report += "; there are no migrations";
    }
    Ok(report)
}

/// The same as one line of JSON. Versions are texts: some have more digits than a number of JSON holds exactly.
pub(super) fn json(migrator: &Migrator) -> Result<String, Error> {
    let status = migrator.status()?;
    let (database, version) = (quoted(&migrator.database_name()), quoted(&status.version.to_string()));
    let lines = lines(&status, &migrator.migrations()?).into_iter().map(|line| {
        let name = line.name.map_or_else(|| "null".to_owned(), |name| quoted(&name));
        format!(r#"{{"version":{},"name":{name},"state":"{}"}}"#, quoted(&line.version), line.state.word())
    });
    let migrations = lines.collect::<Vec<_>>().join(",");
    Ok(format!(r#"{{"database":{database},"version":{version},"migrations":[{migrations}]}}"#))
}

/// The migrations in order, then the applied versions that no migration has.
fn lines(status: &Status, migrations: &Migrations) -> Vec<Line> {
    let state = |name: &String| match name {
        name if status.pending.contains(name) => State::Pending,
        name if status.edited.contains(name) => State::Edited,
        _ => State::Applied,
    };
    let known = migrations.iter().map(|migration| Line {
        version: migration.version().as_str().to_owned(),
        name: Some(migration.name.clone()),
        state: state(&migration.name),
    });
    let unknown =
        status.unknown.iter().map(|version| Line { version: version.clone(), name: None, state: State::Unknown });
    known.chain(unknown).collect()
}

/// A text as JSON writes it.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            control if control < ' ' => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}
