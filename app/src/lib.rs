//! The microblog: tables, models and the web site.
//!
//! The site is the feature `site`, which is enabled by default. The database scripts disable it.

pub mod models;
pub mod schema;
#[cfg(feature = "site")]
pub mod site;
