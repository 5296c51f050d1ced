//! The log contains no password, token or cookie at any level.

use crate::support::Server;

#[test]
fn secrets_are_not_logged() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(home.path(), &[("ROCKET_LOG_LEVEL", "debug"), ("ROCKET_CLI_COLORS", "false")]);
    let form = "nickname=susan&email=susan%40example.org&password=hunter2-hunter2";
    let response = server.send("POST", "/register", "", form);
    assert!(response.starts_with("HTTP/1.1 303"), "{response}");
    let token = response.split_once("session=").unwrap().1.split_once(';').unwrap().0.to_owned();
    assert_eq!(token.len(), 64);

    let cookie = format!("Cookie: session={token}\r\n");
    assert!(server.send("GET", "/", &cookie, "").contains("Hi, susan!"));
    let change = "old_password=hunter3-hunter3&new_password=hunter4-hunter4";
    assert!(server.send("POST", "/account/password", &cookie, change).starts_with("HTTP/1.1 422"));
    let wrong = "login=susan&password=hunter5-hunter5&remember_me=perhaps";
    assert!(server.send("POST", "/login", "", wrong).starts_with("HTTP/1.1 422"));

    assert!(server.send("POST", "/login", "", "login=a&remember_me=hunter6").starts_with("HTTP/1.1 422"));

    let log = server.stop().stderr;
    assert!(log.contains("/account/password"), "it logs requests: {log}");
    for secret in ["hunter", token.as_str(), &token[..16]] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}
