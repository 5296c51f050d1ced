//! The built `db_downgrade`, on the site's own tables.

use test_support::Home;

#[test]
fn reverts_the_committed_migrations() {
    let home = Home::with_site_tables();
    let said = home.run_binary(env!("CARGO_BIN_EXE_db_downgrade"), "db_downgrade --to 0").succeeds();
    assert!(said.ends_with("\nCurrent database version: 0\n"), "{said}");
    assert_eq!(home.tables(), [""; 0]);
}
