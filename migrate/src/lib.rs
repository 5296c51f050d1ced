//! Migrations for Diesel: generated from the tables in Rust, reversible, all or nothing.

pub mod connection;
mod error;
pub mod schema;

pub use connection::Connection;
pub use error::Error;
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
pub use schema::Schema;
