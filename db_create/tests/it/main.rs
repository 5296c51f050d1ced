//! The tests of `db_create`, one module for each feature.

mod baseline;
mod create;
mod failures;
mod site;
