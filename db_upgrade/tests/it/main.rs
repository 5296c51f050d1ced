//! The tests of `db_upgrade`, one module for each feature.

mod atomicity;
mod command_line;
mod concurrency;
mod database_errors;
mod integrity;
mod interrupt;
mod kill;
mod migration_errors;
mod progress;
mod rehearsal;
mod site;
mod target;
