//! A migration that rebuilds a table keeps its rows, and the rows of tables that refer to it.

use test_support::{Home, last_lines};

#[test]
fn a_longer_column_keeps_every_row_up_and_down() {
    let home = Home::with_history();
    let first = home.path("migrations/sqlite/001_migration/up.sql");
    let shorter = std::fs::read_to_string(&first).unwrap().replace("VARCHAR(64)", "VARCHAR(32)");
    std::fs::write(&first, shorter).unwrap();
    home.run("db_upgrade").succeeds_with_warning();
    home.execute(
        "INSERT INTO users VALUES (1, 'john', 'john@email.com'), (7, 'susan', 'susan@email.com');
         INSERT INTO posts VALUES (1, 'my first post!', '2030-01-01 00:00:00', 7)",
    );
    // A table that was renamed into its place has its name in quotes.
    let dump = || home.dump().replace("TABLE \"users\"", "TABLE users");
    let before = dump();

    let said = home.run_words(&["db_migrate", "-m", "longer nicknames"]).succeeds();
    assert_eq!(
        last_lines(&said, 2),
        ["New migration saved as migrations/sqlite/003_longer_nicknames", "Current database version: 3"]
    );
    let after = dump().replace("VARCHAR(64)", "VARCHAR(32)");
    let lines = |dump: &str| -> Vec<String> {
        dump.lines().filter(|line| !line.starts_with("  '003'")).map(str::to_owned).collect()
    };
    assert_eq!(lines(&after), lines(&before));

    home.run("db_downgrade").succeeds();
    assert_eq!(dump(), before);
    home.run("db_upgrade").succeeds();
    assert_eq!(
        home.run("db_migrate --check").succeeds(),
        "The models and the database agree: there is nothing to migrate\n"
    );
}
