//! Migrations for Diesel: generated from the tables in Rust, reversible, all or nothing.

pub mod connection;
pub mod diff;
mod error;
pub mod introspect;
mod rehearse;
pub mod render;
mod run;
pub mod schema;
pub mod script;
mod sql;
pub mod versioning;

pub use connection::Connection;
pub use diff::{Change, diff};
pub use error::Error;
pub use introspect::introspect;
pub use rehearse::compare;
pub use render::render;
pub use schema::Schema;
pub use script::{Script, Scripts};
pub use versioning::{Control, Plan, Project, Status, Step};
