//! A home folder with a database and migrations of its own, and the scripts run in it as processes.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::sql_types::{Nullable, Text};
use diesel::{Connection as _, RunQueryDsl as _, SqliteConnection};
use tempfile::TempDir;

use crate::{Run, Running, program};

/// A folder with `app.db` and `migrations/sqlite`, where the scripts run. It is removed at the end of the test.
#[derive(Debug)]
pub struct Home {
    folder: TempDir,
    database_url: String,
    backups: u32,
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

impl Home {
    /// An empty folder.
    pub fn new() -> Self {
        // Tests that look at the files do so without backups; backups have tests of their own.
        Self { folder: tempfile::tempdir().unwrap(), database_url: "sqlite:app.db".into(), backups: 0 }
    }

    /// A database at version 0 and an empty migrations folder.
    pub fn created() -> Self {
        let home = Self::new();
        home.run("db_create").succeeds();
        home
    }

    /// A database at version 0, and the two migrations that create the tutorial's tables.
    pub fn with_history() -> Self {
        let home = Self::created();
        home.add_history();
        home
    }

    /// The scripts run with this `DATABASE_URL` from now on.
    #[must_use]
    pub fn with_database_url(mut self, url: &str) -> Self {
        url.clone_into(&mut self.database_url);
        self
    }

    /// The scripts keep so many backups from now on.
    #[must_use]
    pub fn with_backups(mut self, backups: u32) -> Self {
        self.backups = backups;
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Copies the first two migrations of the repository, which create the tutorial's tables.
    pub fn add_history(&self) {
        self.add_committed(|name| ["001_migration", "002_migration"].contains(&name));
    }

    /// Copies the migrations of the repository whose names are chosen.
    pub fn add_committed(&self, is_chosen: impl Fn(&str) -> bool) {
        let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations/sqlite");
        for entry in fs::read_dir(committed).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            if !is_chosen(&name) {
                continue;
            }
            let text = |file: &str| fs::read_to_string(entry.path().join(file)).unwrap();
            self.add_migration(&name, &text("up.sql"), Some(&text("down.sql")));
        }
    }

    /// A database at the newest committed migration, which has the site's tables.
    pub fn with_site_tables() -> Self {
        let home = Self::created();
        home.add_committed(|_| true);
        // The tutorial's tables are others, which is a warning.
        home.run("db_upgrade").succeeds_with_warning();
        home
    }

    pub fn add_migration(&self, name: &str, up: &str, down: Option<&str>) {
        self.write(&format!("migrations/sqlite/{name}/up.sql"), up);
        if let Some(down) = down {
            self.write(&format!("migrations/sqlite/{name}/down.sql"), down);
        }
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// The names in the migrations folder, hidden ones too.
    pub fn migrations(&self) -> Vec<String> {
        self.names("migrations/sqlite")
    }

    /// The names in the folder of backups, which need not be there.
    pub fn backups(&self) -> Vec<String> {
        if self.path("backups").exists() { self.names("backups") } else { Vec::new() }
    }

    pub fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Runs a command line such as `db_upgrade --to 1` in the home folder.
    #[track_caller]
    pub fn run(&self, line: &str) -> Run {
        self.run_words(&words(line))
    }

    /// Runs a script with arguments that contain spaces, or are empty.
    #[track_caller]
    pub fn run_words(&self, words: &[&str]) -> Run {
        Run::new(words[0], self.command(words).output().unwrap())
    }

    /// Runs a command line through another program, as in `setpriv … db_upgrade`.
    #[track_caller]
    pub fn run_through<S: AsRef<OsStr>>(&self, wrapper: &[S], line: &str) -> Run {
        let words = words(line);
        Run::new(words[0], self.command_through(wrapper, &words).output().unwrap())
    }

    /// Runs a command line of another build of the script, such as `env!("CARGO_BIN_EXE_db_create")`.
    #[track_caller]
    pub fn run_binary(&self, binary: &str, line: &str) -> Run {
        let words = words(line);
        let mut command = Command::new(binary);
        command.args(&words[1..]);
        Run::new(words[0], self.settle(command).output().unwrap())
    }

    /// Starts a command line that runs beside the test.
    pub fn start(&self, line: &str) -> Running {
        let words = words(line);
        Running::start(words[0], self.command(&words))
    }

    pub fn command(&self, words: &[&str]) -> Command {
        self.command_through(&[""; 0], words)
    }

    fn command_through<S: AsRef<OsStr>>(&self, wrapper: &[S], words: &[&str]) -> Command {
        let script = program::script(words[0]);
        let mut line = wrapper.iter().map(AsRef::as_ref).chain(script.iter().map(AsRef::as_ref));
        let mut command = Command::new(line.next().unwrap());
        command.args(line).args(&words[1..]);
        self.settle(command)
    }

    /// The command in the home folder, with the settings of this home and nothing else of the environment.
    pub fn settle(&self, mut command: Command) -> Command {
        command
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("MICROBLOG_HOME", self.folder.path())
            .env("DATABASE_URL", &self.database_url)
            .env("MIGRATIONS_DIR", "migrations")
            .env("MICROBLOG_BACKUPS", self.backups.to_string());
        command
    }

    /// Runs a command line that must fail with one line, and leave every file and folder as it was. Returns the line
    /// without the program's name.
    #[track_caller]
    pub fn refuses(&self, line: &str) -> String {
        self.refuses_words(&words(line))
    }

    #[track_caller]
    pub fn refuses_words(&self, words: &[&str]) -> String {
        self.refuses_through(&[""; 0], words)
    }

    #[track_caller]
    pub fn refuses_through<S: AsRef<OsStr>>(&self, wrapper: &[S], words: &[&str]) -> String {
        let before = self.contents();
        let said = Run::new(words[0], self.command_through(wrapper, words).output().unwrap()).fails();
        self.is_unchanged_since(&before);
        said
    }

    /// Every file, with its bytes, and every folder in the home folder.
    pub fn contents(&self) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
        let mut contents = BTreeMap::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path.clone());
                    contents.insert(path, None);
                } else {
                    let bytes = fs::read(&path).unwrap();
                    contents.insert(path, Some(bytes));
                }
            }
        }
        contents
    }

    /// Asserts that every file and folder is as it was. A failure prints the names, not the bytes.
    #[track_caller]
    pub fn is_unchanged_since(&self, before: &BTreeMap<PathBuf, Option<Vec<u8>>>) {
        let now = self.contents();
        assert!(*before == now, "files changed: {:?}, before: {:?}", now.keys(), before.keys());
    }

    pub fn connect(&self) -> SqliteConnection {
        SqliteConnection::establish(self.path("app.db").to_str().unwrap()).unwrap()
    }

    /// Runs SQL in the database, which is created if it is not there.
    pub fn execute(&self, sql: &str) {
        self.connect().batch_execute(sql).unwrap();
    }

    /// The text that a query of one row and one column returns.
    pub fn query(&self, query: &str) -> String {
        sql::<Text>(query).get_result(&mut self.connect()).unwrap()
    }

    /// The database's whole content: every line of `sqlite_master`, and every row of every table.
    pub fn dump(&self) -> String {
        let connection = &mut self.connect();
        let query = "SELECT type, name, sql FROM sqlite_master ORDER BY name";
        let objects: Vec<(String, String, Option<String>)> =
            sql::<(Text, Text, Nullable<Text>)>(query).load(connection).unwrap();
        let mut dump = Vec::new();
        for (kind, name, text) in objects {
            dump.push(format!("{kind} {name}: {}", text.unwrap_or_default()));
            if kind == "table" {
                let query = format!("SELECT 'quote(\"' || name || '\")' FROM pragma_table_xinfo('{name}')");
                let columns: Vec<String> = sql::<Text>(&query).load(connection).unwrap();
                let query = format!("SELECT {} FROM \"{name}\"", columns.join(" || ', ' || "));
                let rows: Vec<String> = sql::<Text>(&query).load(connection).unwrap();
                dump.extend(rows.iter().map(|row| format!("  {row}")));
            }
        }
        dump.join("\n")
    }

    /// The names of the tables, sorted, without SQLite's and Diesel's own.
    pub fn tables(&self) -> Vec<String> {
        let query = "SELECT name FROM sqlite_master WHERE type = 'table' AND substr(name, 1, 2) <> '__' \
                     AND name NOT LIKE 'sqlite%' ORDER BY name";
        sql::<Text>(query).load(&mut self.connect()).unwrap()
    }
}

fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}
