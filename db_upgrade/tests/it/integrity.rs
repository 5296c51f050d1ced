//! `db_upgrade` names an edited migration, compares with the models on demand, and counts rows.

use test_support::Home;

#[test]
fn names_an_edited_migration_until_it_is_accepted() {
    let home = Home::with_history();
    home.run("db_upgrade").succeeds();
    let up = std::fs::read_to_string(home.path("migrations/sqlite/001_migration/up.sql")).unwrap();
    home.write("migrations/sqlite/001_migration/up.sql", up.replace('\n', "\r\n"));
    home.run("db_upgrade").succeeds();
    home.write("migrations/sqlite/001_migration/up.sql", format!("{up}-- edited\n"));
    let said = "migration 001_migration was edited after it was applied; restore its up.sql and write a new \
                migration, or accept it as it is with db_upgrade --accept-edited 1";
    for line in ["db_upgrade", "db_upgrade --check", "db_upgrade --dry-run", "db_downgrade", "db_migrate --check"] {
        assert_eq!(home.refuses(line), said, "{line}");
    }
    assert_eq!(
        home.refuses("db_upgrade --accept-edited 9"),
        "migration 9 is not applied: the database is at version 2"
    );
    home.run("db_upgrade --accept-edited 1").succeeds();
    home.run("db_upgrade --check").succeeds();
}

#[test]
fn check_names_what_differs_and_changes_nothing() {
    let home = Home::with_history();
    assert!(home.refuses("db_upgrade --check").contains("2 migrations are pending"));
    home.run("db_upgrade").succeeds();
    assert_eq!(home.run("db_upgrade --check").succeeds(), "The models and the database agree\n");
    home.execute("DROP INDEX users_email_key");
    let said = home.refuses("db_upgrade --check");
    assert!(
        said.starts_with(
            "app.db differs from the models; a migration between them changes table users: adds unique index"
        ),
        "{said}"
    );
    assert!(said.contains("users") && said.contains("email"), "{said}");
}

#[test]
fn a_row_lost_from_an_unnamed_table_undoes_the_run() {
    let home = Home::with_history();
    home.run("db_upgrade").succeeds();
    home.execute(
        "INSERT INTO users VALUES (1, 'john', 'john@email.com');
         INSERT INTO posts VALUES (1, 'first', '2012-02-29 12:00:00', 1);
         CREATE TRIGGER sly AFTER UPDATE ON users BEGIN DELETE FROM posts; END;",
    );
    home.add_migration("003_names", "UPDATE users SET nickname = upper(nickname);", None);
    let said = home.refuses("db_upgrade");
    assert!(
        said.starts_with(
            "003_names would damage the data, nothing was changed: table posts would hold 0 of its 1 row though"
        ),
        "{said}"
    );
    assert!(home.run("db_upgrade --no-verify").status == Some(0));
    assert!(home.dump().contains("JOHN") && !home.dump().contains("first"));
}
