//! The tests of `db_migrate`, one module for each feature.

mod atomicity;
mod loss;
mod naming;
mod preconditions;
mod prompts;
mod rebuild;
mod site;
