//! Migrations for Diesel: generated from the tables in Rust, reversible, all or nothing.

#![deny(missing_docs)]

mod backup;
pub mod cli;
pub mod control;
pub mod database;
mod deletion;
pub mod dialogue;
pub mod diff;
mod drift;
mod effect;
mod error;
mod history;
pub mod introspect;
pub mod loss;
pub mod plan;
pub mod progress;
pub mod project;
mod rehearse;
pub mod rename;
pub mod render;
mod run;
mod sample;
pub mod schema;
pub mod script;
mod sql;
pub mod status;
mod upkeep;
mod verify;
pub mod versioning;
mod waits;
mod words;

pub use control::Control;
pub use database::{Connection, DatabaseUrl, ParseUrlError};
pub use diff::{Change, diff};
pub use error::Error;
pub use introspect::introspect;
pub use loss::{Loss, LossKind};
/// Declares the tables of a database, for Diesel's query builder and as data.
///
/// ```
/// mod tables {
///     migrate::schema! {
///         users (id) {
///             id -> Integer,
///             #[max_length = 64]
///             #[unique]
///             nickname -> VarChar,
///         }
///     }
/// }
///
/// let schema = tables::schema();
/// assert_eq!(schema.tables[0].columns[1].ty.to_string(), "VarChar(64)");
/// assert_eq!(schema.tables[0].indexes[0].name, "users_nickname_key");
/// ```
pub use migrate_macros::schema;
pub use plan::{Plan, Wishes};
pub use project::{Project, Settings};
pub use rehearse::{Rehearsed, compare};
pub use rename::Rename;
pub use render::render;
pub use schema::Schema;
pub use script::{Script, Scripts};
pub use status::Status;
pub use versioning::Step;

/// Compiles the Rust in the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
