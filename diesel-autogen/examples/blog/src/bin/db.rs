//! The commands on the database: init, migrate, upgrade, downgrade, status and others.

use std::process::ExitCode;

fn main() -> ExitCode {
    diesel_autogen::cli::main(blog::schema::schema())
}
