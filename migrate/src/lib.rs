//! Migrations for Diesel: generated from the tables in Rust, reversible, all or nothing.

pub mod connection;
pub mod diff;
mod error;
pub mod introspect;
pub mod schema;
mod sql;

pub use connection::Connection;
pub use diff::{Change, diff};
pub use error::Error;
pub use introspect::introspect;
pub use schema::Schema;
