//! The microblog: tables, models and the web site.
//!
//! The models and the site are the feature `site`, which is enabled by default. The database scripts need the tables
//! only, and disable it.

#[cfg(feature = "site")]
pub mod models;
pub mod schema;
#[cfg(feature = "site")]
pub mod site;
