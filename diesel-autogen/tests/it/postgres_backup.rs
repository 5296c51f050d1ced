//! Backups of a PostgreSQL database: how they are made, kept and restored.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use diesel_autogen::{Migrator, Target};

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
    others.iter().for_each(|name| fs::write(made[0].with_file_name(name), "").unwrap());
    migrator.downgrade(Target::Previous).unwrap();
    migrator.upgrade(Target::Latest).unwrap();
    let kept = files(server.folder.path());
    assert!(kept.len() == 2 + others.len() && !kept.contains(&made[0]), "{kept:?}");
}
