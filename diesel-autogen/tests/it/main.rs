//! The tests of the library, one module for each feature.

/// A value with some fields set, of a type that other crates cannot construct: `with!(Settings { backups: 0 })`.
macro_rules! with {
    ($type:ident { $($field:ident: $value:expr),* $(,)? }) => {{
        let mut value = diesel_autogen::$type::default();
        $(value.$field = $value;)*
        value
    }};
}

mod alone;
mod application_schema;
mod atomic_files;
mod backup;
#[cfg(feature = "postgres")]
mod both_dialects;
mod concurrency;
mod dangling;
#[cfg(feature = "postgres")]
mod diesel_histories;
mod fill;
mod golden;
mod grammar;
mod handwritten;
mod history;
mod hostile;
mod invariants;
mod kept;
mod loss;
mod modules;
#[cfg(feature = "postgres")]
mod moving;
mod old_release;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "postgres")]
mod postgres_backup;
#[cfg(feature = "postgres")]
mod postgres_changes;
#[cfg(feature = "postgres")]
mod postgres_create;
#[cfg(feature = "postgres")]
mod postgres_diff;
#[cfg(feature = "postgres")]
mod postgres_locks;
#[cfg(feature = "postgres")]
mod postgres_online;
#[cfg(feature = "postgres")]
mod postgres_properties;
mod postgres_retype;
#[cfg(feature = "postgres")]
mod postgres_schemas;
#[cfg(feature = "postgres")]
mod postgres_trial;
#[cfg(feature = "postgres")]
mod postgres_types;
mod print_schema;
mod print_schemas;
#[cfg(feature = "postgres")]
mod printed;
mod properties;
mod rebuild;
mod rehearsal;
mod rename;
mod schema_errors;
mod schema_macro;
mod schemas;
mod side_tables;
mod spelling;
mod support;
mod types;
mod unmentioned;
mod url;
