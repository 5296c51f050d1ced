//! Compares two SQLite files: `cargo run -p migrate --example diff -- FROM.db TO.db OUT_DIR` writes `OUT_DIR/up.sql`
//! and `OUT_DIR/down.sql`, which turn a database like FROM into one like TO and back, and prints the plan.
//!
//! Exit status: 0 when the files were written, 1 when there is something that cannot be expressed (it is named, and
//! nothing is written) or a file cannot be read or written, 2 for wrong arguments.

use std::env;
use std::path::Path;
use std::process::ExitCode;

use migrate::RenderOptions;
use migrate::{Connection, DatabaseUrl, Error, Schema, introspect};

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [from, to, folder] = arguments.as_slice() else {
        eprintln!("usage: diff FROM.db TO.db OUT_DIR");
        return ExitCode::from(2);
    };
    match run(from, to, Path::new(folder)) {
        Ok(plan) => {
            println!("{plan}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("diff: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(from: &str, to: &str, folder: &Path) -> Result<String, Error> {
    let (from, to) = (read(from)?, read(to)?);
    let (changes, sql) = migrate::compare(&from, &to, &Options::default())?;
    migrate::script::write(folder, &sql)?;
    let plan: Vec<_> = changes.iter().map(ToString::to_string).collect();
    Ok(if plan.is_empty() { "no differences".to_owned() } else { plan.join("\n") })
}

fn read(file: &str) -> Result<Schema, Error> {
    let failed = |why: String| Error::Database { what: file.to_owned(), why };
    let url =
        DatabaseUrl::parse(&format!("sqlite:{file}"), Path::new("")).map_err(|error| failed(error.to_string()))?;
    introspect(&mut Connection::open(&url)?).map_err(|error| failed(error.to_string()))
}
