//! The built `db_upgrade`, on the site's own tables.

use test_support::Home;

#[test]
fn applies_the_committed_migrations() {
    let home = Home::created();
    home.add_committed(|_| true);
    let newest = home.migrations().len();
    let said = home.run_binary(env!("CARGO_BIN_EXE_db_upgrade"), "db_upgrade").succeeds();
    assert!(said.ends_with(&format!("\nCurrent database version: {newest}\n")), "{said}");
    let said = home.run_binary(env!("CARGO_BIN_EXE_db_upgrade"), "db_upgrade --check").succeeds();
    assert_eq!(said, "The models and the database agree\n");
}
