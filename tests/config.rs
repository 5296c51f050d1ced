//! Each value that a setting may have, each that it may not, and where settings come from.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use config::{Config, ConfigError};
use tempfile::TempDir;

fn read(variables: &[(&str, &str)], start: &Path) -> Result<Config, ConfigError> {
    Config::from_environment(variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))), start)
}

fn with_database(url: &str) -> Result<String, String> {
    let folder = tempfile::tempdir().unwrap();
    match read(&[("DATABASE_URL", url)], folder.path()) {
        Ok(config) => Ok(config.database_url.as_str().replace(folder.path().to_str().unwrap(), "HOME")),
        Err(error) => Err(error.to_string()),
    }
}

fn with_env_file(text: impl AsRef<[u8]>) -> (TempDir, Result<Config, String>) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(".env"), text).unwrap();
    let config = read(&[], folder.path()).map_err(|error| error.to_string());
    (folder, config)
}

#[test]
fn without_any_setting_there_are_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let config = read(&[], folder.path()).unwrap();
    assert_eq!(config.base_dir, folder.path());
    assert_eq!(config.database_url.sqlite_path(), Some(folder.path().join("app.db").as_path()));
    assert_eq!(config.migrations_dir, folder.path().join("migrations"));
    assert_eq!(config.posts_per_page, 25);
    assert_eq!(config.public_address, None);
    assert_eq!(config.trusted_proxies, []);
    assert_eq!((config.attempts_per_minute.get(), config.hsts_days), (10, 0));
    assert_eq!(config.rocket, []);
}

#[test]
fn every_documented_form_of_a_database_url_is_accepted() {
    for (given, expected) in [
        ("sqlite:app.db", "sqlite:HOME/app.db"),
        ("sqlite://app.db", "sqlite:HOME/app.db"),
        ("sqlite:data/app.db", "sqlite:HOME/data/app.db"),
        ("sqlite:./app.db", "sqlite:HOME/app.db"),
        ("sqlite:/srv/app.db", "sqlite:/srv/app.db"),
        ("sqlite:///srv/app.db", "sqlite:/srv/app.db"),
        ("app.db", "sqlite:HOME/app.db"),
        ("data/my blog@home.db", "sqlite:HOME/data/my blog@home.db"),
        ("/srv/app.db", "sqlite:/srv/app.db"),
        ("postgres://", "postgres://"),
        ("postgres://me@localhost/blog", "postgres://me@localhost/blog"),
        ("postgresql://me:secret@db:5432/blog?sslmode=require", "postgresql://me:secret@db:5432/blog?sslmode=require"),
    ] {
        assert_eq!(with_database(given).as_deref(), Ok(expected), "{given}");
    }
}

#[test]
fn any_other_database_url_is_refused_in_one_line_that_says_why() {
    for (given, why) in [
        ("", "must not be empty"),
        ("  ", "must not be empty"),
        ("sqlite:", "names no file"),
        ("sqlite://", "names no file"),
        (":memory:", "in memory"),
        ("sqlite::memory:", "in memory"),
        ("sqlite://:memory:", "in memory"),
        ("file:app.db", "no such kind of database"),
        ("file::memory:", "no such kind of database"),
        ("mysql://root@localhost/blog", "no such kind of database"),
        ("mssql://sa@localhost/blog", "no such kind of database"),
        ("SQLITE:app.db", "no such kind of database"),
        ("sqlite3:app.db", "no such kind of database"),
        ("postgres:blog", "two slashes"),
        ("sqlite:app.db?mode=rwc", "parameters after ? are not taken"),
        ("app.db?mode=rwc", "parameters after ? are not taken"),
        ("host=localhost user=me password=secret", "list of parameters"),
        ("sqlite:data/", "names a folder"),
        ("/", "names a folder"),
        (".", "names a folder"),
        ("sqlite:..", "names a folder"),
        ("/tmp", "names a folder"),
        ("sqlite:a\nb.db", "control character"),
    ] {
        let error = with_database(given).expect_err(given);
        assert!(error.starts_with("DATABASE_URL is \""), "{error}");
        assert!(error.contains(why), "{given:?}: {error}");
        assert!(!error.contains(char::is_control), "{error:?}");
        assert!(!error.contains("secret"), "{error}");
    }
    let mysql = with_database("mysql://root@localhost/blog").unwrap_err();
    assert!(mysql.contains("\"mysql://root@localhost/blog\"") && mysql.contains("sqlite:app.db"), "{mysql}");
}

#[test]
fn a_password_is_never_shown() {
    for url in [
        "postgres://me:hunter2@localhost/blog",
        "postgres://me:hunt%65r2hunter2%40@localhost/blog",
        "postgres://me:with@at/slash?hunter2@localhost/blog",
        "postgresql://localhost/blog?user=me&password=hunter2",
        "postgresql://localhost/blog?pass%77ord=hunter2",
        "postgresql://localhost/blog?PASSWORD=hunter2&sslmode=require",
        "postgresql://localhost/blog?sslpassword=hunter2",
        "postgres://me:hunter2",
        "postgres://me:hunter2/blog",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let config = read(&[("DATABASE_URL", url)], folder.path()).unwrap();
        assert_eq!(config.database_url.as_str(), url);
        for text in [config.database_url.to_string(), format!("{:?}", config.database_url), format!("{config:#?}")] {
            assert!(!text.contains("hunt"), "{text}");
            assert!(text.contains("***"), "{text}");
        }
        // The same behind a scheme that is refused, and in the settings beside it.
        let refused = url.replacen("postgresql:", "mysql:", 1).replacen("postgres:", "mysql:", 1);
        for name in ["DATABASE_URL", "MICROBLOG_BACKUPS", "MICROBLOG_PUBLIC_ADDRESS", "MICROBLOG_POSTS_PER_PAGE"] {
            let error = read(&[(name, &refused)], folder.path()).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunt"), "{error}");
        }
    }
    for refused in
        ["me:hunter2@localhost", "dbname=blog password=hunter2", "mysql:me:hunter2@db", "postgres:me:hunter2@db"]
    {
        assert!(!with_database(refused).unwrap_err().contains("hunter2"), "{refused}");
    }
    let shown =
        read(&[("DATABASE_URL", "postgres://me:hunter2@db:5432/blog?sslmode=require")], Path::new("/tmp")).unwrap();
    assert_eq!(shown.database_url.to_string(), "postgres://me:***@db:5432/blog?sslmode=require");
}

#[test]
fn a_url_without_a_password_is_shown_as_it_is() {
    for url in
        ["postgres://localhost:5432/blog", "postgres://me@[::1]:5432/blog?sslmode=require", "sqlite:/srv/a@b:c.db"]
    {
        assert_eq!(read(&[("DATABASE_URL", url)], Path::new("/tmp")).unwrap().database_url.to_string(), url);
    }
}

#[test]
fn posts_per_page_is_a_whole_number_from_1_to_100() {
    let read =
        |text| read(&[("MICROBLOG_POSTS_PER_PAGE", text)], Path::new("/tmp")).map(|config| config.posts_per_page);
    assert_eq!(read("1").unwrap(), 1);
    assert_eq!(read("100").unwrap(), 100);
    for refused in ["0", "101", "-1", "2.5", "many", "", "99999999999999999999"] {
        let error = read(refused).unwrap_err().to_string();
        assert!(error.starts_with(&format!("MICROBLOG_POSTS_PER_PAGE is \"{refused}\": ")), "{error}");
    }
}

#[test]
fn the_number_of_backups_is_a_whole_number_from_0_to_1000() {
    let read = |text| read(&[("MICROBLOG_BACKUPS", text)], Path::new("/tmp")).map(|config| config.backups);
    assert_eq!(read("0").unwrap(), 0);
    assert_eq!(read("1000").unwrap(), 1000);
    for refused in ["1001", "-1", "many", ""] {
        let error = read(refused).unwrap_err().to_string();
        assert!(error.starts_with(&format!("MICROBLOG_BACKUPS is \"{refused}\": ")), "{error}");
    }
}

#[test]
fn the_public_address_is_a_web_address_without_a_path() {
    let read = |text| {
        read(&[("MICROBLOG_PUBLIC_ADDRESS", text)], Path::new("/tmp")).map(|config| config.public_address.unwrap())
    };
    for (given, expected) in [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("https://Blog.Example.org/", "https://blog.example.org"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("http://localhost", "http://localhost"),
    ] {
        assert_eq!(read(given).unwrap(), expected);
    }
    for refused in [
        "",
        "blog.example.org",
        "ftp://blog.example.org",
        "https://",
        "https:///",
        "https://blog.example.org/path",
        "https://me@blog.example.org",
        "https://blog.example.org:0",
        "https://blog.example.org:99999",
        "https://a b",
        "https://a..b",
        "http://[::1",
        "http://[x]",
        "http://blog.example.org?x",
        "http://blog.example.org\r\nX: y",
    ] {
        let error = read(refused).expect_err(refused).to_string();
        assert!(error.starts_with("MICROBLOG_PUBLIC_ADDRESS is \"") && !error.contains('\n'), "{error}");
    }
}

#[test]
fn the_migrations_folder_hangs_on_the_base_directory() {
    let folder = tempfile::tempdir().unwrap();
    let read = |text| read(&[("MIGRATIONS_DIR", text)], folder.path()).map(|config| config.migrations_dir);
    assert_eq!(read("db/steps").unwrap(), folder.path().join("db/steps"));
    assert_eq!(read("/srv/steps").unwrap(), Path::new("/srv/steps"));
    fs::write(folder.path().join("file"), "").unwrap();
    for refused in ["", "file", "a\nb"] {
        assert!(read(refused).unwrap_err().to_string().starts_with("MIGRATIONS_DIR is \""));
    }
}

#[test]
fn settings_stand_in_the_env_file_of_the_nearest_folder_above() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join(".env"),
        "DATABASE_URL=sqlite:above.db\nexport MICROBLOG_POSTS_PER_PAGE=\"7\" # a week\n",
    )
    .unwrap();
    let below = folder.path().join("app/src");
    fs::create_dir_all(&below).unwrap();
    // A folder of that name, as Python's environments have, is no file of settings.
    fs::create_dir(below.join(".env")).unwrap();
    let config = read(&[], &below).unwrap();
    assert_eq!(config.base_dir, folder.path());
    assert_eq!(config.database_url.sqlite_path(), Some(folder.path().join("above.db").as_path()));
    assert_eq!(config.posts_per_page, 7);
}

#[test]
fn the_environment_wins_over_the_env_file() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(".env"), "MICROBLOG_POSTS_PER_PAGE=7\nROCKET_PORT=8001\nROCKET_SECRET_KEY=abcdef\n")
        .unwrap();
    let config = read(&[("MICROBLOG_POSTS_PER_PAGE", "8"), ("rocket_port", "8002")], folder.path()).unwrap();
    assert_eq!(config.posts_per_page, 8);
    let settings: Vec<_> =
        config.rocket.iter().map(|setting| (setting.name.as_str(), setting.value.as_str())).collect();
    assert_eq!(settings, [("secret_key", "abcdef")], "the port is in the environment, where Rocket reads it");
    assert!(!format!("{config:?}").contains("abcdef"));
}

#[test]
fn microblog_home_is_a_folder_that_exists() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("srv")).unwrap();
    fs::write(folder.path().join("srv/.env"), "DATABASE_URL=blog.db\n").unwrap();
    let home = folder.path().join("srv");
    for text in [home.to_str().unwrap(), "srv"] {
        let config = read(&[("MICROBLOG_HOME", text)], folder.path()).unwrap();
        assert_eq!(config.base_dir, home);
        assert_eq!(config.database_url.sqlite_path(), Some(home.join("blog.db").as_path()));
    }
    for refused in ["", "srv/.env", "nowhere"] {
        let error = read(&[("MICROBLOG_HOME", refused)], folder.path()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("MICROBLOG_HOME is \"{refused}\": ")), "{error}");
    }
}

#[test]
fn a_line_of_the_env_file_that_is_no_setting_is_named_and_not_shown() {
    for (text, line) in [
        ("# one\n\nDATABASE_URL=sqlite:app.db\nhunter2 hunter2\n", 4),
        ("hunter2", 1),
        ("A=1\nDATABASE_URL=my hunter2\n", 2),
        ("A=1\nB='hunter2\nC=3\nD=4\n", 2),
        ("A=1\nA=hunter2\n", 2),
        ("A=1\n=hunter2\n", 2),
        ("MICROBLOG_HOME=/hunter2\n", 1),
    ] {
        let (folder, config) = with_env_file(text);
        let error = config.expect_err(text);
        let expected = format!("{}, line {line}: ", folder.path().join(".env").display());
        assert!(error.starts_with(&expected), "{text:?}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    let (folder, config) = with_env_file(b"A=1\nB=\xff\n");
    assert_eq!(config.unwrap_err(), format!("{}, line 2: it must be UTF-8", folder.path().join(".env").display()));
}

#[test]
fn an_env_file_as_editors_on_windows_write_it_is_read() {
    let (_folder, config) = with_env_file("\u{feff}MICROBLOG_POSTS_PER_PAGE=7 \r\nDATABASE_URL='my blog.db' ");
    let config = config.unwrap();
    assert_eq!(config.posts_per_page, 7);
    assert!(config.database_url.as_str().ends_with("/my blog.db"));
}

#[test]
fn an_empty_setting_in_the_env_file_is_an_error_too() {
    for line in ["DATABASE_URL=", "MIGRATIONS_DIR=''", "ROCKET_PORT="] {
        let (_folder, config) = with_env_file(line);
        assert!(config.unwrap_err().contains("it must not be empty"), "{line}");
    }
}

#[cfg(unix)]
#[test]
fn a_value_that_is_not_utf_8_is_an_error() {
    use std::os::unix::ffi::OsStringExt;
    for name in ["DATABASE_URL", "MICROBLOG_HOME", "MIGRATIONS_DIR"] {
        let variable = (OsString::from(name), OsString::from_vec(b"app\xff.db".to_vec()));
        let error = Config::from_environment([variable], Path::new("/tmp")).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{name} is ")) && error.ends_with("it must be UTF-8"), "{error}");
    }
}

#[test]
fn trusted_proxies_are_addresses_and_networks() {
    let trusted = |text: &str| {
        read(&[("MICROBLOG_TRUSTED_PROXIES", text)], Path::new("/tmp")).map(|config| config.trusted_proxies)
    };
    let proxies = trusted("127.0.0.1, 10.0.0.0/8,2001:db8::/32").unwrap();
    let is_trusted = |address: &str| proxies.iter().any(|proxy| proxy.contains(address.parse().unwrap()));
    for address in ["127.0.0.1", "10.0.0.0", "10.255.255.255", "::ffff:10.0.0.1", "2001:db8:ffff::1"] {
        assert!(is_trusted(address), "{address}");
    }
    for address in ["127.0.0.2", "11.0.0.0", "9.255.255.255", "::1", "2001:db9::1"] {
        assert!(!is_trusted(address), "{address}");
    }
    assert!(trusted("0.0.0.0/0").unwrap()[0].contains([1, 2, 3, 4].into()));
    for text in
        ["", "localhost", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "::/129", "127.0.0.1,", "10.0.0.1 10.0.0.2"]
    {
        let error = trusted(text).unwrap_err().to_string();
        assert!(error.starts_with("MICROBLOG_TRUSTED_PROXIES is "), "{error}");
    }
}

#[test]
fn attempts_per_minute_are_a_whole_number_from_1_to_10000() {
    for (text, expected) in [("1", Some(1)), ("10000", Some(10_000)), ("0", None), ("10001", None), ("ten", None)] {
        let config = read(&[("MICROBLOG_ATTEMPTS_PER_MINUTE", text)], Path::new("/tmp"));
        assert_eq!(config.ok().map(|config| config.attempts_per_minute.get()), expected, "{text}");
    }
}

#[test]
fn https_alone_is_asked_for_only_where_the_public_address_has_it() {
    let days = |days: &str, address: &str| {
        let variables = [("MICROBLOG_HSTS_DAYS", days), ("MICROBLOG_PUBLIC_ADDRESS", address)];
        read(&variables, Path::new("/tmp")).map(|config| config.hsts_days).map_err(|error| error.to_string())
    };
    assert_eq!(days("730", "https://blog.example.org"), Ok(730));
    assert_eq!(days("0", "http://blog.example.org"), Ok(0));
    assert!(days("1", "http://blog.example.org").unwrap_err().contains("MICROBLOG_PUBLIC_ADDRESS"));
    for text in ["731", "-1", "a year"] {
        assert!(days(text, "https://blog.example.org").unwrap_err().contains("0 to 730"), "{text}");
    }
}
