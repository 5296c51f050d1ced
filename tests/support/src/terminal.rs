//! A program on a pseudo terminal, which `script` of util-linux brings, and a person who reads and types.

use std::io::{BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use crate::Home;

const LIMIT: Duration = Duration::from_secs(60);

pub struct Terminal {
    child: Child,
    keyboard: Option<ChildStdin>,
    output: Receiver<u8>,
    shown: String,
    read_to: usize,
}

impl Terminal {
    /// Starts a command line such as `db_migrate -m text` in the home folder.
    pub fn start(home: &Home, line: &str) -> Self {
        let words = home.command(&line.split(' ').collect::<Vec<_>>());
        let words: Vec<_> = [words.get_program()].into_iter().chain(words.get_args()).collect();
        let words: Vec<_> = words.iter().map(|word| format!("'{}'", word.to_str().unwrap())).collect();
        let mut script = Command::new("script");
        // The shell that `script` starts passes the exit status on.
        script.args(["-qec", &format!("exec {}", words.join(" ")), "/dev/null"]);
        let mut script = home.settle(script);
        script.env("TERM", "xterm").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = script.spawn().unwrap();
        let keyboard = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, output) = mpsc::channel();
        thread::spawn(move || stdout.bytes().map_while(Result::ok).try_for_each(|byte| sender.send(byte)));
        Self { child, keyboard, output, shown: String::new(), read_to: 0 }
    }

    /// Waits until a text is shown, after the text that was waited for before.
    #[track_caller]
    pub fn shows(&mut self, text: &str) -> &mut Self {
        let deadline = Instant::now() + LIMIT;
        let mut bytes = Vec::new();
        loop {
            if let Some(at) = self.shown[self.read_to..].find(text) {
                self.read_to += at + text.len();
                return self;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let byte = self.output.recv_timeout(left);
            bytes.push(byte.unwrap_or_else(|_| panic!("{text:?} is not shown: {:?}", &self.shown[self.read_to..])));
            if let Ok(text) = std::str::from_utf8(&bytes) {
                self.shown.push_str(text);
                bytes.clear();
            }
        }
    }

    /// Types a line.
    pub fn types(&mut self, line: &str) -> &mut Self {
        writeln!(self.keyboard.as_mut().unwrap(), "{line}").unwrap();
        self
    }

    /// Ends the input and waits for the end. Returns the exit status, and the text since the last wait, with `\n` for
    /// the terminal's `\r\n`.
    #[track_caller]
    pub fn ends(&mut self) -> (Option<i32>, String) {
        drop(self.keyboard.take());
        let bytes: Vec<_> = self.output.iter().collect();
        self.shown.push_str(&String::from_utf8(bytes).unwrap());
        let rest = self.shown[self.read_to..].replace("\r\n", "\n");
        (self.child.wait().unwrap().code(), rest)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
