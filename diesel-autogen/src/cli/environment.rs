//! Which database and which migrations folder: from options, the environment, and the file `.env`.

use std::collections::HashMap;
use std::env::{self, VarError};
use std::fs;
use std::path::Path;

use super::arguments::Place;
use super::program::LoadError;
use crate::{DatabaseUrl, Migrator, Settings};

const MISSING: &str =
    "no database is named: set DATABASE_URL, in the environment or in the file .env, or pass --database-url";

impl Place {
    /// The migrator of that place. Relative paths start at the folder of the nearest `.env`, at or above the current
    /// one, or at the current folder where there is no `.env`; those of options start at the current folder.
    pub fn migrator(self) -> Result<Migrator, LoadError> {
        let here = env::current_dir().map_err(|error| format!("cannot read the current folder: {error}"))?;
        let found = here.ancestors().find(|folder| folder.join(".env").is_file());
        let file = found.map_or_else(|| Ok(HashMap::new()), |folder| read_env_file(&folder.join(".env")))?;
        let base = found.unwrap_or(&here);
        let (name, text, start) = match self.database_url {
            Some(text) => ("--database-url", text, here.as_path()),
            None => ("DATABASE_URL", setting("DATABASE_URL", &file)?.ok_or(MISSING)?, base),
        };
        let url = DatabaseUrl::parse(&text, start).map_err(|error| format!("{name}: {error}"))?;
        let migrations = match self.migrations_dir {
            Some(folder) => here.join(folder),
            None => base.join(setting("MIGRATIONS_DIR", &file)?.unwrap_or_else(|| "migrations".into())),
        };
        let mut settings = Settings::default();
        settings.backups = self.backups;
        base.clone_into(&mut settings.base);
        Ok(Migrator::with_url(url, migrations).with(settings))
    }
}

/// A variable of the environment, or of the file.
fn setting(name: &str, file: &HashMap<String, String>) -> Result<Option<String>, String> {
    let value = match env::var(name) {
        Ok(value) => Some(value),
        Err(VarError::NotPresent) => file.get(name).cloned(),
        Err(VarError::NotUnicode(_)) => return Err(format!("{name} is not UTF-8")),
    };
    match value.as_deref() {
        Some("") => Err(format!("{name} is empty: give it a value, or remove it")),
        _ => Ok(value),
    }
}

/// The variables of a `.env`.
fn read_env_file(file: &Path) -> Result<HashMap<String, String>, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    // Editors on Windows may write a byte order mark. dotenvy needs a line break after a space at the end.
    let text = format!("{}\n", text.trim_start_matches('\u{feff}'));
    let mut variables = HashMap::new();
    let mut place = "its first setting".to_owned();
    for item in dotenvy::from_read_iter(text.as_bytes()) {
        // dotenvy's error contains the line, which may hold a password, and no line number.
        let (name, value) = item.map_err(|_| {
            format!(
                "{}: {place} is not NAME=value; put a value with spaces, quotes, # or $ in single quotes: NAME='a value'",
                file.display()
            )
        })?;
        place = format!("what follows {name}");
        variables.insert(name, value);
    }
    Ok(variables)
}
