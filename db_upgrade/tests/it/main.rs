//! The tests of `db_upgrade`, one module for each feature.

mod atomicity;
mod concurrency;
mod integrity;
mod interrupt;
mod kill;
mod moments;
mod postgres_kill;
mod progress;
mod rehearsal;
mod site;
mod target;
