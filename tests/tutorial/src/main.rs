//! The four scripts on the tutorial's two tables, as the site's tables were at version 2, and the same commands as one
//! binary. The environment variable `SCRIPT` names the script to run, or `tutorial`, which is the one binary.

use std::process::ExitCode;

use config::Config;
use diesel_autogen::Migrator;
use diesel_autogen::cli::{self, LoadError};

diesel_autogen::schema! {
    /// People who write posts.
    users (id) {
        id -> Integer,
        #[max_length = 64]
        #[unique]
        nickname -> VarChar,
        #[max_length = 120]
        #[unique]
        email -> VarChar,
    }

    /// The posts of users.
    posts (id) {
        id -> Integer,
        #[max_length = 140]
        body -> VarChar,
        #[index]
        timestamp -> Timestamp,
        #[index]
        #[references(users, on_delete = cascade)]
        user_id -> Integer,
    }
}

fn main() -> ExitCode {
    match std::env::var("SCRIPT").as_deref() {
        Ok("db_create") => cli::create(load),
        Ok("db_migrate") => cli::migrate(&schema(), load),
        Ok("db_upgrade") => cli::upgrade(&schema(), load),
        Ok("db_downgrade") => cli::downgrade(load),
        Ok("tutorial") => cli::main(schema()),
        other => panic!("SCRIPT is {other:?}"),
    }
}

fn load() -> Result<Migrator, LoadError> {
    Ok(Config::load()?.migrator())
}
