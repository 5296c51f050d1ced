//! The tests of the library, one module for each feature.

mod backup;
mod concurrency;
mod history;
mod hostile;
mod invariants;
mod kept;
mod losses;
mod progress;
mod properties;
mod rebuild;
mod rehearsal;
mod renames;
mod schema_errors;
mod schema_macro;
mod schemas;
mod support;
mod traps;
