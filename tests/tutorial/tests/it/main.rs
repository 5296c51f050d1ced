//! The tests of all four scripts together, one module for each feature.

mod command_line;
mod database_errors;
mod history;
mod migration_errors;
mod one_binary;
mod postgres;
mod postgres_backup;
mod walk;
