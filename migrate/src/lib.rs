//! Migrations for Diesel: generated from the tables in Rust, reversible, all or nothing.

pub mod connection;
mod error;
pub mod schema;

pub use connection::Connection;
pub use error::Error;
pub use schema::Schema;
