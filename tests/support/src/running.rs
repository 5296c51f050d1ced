//! A program that is still running.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::Run;

const LIMIT: Duration = Duration::from_secs(60);

/// A program that runs beside the test. It is killed when the test ends before it.
pub struct Running {
    program: String,
    child: Child,
    stdout: Option<JoinHandle<Vec<u8>>>,
    lines: Receiver<String>,
    stderr: String,
}

impl Running {
    pub(crate) fn start(program: &str, mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (mut stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let stdout = thread::spawn(move || {
            let mut bytes = Vec::new();
            stdout.read_to_end(&mut bytes).unwrap();
            bytes
        });
        let (sender, lines) = mpsc::channel();
        let mut stderr = BufReader::new(stderr);
        thread::spawn(move || {
            loop {
                let mut line = String::new();
                if stderr.read_line(&mut line).unwrap() == 0 || sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { program: program.to_owned(), child, stdout: Some(stdout), lines, stderr: String::new() }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for a line with that text on standard error.
    #[track_caller]
    pub fn warns(&mut self, text: &str) -> &mut Self {
        let deadline = Instant::now() + LIMIT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left);
            let line = line.unwrap_or_else(|_| panic!("{text:?} is not on standard error: {:?}", self.stderr));
            self.stderr.push_str(&line);
            if line.contains(text) {
                return self;
            }
        }
    }

    /// Sends a signal, such as `INT`.
    pub fn signal(&mut self, name: &str) -> &mut Self {
        let status = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success(), "kill -s {name}: {status}");
        self
    }

    /// Ends the program by SIGKILL, unless it has ended. Returns its exit status.
    pub fn kill(&mut self) -> ExitStatus {
        let _ = self.child.kill();
        self.child.wait().unwrap()
    }

    /// Waits for the end.
    pub fn ends(&mut self) -> Run {
        let status = self.child.wait().unwrap();
        let stdout = self.stdout.take().unwrap().join().unwrap();
        let stderr = std::mem::take(&mut self.stderr) + &self.lines.iter().collect::<String>();
        Run::new(&self.program, Output { status, stdout, stderr: stderr.into_bytes() })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}
