//! Copies of the schema that the migrations work in, by `pg_dump`.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use diesel::dsl::sql;
use diesel::sql_types::Text;
use diesel::{PgConnection, QueryResult, RunQueryDsl};

use super::client::{self, Client};
use super::connection::Postgres;
use crate::Error;
use crate::database::backup::{Names, create_private};
use crate::database::{Backup, Database as _};
use crate::version::Version;

/// What names a backup, and what it holds.
pub(super) struct Place {
    database: String,
    /// The schema: first of the search path.
    pub schema: String,
    /// The server's major version.
    pub version: u32,
    /// What tells servers apart.
    server: String,
}

impl Place {
    pub fn of(connection: &mut PgConnection) -> QueryResult<Self> {
        let query = "SELECT current_database()::text, coalesce(current_schema(), '')::text, \
             current_setting('server_version_num'), (SELECT system_identifier::text FROM pg_control_system())";
        let (database, schema, version, server): (String, String, String, String) =
            sql::<(Text, Text, Text, Text)>(query).get_result(connection)?;
        Ok(Self { database, schema, version: version.parse().map_or(0, |version: u32| version / 10_000), server })
    }

    fn names(&self, base: &Path) -> Names {
        let encoded = |char: char| match char {
            '-' | '_' | '.' => char.to_string(),
            char if char.is_alphanumeric() => char.to_string(),
            char => format!("%{:02X}", u32::from(char)),
        };
        let stem: String = self.database.chars().map(encoded).collect();
        // Two servers may have a database of that name.
        let draft = format!(".{stem}-{}.dump.new", self.server);
        Names { folder: base.join("backups"), stem, ending: ".dump", draft }
    }
}

/// Dumps the schema, and reads the dump. `None` when it holds no rows.
///
/// The connection may be in a transaction that has changed nothing. Other sessions read and write meanwhile: the dump is
/// the state of the moment at which it begins.
pub(super) fn back_up(database: &mut Postgres, version: &Version) -> Result<Option<Backup>, Error> {
    if database.settings.backups == 0 || !database.has_rows()? {
        return Ok(None);
    }
    let (place, settings) = (database.on(Place::of)?, database.settings.clone());
    let name = database.url.to_string();
    let no_backup = |why| Error::NoBackup { database: name.clone(), why };
    let client = Client::of(&database.url).map_err(no_backup)?;
    require_version(place.version).map_err(no_backup)?;
    let made = Backup::make(place.names(&settings.base), version, |draft| {
        create_private(draft)?;
        let timeout = format!("--lock-wait-timeout={}", settings.wait.as_millis().max(1));
        let dumped = settings.step("backing up", || dump(&client, &place.schema, &timeout, draft));
        dumped.map_err(no_backup)?;
        settings.step("checking the backup", || check(draft)).map_err(no_backup)
    });
    made.map(Some)
}

/// An older `pg_dump` does not know what a newer server has.
fn require_version(server: u32) -> Result<(), String> {
    match client::version("pg_dump")? {
        version if version < server => Err(format!(
            "pg_dump is of version {version} and the server of version {server}: install its client programs"
        )),
        _ => Ok(()),
    }
}

fn dump(client: &Client, schema: &str, timeout: &str, draft: &Path) -> Result<(), String> {
    let mut file = OpenOptions::new().write(true).open(draft).map_err(|error| error.to_string())?;
    // It is a pattern, in which quotes make every character stand for itself.
    let schema = format!("--schema=\"{}\"", schema.replace('"', "\"\""));
    let mut command = client.program("pg_dump");
    command.args(["--format=custom", timeout, &schema]);
    client::run(&mut command, |output| io::copy(output, &mut file)).map(drop)
}

/// Reads a dump to its end.
pub(super) fn check(file: &Path) -> Result<(), String> {
    let file = File::open(file).map_err(|error| error.to_string())?;
    let mut command = client::program("pg_restore");
    command.arg("--file=-").stdin(file);
    client::run(&mut command, |output| io::copy(output, &mut io::sink())).map(drop)
}
