//! Why a server cannot be reached, in words that hold no part of the URL but the host. libpq's own message may quote the
//! password: of a URL that it cannot parse, or that it takes apart in another place than its author.

/// `127.0.0.1:5432: connection refused`
pub(super) fn refusal(url: &str, message: &str) -> String {
    let cause = cause(url, message);
    host(url).map_or_else(|| cause.clone(), |host| format!("{host}: {cause}"))
}

/// What libpq's message means: the versions of libpq differ in its words.
fn cause(url: &str, message: &str) -> String {
    const CAUSES: [(&[&str], &str); 13] = [
        (&["Connection refused"], "connection refused"),
        (&["translate host name", "Name or service not known"], "the host is unknown"),
        (&["timeout expired", "timed out"], "no answer in time"),
        (&["No such file or directory"], "no server has this socket"),
        (&["Network is unreachable", "No route to host"], "no network leads to the host"),
        (&["pg_hba.conf"], "the server does not admit this user from this address, or not without TLS (pg_hba.conf)"),
        (&["no password supplied"], "the server asks for a password"),
        (&["authentication failed"], "the server refuses the user or the password"),
        (&["role \"", "permission denied for database"], "the server does not admit the user"),
        (&["database \""], "the server has no such database, or does not accept connections to it"),
        (&["SSL", "certificate"], "the server and this program do not agree on TLS"),
        (&["too many", "remaining connection slots"], "the server has no connection left"),
        (&["starting up", "shutting down", "recovery"], "the server is starting or stopping"),
    ];
    let found = CAUSES.iter().find(|(words, _)| words.iter().any(|words| message.contains(words)));
    // What the server says begins with its severity.
    let said = message.split_once("FATAL:").map(|(_, rest)| rest.lines().next().unwrap_or_default().trim());
    match (found, said.filter(|said| !said.is_empty() && !parts(url).iter().any(|part| said.contains(part)))) {
        (Some((_, cause)), _) => (*cause).to_owned(),
        (None, Some(said)) => format!("the server says: {said}"),
        (None, None) => "the connection failed: the URL may be invalid".to_owned(),
    }
}

/// Every part of the URL, as it is written and without percent encoding.
fn parts(url: &str) -> Vec<String> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let parts = rest.split([':', '/', '@', '?', '&', '=']).filter(|part| !part.is_empty());
    parts.flat_map(|part| [part.to_owned(), decoded(part)]).collect()
}

/// The host with its port, where nothing else can be meant: a password may hold an `@`, `/` or `?`.
fn host(url: &str) -> Option<&str> {
    let rest = url.split_once("://")?.1;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, after) = rest.split_at(end);
    let host = authority.split_once('@').map(|(_, host)| host);
    let (name, port) = host.unwrap_or(authority).rsplit_once(':').unwrap_or((host.unwrap_or(authority), ""));
    let is_name = !name.is_empty() && name.chars().all(|char| char.is_ascii_alphanumeric() || "-._".contains(char));
    let is_port = port.chars().all(|char| char.is_ascii_digit());
    // Without a user, the port may be a password whose host was forgotten.
    (is_name && is_port && !after.contains('@')).then_some(host.unwrap_or(name))
}

/// The text without percent encoding.
pub(super) fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, others @ ..] = rest {
        let digits = others.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &others[2..];
            }
            _ => {
                bytes.push(*first);
                rest = others;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "postgres://me:secret@db.example:5432/blog?application_name=site";

    #[test]
    fn every_libpq_has_the_same_causes() {
        for (messages, cause) in [
            (
                &[
                    "connection to server at \"db.example\" (10.0.0.1), port 5432 failed: Connection refused\n\tIs the server running?",
                    "could not connect to server: Connection refused\n\tIs the server running on host \"db.example\"?",
                ][..],
                "connection refused",
            ),
            (
                &[
                    "connection to server at \"db.example\", port 5432 failed: FATAL:  password authentication failed for user \"me\"",
                    "FATAL:  password authentication failed for user \"me\"",
                ],
                "the server refuses the user or the password",
            ),
            (&["could not translate host name \"db.example\" to address: unknown"], "the host is unknown"),
            (&["FATAL:  role \"me\" does not exist"], "the server does not admit the user"),
            (
                &["FATAL:  database \"blog\" does not exist"],
                "the server has no such database, or does not accept connections to it",
            ),
            (&["FATAL:  sorry, too many clients already"], "the server has no connection left"),
            (&["FATAL:  the moon is full"], "the server says: the moon is full"),
            (
                &["FATAL:  the moon hides me", "invalid port number: \"secret\"", "FATAL:  ", ""],
                "the connection failed: the URL may be invalid",
            ),
        ] {
            for message in messages {
                assert_eq!(refusal(URL, message), format!("db.example:5432: {cause}"), "{message}");
            }
        }
    }

    #[test]
    fn a_host_that_may_be_part_of_a_password_is_not_shown() {
        for (url, expected) in [
            ("postgres://localhost/blog", Some("localhost")),
            ("postgres://localhost", Some("localhost")),
            ("postgres://me:1234/blog", Some("me")),
            ("postgres://me@10.0.0.1:1/blog", Some("10.0.0.1:1")),
            ("postgres://me:secret@host:5432?sslmode=require", Some("host:5432")),
            ("postgres://me:se@cret@host/blog", None),
            ("postgres://me:se/cret@host/blog", None),
            ("postgres://me:12/cret@host/blog", None),
            ("postgres://me:12?cret@host/blog", None),
            ("postgres://me:secret", None),
            ("postgres:///blog?host=/tmp", None),
            ("postgres://me:secret@%2Ftmp/blog", None),
            ("postgres://", None),
        ] {
            assert_eq!(host(url), expected, "{url}");
        }
    }
}
