//! What a database needs beside its migrations: an edited file accepted, kept values removed, a backup put back.

use std::fmt::Write as _;
use std::path::Path;

use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Integer, Text};
use diesel::sqlite::SqliteConnection;

use crate::backup::{self, Aside, Backup, is_damage};
use crate::render::sqlite::follows;
use crate::run::explain;
use crate::script::Script;
use crate::sql::{mentions, quote};
use crate::status::{applied, is_controlled, newest, status};
use crate::versioning::adopt_applied;
use crate::{Error, Project, history};

impl Project {
    /// Takes a migration's file, which was edited after it was applied, for what was applied.
    ///
    /// # Errors
    ///
    /// When no applied migration has that number.
    pub fn accept_edited(&self, number: u64) -> Result<(), Error> {
        let (scripts, mut connection) = self.scripts_and_connection()?;
        self.transaction(&mut connection, |connection| {
            let applied = applied(connection)?;
            let is_meant = |script: &&Script| script.number == number && applied.contains(&script.version());
            let script = scripts.iter().find(is_meant);
            let script = script.ok_or(Error::NotApplied { wanted: number, version: newest(&applied) })?;
            adopt_applied(connection, &scripts)?;
            history::accept(connection, script)
        })
    }

    /// Removes what migrations kept aside, or what those below revision `before` did: personal data must not linger.
    /// Their downgrades still work, with defaults for the values. Returns each side table and how many rows it held.
    ///
    /// # Errors
    ///
    /// When the database cannot be written.
    pub fn purge_kept(&self, before: Option<u64>) -> Result<Vec<(String, i64)>, Error> {
        let (scripts, mut connection) = self.scripts_and_connection()?;
        // Else the values would stay in the file, in pages that are free.
        connection.batch_execute("PRAGMA secure_delete = ON").map_err(self.explained())?;
        let purged = self.transaction(&mut connection, |connection| {
            let query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE '\\_kept\\_%' ESCAPE '\\' ORDER BY name";
            let triggers = sql::<Text>("SELECT name FROM sqlite_master WHERE type = 'trigger'");
            let triggers: Vec<String> = triggers.load(connection)?;
            let mut purged = Vec::new();
            for name in sql::<Text>(query).load::<String>(connection)? {
                // An application may have tables with such names too.
                let is_made = |script: &&Script| {
                    name.starts_with(&format!("_kept_{}_", script.version())) && mentions(&script.up, &name)
                };
                let Some(script) = scripts.iter().find(is_made) else { continue };
                if before.is_none_or(|before| script.number < before) {
                    let rows = sql::<BigInt>(&format!("SELECT count(*) FROM {}", quote(&name))).get_result(connection)?;
                    for trigger in triggers.iter().filter(|trigger| follows(trigger, &name)) {
                        connection.batch_execute(&format!("DROP TRIGGER {}", quote(trigger)))?;
                    }
                    connection.batch_execute(&format!("DROP TABLE {}", quote(&name)))?;
                    purged.push((name, rows));
                }
            }
            if !purged.is_empty() {
                overwrite_free_pages(connection)?;
            }
            Ok(purged)
        })?;
        if !purged.is_empty() {
            self.empty_journal(&mut connection).map_err(self.explained())?;
        }
        Ok(purged)
    }

    /// Brings the journal of WAL mode into the file, so that what was removed stands in neither.
    fn empty_journal(&self, connection: &mut SqliteConnection) -> diesel::QueryResult<()> {
        connection.batch_execute("PRAGMA busy_timeout = 1000")?;
        let is_busy: i32 = sql::<Integer>("PRAGMA wal_checkpoint(TRUNCATE)").get_result(connection)?;
        if is_busy != 0 {
            let database = self.database();
            (self.settings.tell)(&format!(
                "another program has {database} open: the values are in its files until that has ended, or written more"
            ));
        }
        Ok(())
    }

    /// Puts a backup in the database's place, after checking that it is whole and of this project, and returns its
    /// version. What is in its place is backed up first; where it is damaged, it gets another name.
    ///
    /// # Errors
    ///
    /// When the file is no such backup, when another program has the database open, or when what is in its place holds
    /// rows and was never under version control: then it is no database of this project.
    pub fn restore(&self, file: &Path) -> Result<u64, Error> {
        let path = self.sqlite_path()?;
        // A backup is named as seen from the base, and that is what one copies.
        let based = self.in_base(file);
        let file = if file.exists() { file } else { &based };
        let explained = |error| self.explain_file(file, error);
        backup::check(file, "integrity_check").map_err(explained)?;
        let version = self.version_of_backup(&mut backup::open(file).map_err(explained)?).map_err(explained)?;
        let at_database = |error| self.explain_file(&path, error);
        let (mut counter, mut backup, mut aside) = (None, None, None);
        if path.exists() {
            let lock = backup::lock_out(&path).map_err(at_database)?;
            counter = Some(backup::change_counter(&path).map_err(at_database)?);
            // The copy is made by another connection.
            let is_database = lock.map(drop).is_some();
            match is_database.then(|| self.back_up_controlled(&path)).transpose() {
                Ok(Some(made)) => backup = made,
                Err(error) if !is_damage(&error.to_string()) => return Err(at_database(error)),
                // That is why one restores; and somebody may still read something out of it.
                Ok(None) | Err(_) => aside = Some(Aside::make(&path).map_err(at_database)?),
            }
        }
        let restored = backup::restore(file, &path, counter).map_err(at_database);
        if let (Ok(()), Some(aside)) = (&restored, &aside) {
            (self.settings.tell)(&format!("what was there is damaged, and is now {}", self.shown(&aside.file)));
        } else if let Some(aside) = aside {
            aside.discard();
        }
        self.finish(restored, backup, &[]).map(|()| version)
    }

    /// Copies a database that a restored one is to replace.
    fn back_up_controlled(&self, path: &Path) -> Result<Option<Backup>, Error> {
        match self.db_version() {
            Ok(version) => self.back_up(version),
            Err(Error::NotUnderVersionControl { database } | Error::NotCreated { database }) => {
                let why = "it holds rows, and is no database of this project: move it away first";
                let is_empty = !backup::is_populated(&mut self.open_file(path)?)?;
                if is_empty { Ok(None) } else { Err(Error::Database { what: database, why: why.into() }) }
            }
            Err(error) => Err(error),
        }
    }

    fn version_of_backup(&self, copy: &mut SqliteConnection) -> Result<u64, Error> {
        let foreign = |why: &str| Error::Database { what: String::new(), why: format!("not of this project: {why}") };
        let scripts = self.scripts()?;
        if !is_controlled(copy)? {
            return Err(foreign("no migration was ever applied to it"));
        }
        let status = status(copy, &scripts)?;
        if !status.unknown.is_empty() {
            return Err(Error::Ahead { unknown: status.unknown, newest: status.newest });
        }
        // One migration may have been edited since. When no checksum is right, others have made that database.
        let applied = scripts.iter().filter(|script| !status.pending.contains(&script.name)).count();
        if applied > 0 && status.edited.len() == applied {
            return Err(foreign("the migrations that were applied to it are others"));
        }
        // Diesel's own program records no checksums: then the tables tell.
        if !history::is_recorded(copy)? && self.stampable(copy, &scripts, status.version).is_err() {
            return Err(foreign("its tables are not what the migrations make that were applied to it"));
        }
        Ok(status.version)
    }

    fn explain_file(&self, file: &Path, error: Error) -> Error {
        match error {
            Error::Database { why, .. } => Error::Database { what: self.shown(file), why },
            Error::Query(error) => explain(&self.shown(file), &error),
            other => self.located(other),
        }
    }
}

/// Fills the pages that are free with zeros: they may hold what the migration itself took out of a table.
fn overwrite_free_pages(connection: &mut SqliteConnection) -> Result<(), Error> {
    let free = sql::<BigInt>("SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size");
    let bytes: i64 = free.get_result(connection)?;
    // SQLite takes a value of a gigabyte at most.
    let piece = 100_000_000;
    let mut statements = String::from("CREATE TABLE _zeros (zeros BLOB);");
    for at in 0..=bytes / piece {
        let _ = write!(statements, "INSERT INTO _zeros VALUES (zeroblob({}));", piece.min(bytes - at * piece));
    }
    connection.batch_execute(&(statements + "DROP TABLE _zeros;"))?;
    Ok(())
}
