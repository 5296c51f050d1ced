//! Ctrl-C and a polite kill: they are noted, and the work ends where it can be undone.

use std::io;
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, LazyLock, OnceLock};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::warn;
use crate::Error;

static SIGNAL: LazyLock<Arc<AtomicUsize>> = LazyLock::new(Arc::default);
static PROGRAM: OnceLock<String> = OnceLock::new();

/// Notes these signals from now on, in place of what they would do.
pub(super) fn listen(program: &str) {
    let _ = PROGRAM.set(program.to_owned());
    for signal in [SIGINT, SIGTERM] {
        // Where it cannot be noted the signal ends the process, and SQLite undoes the transaction later.
        let _ = flag::register_usize(signal, Arc::clone(&SIGNAL), usize::try_from(signal).unwrap_or(0));
    }
}

/// The signal that came last.
pub(super) fn signal() -> Option<u8> {
    u8::try_from(SIGNAL.load(Ordering::Relaxed)).ok().filter(|signal| *signal > 0)
}

/// The exit status of a program that a signal ended.
pub(super) fn exit_status() -> u8 {
    128 + signal().unwrap_or(0)
}

/// Reads a line from the terminal. A signal ends the program meanwhile: nothing is at work while a question stands.
pub(super) fn read_line() -> io::Result<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut line = String::new();
        let read = io::stdin().read_line(&mut line);
        let _ = sender.send(read.map(|_| line));
    });
    loop {
        match receiver.recv_timeout(Duration::from_millis(50)) {
            Ok(line) => return line,
            Err(RecvTimeoutError::Disconnected) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if signal().is_some() {
            // Behind the question, on a line of its own.
            eprintln!();
            warn(PROGRAM.get().map_or("", String::as_str), Error::Interrupted { was_changed: false });
            process::exit(i32::from(exit_status()));
        }
    }
}
