//! `db_upgrade` applies what is pending, up to a revision.

use test_support::Home;

#[test]
fn to_stops_at_a_revision_and_only_goes_up() {
    let home = Home::with_history();
    assert_eq!(home.run("db_upgrade --to 0").succeeds(), "Current database version: 0\n");
    let said = home.run("db_upgrade --to 1").succeeds();
    assert_eq!(said, "Upgraded to 1: 001_migration\nCurrent database version: 1\n");
    assert_eq!(home.tables(), ["users"]);
    assert_eq!(home.run("db_upgrade --to 1").succeeds(), "Current database version: 1\n");
    assert_eq!(home.refuses("db_upgrade --to 3"), "no migration has the version 3: they go up to 2");
    let said = home.run("db_upgrade --to 2").succeeds();
    assert_eq!(said, "Upgraded to 2: 002_migration\nCurrent database version: 2\n");
    assert_eq!(
        home.refuses("db_upgrade --to 1"),
        "the database is at version 2: 1 is a downgrade; run db_downgrade --to 1"
    );
}

#[test]
fn a_dry_run_prints_the_sql_and_runs_nothing() {
    let home = Home::created();
    home.add_migration("001_a", "CREATE TABLE a (id INTEGER PRIMARY KEY);\n", None);
    home.add_migration("002_b", "CREATE TABLE b (id INTEGER PRIMARY KEY);\n", None);
    let before = home.contents();
    let said = home.run("db_upgrade --dry-run").succeeds();
    assert_eq!(
        said,
        "-- 001_a\nCREATE TABLE a (id INTEGER PRIMARY KEY);\n\n-- 002_b\nCREATE TABLE b (id INTEGER PRIMARY KEY);\n\n"
    );
    let said = home.run("db_upgrade --dry-run --to 1").succeeds();
    assert_eq!(said, "-- 001_a\nCREATE TABLE a (id INTEGER PRIMARY KEY);\n\n");
    home.is_unchanged_since(&before);
}

#[test]
fn warns_when_the_models_differ() {
    let home = Home::created();
    home.add_migration("001_a", "CREATE TABLE a (id INTEGER PRIMARY KEY);\n", None);
    let (said, warning) = home.run("db_upgrade").succeeds_with_warning();
    assert_eq!(said, "Upgraded to 1: 001_a\nCurrent database version: 1\n");
    assert_eq!(warning, "the database differs from the models; db_migrate --check says how");
}
