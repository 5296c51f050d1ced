//! The log, on standard error: standard output is for the site's address.

use log::{LevelFilter, Log, Metadata, Record};
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
        // What Rocket says of its configuration comes as warnings; hyper says much that is for hyper's authors.
        let chatty = metadata.target().starts_with("rocket::launch") && max < LevelFilter::Info
            || metadata.target().starts_with("hyper") && max < LevelFilter::Trace;
        metadata.level() <= max && !chatty
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            eprintln!("{}: {}", record.level().as_str().to_ascii_lowercase(), record.args());
        }
    }

    fn flush(&self) {}
}
