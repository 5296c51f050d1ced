//! All pending migrations are applied or none: a failure leaves every byte of the database as it was.

use test_support::{Home, file_size_limit};

/// At version 1 with rows; 002 and 003 are pending and would succeed, whatever 004 does.
fn home_with_two_pending() -> Home {
    let home = Home::created();
    home.add_migration(
        "001_people",
        "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
         CREATE TABLE pets (id INTEGER PRIMARY KEY, owner INTEGER NOT NULL REFERENCES people (id) ON DELETE CASCADE);
         CREATE TRIGGER no_cats AFTER UPDATE ON pets BEGIN SELECT RAISE(ABORT, 'no' || char(10) || 'cats'); END;",
        Some("DROP TABLE pets; DROP TABLE people;"),
    );
    home.run("db_upgrade").succeeds_with_warning();
    home.execute("INSERT INTO people VALUES (1, 'john'), (2, 'susan'); INSERT INTO pets VALUES (1, 2)");
    home.add_migration("002_toys", "CREATE TABLE toys (id INTEGER PRIMARY KEY); INSERT INTO toys VALUES (1);", None);
    home.add_migration("003_names", "UPDATE people SET name = upper(name); DELETE FROM pets;", None);
    home
}

#[track_caller]
fn assert_refused(fourth: &str, said: &str) {
    let home = home_with_two_pending();
    home.add_migration("004_bad", fourth, None);
    let before = home.dump();
    assert_eq!(home.refuses("db_upgrade"), said);
    assert_eq!(home.dump(), before);

    home.add_migration("004_bad", "CREATE TABLE good (id INTEGER PRIMARY KEY);", None);
    let (said, _) = home.run("db_upgrade").succeeds_with_warning();
    assert_eq!(
        said,
        "Upgraded to 2: 002_toys\nUpgraded to 3: 003_names\nUpgraded to 4: 004_bad\nCurrent database version: 4\n"
    );
    assert!(home.dump().contains("'SUSAN'"));
}

#[test]
fn a_failed_statement_undoes_every_migration() {
    assert_refused(
        "CREATE TABLE beds (id INTEGER PRIMARY KEY);\n-- one too many:\nINSERT INTO beds\nVALUES (1, 2);",
        "migration 004_bad failed, nothing was changed: table beds has 1 columns but 2 values were supplied in: \
         INSERT INTO beds VALUES (1, 2)",
    );
}

#[test]
fn on_conflict_rollback_is_a_failure_like_any_other() {
    assert_refused(
        "INSERT OR ROLLBACK INTO people VALUES (3, 'SUSAN');",
        "migration 004_bad failed, nothing was changed: UNIQUE constraint failed: people.name in: INSERT OR ROLLBACK \
         INTO people VALUES (3, 'SUSAN')",
    );
}

#[test]
fn prints_a_message_of_two_lines_in_one() {
    assert_refused(
        "INSERT INTO pets VALUES (1, 1); UPDATE pets SET owner = 2;",
        "migration 004_bad failed, nothing was changed: no cats in: UPDATE pets SET owner = 2",
    );
}

#[test]
fn names_the_place_of_a_syntax_error() {
    assert_refused(
        "CREATE TABLE beds (id INTEGER PRIMARY KEY);\nINSERT INTO beds VALUES ('1);",
        "migration 004_bad failed, nothing was changed: non-terminated literal at line 2, column 26 in: CREATE TABLE \
         beds (id INTEGER PRIMARY KEY); INSERT INTO beds VALUES ('1);",
    );
    assert_refused(
        "CREAT TABEL beds;",
        "migration 004_bad failed, nothing was changed: near \"CREAT\": syntax error in: CREAT TABEL beds",
    );
}

#[test]
fn a_migration_may_not_end_the_transaction() {
    for statement in ["COMMIT", "commit transaction", "END", "ROLLBACK", "BEGIN", "/* now */ BEGIN EXCLUSIVE"] {
        let shown = statement.trim_start_matches("/* now */ ");
        assert_refused(
            &format!("CREATE TABLE beds (id INTEGER PRIMARY KEY); {statement}; CREATE TABLE more (id INTEGER);"),
            &format!(
                "migration 004_bad failed, nothing was changed: the statement would end the transaction that protects \
                 the migration: remove it in: {shown}"
            ),
        );
    }
}

#[test]
fn allows_savepoints_and_the_end_of_a_trigger() {
    let home = home_with_two_pending();
    home.add_migration(
        "004_savepoint",
        "-- COMMIT;
         CREATE TRIGGER toys_added AFTER INSERT ON toys BEGIN UPDATE people SET name = name; END;
         SAVEPOINT here; INSERT INTO toys VALUES (7); ROLLBACK TO here; RELEASE here; SAVEPOINT left_open;
         INSERT INTO people VALUES (3, 'COMMIT; END');",
        None,
    );
    home.run("db_upgrade").succeeds_with_warning();
    let dump = home.dump();
    assert!(
        dump.contains("3, 'COMMIT; END'") && dump.contains("trigger toys_added") && !dump.contains("  7\n"),
        "{dump}"
    );
}

#[test]
fn refuses_new_dangling_references() {
    assert_refused(
        "INSERT INTO pets VALUES (7, 99), (8, 99);",
        "002_toys, 003_names, 004_bad would damage the data, nothing was changed: 2 rows would refer to a missing row of \
         another table, such as pets with rowid 7, to people; if that is intended, run again with --no-verify",
    );
}

#[test]
fn refuses_a_foreign_key_to_columns_that_are_not_unique() {
    assert_refused(
        "CREATE TABLE beds (size INTEGER, pet INTEGER REFERENCES beds (size));",
        "002_toys, 003_names, 004_bad would damage the data, nothing was changed: foreign key mismatch - \"beds\" \
         referencing \"beds\": a foreign key must refer to a primary key or to unique columns; if that is intended, run \
         again with --no-verify",
    );
}

#[test]
fn allows_old_dangling_references() {
    let home = home_with_two_pending();
    home.execute("PRAGMA foreign_keys = OFF; INSERT INTO pets VALUES (5, 55)");
    std::fs::write(home.path("migrations/sqlite/003_names/up.sql"), "UPDATE people SET name = upper(name);").unwrap();
    home.run("db_upgrade").succeeds_with_warning();
    assert!(home.dump().contains("5, 55"));
}

#[cfg(unix)]
#[test]
fn a_full_disk_changes_nothing() {
    let home = Home::with_history();
    for blocks in [0, 8, 16, 24, 32, 40, 48, 56] {
        let said = home.refuses_through(&file_size_limit(blocks), &["db_upgrade"]);
        assert!(said.starts_with("app.db: disk I/O error: check that the disk has room and is sound, then"), "{said}");
    }
    home.run("db_upgrade").succeeds();
}
