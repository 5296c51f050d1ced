//! The source that a database is printed as: it compiles, agrees with the database, and can be read.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use diesel_autogen::{Migrator, Target};

use crate::hostile;
use crate::print_schemas::SQLITE;
use crate::support::Scratch;

/// A program with one module for each database.
#[derive(Default)]
struct Program {
    modules: Vec<(String, String)>,
    main: String,
}

impl Program {
    fn add(&mut self, name: &str, migrator: &Migrator, url: &str, migrations: &Path) {
        let source = migrator.print_schema().unwrap_or_else(|error| panic!("{name}: {error}"));
        let folder = migrations.to_str().unwrap();
        writeln!(self.main, "    agrees &= agree({name:?}, {url:?}, {folder:?}, &{name}::schema());").unwrap();
        self.modules.push((name.to_owned(), source));
    }

    /// Writes it in place of the last one.
    fn write(&self, folder: &Path) {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder.join("src")).unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        fs::copy(root.join("../Cargo.lock"), folder.join("Cargo.lock")).unwrap();
        fs::write(folder.join("Cargo.toml"), MANIFEST.replace("ROOT", root.to_str().unwrap())).unwrap();
        let mut modules = String::new();
        for (name, source) in &self.modules {
            fs::write(folder.join(format!("src/{name}.rs")), source).unwrap();
            writeln!(modules, "mod {name};").unwrap();
        }
        let main = MAIN.replace("MODULES", &modules).replace("CALLS", &self.main);
        fs::write(folder.join("src/main.rs"), main).unwrap();
    }
}

const MANIFEST: &str = r#"[package]
name = "printed"
edition = "2024"

[dependencies]
diesel = { version = "2.3", default-features = false, features = ["sqlite", "postgres", "32-column-tables"] }
diesel-autogen = { path = "ROOT", features = ["postgres-bundled", "sqlite-bundled"] }

[profile.dev]
debug = 0
incremental = false

[workspace]
"#;

const MAIN: &str = r#"#![deny(warnings)]
#![allow(dead_code, non_snake_case)]

use diesel_autogen::{Migrator, PlanOptions, Schema};

MODULES
fn main() {
    let mut agrees = true;
CALLS    assert!(agrees);
}

fn agree(name: &str, url: &str, migrations: &str, models: &Schema) -> bool {
    let migrator = Migrator::new(url, migrations).unwrap();
    let plan = migrator.plan(models, &PlanOptions::default());
    if matches!(plan, Ok(None)) {
        return true;
    }
    println!("{name}: {}", plan.map_or_else(|error| error.to_string(), |_| String::new()));
    for change in migrator.differences(models).unwrap_or_default() {
        println!("{change}");
    }
    false
}
"#;

/// The folder of builds, in which this test has its own.
fn target() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(3).unwrap().join("tests/print_schema")
}

#[test]
fn a_printed_database_compiles_and_agrees() {
    let mut program = Program::default();
    let databases: Vec<_> = SQLITE.into_iter().chain(hostile::SCHEMAS).map(Scratch::of).collect();
    for (at, scratch) in databases.iter().enumerate() {
        let url = format!("sqlite:{}", scratch.path().join("app.db").display());
        program.add(&format!("sqlite_{at}"), &scratch.project, &url, &scratch.path().join("migrations"));
    }
    #[cfg(feature = "postgres")]
    let _servers = servers(&mut program);
    let folder = target().join("project");
    program.write(&folder);

    let files = program.modules.iter().map(|(name, _)| folder.join(format!("src/{name}.rs")));
    let formatted = Command::new("rustfmt").args(["--edition", "2024", "--check"]).args(files).output().unwrap();
    assert!(formatted.status.success(), "{}", String::from_utf8_lossy(&formatted.stdout));

    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["run", "--quiet", "--offline"]).current_dir(&folder).env("CARGO_TARGET_DIR", target());
    let ran = cargo.env_remove("RUSTFLAGS").output().unwrap();
    let said = [ran.stdout, ran.stderr].concat();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&said));
}

/// What a reviewer reads: of each kind of database one that `schema!` can say, and one with what it cannot.
#[test]
fn a_printed_database_can_be_read() {
    let printed: Vec<_> = [1, 7, 8].map(|at| Scratch::of(SQLITE[at]).project.print_schema().unwrap()).into();
    snapshot("sqlite", &printed);
    #[cfg(feature = "postgres")]
    {
        let mut program = Program::default();
        let databases = servers(&mut program);
        if !databases.is_empty() {
            let printed = [1, 7, 8, 11].map(|at: usize| program.modules[at].1.clone());
            snapshot("postgresql", &printed);
        }
    }
}

fn snapshot(dialect: &str, printed: &[String]) {
    insta::with_settings!({ prepend_module_to_snapshot => false, snapshot_path => "../golden", omit_expression => true }, {
        insta::assert_snapshot!(format!("print_schema.{dialect}"), printed.join("\n"));
    });
}

#[test]
fn history_and_side_tables_are_not_printed() {
    let scratch =
        Scratch::of("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT); INSERT INTO t VALUES (1, 'a', 'b')");
    let mut models = scratch.models();
    models.tables[0].columns.remove(2);
    assert!(scratch.migrate(&models));
    assert_eq!(scratch.joined("SELECT b FROM _kept_001_t"), "b");
    let expected =
        "diesel_autogen::schema! {\n    t (id) {\n        id -> Integer,\n        a -> Nullable<Text>,\n    }\n}\n";
    assert_eq!(scratch.project.print_schema().unwrap(), expected);
    scratch.project.downgrade(Target::Previous).unwrap();
    assert!(scratch.project.print_schema().unwrap().contains("b -> Nullable<Text>"));
}

#[test]
fn only_the_names_of_side_tables_are_reserved() {
    let names = ["_kept_letters", "_kept_", "_kept_4letters", "_kept_004_users", "_Kept_20180114171611_users"];
    for (at, name) in names.into_iter().enumerate() {
        let scratch = Scratch::of(&format!("CREATE TABLE {name} (id INTEGER PRIMARY KEY)"));
        let printed = scratch.project.print_schema().unwrap();
        assert_eq!(printed.contains("whose name is reserved"), at > 2, "{printed}");
    }
}

/// The databases on PostgreSQL, to be dropped at the end; none without a server.
#[cfg(feature = "postgres")]
fn servers(program: &mut Program) -> Vec<(test_support::TestDatabase, tempfile::TempDir)> {
    use diesel::connection::SimpleConnection as _;

    let mut servers = Vec::new();
    for (at, sql) in crate::print_schemas::POSTGRES.into_iter().enumerate() {
        let Some(database) = test_support::TestDatabase::new() else { break };
        let folder = tempfile::tempdir().unwrap();
        let migrator = Migrator::new(database.url(), folder.path()).unwrap();
        migrator.init().unwrap();
        // An empty query is an error.
        database
            .connect()
            .batch_execute(&format!("{sql}; SELECT 1"))
            .unwrap_or_else(|error| panic!("{error} in {sql}"));
        program.add(&format!("postgres_{at}"), &migrator, database.url(), folder.path());
        servers.push((database, folder));
    }
    servers
}
