//! The tests of the library, one module for each feature.

mod backup;
mod concurrency;
mod golden;
mod grammar;
mod handwritten;
mod history;
mod invariants;
mod kept;
mod loss;
mod modules;
mod progress;
mod properties;
mod rebuild;
mod rehearsal;
mod rename;
mod schema_errors;
mod schema_macro;
mod schemas;
mod support;
