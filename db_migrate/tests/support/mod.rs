//! What the tests of `db_create`, `db_migrate`, `db_upgrade` and `db_downgrade` share: a home folder with a database
//! and migrations of its own, and the built programs run in it as processes.
#![allow(dead_code, reason = "every test file includes this one, and uses a part of it")]

pub mod terminal;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::sql_types::{Nullable, Text};
use diesel::{Connection, RunQueryDsl, SqliteConnection};
use tempfile::TempDir;

pub const PROGRAMS: [&str; 4] = ["db_create", "db_migrate", "db_upgrade", "db_downgrade"];

/// A folder with `app.db` and `migrations/sqlite`, where the programs run. It is gone at the end of the test.
pub struct Home {
    folder: TempDir,
    database_url: String,
}

impl Home {
    /// An empty folder.
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), database_url: "sqlite:app.db".into() }
    }

    /// A database at version 0 and an empty migrations folder.
    pub fn created() -> Self {
        let home = Self::new();
        home.run("db_create").succeeds();
        home
    }

    /// A database at version 0, and the two migrations that the tutorial's tables have.
    pub fn with_history() -> Self {
        let home = Self::created();
        home.add_history();
        home
    }

    pub fn with_database_url(mut self, url: &str) -> Self {
        url.clone_into(&mut self.database_url);
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Copies the first two migrations of the repository: they make the tutorial's tables.
    pub fn add_history(&self) {
        self.add_committed(|name| ["001_migration", "002_migration"].contains(&name));
    }

    /// Copies the migrations of the repository that have such a name.
    pub fn add_committed(&self, is_meant: impl Fn(&str) -> bool) {
        let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations/sqlite");
        for entry in fs::read_dir(committed).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            if !is_meant(&name) {
                continue;
            }
            let text = |file: &str| fs::read_to_string(entry.path().join(file)).unwrap();
            self.add_migration(&name, &text("up.sql"), Some(&text("down.sql")));
        }
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
        let entries = fs::read_dir(self.path("migrations/sqlite")).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Runs a command line such as `db_upgrade --to 1` in the home folder.
    #[track_caller]
    pub fn run(&self, line: &str) -> Run {
        let words: Vec<_> = line.split(' ').collect();
        self.run_words(&words)
    }

    /// Runs a program with arguments that hold spaces, or nothing.
    #[track_caller]
    pub fn run_words(&self, words: &[&str]) -> Run {
        Run::new(words, &self.command(words).output().unwrap())
    }

    /// Runs a command line by way of another program, as in `setpriv … db_upgrade`.
    #[track_caller]
    pub fn run_through(&self, wrapper: &[&str], line: &str) -> Run {
        let words: Vec<_> = line.split(' ').collect();
        Run::new(&words, &self.command_through(wrapper, &words).output().unwrap())
    }

    pub fn command(&self, words: &[&str]) -> Command {
        self.command_through(&[], words)
    }

    fn command_through(&self, wrapper: &[&str], words: &[&str]) -> Command {
        let program = program(words[0]);
        let mut command = match wrapper {
            [] => Command::new(program),
            [wrapper, arguments @ ..] => {
                let mut command = Command::new(wrapper);
                command.args(arguments).arg(program);
                command
            }
        };
        command.args(&words[1..]);
        self.settle(command)
    }

    /// The command in the home folder, with the settings that a test has.
    pub fn settle(&self, mut command: Command) -> Command {
        command
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("MICROBLOG_HOME", self.folder.path())
            .env("DATABASE_URL", &self.database_url)
            .env("MIGRATIONS_DIR", "migrations")
            // Backups have tests of their own; elsewhere they would only be in the way of looking at the files.
            .env("MICROBLOG_BACKUPS", "0");
        command
    }

    /// Runs a command line that must fail as every failure shall, and touch nothing: every file and folder is as it
    /// was, and no new one is there. Returns what it says, without the program's name.
    #[track_caller]
    pub fn refuses(&self, line: &str) -> String {
        self.refuses_words(&line.split(' ').collect::<Vec<_>>())
    }

    #[track_caller]
    pub fn refuses_words(&self, words: &[&str]) -> String {
        self.refuses_through(&[], words)
    }

    #[track_caller]
    pub fn refuses_through(&self, wrapper: &[&str], words: &[&str]) -> String {
        let before = self.contents();
        let said = Run::new(words, &self.command_through(wrapper, words).output().unwrap()).fails();
        assert!(before == self.contents(), "{words:?} changed files: {:?}", self.contents().keys());
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

    pub fn connect(&self) -> SqliteConnection {
        SqliteConnection::establish(self.path("app.db").to_str().unwrap()).unwrap()
    }

    /// Runs SQL in the database, which is made if it is not there.
    pub fn execute(&self, sql: &str) {
        self.connect().batch_execute(sql).unwrap();
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

/// What a program did.
#[derive(Debug)]
pub struct Run {
    pub program: String,
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    pub fn new(words: &[&str], output: &Output) -> Self {
        Self {
            program: words[0].to_owned(),
            status: output.status.code(),
            stdout: String::from_utf8(output.stdout.clone()).unwrap(),
            stderr: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }

    /// Exit status 0 and no diagnostics. Returns the results.
    #[track_caller]
    pub fn succeeds(self) -> String {
        assert_eq!((self.status, self.diagnostics().as_slice()), (Some(0), [].as_slice()), "{self:?}");
        self.stdout
    }

    /// Exit status 0, with a word of warning. Returns the results and the warning.
    #[track_caller]
    pub fn succeeds_with_warning(self) -> (String, String) {
        assert_eq!(self.status, Some(0), "{self:?}");
        let warning = self.diagnostic();
        (self.stdout, warning)
    }

    /// Exit status 1, exactly one line on standard error, and no result that claims success. Returns the line without
    /// the program's name.
    #[track_caller]
    pub fn fails(self) -> String {
        assert_eq!(self.status, Some(1), "{self:?}");
        for claim in ["Current database version", "New migration", "Upgraded", "Downgraded", "under version control"] {
            assert!(!self.stdout.contains(claim), "{self:?}");
        }
        self.diagnostic()
    }

    /// The lines on standard error, but for those that say that it waits for another program, and what a downgrade will
    /// delete.
    fn diagnostics(&self) -> Vec<&str> {
        let notes = ["waiting up to ", "attention: "].map(|note| format!("{}: {note}", self.program));
        self.stderr.lines().filter(|line| !notes.iter().any(|note| line.starts_with(note))).collect()
    }

    #[track_caller]
    fn diagnostic(&self) -> String {
        let lines = self.diagnostics();
        let line = if let [line] = lines.as_slice() { Some(*line) } else { None };
        let said = line.and_then(|line| line.strip_prefix(&format!("{}: ", self.program)));
        said.unwrap_or_else(|| panic!("not one line behind the program's name: {self:?}")).to_owned()
    }
}

/// The last lines of an output, after the plan.
pub fn last_lines(output: &str, count: usize) -> Vec<&str> {
    let lines: Vec<_> = output.lines().collect();
    lines[lines.len().saturating_sub(count)..].to_vec()
}

/// What stands before a command so that it obeys the permissions of files: nothing for most users; root loses the
/// capabilities that permissions do not bind.
#[cfg(unix)]
pub fn obeying_permissions() -> Vec<&'static str> {
    use std::os::unix::fs::PermissionsExt;

    let file = tempfile::NamedTempFile::new().unwrap();
    fs::set_permissions(file.path(), fs::Permissions::from_mode(0o444)).unwrap();
    let is_bound = fs::OpenOptions::new().write(true).open(file.path()).is_err();
    if is_bound { Vec::new() } else { vec!["setpriv", "--bounding-set=-all", "--inh-caps=-all"] }
}

/// The built program of that name, beside the folder of the test programs. `cargo test --workspace` has built it; for
/// `cargo test -p db_create` the others are built here when they are missing or older than their sources.
fn program(name: &str) -> PathBuf {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let test = std::env::current_exe().unwrap();
        let folder = test.parent().unwrap().parent().unwrap().to_owned();
        if !PROGRAMS.iter().all(|program| is_fresh(&folder.join(built(program)))) {
            build(&folder);
        }
        under_their_own_names(&folder)
    });
    FOLDER.join(name).with_extension(std::env::consts::EXE_EXTENSION)
}

/// The scripts' own sources, built with the tutorial's two tables in the place of the site's.
fn built(program: &str) -> String {
    format!("tutorial_{program}")
}

/// A folder with the programs under the names that they are told by in messages.
fn under_their_own_names(folder: &Path) -> PathBuf {
    let named = folder.join("tutorial");
    fs::create_dir_all(&named).unwrap();
    for program in PROGRAMS {
        // Several tests may do so at once.
        let link = named.join(format!(".{program}-{}", std::process::id()));
        fs::hard_link(folder.join(built(program)), &link).unwrap();
        fs::rename(&link, named.join(program)).unwrap();
        // It is still there when both were the same file already.
        let _ = fs::remove_file(&link);
    }
    named
}

/// Whether a program is newer than every source that Cargo lists beside it.
fn is_fresh(program: &Path) -> bool {
    let modified = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified());
    let executable = program.with_extension(std::env::consts::EXE_EXTENSION);
    let (Ok(built), Ok(sources)) = (modified(&executable), fs::read_to_string(program.with_extension("d"))) else {
        return false;
    };
    let sources = sources.replace("\\ ", "\0");
    let mut sources = sources.split_whitespace().skip(1).map(|source| source.replace('\0', " "));
    sources.all(|source| modified(Path::new(&source)).is_ok_and(|modified| modified <= built))
}

fn build(folder: &Path) {
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).args(["build", "--quiet", "--profile", profile, "--target-dir"]);
    cargo.arg(folder.parent().unwrap()).args(["-p", "tutorial"]);
    assert!(cargo.status().unwrap().success(), "{cargo:?} failed");
}
