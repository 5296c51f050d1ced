//! Which values each setting accepts, and where the settings are read from.

use std::ffi::OsString;
use std::fs;
use std::net::IpAddr;
use std::path::Path;

use config::{Config, ConfigError};
use tempfile::TempDir;

fn read(variables: &[(&str, &str)], start: &Path) -> Result<Config, ConfigError> {
    Config::from_environment(variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))), start)
}

/// Reads one variable, without a `.env`. The error is its message.
fn read_one(name: &str, value: &str) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    read(&[(name, value)], folder.path()).map_err(|error| error.to_string())
}

/// Reads a `.env` with this text. The error is its message.
fn read_env_file(text: impl AsRef<[u8]>) -> (TempDir, Result<Config, String>) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(".env"), text).unwrap();
    let config = read(&[], folder.path()).map_err(|error| error.to_string());
    (folder, config)
}

fn assert_refuses(name: &str, values: &[&str]) {
    for value in values {
        let error = read_one(name, value).expect_err(value);
        assert!(error.starts_with(&format!("{name} is {value:?}: it must ")), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn defaults() {
    let folder = tempfile::tempdir().unwrap();
    let config = read(&[], folder.path()).unwrap();
    assert_eq!(config.base_dir, folder.path());
    assert_eq!(config.database_url.sqlite_path(), Some(folder.path().join("app.db").as_path()));
    assert_eq!(config.migrations_dir, folder.path().join("migrations"));
    assert_eq!((config.backups, config.posts_per_page), (5, 25));
    assert_eq!((config.pool_size, config.statement_timeout), (16, 30));
    assert_eq!(config.public_address, None);
    assert_eq!(config.trusted_proxies, []);
    assert_eq!((config.attempts_per_minute.get(), config.hsts_days), (10, 0));
    assert_eq!((config.searches_per_minute.get(), config.writes_per_minute.get()), (60, 60));
    assert_eq!(config.rocket, []);
}

#[test]
fn a_replica_is_one_of_a_postgresql_server() {
    let folder = tempfile::tempdir().unwrap();
    let read = |url, replica| read(&[("DATABASE_URL", url), ("DATABASE_REPLICA_URL", replica)], folder.path());
    let config = read("postgres://primary/blog", "postgres://replica/blog").unwrap();
    assert_eq!(config.database_replica_url.unwrap().as_str(), "postgres://replica/blog");
    for (url, replica) in [("app.db", "postgres://me:secret@replica/blog"), ("postgres://primary/blog", "secret.db")] {
        let error = read(url, replica).unwrap_err().to_string();
        assert_eq!(error, "DATABASE_REPLICA_URL: it must be postgres://…, and so must DATABASE_URL");
    }
}

#[test]
fn database_url_errors_name_the_variable_only() {
    for (value, problem) in [
        ("", "it must not be empty"),
        ("mysql://me:secret@localhost/blog", "write sqlite:app.db"),
        ("host=localhost password=secret", "write sqlite:app.db"),
        ("sqlite:secret/", "the URL names a folder"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let error = read(&[("DATABASE_URL", value)], folder.path()).unwrap_err();
        assert!(error.to_string().starts_with(&format!("DATABASE_URL: {problem}")), "{error}");
        assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
    }
}

#[test]
fn secrets_are_not_printed() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(".env"), "ROCKET_SECRET_KEY=secret1\n").unwrap();
    let url = "postgres://me:secret2@localhost/blog";
    let config = read(&[("DATABASE_URL", url)], folder.path()).unwrap();
    assert_eq!((config.database_url.as_str(), config.rocket[0].value.as_str()), (url, "secret1"));
    let printed = format!("{config:#?} {}", config.database_url);
    assert!(!printed.contains("secret1") && !printed.contains("secret2"), "{printed}");
}

#[test]
fn numbers_have_bounds() {
    assert_eq!(read_one("MICROBLOG_BACKUPS", "0").unwrap().backups, 0);
    assert_eq!(read_one("MICROBLOG_BACKUPS", "1000").unwrap().backups, 1000);
    assert_refuses("MICROBLOG_BACKUPS", &["1001", "-1", "many", ""]);

    assert_eq!(read_one("MICROBLOG_POSTS_PER_PAGE", "1").unwrap().posts_per_page, 1);
    assert_eq!(read_one("MICROBLOG_POSTS_PER_PAGE", "100").unwrap().posts_per_page, 100);
    assert_eq!(read_one("MICROBLOG_POOL_SIZE", "1").unwrap().pool_size, 1);
    assert_refuses("MICROBLOG_POOL_SIZE", &["0", "1001", "-1", "many", ""]);
    assert_eq!(read_one("MICROBLOG_STATEMENT_TIMEOUT", "0").unwrap().statement_timeout, 0);
    assert_refuses("MICROBLOG_STATEMENT_TIMEOUT", &["3601", "-1", "1s", ""]);
    assert_refuses("MICROBLOG_POSTS_PER_PAGE", &["0", "101", "-1", "2.5", "many", "", "99999999999999999999"]);

    assert_eq!(read_one("MICROBLOG_ATTEMPTS_PER_MINUTE", "1").unwrap().attempts_per_minute.get(), 1);
    assert_eq!(read_one("MICROBLOG_ATTEMPTS_PER_MINUTE", "10000").unwrap().attempts_per_minute.get(), 10_000);
    for name in ["MICROBLOG_ATTEMPTS_PER_MINUTE", "MICROBLOG_SEARCHES_PER_MINUTE", "MICROBLOG_WRITES_PER_MINUTE"] {
        assert_refuses(name, &["0", "10001", "ten"]);
    }

    assert_refuses("MICROBLOG_HSTS_DAYS", &["731", "-1", "a year"]);
}

#[test]
fn hsts_needs_https() {
    let days = |days: &str, address: &str| {
        let variables = [("MICROBLOG_HSTS_DAYS", days), ("MICROBLOG_PUBLIC_ADDRESS", address)];
        read(&variables, Path::new("/tmp")).map(|config| config.hsts_days).map_err(|error| error.to_string())
    };
    assert_eq!(days("730", "https://blog.example.org"), Ok(730));
    assert_eq!(days("0", "http://blog.example.org"), Ok(0));
    let error = days("1", "http://blog.example.org").unwrap_err();
    assert!(error.starts_with("MICROBLOG_HSTS_DAYS is \"1\": it needs a MICROBLOG_PUBLIC_ADDRESS"), "{error}");
}

#[test]
fn public_address_has_no_path() {
    for (value, expected) in [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("https://Blog.Example.org/", "https://blog.example.org"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ] {
        assert_eq!(read_one("MICROBLOG_PUBLIC_ADDRESS", value).unwrap().public_address.as_deref(), Some(expected));
    }
    assert_refuses(
        "MICROBLOG_PUBLIC_ADDRESS",
        &[
            "",
            "blog.example.org",
            "ftp://blog.example.org",
            "https:///",
            "https://blog.example.org/path",
            "https://me@blog.example.org",
            "https://a b",
            "http://blog.example.org?x",
            "http://blog.example.org\r\nX: y",
        ],
    );
}

#[test]
fn trusted_proxies_are_addresses_and_networks() {
    let proxies = read_one("MICROBLOG_TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/8,2001:db8::/32").unwrap().trusted_proxies;
    let is_trusted = |address: &str| proxies.iter().any(|proxy| proxy.contains(&address.parse::<IpAddr>().unwrap()));
    for address in ["127.0.0.1", "10.255.255.255", "2001:db8:ffff::1"] {
        assert!(is_trusted(address), "{address}");
    }
    for address in ["127.0.0.2", "11.0.0.0", "::1"] {
        assert!(!is_trusted(address), "{address}");
    }
    assert_refuses("MICROBLOG_TRUSTED_PROXIES", &["", "localhost", "10.0.0.0/33", "127.0.0.1,", "10.0.0.1 10.0.0.2"]);
}

#[test]
fn migrations_folder_is_relative_to_the_base() {
    let folder = tempfile::tempdir().unwrap();
    let read = |value| read(&[("MIGRATIONS_DIR", value)], folder.path()).map(|config| config.migrations_dir);
    assert_eq!(read("db/steps").unwrap(), folder.path().join("db/steps"));
    assert_eq!(read("/srv/steps").unwrap(), Path::new("/srv/steps"));
    fs::write(folder.path().join("file"), "").unwrap();
    assert_eq!(read("file").unwrap_err().to_string(), "MIGRATIONS_DIR is \"file\": it must be a folder, not a file");
}

#[test]
fn home_is_a_folder_that_exists() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("srv");
    fs::create_dir(&home).unwrap();
    fs::write(home.join(".env"), "DATABASE_URL=blog.db\n").unwrap();
    for value in [home.to_str().unwrap(), "srv"] {
        let config = read(&[("MICROBLOG_HOME", value)], folder.path()).unwrap();
        assert_eq!(config.base_dir, home);
        assert_eq!(config.database_url.sqlite_path(), Some(home.join("blog.db").as_path()));
    }
    assert_refuses("MICROBLOG_HOME", &["", "missing", "/dev/null"]);
}

#[test]
fn nearest_env_file_above_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let text = "DATABASE_URL=sqlite:above.db\nexport MICROBLOG_POSTS_PER_PAGE=\"7\" # a week\n";
    fs::write(folder.path().join(".env"), text).unwrap();
    let below = folder.path().join("app/src");
    fs::create_dir_all(&below).unwrap();
    // Python's virtual environments may be folders of this name.
    fs::create_dir(below.join(".env")).unwrap();
    let config = read(&[], &below).unwrap();
    assert_eq!(config.base_dir, folder.path());
    assert_eq!(config.database_url.sqlite_path(), Some(folder.path().join("above.db").as_path()));
    assert_eq!(config.posts_per_page, 7);
}

#[test]
fn environment_overrides_the_env_file() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(".env"), "MICROBLOG_POSTS_PER_PAGE=7\nMICROBLOG_BACKUPS=7\n").unwrap();
    let config = read(&[("MICROBLOG_POSTS_PER_PAGE", "8")], folder.path()).unwrap();
    assert_eq!((config.posts_per_page, config.backups), (8, 7));
}

#[test]
fn env_file_errors_do_not_show_the_line() {
    let syntax = "is not NAME=value; put a value with spaces, quotes, # or $ in single quotes: NAME='a value'";
    for (text, problem) in [
        ("# one\n\nDATABASE_URL=app.db\nsecret secret\n", &format!("what follows DATABASE_URL {syntax}")),
        ("secret", &format!("the first setting {syntax}")),
        ("A=1\nB=my secret\n", &format!("what follows A {syntax}")),
        ("A=1\nB='secret\nC=3\n", &format!("what follows A {syntax}")),
        ("A=1\nA=secret\n", &"A is set twice".into()),
        ("MICROBLOG_HOME=/secret\n", &"MICROBLOG_HOME can only be set in the environment".into()),
    ] {
        let (folder, config) = read_env_file(text);
        assert_eq!(config.unwrap_err(), format!("{}: {problem}", folder.path().join(".env").display()));
    }
    let (_folder, config) = read_env_file(b"A=1\nB=\xff\n");
    assert!(config.unwrap_err().starts_with("cannot read "));
}

#[test]
fn env_file_from_windows_is_read() {
    let (_folder, config) = read_env_file("\u{feff}MICROBLOG_POSTS_PER_PAGE=7 \r\nDATABASE_URL='my blog.db' ");
    let config = config.unwrap();
    assert_eq!(config.posts_per_page, 7);
    assert!(config.database_url.as_str().ends_with("/my blog.db"));
}

#[test]
fn empty_values_in_the_env_file_are_refused() {
    for line in ["DATABASE_URL=", "MIGRATIONS_DIR=''", "ROCKET_PORT="] {
        let (_folder, config) = read_env_file(line);
        assert!(config.unwrap_err().contains("it must not be empty"), "{line}");
    }
}

#[cfg(unix)]
#[test]
fn values_must_be_utf_8() {
    use std::os::unix::ffi::OsStringExt;
    for name in ["DATABASE_URL", "MICROBLOG_HOME", "MIGRATIONS_DIR"] {
        let variable = (OsString::from(name), OsString::from_vec(b"app\xff.db".to_vec()));
        let error = Config::from_environment([variable], Path::new("/tmp")).unwrap_err().to_string();
        assert!(error.starts_with(name) && error.ends_with("it must be UTF-8"), "{error}");
    }
}
