//! PostgreSQL's client programs `pg_dump`, `pg_restore` and `psql`: how they connect, and what their errors mean.

use std::io::{self, ErrorKind, Read};
use std::process::{Child, Command, Stdio};
use std::thread;

use super::refusal::decoded;
use crate::url::DatabaseUrl;

/// Parameters of a URL that are secret, and that a client program takes on its command line only.
const SECRETS: [&str; 4] = ["sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"];

/// How a client program connects to a database.
pub(super) struct Client {
    /// The URL without its password: everybody on the machine may read a command line.
    address: String,
    /// The password, which the program finds in its environment: only its user and root may read that, and it leaves no
    /// file behind.
    password: Option<String>,
}

impl Client {
    /// Fails when the URL holds another secret than a password.
    pub fn of(url: &DatabaseUrl) -> Result<Self, String> {
        let (address, password) = without_password(url.as_str());
        let parameters = address.split_once('?').map_or("", |(_, query)| query).split('&');
        let names = parameters.map(|parameter| decoded(parameter.split('=').next().unwrap_or_default()));
        match names.into_iter().find(|name| SECRETS.contains(&name.as_str())) {
            Some(name) => {
                Err(format!("the URL holds {name}, which PostgreSQL's programs take on their command line only"))
            }
            None => Ok(Self { address, password }),
        }
    }

    /// A program that connects to the database, and asks for no password.
    pub fn program(&self, name: &str) -> Command {
        let mut command = program(name);
        command.args(["--no-password", &format!("--dbname={}", self.address)]);
        if let Some(password) = &self.password {
            command.env("PGPASSWORD", password);
        }
        command
    }
}

/// A program with messages in English.
pub(super) fn program(name: &str) -> Command {
    let mut command = Command::new(name);
    command.env("LC_ALL", "C").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Runs a program to its end. `read` gets what it writes: the program ends with this one, whose end of the pipe is closed
/// then. Fails with what the program says, else with what `read` returned.
pub(super) fn run<T>(command: &mut Command, read: impl FnOnce(&mut dyn Read) -> io::Result<T>) -> Result<T, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(|error| missing(&name, &error))?;
    let said = listen(&mut child);
    // The pipe is closed at the end of this statement, and the program does not wait for a reader that failed.
    let result = child.stdout.take().map_or_else(|| Err(ErrorKind::BrokenPipe.into()), |mut output| read(&mut output));
    let status = child.wait().map_err(|error| format!("{name}: {error}"))?;
    let said = said.join().unwrap_or_default();
    match result {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.to_string()),
        Ok(result) if status.success() => Ok(result),
        _ => Err(failure(&name, &said)),
    }
}

/// Reads what a program says about errors, while it runs.
pub(super) fn listen(child: &mut Child) -> thread::JoinHandle<String> {
    let stderr = child.stderr.take();
    thread::spawn(move || {
        let mut said = Vec::new();
        let _ = stderr.map(|mut stderr| stderr.read_to_end(&mut said));
        String::from_utf8_lossy(&said).into_owned()
    })
}

/// Why a program does not run, and what to do.
pub(super) fn missing(name: &str, error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => format!("{name} is not on the PATH: install PostgreSQL's client programs"),
        _ => format!("{name}: {error}"),
    }
}

/// The first error that a program reported, without the program's name and place: `pg_dump: error: query failed: ERROR: …`
pub(super) fn failure(name: &str, said: &str) -> String {
    let errors = ["ERROR:", "FATAL:", "error:"];
    let found = errors.iter().find_map(|word| said.lines().find_map(|line| Some(line.split_once(word)?.1.trim())));
    let found = found.or_else(|| said.lines().rfind(|line| !line.trim().is_empty()));
    format!("{name}: {}", found.unwrap_or("it has failed, and says nothing"))
}

/// The major version of a program.
pub(super) fn version(name: &str) -> Result<u32, String> {
    let mut text = String::new();
    run(program(name).arg("--version"), |output| output.read_to_string(&mut text))?;
    let number = |word: &str| word.split(|char: char| !char.is_ascii_digit()).next()?.parse().ok();
    text.split_whitespace().find_map(number).ok_or_else(|| format!("{name} does not say its version"))
}

/// The URL without its password, and the password, which libpq finds in the same places: before the first `@` that no `/`
/// precedes, and in the parameter `password`, which counts more.
fn without_password(url: &str) -> (String, Option<String>) {
    let start = url.find("://").map_or(0, |at| at + 3);
    let (mut address, mut rest, mut password) = (url[..start].to_owned(), &url[start..], None);
    if let Some(at) = rest.find(['@', '/']).filter(|at| rest[*at..].starts_with('@')) {
        let (user, secret) =
            rest[..at].split_once(':').map_or((&rest[..at], None), |(user, secret)| (user, Some(secret)));
        password = secret.map(decoded);
        address += user;
        rest = &rest[at..];
    }
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    address += path;
    let mut separator = '?';
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        match parameter.split_once('=') {
            Some((name, secret)) if decoded(name) == "password" => password = Some(decoded(secret)),
            _ => {
                address.push(separator);
                address += parameter;
                separator = '&';
            }
        }
    }
    (address, password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_taken_out_of_every_part_of_a_url() {
        for (url, address, password) in [
            ("postgres://me:se%40cret@h:5433/b", "postgres://me@h:5433/b", Some("se@cret")),
            ("postgresql://me:se:c?r&et@h/b?sslmode=require", "postgresql://me@h/b?sslmode=require", Some("se:c?r&et")),
            ("postgres://me:@h/b", "postgres://me@h/b", Some("")),
            ("postgres://me@h/b", "postgres://me@h/b", None),
            ("postgres:///b?host=/tmp&password=a%26b&port=1", "postgres:///b?host=/tmp&port=1", Some("a&b")),
            ("postgres://me:one@h?p%61ssword=two", "postgres://me@h", Some("two")),
            ("postgres://h1:1,[::1]:2/b?password=x", "postgres://h1:1,[::1]:2/b", Some("x")),
            ("postgres://h/b?options=-csearch_path%3Dapp", "postgres://h/b?options=-csearch_path%3Dapp", None),
            ("postgres://", "postgres://", None),
        ] {
            assert_eq!(without_password(url), (address.into(), password.map(str::to_owned)), "{url}");
        }
    }

    #[test]
    fn another_secret_in_a_url_is_refused() {
        let url = |text| DatabaseUrl::parse(text, std::path::Path::new("")).unwrap();
        let said = Client::of(&url("postgres://h/b?sslmode=require&sslpassw%6Frd=s3")).map(|_| ()).unwrap_err();
        assert!(said.contains("holds sslpassword") && !said.contains("s3"), "{said}");
        assert!(Client::of(&url("postgres://h/b?sslkey=sslpassword")).is_ok());
    }

    #[test]
    fn the_first_error_is_what_a_program_says() {
        for (said, expected) in [
            (
                "pg_dump: error: query failed: ERROR:  permission denied\npg_dump: detail: Query was: LOCK",
                "permission denied",
            ),
            ("pg_dump: error: server version: 16; pg_dump version: 15", "server version: 16; pg_dump version: 15"),
            ("psql:<stdin>:3: ERROR:  the moon\nLINE 1", "the moon"),
            ("warning\nodd\n\n", "odd"),
            ("", "it has failed, and says nothing"),
        ] {
            assert_eq!(failure("it", said), format!("it: {expected}"));
        }
    }
}
