//! Draws the progress of long work: a bar on a terminal, a line now and then elsewhere.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{interrupt, one_line, warn};
use crate::progress::{Progress, Watch};

/// How long a task takes before a bar shows it.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long it takes to the first line, and from line to line.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// What a person sees of the work, and the signals by which they end it.
pub(super) struct Display {
    program: String,
    is_terminal: bool,
    bar: Option<ProgressBar>,
    said: Instant,
}

impl Display {
    pub fn new(program: &str) -> Self {
        let is_terminal = !ProgressDrawTarget::stderr().is_hidden();
        Self { program: program.to_owned(), is_terminal, bar: None, said: Instant::now() }
    }
}

impl Watch for Display {
    fn working(&mut self, progress: &Progress<'_>) {
        if self.is_terminal {
            if progress.elapsed >= PATIENCE {
                let bar = self.bar.get_or_insert_with(|| bar(progress));
                bar.set_position(progress.done);
                bar.set_message(one_line(progress));
            }
        } else if self.said.elapsed() >= BETWEEN_LINES {
            self.said = Instant::now();
            warn(&self.program, progress);
        }
    }

    fn over(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn is_interrupted(&mut self) -> bool {
        interrupt::signal().is_some()
    }
}

fn bar(progress: &Progress<'_>) -> ProgressBar {
    let template = if progress.total.is_some() { "[{bar:16}] {wide_msg}" } else { "{spinner} {wide_msg}" };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner());
    let bar = ProgressBar::with_draw_target(progress.total, ProgressDrawTarget::stderr())
        .with_style(style.progress_chars("##-").tick_chars("|/-\\ "))
        .with_message(one_line(progress));
    // There are moments, as when it sorts an index, in which SQLite reports nothing.
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
