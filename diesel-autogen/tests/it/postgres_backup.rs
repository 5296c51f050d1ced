//! Backups of a PostgreSQL database: how they are made, kept and restored.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection};
use diesel_autogen::{DatabaseErrorKind, Error, Migrator, Target};

use crate::postgres::{Server, script};
use crate::support::{Events, listening, taken};

const POSTS: &str = "CREATE TABLE posts (id SERIAL PRIMARY KEY, body TEXT NOT NULL);";

/// A database at version 1 with two posts and a pending migration, and a migrator that keeps so many backups.
fn posts(backups: usize) -> Option<(Server, Migrator, Events)> {
    let server = Server::new()?;
    server.write("001_posts", &script(POSTS, "DROP TABLE posts"));
    server.write("002_likes", &script("ALTER TABLE posts ADD likes INTEGER", "ALTER TABLE posts DROP likes"));
    server.migrator().init().unwrap();
    let settings =
        with!(Settings { per_database_folders: true, base: server.folder.path().to_owned(), backups: backups });
    let (migrator, events) = listening(&server.migrator(), settings);
    migrator.upgrade(Target::version(1)).unwrap();
    assert!(taken(&events).is_empty() && !server.folder.path().join("backups").exists(), "it holds no rows");
    server.execute("INSERT INTO posts (body) VALUES ('a'), ('it''s' || chr(10) || '\\.')");
    Some((server, migrator, events))
}

/// The files in the folder of the backups.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.join("backups")).map_or_else(|_| Vec::new(), Iterator::collect);
    let mut files: Vec<_> = entries.into_iter().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn each_run_leaves_one_private_backup() {
    let Some((server, migrator, events)) = posts(2) else { return };
    migrator.upgrade(Target::Latest).unwrap();
    let made = files(server.folder.path());
    let name = made[0].file_name().unwrap().to_str().unwrap();
    let database = server.database.url().rsplit('/').next().unwrap();
    assert!(name.starts_with(&format!("{database}-v1-2")) && name.ends_with("Z.dump"), "{name}");
    assert_eq!(taken(&events), [format!("backup saved as backups/{name}")]);
    assert_eq!(fs::metadata(&made[0]).unwrap().permissions().mode() & 0o777, 0o600);
    // What another program and another database left there stays.
    let others = ["other-v1-20200101T000000Z.dump", &format!("{database}-v1.dump"), &format!("{database}.db")];
    for name in others {
        fs::write(made[0].with_file_name(name), "").unwrap();
    }
    migrator.downgrade(Target::Previous).unwrap();
    migrator.upgrade(Target::Latest).unwrap();
    let kept = files(server.folder.path());
    assert!(kept.len() == 2 + others.len() && !kept.contains(&made[0]), "{kept:?}");
}

/// All that a restore has to bring back: definitions, rows, sequences, owners and privileges, as `pg_dump` writes them.
fn content(server: &Server) -> String {
    let dump =
        std::process::Command::new("pg_dump").arg(format!("--dbname={}", server.database.url())).output().unwrap();
    assert!(dump.status.success(), "{dump:?}");
    let text = String::from_utf8(dump.stdout).unwrap();
    // A random key of newer versions.
    text.lines()
        .filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The only backup.
fn backup(server: &Server) -> PathBuf {
    let files = files(server.folder.path());
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

const RICH: &str = "
    CREATE EXTENSION pg_trgm;
    CREATE TYPE mood AS ENUM ('sad', 'it''s');
    CREATE DOMAIN short AS TEXT CHECK (length(value) < 9);
    CREATE TABLE \"Users\" (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, m mood DEFAULT 'sad', s short, b BYTEA);
    INSERT INTO \"Users\" (m, s, b) VALUES ('it''s', 'tab\t', '\\x00ff'), (NULL, NULL, NULL);
    DELETE FROM \"Users\" WHERE id = 1;
    ALTER TABLE posts ADD author BIGINT REFERENCES \"Users\" ON DELETE CASCADE;
    CREATE VIEW authors AS SELECT author, count(*) FROM posts GROUP BY author;
    CREATE MATERIALIZED VIEW bodies AS SELECT body FROM posts;
    CREATE INDEX ON posts USING gin (body gin_trgm_ops);
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.body := NEW.body || '!'; RETURN NEW; END $$;
    CREATE TRIGGER touched BEFORE INSERT ON posts FOR EACH ROW EXECUTE FUNCTION touch();
    CREATE TABLE parts (n INTEGER NOT NULL) PARTITION BY RANGE (n);
    CREATE TABLE part_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
    INSERT INTO parts VALUES (1), (2);
    CREATE STATISTICS both_columns ON id, body FROM posts;
    CREATE SEQUENCE free START 7; SELECT nextval('free');
    CREATE AGGREGATE longest (TEXT) (SFUNC = textcat, STYPE = TEXT);
    CREATE OPERATOR === (LEFTARG = INTEGER, RIGHTARG = INTEGER, FUNCTION = int4eq);
    ALTER TABLE posts ENABLE ROW LEVEL SECURITY; CREATE POLICY everything ON posts USING (true);
    GRANT SELECT ON posts TO PUBLIC; GRANT USAGE ON SCHEMA public TO PUBLIC; COMMENT ON TABLE posts IS 'it''s';
    CREATE SCHEMA other; CREATE TABLE other.stays (n INTEGER); INSERT INTO other.stays VALUES (1)";

#[test]
fn a_restored_schema_is_as_it_was() {
    let Some((server, migrator, events)) = posts(5) else { return };
    server.execute(RICH);
    let before = content(&server);
    migrator.upgrade(Target::Latest).unwrap();
    let file = backup(&server);
    server.execute(
        "CREATE TABLE later (id INTEGER PRIMARY KEY REFERENCES \"Users\"); CREATE VIEW late AS SELECT * FROM later;
         CREATE FUNCTION late() RETURNS mood LANGUAGE sql AS 'SELECT NULL::mood'; DELETE FROM posts;
         ALTER TYPE mood ADD VALUE 'new'; REVOKE ALL ON posts FROM PUBLIC; SELECT setval('free', 99)",
    );
    taken(&events);
    assert_eq!(migrator.restore(&file).unwrap(), 1);
    let said = taken(&events);
    assert!(said.len() == 1 && said[0].starts_with("backup saved as backups/"), "{said:?}");
    assert_eq!(content(&server), before);
    assert_eq!(migrator.status().unwrap().pending, ["002_likes"]);
    // The backup of what was replaced leads back to it.
    let replaced = files(server.folder.path()).into_iter().find(|other| *other != file).unwrap();
    assert_eq!(migrator.restore(&replaced).unwrap(), 2);
    assert_eq!(server.query("SELECT last_value::text FROM free").unwrap(), "99");
}

#[test]
fn a_missing_database_is_restored() {
    let Some((server, migrator, _)) = posts(5) else { return };
    let before = server.rows();
    migrator.upgrade(Target::Latest).unwrap();
    let file = backup(&server);
    let url = server.database.url().to_owned();
    let (rest, name) = url.rsplit_once('/').unwrap();
    let admin = || PgConnection::establish(&format!("{rest}/postgres")).unwrap();
    admin().batch_execute(&format!("DROP DATABASE {name}")).unwrap();
    assert_eq!(migrator.restore(&file).unwrap(), 1);
    assert_eq!(server.rows(), before);
    // What fails leaves no database.
    admin().batch_execute(&format!("DROP DATABASE {name}")).unwrap();
    fs::remove_dir_all(server.folder.path().join("postgresql/001_posts")).unwrap();
    migrator.restore(&file).unwrap_err();
    assert!(!migrator.database_name().is_empty() && migrator.version().is_err());
    admin().batch_execute(&format!("CREATE DATABASE {name}")).unwrap();
}

#[test]
fn a_refused_restore_changes_nothing() {
    let Some((server, migrator, _)) = posts(5) else { return };
    migrator.upgrade(Target::Latest).unwrap();
    let (file, folder) = (backup(&server), server.folder.path());
    let whole = fs::read(&file).unwrap();
    let write = |name: &str, bytes: &[u8]| {
        fs::write(folder.join(name), bytes).unwrap();
        folder.join(name)
    };
    let before = content(&server);
    let refuses = |migrator: &Migrator, file: &Path, expected: &str| {
        let said = migrator.restore(file).unwrap_err().to_string();
        assert!(said.contains(expected) && !said.contains('\n'), "{said}");
        assert_eq!(content(&server), before, "{said}");
        assert_eq!(files(folder).len(), 1, "{said}");
    };
    refuses(&migrator, &folder.join("none.dump"), "none.dump does not exist");
    refuses(&migrator, &write("text.dump", b"CREATE TABLE t ();"), "text.dump: pg_restore: input file");
    for length in [0, 100, whole.len() / 2, whole.len() - 1] {
        refuses(&migrator, &write("cut.dump", &whole[..length]), "cut.dump: pg_restore: ");
    }
    // Another project's, and one without a history.
    let other = Server::new().unwrap();
    other.write(
        "001_posts",
        &script("CREATE TABLE posts (n INTEGER); INSERT INTO posts VALUES (1)", "DROP TABLE posts"),
    );
    let settings = with!(Settings { per_database_folders: true, base: other.folder.path().to_owned() });
    let foreign = other.migrator().with(settings);
    foreign.init().unwrap();
    foreign.upgrade(Target::Latest).unwrap();
    foreign.downgrade(Target::Previous).unwrap();
    refuses(&migrator, &backup(&other), "differs from a backup of this project; other migrations were applied to it");
    let plain = folder.join("plain.dump");
    let mut dump = std::process::Command::new("pg_dump");
    dump.args(["--format=custom", "--exclude-table=__*", &format!("--file={}", plain.display()), other.database.url()]);
    assert!(dump.status().unwrap().success());
    refuses(&migrator, &plain, "it is not under version control");
}

#[test]
fn what_the_backup_does_not_hold_is_not_dropped() {
    let Some((server, migrator, _)) = posts(5) else { return };
    migrator.upgrade(Target::Latest).unwrap();
    let file = backup(&server);
    for (make, drop, named) in [
        (
            "CREATE SCHEMA other; CREATE VIEW other.v AS SELECT * FROM posts",
            "DROP SCHEMA other CASCADE",
            "view other.v",
        ),
        (
            "CREATE SCHEMA other; CREATE TABLE other.likes (post INTEGER REFERENCES posts)",
            "DROP SCHEMA other CASCADE",
            "constraint likes_post_fkey on table other.likes",
        ),
        (
            "CREATE PUBLICATION feed FOR TABLE posts",
            "DROP PUBLICATION feed",
            "publication of table posts in publication feed",
        ),
    ] {
        server.execute(make);
        let before = content(&server);
        let said = migrator.restore(&file).unwrap_err().to_string();
        assert!(said.contains(named) && said.contains("depends on what is to be replaced"), "{said}");
        assert_eq!(content(&server), before, "{said}");
        assert_eq!(files(server.folder.path()).len(), 1);
        server.execute(drop);
    }
    migrator.restore(&file).unwrap();
}

#[test]
fn a_restore_waits_for_others_and_gives_up() {
    let Some((server, migrator, _)) = posts(5) else { return };
    migrator.upgrade(Target::Latest).unwrap();
    let file = backup(&server);
    let before = content(&server);
    let mut settings = migrator.settings().clone();
    settings.wait = std::time::Duration::from_millis(50);
    let impatient = migrator.clone().with(settings);
    // An idle session blocks nothing; one that writes or reads does.
    let mut other = server.connect();
    for work in ["DELETE FROM posts", "SELECT * FROM posts"] {
        other.batch_execute(&format!("BEGIN; {work}")).unwrap();
        let error = impatient.restore(&file).unwrap_err();
        let is_locked = matches!(&error, Error::Database { kind: DatabaseErrorKind::Locked, .. });
        assert!(is_locked, "{error}");
        other.batch_execute("ROLLBACK").unwrap();
        assert_eq!(content(&server), before, "{error}");
        assert_eq!(files(server.folder.path()).len(), 1);
    }
    assert_eq!(impatient.restore(&file).unwrap(), 1);
}

#[test]
fn a_role_that_is_no_superuser_backs_up_and_restores() {
    let Some((server, _, _)) = posts(5) else { return };
    let role = format!("{}_role", server.database.url().rsplit('/').next().unwrap());
    server.execute(&format!(
        "CREATE ROLE {role} LOGIN; GRANT CREATE ON DATABASE {database} TO {role}; GRANT ALL ON SCHEMA public TO {role};
         ALTER TABLE posts OWNER TO {role}; ALTER TABLE __diesel_schema_migrations OWNER TO {role};
         ALTER TABLE __migrate_checksums OWNER TO {role}",
        database = role.trim_end_matches("_role")
    ));
    let url = server.database.url().replace("//postgres@", &format!("//{role}:s3cret@"));
    let settings = with!(Settings { per_database_folders: true, base: server.folder.path().to_owned() });
    let (migrator, _) = listening(&Migrator::new(&url, server.folder.path()).unwrap(), settings);
    let before = content(&server);
    migrator.upgrade(Target::Latest).unwrap();
    assert_eq!(migrator.restore(&backup(&server)).unwrap(), 1);
    assert_eq!(content(&server), before);
    // A table that the role may not read.
    let made = files(server.folder.path());
    server.execute("CREATE TABLE secret (n INTEGER)");
    let before = content(&server);
    let error = migrator.upgrade(Target::Latest).unwrap_err();
    assert!(matches!(error, Error::NoBackup { .. }), "{error}");
    let said = error.to_string();
    assert!(said.ends_with("pg_dump: permission denied for table secret") && !said.contains("s3cret"), "{said}");
    assert_eq!((content(&server), files(server.folder.path())), (before, made));
    server.execute(&format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}"));
}

#[test]
fn a_history_without_checksums_is_told_by_its_tables() {
    let Some((server, migrator, _)) = posts(5) else { return };
    server.execute("DROP TABLE __migrate_checksums");
    migrator.upgrade(Target::Latest).unwrap();
    let file = backup(&server);
    assert_eq!(migrator.restore(&file).unwrap(), 1);
    server.write("001_posts", &script(&POSTS.replace("posts", "letters"), "DROP TABLE letters"));
    let said = migrator.restore(&file).unwrap_err().to_string();
    assert!(said.ends_with("its tables are not what its migrations make"), "{said}");
}
