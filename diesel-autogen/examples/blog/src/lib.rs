//! The tables, which the site and the commands share.

pub mod schema;
