//! Backups: a database with rows is copied before it changes, and a backup can be restored.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::thread;

use crate::support::Scratch;
use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::sql_types::BigInt;
use diesel::{Connection as _, RunQueryDsl as _};
use diesel_autogen::{DatabaseUrl, Error, HistoryError, Migrator, Target};

/// A project with a row, and a pending migration with this `up.sql`.
fn populated(up: &str) -> Scratch {
    let scratch = Scratch::new();
    write(&scratch, "001_a", "CREATE TABLE a (id INTEGER PRIMARY KEY, name TEXT);", "DROP TABLE a;");
    scratch.project.upgrade(Target::Latest).unwrap();
    scratch.execute("INSERT INTO a VALUES (1, 'one')");
    write(&scratch, "002_b", up, "DROP TABLE b;");
    scratch
}

const GOOD: &str = "CREATE TABLE b (id INTEGER PRIMARY KEY);";
const BAD: &str = "CREATE TABLE b (id INTEGER PRIMARY KEY); INSERT INTO nowhere VALUES (1);";

fn write(scratch: &Scratch, name: &str, up: &str, down: &str) {
    let folder = scratch.path().join("migrations/sqlite").join(name);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("up.sql"), up).unwrap();
    fs::write(folder.join("down.sql"), down).unwrap();
}

fn keeping(scratch: &Scratch, backups: usize) -> Migrator {
    scratch.project.clone().with(with!(Settings { backups: backups, base: scratch.path().to_owned() }))
}

/// The names in the folder of backups, hidden ones too, in order.
fn backups(scratch: &Scratch) -> Vec<String> {
    in_folder(&scratch.path().join("backups"))
}

/// The names beside the database, in order.
fn files(scratch: &Scratch) -> Vec<String> {
    in_folder(scratch.path())
}

fn in_folder(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn newest(scratch: &Scratch) -> PathBuf {
    scratch.path().join("backups").join(backups(scratch).pop().unwrap())
}

fn names(scratch: &Scratch) -> Vec<String> {
    scratch.query("SELECT name FROM a ORDER BY id").into_iter().flatten().collect()
}

#[test]
fn copies_a_database_with_rows_before_a_change() {
    let scratch = populated(GOOD);
    scratch.project.upgrade(Target::Latest).unwrap();
    let names = backups(&scratch);
    let [name] = &names[..] else { panic!("{names:?}") };
    assert!(
        name.starts_with("app-v1-20") && name.ends_with("Z.db") && name.len() == "app-v1-20261122T101500Z.db".len()
    );
    let url = DatabaseUrl::parse(newest(&scratch).to_str().unwrap(), scratch.path()).unwrap();
    let copy = Migrator::with_url(url, scratch.path().join("migrations"));
    assert_eq!(copy.version().unwrap(), 1);
}

#[test]
fn copies_neither_an_empty_database_nor_for_no_change() {
    let scratch = populated(GOOD);
    scratch.execute("DELETE FROM a");
    scratch.project.upgrade(Target::Latest).unwrap();
    scratch.execute("INSERT INTO a VALUES (1, 'one')");
    scratch.project.upgrade(Target::Latest).unwrap();
    assert_eq!(backups(&scratch), [""; 0]);
    assert!(!scratch.path().join("backups").exists());
}

#[test]
fn a_failed_run_neither_adds_nor_removes_a_backup() {
    let scratch = populated(BAD);
    scratch.project.upgrade(Target::Latest).unwrap_err();
    assert!(!scratch.path().join("backups").exists());

    fs::create_dir(scratch.path().join("backups")).unwrap();
    scratch.project.upgrade(Target::Latest).unwrap_err();
    assert!(scratch.path().join("backups").is_dir());
    let old = ["app-v1-20010101T000000Z.db", "app-v1-20020101T000000Z.db"];
    for name in old {
        fs::write(scratch.path().join("backups").join(name), "old").unwrap();
    }
    for _ in 0..3 {
        keeping(&scratch, 2).upgrade(Target::Latest).unwrap_err();
    }
    assert_eq!(backups(&scratch), old);
}

#[test]
fn keeps_the_newest_and_leaves_other_files() {
    let scratch = populated(GOOD);
    let folder = scratch.path().join("backups");
    fs::create_dir(&folder).unwrap();
    let others = [
        "app-v1-20010101T000000Z.db.gz",
        "app-v1-before-the-fair.db",
        "app-v1-yyyymmddThhmmssZ.db",
        "app-vx-20010101T000000Z.db",
        "blog-v1-20010101T000000Z.db",
        "notes.txt",
    ];
    // The name with the greatest version is not the newest.
    let old = ["app-v9-20010101T000000Z.db", "app-v1-20020101T000000Z.db", "app-v1-20030101T000000Z.db"];
    for name in others.iter().chain(&old) {
        fs::write(folder.join(name), "old").unwrap();
    }
    keeping(&scratch, 2).upgrade(Target::Latest).unwrap();
    let left = backups(&scratch);
    assert!(others.iter().all(|name| left.contains(&(*name).to_owned())), "{left:?}");
    assert_eq!(left.len(), others.len() + 2, "{left:?}");
    assert!(left.contains(&"app-v1-20030101T000000Z.db".to_owned()), "{left:?}");
}

#[test]
fn keeps_the_backups_of_each_database_apart() {
    for others in ["app.sqlite", "app", "app.db.db", "app.db.sqlite"] {
        for (first, second) in [("app.db", others), (others, &*format!("{others}.db")), (others, "other.db")] {
            let scratch = populated(GOOD);
            let migrator = |name: &str| {
                let path = scratch.path().join(name);
                if !path.exists() {
                    fs::copy(scratch.path().join("app.db"), &path).unwrap();
                }
                let url = DatabaseUrl::parse(name, scratch.path()).unwrap();
                let other = Migrator::with_url(url, scratch.path().join("migrations"));
                other.with(with!(Settings { backups: 1 }))
            };
            let (first, second) = (migrator(first), migrator(second));
            first.upgrade(Target::Latest).unwrap();
            let own = backups(&scratch);
            second.upgrade(Target::Latest).unwrap();
            let both = backups(&scratch);
            assert!(both.len() == 2 && both.contains(&own[0]), "{own:?} {both:?}");
            // A second backup replaces the first of its own database only.
            first.downgrade(Target::Previous).unwrap();
            let now = backups(&scratch);
            let second_own = both.iter().find(|name| **name != own[0]).unwrap();
            assert!(now.len() == 2 && now.contains(second_own) && !now.contains(&own[0]), "{both:?} {now:?}");
        }
    }
    let scratch = populated(GOOD);
    scratch.project.upgrade(Target::Latest).unwrap();
    assert!(backups(&scratch)[0].starts_with("app-v1-20"), "{:?}", backups(&scratch));
}

#[test]
fn backups_within_a_second_get_different_names() {
    let scratch = populated(GOOD);
    for _ in 0..3 {
        scratch.project.upgrade(Target::Latest).unwrap();
        scratch.project.downgrade(Target::Previous).unwrap();
    }
    let project = keeping(&scratch, 100);
    for _ in 0..7 {
        project.upgrade(Target::Latest).unwrap();
        project.downgrade(Target::Previous).unwrap();
    }
    assert_eq!(backups(&scratch).len(), 5 + 14, "{:?}", backups(&scratch));
    keeping(&scratch, 1).upgrade(Target::Latest).unwrap();
    assert_eq!(backups(&scratch).len(), 1);
}

#[test]
fn ignores_what_a_killed_run_left() {
    let scratch = populated(GOOD);
    fs::create_dir(scratch.path().join("backups")).unwrap();
    fs::write(scratch.path().join("backups/.app.db.new"), "half a cop").unwrap();
    scratch.project.upgrade(Target::Latest).unwrap();
    assert_eq!(backups(&scratch).len(), 1);
}

#[test]
fn has_the_permissions_of_the_database() {
    let scratch = populated(GOOD);
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let database = scratch.path().join("app.db");
    for bits in [0o600, 0o640] {
        fs::set_permissions(&database, fs::Permissions::from_mode(bits)).unwrap();
        scratch.project.upgrade(Target::Latest).unwrap();
        let backup = newest(&scratch);
        assert_eq!(mode(&backup), bits);
        fs::set_permissions(&backup, fs::Permissions::from_mode(0o444)).unwrap();
        scratch.project.restore(&backup).unwrap();
        assert_eq!(mode(&database), bits);
        fs::remove_dir_all(scratch.path().join("backups")).unwrap();
    }
}

#[test]
fn a_file_in_place_of_the_folder_stops_the_run() {
    let scratch = populated(GOOD);
    fs::write(scratch.path().join("backups"), "a file").unwrap();
    let error = scratch.project.upgrade(Target::Latest).unwrap_err().to_string();
    assert!(error.starts_with("cannot write backups: "), "{error}");
    assert_eq!(scratch.project.version().unwrap(), 1);
    keeping(&scratch, 0).upgrade(Target::Latest).unwrap();
}

#[test]
fn is_consistent_while_others_write() {
    for mode in ["WAL", "DELETE"] {
        let scratch = populated(GOOD);
        scratch.execute(&format!("PRAGMA journal_mode = {mode}; CREATE TABLE pair (a INTEGER, b INTEGER)"));
        scratch.execute("INSERT INTO pair VALUES (0, 0); DELETE FROM a; INSERT INTO a VALUES (1, 'one')");
        let path = scratch.path().join("app.db");
        let writer = thread::spawn(move || {
            let mut connection = diesel::SqliteConnection::establish(path.to_str().unwrap()).unwrap();
            connection.batch_execute("PRAGMA busy_timeout = 20000").unwrap();
            for _ in 0..200 {
                connection
                    .batch_execute("BEGIN IMMEDIATE; UPDATE pair SET a = a + 1; UPDATE pair SET b = b + 1; COMMIT")
                    .unwrap();
            }
        });
        for _ in 0..4 {
            scratch.project.upgrade(Target::Latest).unwrap();
            scratch.project.downgrade(Target::Previous).unwrap();
        }
        writer.join().unwrap();
        for name in backups(&scratch) {
            let copy = scratch.path().join("backups").join(name);
            let attach = format!("ATTACH '{}' AS copy; ", copy.display());
            let mut connection = scratch.connect();
            connection.batch_execute(&attach).unwrap();
            let query = diesel::dsl::sql::<diesel::sql_types::BigInt>("SELECT count(*) FROM copy.pair WHERE a = b");
            assert_eq!(diesel::RunQueryDsl::get_result::<i64>(query, &mut connection).unwrap(), 1, "{mode}");
        }
    }
}

#[test]
fn restore_backs_up_the_database_that_it_replaces() {
    let scratch = populated(GOOD);
    scratch.project.upgrade(Target::Latest).unwrap();
    let backup = newest(&scratch);
    scratch.execute("INSERT INTO a VALUES (2, 'two')");
    assert_eq!(scratch.project.restore(&backup).unwrap(), 1);
    assert_eq!(names(&scratch), ["one"]);
    assert_eq!(scratch.project.version().unwrap(), 1);
    let replaced = scratch
        .path()
        .join("backups")
        .join(backups(&scratch).into_iter().find(|name| name.starts_with("app-v2")).unwrap());
    assert_eq!(scratch.project.restore(&replaced).unwrap(), 2);
    assert_eq!(names(&scratch), ["one", "two"]);
    let hidden: Vec<_> = fs::read_dir(scratch.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(hidden.iter().all(|name| !name.to_str().unwrap().starts_with('.')), "{hidden:?}");
}

#[test]
fn restore_takes_paths_relative_to_the_base() {
    let scratch = populated(GOOD);
    // The backup is needed after each restore has made another.
    let project = keeping(&scratch, 100);
    project.upgrade(Target::Latest).unwrap();
    let name = backups(&scratch).remove(0);
    assert_eq!(project.restore(&PathBuf::from("backups").join(&name)).unwrap(), 1);
    for odd in ["it's a \"copy\" ü?mode=ro#1%20.db", "file:x.db", "-v.db", " "] {
        let odd = scratch.path().join(odd);
        fs::copy(scratch.path().join("backups").join(&name), &odd).unwrap();
        assert_eq!(project.restore(&odd).unwrap(), 1, "{odd:?}");
        assert_eq!(project.restore(odd.file_name().unwrap().as_ref()).unwrap(), 1, "{odd:?}");
    }
}

#[test]
fn restore_refuses_other_files() {
    let scratch = populated(GOOD);
    scratch.project.upgrade(Target::Latest).unwrap();
    let whole = fs::read(newest(&scratch)).unwrap();
    let before = fs::read(scratch.path().join("app.db")).unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = scratch.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let refused = |path: &std::path::Path| {
        let count = backups(&scratch).len();
        let error = scratch.project.restore(path).unwrap_err();
        assert_eq!(fs::read(scratch.path().join("app.db")).unwrap(), before);
        assert_eq!(backups(&scratch).len(), count);
        error.to_string()
    };
    assert_eq!(refused(&file("diary.db", b"Dear diary,\n")), "diary.db: file is not a database");
    assert_eq!(refused(&scratch.path().join("gone.db")), "gone.db does not exist");
    assert_eq!(refused(scratch.path()), format!("{} does not exist", scratch.path().display()));
    for length in [1, 100, 4096, 5000, whole.len() - 4096, whole.len() - 1] {
        let said = refused(&file("cut.db", &whole[..length]));
        assert!(said.starts_with("cut.db: "), "{length}: {said}");
    }
    let mut flipped = whole.clone();
    flipped[4096..4196].fill(0xff);
    assert!(refused(&file("flipped.db", &flipped)).starts_with("flipped.db: "));
    let foreign = "differs from a backup of this project";
    assert_eq!(refused(&file("empty.db", b"")), format!("empty.db {foreign}; it is not under version control"));

    let other = Scratch::new();
    write(&other, "001_a", "CREATE TABLE other (id INTEGER PRIMARY KEY);", "");
    other.project.upgrade(Target::Latest).unwrap();
    let bytes = fs::read(other.path().join("app.db")).unwrap();
    assert_eq!(refused(&file("other.db", &bytes)), format!("other.db {foreign}; other migrations were applied to it"));
    for version in ["", "INSERT INTO __diesel_schema_migrations (version) VALUES ('001');"] {
        let cats = file("cats.db", b"");
        let mut connection = diesel::SqliteConnection::establish(cats.to_str().unwrap()).unwrap();
        let bookkeeping =
            "CREATE TABLE __diesel_schema_migrations (version VARCHAR(50) PRIMARY KEY NOT NULL, run_on TIMESTAMP)";
        connection.batch_execute(&format!("{bookkeeping}; {version} CREATE TABLE cats (x)")).unwrap();
        drop(connection);
        assert!(refused(&cats).starts_with(&format!("cats.db {foreign}; ")));
    }
    let newer = file("newer.db", &whole);
    let mut connection = diesel::SqliteConnection::establish(newer.to_str().unwrap()).unwrap();
    connection.batch_execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('009')").unwrap();
    drop(connection);
    assert!(matches!(scratch.project.restore(&newer), Err(Error::History(HistoryError::Unknown { .. }))));
    assert!(refused(&newer).contains("has applied 009"));
}

#[test]
fn restore_replaces_a_damaged_database_and_its_journals() {
    for leftover in ["app.db-wal", "app.db-journal", "app.db-shm"] {
        for damage in [None, Some("no database any more")] {
            let scratch = populated(GOOD);
            scratch.project.upgrade(Target::Latest).unwrap();
            let (database, backup) = (scratch.path().join("app.db"), newest(&scratch));
            match damage {
                None => fs::remove_file(&database).unwrap(),
                Some(text) => fs::write(&database, text).unwrap(),
            }
            fs::write(scratch.path().join(leftover), "what a crash left").unwrap();
            assert_eq!(scratch.project.restore(&backup).unwrap(), 1);
            assert!(!scratch.path().join(leftover).exists(), "{leftover}");
            assert_eq!(names(&scratch), ["one"]);
            let is_replaced = |name: &String| name.starts_with("app.db.damaged-");
            let replaced: Vec<_> = files(&scratch).into_iter().filter(is_replaced).collect();
            let kept: Vec<_> =
                replaced.iter().map(|name| fs::read_to_string(scratch.path().join(name)).unwrap()).collect();
            match damage {
                Some(text) => assert!(kept.contains(&text.to_owned()), "{leftover}: {replaced:?}"),
                None => assert!(replaced.is_empty(), "{replaced:?}"),
            }
        }
    }
}

#[test]
fn restore_renames_a_database_with_damaged_rows() {
    let scratch = populated(GOOD);
    scratch.project.upgrade(Target::Latest).unwrap();
    let (database, backup) = (scratch.path().join("app.db"), newest(&scratch));
    let mut bytes = fs::read(&database).unwrap();
    // The schema, on the first page, can still be read.
    bytes[4096..].fill(0xff);
    fs::write(&database, &bytes).unwrap();
    assert_eq!(scratch.project.restore(&backup).unwrap(), 1);
    assert_eq!(names(&scratch), ["one"]);
    let replaced = files(&scratch).into_iter().find(|name| name.starts_with("app.db.damaged-")).unwrap();
    assert_eq!(fs::read(scratch.path().join(replaced)).unwrap(), bytes);
}

#[test]
fn restore_refuses_an_uncontrolled_database_with_rows() {
    let scratch = populated(GOOD);
    scratch.project.upgrade(Target::Latest).unwrap();
    let backup = newest(&scratch);
    fs::remove_file(scratch.path().join("app.db")).unwrap();
    let mut others = diesel::SqliteConnection::establish(scratch.path().join("app.db").to_str().unwrap()).unwrap();
    others.batch_execute("CREATE TABLE invoices (x); INSERT INTO invoices VALUES (1)").unwrap();
    let said = scratch.project.restore(&backup).unwrap_err().to_string();
    assert_eq!(said, "app.db: it holds rows and is not under version control: move it away first");
    let left: i64 = sql::<BigInt>("SELECT count(*) FROM invoices").get_result(&mut others).unwrap();
    assert_eq!(left, 1);
    others.batch_execute("DELETE FROM invoices").unwrap();
    drop(others);
    assert_eq!(scratch.project.restore(&backup).unwrap(), 1);
}

#[test]
fn survives_a_clock_that_was_set_back() {
    let scratch = populated(GOOD);
    fs::create_dir(scratch.path().join("backups")).unwrap();
    for year in 2030..2036 {
        fs::write(scratch.path().join(format!("backups/app-v1-{year}0101T000000Z.db")), "").unwrap();
    }
    scratch.project.upgrade(Target::Latest).unwrap();
    let left = backups(&scratch);
    assert!(
        left.len() == 5 && left.iter().any(|name| name.starts_with("app-v1-2") && name.as_str() < "app-v1-2030"),
        "{left:?}"
    );
}

#[test]
fn restores_tables_of_a_database_at_version_0() {
    let scratch = Scratch::new();
    write(&scratch, "001_a", "CREATE TABLE a (id INTEGER PRIMARY KEY, name TEXT);", "DROP TABLE a;");
    let mut legacy = diesel::SqliteConnection::establish(scratch.path().join("app.db").to_str().unwrap()).unwrap();
    legacy.batch_execute("CREATE TABLE older (x); INSERT INTO older VALUES (1)").unwrap();
    drop(legacy);
    scratch.project.baseline(0).unwrap();
    scratch.project.upgrade(Target::Latest).unwrap();
    assert_eq!(scratch.project.restore(&newest(&scratch)).unwrap(), 0);
    assert_eq!(scratch.query("SELECT x FROM older"), [Some("1".into())]);
}

#[test]
fn restore_keeps_a_symbolic_link() {
    let scratch = populated(GOOD);
    scratch.project.upgrade(Target::Latest).unwrap();
    let (link, real) = (scratch.path().join("app.db"), scratch.path().join("real.db"));
    fs::rename(&link, &real).unwrap();
    std::os::unix::fs::symlink("real.db", &link).unwrap();
    scratch.project.restore(&newest(&scratch)).unwrap();
    assert!(link.is_symlink() && real.is_file());
    assert_eq!(scratch.project.version().unwrap(), 1);
}
