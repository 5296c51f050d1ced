//! Compares two databases of one kind: `cargo run -p diesel-autogen --example diff -- FROM TO OUT_DIR` writes `OUT_DIR/up.sql`
//! and `OUT_DIR/down.sql`, which turn a database like FROM into one like TO and back, and prints the plan. FROM and TO
//! are SQLite files, or `postgres://` URLs.
//!
//! Exit status: 0 when the files were written, 1 when something cannot be expressed (it is named, and nothing is
//! written) or cannot be read or written, 2 for wrong arguments.

use std::env;
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use diesel_autogen::{DatabaseUrl, Migrator, RenderOptions};

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [from, to, folder] = arguments.as_slice() else {
        eprintln!("usage: diff FROM TO OUT_DIR");
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

fn run(from: &str, to: &str, folder: &Path) -> Result<String, Box<dyn Error>> {
    if is_url(from) != is_url(to) {
        return Err("FROM and TO are databases of two kinds".into());
    }
    let (from, to) = (open(from)?, open(to)?);
    let (changes, sql) = from.compare_with(&to, &RenderOptions::default())?;
    sql.write(folder)?;
    let plan: Vec<_> = changes.iter().map(ToString::to_string).collect();
    Ok(if plan.is_empty() { "no differences".to_owned() } else { plan.join("\n") })
}

fn open(text: &str) -> Result<Migrator, Box<dyn Error>> {
    let url = if is_url(text) { text.to_owned() } else { format!("sqlite:{text}") };
    Ok(Migrator::with_url(DatabaseUrl::parse(&url, Path::new(""))?, "migrations"))
}

/// A file may have any name: only a URL of PostgreSQL is read as one.
fn is_url(text: &str) -> bool {
    text.starts_with("postgres://") || text.starts_with("postgresql://")
}
