//! A sample is bounded, holds what its rows refer to, and is otherwise like the database.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;

const ROOMY: Bounds = Bounds { rows: 40, bytes: 1 << 28 };

/// A database made by a script, and the sample that was taken of it.
struct Taken {
    folder: TempDir,
    sample: Sample,
}

impl Taken {
    fn of(script: &str, bounds: Bounds) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("app.db");
        let mut connection = open_sqlite(&file).unwrap();
        let script = format!("PRAGMA foreign_keys = OFF; PRAGMA synchronous = OFF; {script}");
        connection.batch_execute(&script).unwrap();
        let before = fs::read(&file).unwrap();
        let sample = sample(&mut connection, &file, &folder.path().join("sample.db"), bounds).unwrap();
        assert_eq!(fs::read(&file).unwrap(), before);
        let taken = Self { folder, sample };
        assert_eq!(taken.texts("SELECT integrity_check FROM pragma_integrity_check"), ["ok"]);
        taken
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("sample.db")
    }

    fn open(&self) -> SqliteConnection {
        open_sqlite(&self.file()).unwrap()
    }

    fn texts(&self, query: &str) -> Vec<String> {
        sql::<Text>(query).load(&mut self.open()).unwrap_or_else(|error| panic!("{error} in {query}"))
    }

    fn number(&self, query: &str) -> i64 {
        sql::<BigInt>(query).get_result(&mut self.open()).unwrap_or_else(|error| panic!("{error} in {query}"))
    }

    fn broken_keys(&self) -> i64 {
        self.number("SELECT count(*) FROM pragma_foreign_key_check")
    }
}

/// A query of the numbers from 1 to `last`.
fn numbers(last: u32) -> String {
    format!("WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < {last})")
}

#[test]
fn rows_bring_those_that_they_refer_to_along_a_chain_of_keys() {
    let taken = Taken::of(
        &format!(
            "CREATE TABLE posts (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users);
             CREATE TABLE users (id INTEGER PRIMARY KEY, city TEXT NOT NULL REFERENCES cities (name));
             CREATE TABLE cities (id INTEGER PRIMARY KEY, name TEXT UNIQUE, country_id INTEGER REFERENCES countries);
             CREATE TABLE countries (id INTEGER PRIMARY KEY);
             {n} INSERT INTO countries SELECT i FROM n;
             {n} INSERT INTO cities SELECT i, 'city ' || i, i * 7 % 3000 + 1 FROM n;
             {n} INSERT INTO users SELECT i, 'city ' || (i * 11 % 3000 + 1) FROM n;
             {n} INSERT INTO posts SELECT i, i * 13 % 3000 + 1 FROM n;",
            n = numbers(3000)
        ),
        ROOMY,
    );
    assert_eq!(taken.broken_keys(), 0);
    let Sample { rows, of } = taken.sample;
    assert!(of == 12_000 && (160..=400).contains(&rows), "{rows} of {of}");
    assert_eq!(taken.number("SELECT count(*) FROM posts"), 40);
    for id in [1, 10, 2991, 3000] {
        assert_eq!(taken.number(&format!("SELECT count(*) FROM posts WHERE id = {id}")), 1, "{id}");
    }
    // Those between the first and the last ten lie all over the table.
    assert_eq!(taken.number("SELECT count(DISTINCT id / 300) FROM posts"), 11);
}

#[test]
fn a_small_table_is_taken_whole() {
    let script = format!("CREATE TABLE t (a); {} INSERT INTO t SELECT i FROM n", numbers(40));
    assert_eq!(Taken::of(&script, ROOMY).sample, Sample { rows: 40, of: 40 });
}

#[test]
fn keys_within_a_table_and_in_a_circle_stay_whole() {
    let taken = Taken::of(
        &format!(
            "CREATE TABLE staff (id INTEGER PRIMARY KEY, boss INTEGER REFERENCES staff);
             CREATE TABLE a (id INTEGER PRIMARY KEY, b INTEGER REFERENCES b);
             CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER REFERENCES a);
             {n} INSERT INTO staff SELECT i, CASE WHEN i < 3 THEN i ELSE i / 2 END FROM n;
             {n} INSERT INTO a SELECT i, i * 17 % 3000 + 1 FROM n;
             {n} INSERT INTO b SELECT i, CASE i % 5 WHEN 0 THEN NULL ELSE i * 19 % 3000 + 1 END FROM n;",
            n = numbers(3000)
        ),
        ROOMY,
    );
    assert_eq!(taken.broken_keys(), 0);
    for table in ["staff", "a", "b"] {
        let rows = taken.number(&format!("SELECT count(*) FROM {table}"));
        assert!((40..1500).contains(&rows), "{rows} of {table}");
    }
}

#[test]
fn rows_that_each_refer_to_the_one_before_do_not_bring_their_whole_table() {
    let taken = Taken::of(
        &format!(
            "CREATE TABLE log (id INTEGER PRIMARY KEY, previous INTEGER REFERENCES log, text TEXT);
             {} INSERT INTO log SELECT i, nullif(i - 1, 0), 'entry ' || i FROM n;",
            numbers(30_000)
        ),
        ROOMY,
    );
    assert_eq!(taken.broken_keys(), 0);
    assert_eq!(taken.number("SELECT min(id) FROM log"), 1);
    assert!((10..1_100).contains(&taken.sample.rows), "{:?}", taken.sample);
}

#[test]
fn keys_of_several_columns_and_tables_of_every_kind_are_sampled() {
    let taken = Taken::of(
        &format!(
            "CREATE TABLE places (x INTEGER, y TEXT COLLATE NOCASE, z, PRIMARY KEY (x, y)) WITHOUT ROWID;
             CREATE TABLE visits (place_y TEXT, place_x TEXT, note TEXT, length AS (length(note)) STORED,
                                  FOREIGN KEY (place_x, place_y) REFERENCES places (x, y));
             CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT, v TEXT NOT NULL) STRICT;
             CREATE TABLE \"odd \"\"name\"\"\" (rowid TEXT, \"select\" REFERENCES counted (id));
             {n} INSERT INTO places SELECT i % 60, 'Place ' || i, i FROM n;
             {n} INSERT INTO visits SELECT upper('place ' || i), i % 60, 'note ' || i FROM n;
             {n} INSERT INTO counted SELECT i, 'v' FROM n; DELETE FROM counted WHERE id > 2900;
             {n} INSERT INTO \"odd \"\"name\"\"\" SELECT 'r' || i, CASE WHEN i < 2900 THEN i END FROM n;
             DELETE FROM visits WHERE rowid < 100;
             CREATE VIEW notes AS SELECT note FROM visits;
             CREATE TRIGGER sly AFTER INSERT ON visits BEGIN DELETE FROM counted; END;
             CREATE INDEX by_note ON visits (upper(note)) WHERE note IS NOT NULL;
             CREATE UNIQUE INDEX places_z ON places (z);",
            n = numbers(3000)
        ),
        ROOMY,
    );
    assert_eq!(taken.broken_keys(), 0);
    // Other case, other type: the rows that were referred to are found all the same.
    assert_eq!(
        taken.number("SELECT count(*) FROM visits v JOIN places p ON p.x = v.place_x AND p.y = v.place_y"),
        taken.number("SELECT count(*) FROM visits")
    );
    assert_eq!(taken.number("SELECT count(*) FROM visits"), 40);
    assert!(taken.number("SELECT count(*) FROM counted") >= 40);
    assert_eq!(taken.number("SELECT count(*) FROM \"odd \"\"name\"\"\" WHERE _rowid_ = substr(rowid, 2)"), 40);
    assert_eq!(taken.number("SELECT count(*) FROM visits WHERE 'note ' || rowid = note AND length = length(note)"), 40);
    assert_eq!(taken.number("SELECT seq FROM sqlite_sequence WHERE name = 'counted'"), 3000);
    let mut original = open_sqlite(&taken.folder.path().join("app.db")).unwrap();
    let schema = "SELECT group_concat(type || name || coalesce(sql, ''), char(10)) \
                  FROM (SELECT * FROM sqlite_master ORDER BY name)";
    assert_eq!(taken.texts(schema), [sql::<Text>(schema).get_result::<String>(&mut original).unwrap()]);
}

#[test]
fn a_row_that_refers_to_nothing_stays_as_it_is() {
    let taken = Taken::of(
        "CREATE TABLE parents (id INTEGER PRIMARY KEY);
         CREATE TABLE children (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parents, nobody REFERENCES nowhere);
         INSERT INTO parents VALUES (1); INSERT INTO children VALUES (1, 1, NULL), (2, 7, NULL), (3, NULL, NULL);",
        ROOMY,
    );
    assert_eq!(taken.sample, Sample { rows: 4, of: 4 });
    assert_eq!(taken.texts("SELECT rowid || ' ' || parent FROM pragma_foreign_key_check('children')"), ["2 parents"]);
}

#[test]
fn large_values_do_not_make_a_large_sample() {
    let taken = Taken::of(
        &format!(
            "CREATE TABLE files (id INTEGER PRIMARY KEY, content BLOB);
             {n} INSERT INTO files SELECT i, randomblob(CASE WHEN i % 2 THEN 300000 ELSE 20000 END) FROM n;",
            n = numbers(100)
        ),
        Bounds { rows: 1000, bytes: 1 << 20 },
    );
    let size = fs::metadata(taken.file()).unwrap().len();
    assert!(size < 3 << 20, "{size} bytes");
    assert!(taken.number("SELECT count(*) FROM files WHERE id % 2 = 0") >= 40);
}

#[test]
fn a_full_text_search_works_on_the_sample() {
    let taken = Taken::of(
        &format!(
            "CREATE TABLE posts (id INTEGER PRIMARY KEY, body TEXT);
             CREATE VIRTUAL TABLE search USING fts5 (body, content = posts, content_rowid = id);
             CREATE VIRTUAL TABLE notes USING fts5 (note);
             {n} INSERT INTO posts SELECT i, 'word' || i FROM n; INSERT INTO search (search) VALUES ('rebuild');
             {n} INSERT INTO notes SELECT 'note' || i FROM n;",
            n = numbers(1000)
        ),
        ROOMY,
    );
    assert_eq!(taken.number("SELECT rowid FROM search WHERE search MATCH 'word1000'"), 1000);
    assert_eq!(taken.number("SELECT rowid FROM notes WHERE notes MATCH 'note7'"), 7);
    taken.open().batch_execute("INSERT INTO search (search, rank) VALUES ('integrity-check', 1)").unwrap();
}

#[test]
fn texts_of_two_bytes_a_character_are_copied_as_such() {
    let taken = Taken::of("PRAGMA encoding = 'UTF-16le'; CREATE TABLE t (v TEXT); INSERT INTO t VALUES ('ü');", ROOMY);
    assert_eq!(taken.texts("PRAGMA encoding"), ["UTF-16le"]);
    assert_eq!(taken.texts("SELECT v FROM t"), ["ü"]);
}
