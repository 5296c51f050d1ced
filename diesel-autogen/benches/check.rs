//! How long `db_migrate --check` takes on 500 tables of 10 columns, 2 indexes and a foreign key each: the whole process,
//! from its start to its end, which does what the script does.
//!
//! `cargo bench -p diesel-autogen --bench check`; `bash .ci/with-postgres` before it for PostgreSQL in place of SQLite.

use std::env;
use std::process::{Command, Stdio};
use std::time::Instant;

use diesel_autogen::schema::{Action, Column, DefaultValue, ForeignKey, Index, IndexColumn, Schema, Table, Type};
use diesel_autogen::{DatabaseUrl, Migrator, PlanOptions};

const TABLES: usize = 500;
const RUNS: usize = 31;

fn main() {
    if let Ok(folder) = env::var("CHECK") {
        return check(folder.as_ref());
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let migrator = migrator(folder.path());
    migrator.init().expect("an empty database");
    let plan = migrator.plan(&models(), &PlanOptions::default()).expect("a plan").expect("tables to make");
    migrator.apply(&plan).expect("a migration");

    let program = env::current_exe().expect("this program");
    let run = || {
        let start = Instant::now();
        let status = Command::new(&program).env("CHECK", folder.path()).stdout(Stdio::null()).status();
        assert!(status.is_ok_and(|status| status.success()), "the check fails");
        start.elapsed()
    };
    let mut times: Vec<_> = (0..RUNS).map(|_| run()).collect();
    times.sort();
    println!("{TABLES} tables, {RUNS} runs: median {:.1?}, fastest {:.1?}", times[RUNS / 2], times[0]);
}

fn check(folder: &std::path::Path) {
    let mut options = PlanOptions::default();
    options.no_rehearsal = true;
    let plan = migrator(folder).plan(&models(), &options).expect("a comparison");
    assert!(plan.is_none(), "models and database differ");
    println!("The models and the database agree: there is nothing to migrate");
}

fn migrator(folder: &std::path::Path) -> Migrator {
    let server = env::var("TEST_POSTGRES_URL").ok();
    let url = server.as_deref().map_or("app.db".to_owned(), |url| {
        let (server, _) = url.rsplit_once('/').expect("a database in the URL");
        format!(
            "{server}/bench_check_{}",
            folder.file_name().unwrap_or_default().display().to_string().to_lowercase().replace('.', "_")
        )
    });
    Migrator::with_url(DatabaseUrl::parse(&url, folder).expect("a URL"), folder.join("migrations"))
}

fn models() -> Schema {
    let text = || Type::Text { max_length: None };
    Schema::new((0..TABLES).map(|at| {
        let name = format!("table_{at}");
        let parent = format!("table_{}", at / 2);
        Table::new(&name, ["id"])
            .column(Column::new("id", Type::Integer))
            .column(Column::new("parent_id", Type::Integer).nullable())
            .column(Column::new("title", Type::Text { max_length: Some(120) }))
            .column(Column::new("body", text()).default(DefaultValue::Text(String::new())))
            .column(Column::new("score", Type::Integer).default(DefaultValue::Number("0".into())))
            .column(Column::new("price", Type::Double).nullable())
            .column(Column::new("is_public", Type::Bool).default(DefaultValue::Bool(true)))
            .column(Column::new("picture", Type::Binary).nullable())
            .column(Column::new("born", Type::Date).nullable())
            .column(Column::new("created_at", Type::Timestamp).default(DefaultValue::Now))
            .index(Index::new(&name, [IndexColumn::asc("title")], true))
            .index(Index::new(&name, [IndexColumn::asc("parent_id"), IndexColumn::desc("created_at")], false))
            .foreign_key(ForeignKey::new(["parent_id"], &parent, ["id"]).on_delete(Action::Cascade))
    }))
}
