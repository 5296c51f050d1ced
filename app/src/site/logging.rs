//! The log, on standard error. Standard output is for the site's URL.

use std::io::{self, Write};

use log::{Level, LevelFilter, Log, Metadata, Record};
use rocket::config::LogLevel;

/// Starts the log at that level. Does nothing if a logger is installed already.
pub fn start(level: LogLevel) {
    let level = match level {
        LogLevel::Off => LevelFilter::Off,
        LogLevel::Critical => LevelFilter::Warn,
        LogLevel::Normal => LevelFilter::Info,
        LogLevel::Debug => LevelFilter::Trace,
    };
    if log::set_logger(&StandardError).is_ok() {
        log::set_max_level(level);
    }
}

struct StandardError;

impl Log for StandardError {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let max = log::max_level();
        let origin = metadata.target().split("::").next().unwrap_or_default();
        let quiet = match origin {
            "app" | "diesel_autogen" => false,
            // Rocket's warnings describe how it handles a request.
            "rocket" if max < LevelFilter::Info => metadata.level() > Level::Error,
            // hyper's messages are for hyper's developers.
            "hyper" => true,
            // Debug messages of other crates contain whole requests, with cookies and passwords.
            _ => metadata.level() > Level::Info,
        };
        metadata.level() <= max && !quiet
    }

    fn log(&self, record: &Record<'_>) {
        let text = record.args().to_string();
        // Rocket logs a request for an unknown path as an error.
        let is_unknown_path = text.starts_with("No matching routes") && log::max_level() < LevelFilter::Info;
        if self.enabled(record.metadata()) && !is_unknown_path {
            let line: String = text.chars().flat_map(escape_control).collect();
            let _ = writeln!(io::stderr(), "{}: {line}", record.level().as_str().to_ascii_lowercase());
        }
    }

    fn flush(&self) {}
}

/// Escapes a control character as in Rust, so that a client cannot forge lines of the log.
fn escape_control(c: char) -> impl Iterator<Item = char> {
    let (escaped, plain) = if c.is_control() { (Some(c.escape_default()), None) } else { (None, Some(c)) };
    escaped.into_iter().flatten().chain(plain)
}
