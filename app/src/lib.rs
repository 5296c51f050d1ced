//! The microblog: its tables and models, and the web site on top of them.
//!
//! The site is the feature `site`, which is on by default. The database scripts do without it.

pub mod models;
pub mod schema;
#[cfg(feature = "site")]
pub mod site;
