//! Migrations for Diesel: generated from the tables in Rust, rehearsed, reversible, all or nothing.
//!
//! ```
//! use migrate::{Migrator, PlanOptions, Target};
//!
//! mod tables {
//!     // In place of `diesel::table!`.
//!     migrate::schema! {
//!         users (id) {
//!             id -> Integer,
//!             #[max_length = 64]
//!             #[unique]
//!             nickname -> VarChar,
//!         }
//!     }
//! }
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let folder = tempfile::tempdir()?;
//!     let url = format!("sqlite:{}", folder.path().join("app.db").display());
//!     let migrator = Migrator::new(&url, folder.path().join("migrations"))?;
//!     migrator.init()?; // version 0
//!     let plan = migrator.plan(&tables::schema(), &PlanOptions::default())?.expect("a table to create");
//!     println!("{plan}"); // in plain words; plan.sql holds the SQL
//!     migrator.apply(&plan)?; // writes migrations/sqlite/001_migration, and applies it
//!     migrator.downgrade(Target::Previous)?;
//!     migrator.upgrade(Target::Latest)?;
//!     assert!(migrator.status()?.is_current());
//!     Ok(())
//! }
//! ```
//!
//! Every operation is a function of [`Migrator`]. The folders and the table of versions are Diesel's own.
//! `docs/safety.md` of the workspace says what is promised.

#![deny(missing_docs)]

mod change;
#[cfg(feature = "cli")]
pub mod cli;
mod database;
mod diff;
mod error;
mod history;
mod kept;
mod loss;
mod migration;
mod migrator;
mod options;
mod plan;
mod rehearsal;
mod rename;
pub mod schema;
mod settings;
mod text;
mod url;

pub use change::{Alteration, Change, Rename};
#[cfg(feature = "postgres")]
pub use database::{Backend, Connection};
pub use database::{RowChange, RowChangeKind};
pub use diff::diff;
pub use error::{ConsentError, DatabaseErrorKind, Error, HistoryError};
pub use history::{Status, Target};
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
pub use migration::{Migration, Migrations, Sql};
pub use migrator::{Init, Migrator, Step};
pub use options::{Fill, PlanOptions, RenderOptions};
pub use plan::Plan;
pub use rehearsal::{Rehearsal, Rehearsed};
pub use schema::Schema;
pub use settings::{Event, Settings};
pub use url::{DatabaseUrl, ParseUrlError};

/// Compiles the Rust in the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
