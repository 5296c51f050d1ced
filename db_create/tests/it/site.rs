//! The built `db_create`, on the site's own tables.

use test_support::Home;

#[test]
fn creates_a_database_at_version_0() {
    let home = Home::new();
    let said = home.run_binary(env!("CARGO_BIN_EXE_db_create"), "db_create").succeeds();
    assert_eq!(said, "app.db is now under version control\nCurrent database version: 0\n");
}
