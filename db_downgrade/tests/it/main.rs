//! The tests of `db_downgrade`, one module for each feature.

mod downgrade;
mod loss;
mod restore;
mod site;
