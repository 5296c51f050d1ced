//! `db_downgrade` counts the values that it deletes, and asks on a terminal.
#![cfg(target_os = "linux")]

use test_support::{Home, Terminal};

/// A database at version 3, whose last migration is this.
fn home_with(up: &str, down: &str) -> Home {
    let home = Home::with_history();
    home.add_migration("003_more", up, Some(down));
    home.run("db_upgrade").succeeds_with_warning();
    home.execute(
        "INSERT INTO users (id, nickname, email) VALUES (1, 'john', 'john@email.com'), (2, 'susan', 's@email.com')",
    );
    home
}

fn home_with_about_me() -> Home {
    let home = home_with("ALTER TABLE users ADD COLUMN about_me TEXT;", "ALTER TABLE users DROP COLUMN about_me;");
    home.execute("UPDATE users SET about_me = 'me' WHERE id = 1");
    home
}

#[test]
fn needs_consent_without_a_terminal_and_a_backup() {
    let home = home_with_about_me();
    assert_eq!(
        home.refuses("db_downgrade"),
        "this migration would lose data: drops users.about_me: 1 of 2 rows holds a value, and there is no backup; \
         run again with --allow-data-loss to apply it"
    );
    let run = home.run("db_downgrade --allow-data-loss");
    assert_eq!(run.succeeds(), "Downgraded to 2: 003_more reverted\nCurrent database version: 2\n");
    assert_eq!(home.run("db_downgrade").stderr, "", "posts is empty");
    assert!(home.refuses("db_downgrade").contains("drops table users: it holds 2 rows, and there is no backup"));
}

#[test]
fn names_the_backup_that_holds_the_values() {
    let said = home_with_about_me().with_backups(5).run("db_downgrade").stderr;
    assert!(said.contains("1 of 2 rows holds a value, which the backup will hold\n"), "{said}");
    assert!(said.contains("backup saved as backups/app-v3-"), "{said}");
}

#[test]
fn asks_on_a_terminal() {
    let home = home_with_about_me();
    let before = home.contents();
    for no in ["n", ""] {
        let mut terminal = Terminal::start(&home, "db_downgrade");
        terminal.shows("1 of 2 rows holds a value").shows("These values would be deleted. Go on? [y/N] ").types(no);
        let (status, said) = terminal.shows("db_downgrade: ").ends();
        assert_eq!((status, said.trim()), (Some(1), "nothing was changed: not confirmed"));
        home.is_unchanged_since(&before);
    }
    let mut terminal = Terminal::start(&home, "db_downgrade");
    terminal.shows("Go on? [y/N] ").types("y");
    assert_eq!(terminal.shows("Downgraded to 2: 003_more reverted").ends().0, Some(0));
}

#[test]
fn a_rename_is_no_loss() {
    let rows = "INSERT INTO users (id, nickname, email) VALUES (1, 'john', 'john@email.com')";
    let columns = ("ALTER TABLE people RENAME COLUMN nick TO nickname;", "ALTER TABLE users RENAME nick TO nickname;");
    let table = "ALTER TABLE people RENAME TO users;";
    for down in [format!("{} {table}", columns.0), format!("{table} {}", columns.1)] {
        let home = Home::with_history();
        home.run("db_upgrade").succeeds();
        home.execute(rows);
        let up = "ALTER TABLE users RENAME COLUMN nickname TO nick; ALTER TABLE users RENAME TO people;
            ALTER TABLE people ADD COLUMN about_me TEXT; UPDATE people SET about_me = 'me';";
        home.add_migration("003_names", up, Some(&format!("ALTER TABLE people DROP COLUMN about_me; {down}")));
        home.run("db_upgrade").succeeds_with_warning();
        let said = home.refuses("db_downgrade");
        assert!(said.contains("lose data: drops people.about_me: 1 of 1 row holds a value, and there is"), "{said}");
        home.run("db_downgrade --allow-data-loss").succeeds();
        assert!(home.dump().contains("1, 'john', 'john@email.com'"));
    }
}

#[test]
fn a_rebuild_and_restored_values_are_no_loss() {
    let home = Home::with_history();
    home.run("db_upgrade").succeeds();
    home.execute("ALTER TABLE users ADD COLUMN about_me TEXT; ALTER TABLE users ADD COLUMN age TEXT");
    home.execute("INSERT INTO users VALUES (1, 'john', 'john@email.com', 'me', '7')");
    home.run("db_migrate --allow-data-loss").succeeds();
    let run = home.run("db_downgrade");
    assert_eq!(run.stderr, "");
    run.succeeds();
    assert!(home.dump().contains("'me'") && home.dump().contains("'7'"), "{}", home.dump());
}
