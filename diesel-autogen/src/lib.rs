//! Migrations for Diesel: generated from the tables in Rust, rehearsed, reversible, all or nothing.
//!
//! ```
//! use diesel_autogen::{Migrator, PlanOptions, Target};
//!
//! mod tables {
//!     // In place of `diesel::table!`.
//!     diesel_autogen::schema! {
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
//!     migrator.apply(&plan)?; // writes migrations/001_migration, and applies it
//!     migrator.downgrade(Target::Previous)?;
//!     migrator.upgrade(Target::Latest)?;
//!     assert!(migrator.status()?.is_current());
//!     Ok(())
//! }
//! ```
//!
//! Every operation is a function of [`Migrator`]. The folders and the table of versions are Diesel's own.
//! The README says what is promised.

#![deny(missing_docs)]
#![cfg_attr(
    not(all(feature = "sqlite", feature = "postgres")),
    allow(dead_code, unused_imports, reason = "what one kind of database alone uses stands beside what both use")
)]

#[cfg(not(any(feature = "sqlite", feature = "postgres")))]
compile_error!("diesel-autogen needs its feature `sqlite` or `postgres`");

mod change;
#[cfg(feature = "cli")]
pub mod cli;
mod compatibility;
mod counterpart;
mod database;
mod diff;
mod error;
mod history;
mod impact;
mod kept;
mod loss;
mod migration;
mod migrator;
mod moving;
mod online;
mod options;
mod plan;
mod planning;
mod print_schema;
mod rehearsal;
mod rename;
pub mod schema;
mod schema_macro;
mod settings;
mod table_path;
mod text;
mod unmentioned;
mod url;
mod version;

pub use change::{Alteration, Change, Rename};
pub use counterpart::Counterpart;
#[cfg(all(feature = "sqlite", feature = "postgres"))]
pub use database::{Backend, Connection};
pub use database::{RowChange, RowChangeKind};
#[doc(hidden)]
pub use diesel_autogen_macros::schema as __schema;
pub use diff::diff;
pub use error::{ConsentError, DatabaseErrorKind, Error, HistoryError};
pub use history::{Status, Target};
pub use impact::{Impact, Lock, Work};
pub use loss::{Loss, LossKind};
pub use migration::{Migration, Migrations, Sql};
pub use migrator::{Init, Migrator, Step};
pub use options::{Fill, PlanOptions, RenderOptions};
pub use plan::Plan;
pub use rehearsal::{Rehearsal, Rehearsed};
pub use schema::Schema;
pub use settings::{Event, Settings};
pub use url::{DatabaseUrl, ParseUrlError};
pub use version::Version;

/// Compiles the Rust in README.md.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
