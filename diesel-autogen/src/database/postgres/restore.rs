//! Puts a dump in the place of the schema: in one transaction, in which everything is dropped first.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use diesel::RunQueryDsl;
use diesel::dsl::sql;
use diesel::sql_types::{Bool, Text};

use super::backup::{Place, check};
use super::client::{self, Client};
use super::connection::Postgres;
use super::errors;
use crate::Error;
use crate::database::history::{self, CHECKSUMS, VERSIONS};
use crate::database::{Backup, Check, Content, Database, Restored};
use crate::error::DatabaseErrorKind;
use crate::history::Applied;
use crate::settings::Event;
use crate::text::literal;

/// The advisory lock that a restoring session holds once it has locked the tables.
const READY: i64 = 0x6D69_6772_7265_6164;

/// Checks a dump, backs up what is there, and replaces it. Creates a database that is missing.
pub(super) fn restore(database: &mut Postgres, file: &Path, check: &mut Check<'_>) -> Result<Restored, Error> {
    let shown = database.settings.shown(file);
    if !file.is_file() {
        return Err(Error::NoDatabase { database: shown });
    }
    let client = Client::of(&database.url).map_err(|why| failed(&database.name(), &why))?;
    for program in ["pg_restore", "psql"] {
        client::version(program).map_err(|why| failed(&database.name(), &why))?;
    }
    require_sound(database, file, &shown)?;
    let is_created = database.create()?;
    let restored = restore_checked(database, &client, file, check);
    database.connection = None;
    if is_created && restored.is_err() {
        database.remove();
    }
    restored
}

fn require_sound(database: &Postgres, file: &Path, shown: &str) -> Result<(), Error> {
    let checked = database.settings.step("checking the backup", || check(file));
    checked.map_err(|why| Error::database(shown, DatabaseErrorKind::Damaged, why))
}

fn restore_checked(
    database: &mut Postgres,
    client: &Client,
    file: &Path,
    check: &mut Check<'_>,
) -> Result<Restored, Error> {
    let (place, shown) = (database.on(Place::of)?, database.settings.shown(file));
    let (history, mut tables) = content(file, &place.schema).map_err(|why| failed(&shown, &why))?;
    let has_checksums = tables.iter().any(|table| table == CHECKSUMS);
    tables.retain(|table| table != CHECKSUMS && table != VERSIONS);
    let version = check(&shown, Content { history, has_checksums, tables: Some(tables), database })?;
    let (mut replaced, mut other) = (None, Postgres::new(&database.url, &database.settings));
    let done = Database::exclusively(database, &mut |database| {
        let mut session = Session::begin(client, &place, &mut other)?;
        let restored = session.wait(&mut other).and_then(|()| {
            replaced = database.back_up_replaced()?;
            let restored = other.settings.clone().step("restoring", || session.replace(file, &place));
            restored.map_err(|why| failed(&other.name(), &why))
        });
        // What the server said is why the rest failed.
        match session.end() {
            Err(why) if !matches!(restored, Err(Error::NoBackup { .. })) => Err(failed(&other.name(), &why)),
            _ => restored,
        }
    });
    match done {
        Ok(()) => Ok(Restored { version, replaced }),
        Err(error) => {
            replaced.into_iter().for_each(Backup::discard);
            Err(error)
        }
    }
}

fn failed(database: &str, why: &str) -> Error {
    Error::database(database, errors::kind(why).unwrap_or(DatabaseErrorKind::Other), why)
}

/// A `psql` in a transaction. Without a `COMMIT` nothing of it stays, when this process is killed too.
struct Session {
    process: Child,
    input: ChildStdin,
    said: JoinHandle<String>,
}

impl Session {
    /// Begins the transaction, and asks for a lock of every table that lets others read.
    fn begin(client: &Client, place: &Place, other: &mut Postgres) -> Result<Self, Error> {
        let schema = literal(&place.schema);
        let query = format!(
            "SELECT coalesce(string_agg('LOCK TABLE ' || c.oid::regclass || ' IN EXCLUSIVE MODE;', ''), '')::text FROM pg_class c \
             JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = {schema} AND relkind IN ('r', 'p') AND NOT EXISTS \
             (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')"
        );
        let locks: String = other.on(|connection| sql::<Text>(&query).get_result(connection))?;
        let mut command = client.program("psql");
        command.args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file=-"]);
        let spawned = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut process = spawned.map_err(|error| failed(&other.name(), &client::missing("psql", &error)))?;
        let said = client::listen(&mut process);
        let Some(input) = process.stdin.take() else { return Err(failed(&other.name(), "psql has no input")) };
        let mut session = Self { process, input, said };
        let wait = other.settings.wait.as_millis().max(1);
        let script = format!(
            "SET client_encoding = 'UTF8'; SET client_min_messages = warning;\nBEGIN; SET lock_timeout = {wait};\n\
             {locks}\nSELECT pg_catalog.pg_advisory_xact_lock({READY});\n"
        );
        // What went wrong is what the program says at its end.
        let _ = session.input.write_all(script.as_bytes()).and_then(|()| session.input.flush());
        Ok(session)
    }

    /// Waits until the tables are locked, or the program has given up.
    fn wait(&mut self, other: &mut Postgres) -> Result<(), Error> {
        let query = format!(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = \
             (SELECT oid FROM pg_database WHERE datname = current_database()) \
             AND (classid::bigint << 32) + objid::bigint = {READY})"
        );
        let (start, mut has_told) = (Instant::now(), false);
        while self.process.try_wait().is_ok_and(|status| status.is_none()) {
            if other.on(|connection| sql::<Bool>(&query).get_result(connection))? {
                return Ok(());
            }
            if start.elapsed() > Duration::from_secs(1) && !std::mem::replace(&mut has_told, true) {
                other.settings.emit(&Event::Waiting(other.settings.wait));
            }
            sleep(Duration::from_millis(20));
        }
        Err(failed(&other.name(), "psql has ended"))
    }

    /// Drops what is there, restores the dump, and commits.
    fn replace(&mut self, file: &Path, place: &Place) -> Result<(), String> {
        let empty = include_str!("empty.sql").replace("{schema}", &literal(&place.schema));
        self.input.write_all(empty.as_bytes()).map_err(|error| error.to_string())?;
        let input = &mut self.input;
        read(file, &[&format!("--schema={}", place.schema)], |script| {
            let mut script = BufReader::new(script);
            let mut line = Vec::new();
            // A server before 17 does not have the last of the settings that a newer program begins with.
            while script.read_until(b'\n', &mut line)? > 0 && !line.starts_with(b"SET row_security") {
                if place.version >= 17 || line != b"SET transaction_timeout = 0;\n" {
                    input.write_all(&line)?;
                }
                line.clear();
            }
            input.write_all(&line)?;
            io::copy(&mut script, input)
        })?;
        // Only a whole dump gets here.
        self.input.write_all(b"\nCOMMIT;\n").map_err(|error| error.to_string())
    }

    /// Ends the program; fails when a statement did.
    fn end(mut self) -> Result<(), String> {
        drop(self.input);
        let status = self.process.wait().map_err(|error| error.to_string())?;
        let said = self.said.join().unwrap_or_default();
        if status.success() { Ok(()) } else { Err(client::failure("psql", &said)) }
    }
}

/// Reads a dump with `pg_restore`.
fn read<T>(file: &Path, arguments: &[&str], read: impl FnOnce(&mut dyn Read) -> io::Result<T>) -> Result<T, String> {
    let file = File::open(file).map_err(|error| error.to_string())?;
    client::run(client::program("pg_restore").args(arguments).arg("--file=-").stdin(file), read)
}

/// The history in a dump, and its tables.
fn content(file: &Path, schema: &str) -> Result<(Option<Vec<Applied>>, Vec<String>), String> {
    let (mut list, mut data) = (String::new(), String::new());
    read(file, &["--list"], |output| output.read_to_string(&mut list))?;
    // `215; 1259 16386 TABLE public posts postgres`
    let marker = format!(" TABLE {schema} ");
    let table = |line: &str| Some(line.split_once(&marker)?.1.rsplit_once(' ')?.0.to_owned());
    let tables = list.lines().filter(|line| !line.starts_with(';')).filter_map(table).collect();
    let (schema, versions, checksums) =
        (format!("--schema={schema}"), format!("--table={VERSIONS}"), format!("--table={CHECKSUMS}"));
    read(file, &["--data-only", &schema, &versions, &checksums], |output| output.read_to_string(&mut data))?;
    Ok((applied(&data), tables))
}

/// The history in a script that fills its tables.
fn applied(script: &str) -> Option<Vec<Applied>> {
    let checksums = rows(script, CHECKSUMS, ["version", "checksum"]).unwrap_or_default();
    let applied = rows(script, VERSIONS, ["version", "run_on"])?.into_iter().map(|[version, time]| {
        let checksum = checksums.iter().find(|[own, _]| *own == version).map(|[_, checksum]| checksum.clone());
        history::applied((version, checksum, in_microseconds(&time)))
    });
    Some(applied.collect())
}

/// The rows that `COPY` fills a table with, of two columns.
fn rows(script: &str, table: &str, columns: [&str; 2]) -> Option<Vec<[String; 2]>> {
    let mut lines = script.lines();
    let names =
        lines.find_map(|line| line.strip_prefix("COPY ")?.split_once(&format!("{table} ("))?.1.split_once(')'))?.0;
    let places = columns.map(|column| names.split(", ").position(|name| name == column));
    let row = |line: &str| {
        let values: Vec<_> = line.split('\t').collect();
        places.map(|place| place.and_then(|place| values.get(place)).copied().unwrap_or_default().to_owned())
    };
    Some(lines.take_while(|line| *line != "\\.").map(row).collect())
}

/// A time as the history's clock writes it: with six digits after the point.
fn in_microseconds(time: &str) -> String {
    let (seconds, fraction) = time.split_once('.').unwrap_or((time, ""));
    format!("{seconds}.{fraction:0<6}")
}
