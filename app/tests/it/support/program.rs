//! The program `app` as a process, and raw HTTP requests to it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::wait_until;

/// The program in that folder, with that environment only.
pub fn program(home: &Path, environment: &[(&str, &str)]) -> Command {
    let mut command = prepared(Command::new(env!("CARGO_BIN_EXE_app")), home);
    for (name, value) in environment {
        command.env(name, value);
    }
    command
}

fn prepared(mut command: Command, home: &Path) -> Command {
    command.env_clear().env("ROCKET_PORT", "0").current_dir(home).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the program until it exits, which it must do by itself.
pub fn run(home: &Path, environment: &[(&str, &str)]) -> Exit {
    Exit::from(Process(program(home, environment).spawn().unwrap()).wait())
}

/// How a process exited.
#[derive(Debug)]
pub struct Exit {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Exit {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// A process that is killed at the end of the test.
struct Process(Child);

impl Process {
    fn wait(mut self) -> Output {
        let mut status = None;
        wait_until("the program exits", || {
            status = self.0.try_wait().unwrap();
            status.is_some()
        });
        let mut output = Output { status: status.unwrap(), stdout: Vec::new(), stderr: Vec::new() };
        if let Some(mut stdout) = self.0.stdout.take() {
            stdout.read_to_end(&mut output.stdout).unwrap();
        }
        if let Some(mut stderr) = self.0.stderr.take() {
            stderr.read_to_end(&mut output.stderr).unwrap();
        }
        output
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The program, serving the site.
pub struct Server {
    process: Process,
    stdout: Receiver<String>,
    /// What it has logged so far.
    log: Arc<Mutex<String>>,
    log_reader: JoinHandle<()>,
    /// The lines that it printed before it served.
    pub printed: Vec<String>,
    /// Host and port.
    pub authority: String,
}

impl Server {
    pub fn start(home: &Path, environment: &[(&str, &str)]) -> Self {
        Self::of(program(home, environment))
    }

    /// The program, started by a shell after that command.
    pub fn start_limited(home: &Path, command: &str) -> Self {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("{command}; exec \"$0\"")).arg(env!("CARGO_BIN_EXE_app"));
        Self::of(prepared(shell, home))
    }

    fn of(mut command: Command) -> Self {
        let mut process = Process(command.spawn().unwrap());
        let log = Arc::new(Mutex::new(String::new()));
        let (written, stderr) = (log.clone(), BufReader::new(process.0.stderr.take().unwrap()));
        let log_reader = thread::spawn(move || {
            for line in stderr.lines() {
                written.lock().unwrap().push_str(&(line.unwrap() + "\n"));
            }
        });
        let (sender, stdout) = mpsc::channel();
        let lines = BufReader::new(process.0.stdout.take().unwrap()).lines();
        thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut printed = Vec::new();
        loop {
            let line = stdout.recv_timeout(Duration::from_secs(60)).expect("the site starts");
            if let Some(authority) = line.strip_prefix("The microblog is at http://") {
                return Self { process, stdout, log, log_reader, printed, authority: authority.to_owned() };
            }
            printed.push(line);
        }
    }

    /// What the program has logged so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Sends a GET and returns the whole response.
    pub fn get(&self, path: &str) -> String {
        get(&self.authority, path)
    }

    /// As [`send`].
    pub fn send(&self, method: &str, path: &str, headers: &str, form: &str) -> String {
        send(&self.authority, method, path, headers, form)
    }

    /// Sends a signal by its short name.
    pub fn signal(&self, signal: &str) {
        let id = self.process.0.id().to_string();
        assert!(Command::new("kill").args([format!("-{signal}"), id]).status().unwrap().success());
    }

    /// Waits until the program exits.
    pub fn wait(self) -> Exit {
        let mut exit = Exit::from(self.process.wait());
        self.log_reader.join().unwrap();
        exit.stderr.clone_from(&self.log.lock().unwrap());
        exit.stdout = self.stdout.iter().collect::<Vec<_>>().join("\n");
        exit
    }

    /// Stops the program by SIGTERM.
    pub fn stop(self) -> Exit {
        self.signal("TERM");
        self.wait()
    }
}

/// Sends a GET to that host and port, and returns the whole response.
pub fn get(authority: &str, path: &str) -> String {
    send(authority, "GET", path, "", "")
}

/// Sends a form with additional headers, one per line, and returns the whole response.
pub fn send(authority: &str, method: &str, path: &str, headers: &str, form: &str) -> String {
    let mut stream = TcpStream::connect(authority).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n{headers}").unwrap();
    let content_type = "Content-Type: application/x-www-form-urlencoded";
    write!(stream, "{content_type}\r\nContent-Length: {}\r\n\r\n{form}", form.len()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}
