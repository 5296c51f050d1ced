//! The log, on standard error: standard output is for the site's address.

use std::io::{self, Write};

use log::{Level, LevelFilter, Log, Metadata, Record};
use rocket::config::LogLevel;

/// Starts the log at that level. It does nothing when a log is there already.
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
            "app" | "migrate" => false,
            // Its warnings tell how it goes about a request.
            "rocket" if max < LevelFilter::Info => metadata.level() > Level::Error,
            // hyper's are for hyper's authors.
            "hyper" => true,
            // What others say below this shows whole requests: cookies and passwords.
            _ => metadata.level() > Level::Info,
        };
        metadata.level() <= max && !quiet
    }

    fn log(&self, record: &Record<'_>) {
        let text = record.args().to_string();
        // Rocket calls it an error when a reader asks for a page that is not there.
        let no_page = text.starts_with("No matching routes") && log::max_level() < LevelFilter::Info;
        if self.enabled(record.metadata()) && !no_page {
            let line: String = text.chars().flat_map(escape_control).collect();
            let _ = writeln!(io::stderr(), "{}: {line}", record.level().as_str().to_ascii_lowercase());
        }
    }

    fn flush(&self) {}
}

/// A control character as it is written in Rust, so that what a stranger sends cannot write lines of its own.
fn escape_control(c: char) -> impl Iterator<Item = char> {
    let (escaped, plain) = if c.is_control() { (Some(c.escape_default()), None) } else { (None, Some(c)) };
    escaped.into_iter().flatten().chain(plain)
}
