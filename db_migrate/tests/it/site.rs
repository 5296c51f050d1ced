//! The built `db_migrate`, on the site's own tables.

use test_support::Home;

#[test]
fn agrees_with_the_committed_migrations() {
    let home = Home::with_site_tables();
    let said = home.run_binary(env!("CARGO_BIN_EXE_db_migrate"), "db_migrate --check").succeeds();
    assert_eq!(said, "The models and the database agree: there is nothing to migrate\n");
}
