//! `db_migrate` names what a migration would lose, and needs consent.

use test_support::Home;

/// A database at the newest migration, with a user whose `about_me` the models do not have.
fn home_with_a_column_too_many() -> Home {
    let home = Home::with_history();
    home.add_migration(
        "003_about_me",
        "ALTER TABLE users ADD COLUMN about_me TEXT;",
        Some("ALTER TABLE users DROP COLUMN about_me;"),
    );
    home.run("db_upgrade").succeeds_with_warning();
    home.execute(
        "INSERT INTO users VALUES (1, 'john', 'john@email.com', 'It''s me'), (2, 'susan', 's@email.com', NULL)",
    );
    home
}

const LOSS: &str = "drops users.about_me: 1 of 2 rows holds a value";

#[test]
fn a_loss_needs_allow_data_loss() {
    let home = home_with_a_column_too_many();
    let said = home.refuses("db_migrate");
    assert_eq!(
        said,
        format!(
            "this migration would lose data: {LOSS}, kept in _kept_004_users; run again with --allow-data-loss to apply \
             it"
        )
    );
    let plan = home.run("db_migrate --dry-run").succeeds();
    assert!(plan.contains(&format!("attention: {LOSS}")), "{plan}");
    let before = home.dump();
    let said = home.run("db_migrate --allow-data-loss").succeeds();
    assert!(said.ends_with("Current database version: 4\n"), "{said}");
    home.run("db_downgrade").succeeds();
    let texts = |dump: &str| dump.lines().filter(|line| line.starts_with("  ")).count();
    assert_eq!(texts(&home.dump()), texts(&before));
    assert!(home.dump().contains("1, 'john', 'john@email.com', 'It''s me'"), "{}", home.dump());
}

#[test]
fn purge_kept_removes_the_kept_values() {
    let home = home_with_a_column_too_many();
    home.run("db_migrate --allow-data-loss").succeeds();
    assert!(home.dump().contains("_kept_004_users"));
    let nothing = "No values are kept: there is nothing to remove\n";
    assert_eq!(home.run("db_upgrade --purge-kept --before 4").succeeds(), nothing);
    assert_eq!(home.run("db_upgrade --purge-kept").succeeds(), "Removed _kept_004_users: 2 rows\n");
    assert!(!home.dump().contains("_kept_004_users"));
    let (_, said) = home.run("db_downgrade").succeeds_with_warning();
    assert_eq!(said, "the values that 004_migration kept of users were purged: they are not restored");
    assert!(home.dump().contains("1, 'john', 'john@email.com', NULL"), "{}", home.dump());
}

#[test]
fn a_handwritten_delete_forgets_the_kept_values() {
    let home = home_with_a_column_too_many();
    home.run("db_migrate --allow-data-loss").succeeds();
    home.add_migration("005_delete", "DELETE FROM users WHERE id = 1;", Some(""));
    home.run("db_upgrade").succeeds();
    assert!(!home.dump().contains("It''s me"), "{}", home.dump());
    home.run("db_downgrade --to 3").succeeds();
    assert!(home.dump().contains("2, 'susan', 's@email.com', NULL"), "{}", home.dump());
}

#[test]
fn no_keep_keeps_nothing() {
    let home = home_with_a_column_too_many();
    home.run("db_migrate --allow-data-loss --no-keep").succeeds();
    assert!(!home.dump().contains("_kept_"));
}

#[test]
fn fill_replaces_null() {
    let home = Home::created();
    let up = "CREATE TABLE users (id INTEGER NOT NULL PRIMARY KEY, nickname VARCHAR(64) NOT NULL, email VARCHAR(120));
         CREATE UNIQUE INDEX users_nickname_key ON users (nickname);
         CREATE UNIQUE INDEX users_email_key ON users (email);";
    home.add_migration("001_users", up, Some("DROP TABLE users;"));
    home.run("db_upgrade").succeeds_with_warning();
    home.execute("INSERT INTO users VALUES (1, 'john', NULL), (2, 'susan', 's@email.com')");
    let said = home.refuses("db_migrate --allow-data-loss");
    assert_eq!(
        said,
        "this migration needs values: makes users.email NOT NULL: 1 row is NULL; run again with --fill \
         TABLE.COLUMN=VALUE, or give the column a default"
    );
    let said = home.refuses("db_migrate --fill users.mail=x");
    assert_eq!(said, "users.mail=x: table users has no column mail");
    home.run("db_migrate --fill users.email=none@email.com --allow-data-loss").succeeds();
    assert!(home.dump().contains("1, 'john', 'none@email.com'"), "{}", home.dump());
    home.run("db_downgrade").succeeds();
    assert!(home.dump().contains("1, 'john', NULL"), "{}", home.dump());
}

#[test]
fn a_fill_that_nothing_needs_changes_nothing() {
    let home = Home::with_history();
    home.run("db_upgrade").succeeds();
    let said = home.run("db_migrate --fill users.email=x").succeeds();
    assert_eq!(said, "The models and the database agree: there is nothing to migrate\n");
}

/// A database of another tool's migrations, with what the models do not mention.
fn home_of_another_tool() -> Home {
    let home = Home::created();
    let up =
        "CREATE TABLE users (id INTEGER NOT NULL PRIMARY KEY, nickname VARCHAR(64) NOT NULL UNIQUE DEFAULT 'anyone',
                  email VARCHAR(120) NOT NULL UNIQUE CHECK (email LIKE '%@%'));
         CREATE TABLE posts (id INTEGER NOT NULL PRIMARY KEY, body VARCHAR(140) NOT NULL, timestamp TIMESTAMP NOT NULL,
             user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE ON UPDATE CASCADE);
         CREATE INDEX posts_timestamp_idx ON posts (timestamp);
         CREATE INDEX posts_user_id_idx ON posts (user_id);
         CREATE INDEX posts_body_idx ON posts (body);";
    home.add_migration("001_tables", up, Some("DROP TABLE posts; DROP TABLE users;"));
    home.run("db_upgrade").succeeds_with_warning();
    home.execute("INSERT INTO users VALUES (1, 'john', 'john@email.com')");
    home
}

const OF_USERS: &str =
    "drops from users what the models do not mention: the default of nickname ('anyone'); check (email LIKE '%@%')";
const OF_POSTS: &str =
    "drops from posts what the models do not mention: on update cascade of foreign key (user_id) to users";

#[test]
fn a_first_plan_drops_no_protection_without_consent() {
    let home = home_of_another_tool();
    let before = home.contents();
    assert_eq!(
        home.refuses("db_migrate"),
        format!(
            "this migration {OF_USERS}; {OF_POSTS}; db_migrate --print-schema writes it as models; run again with \
             --allow-data-loss to drop it"
        )
    );
    for (line, hint) in [
        (
            "db_migrate --check",
            "; run db_migrate, or db_migrate --print-schema, which writes as models what the models do not mention",
        ),
        ("db_migrate --dry-run", "would be dropped; db_migrate --print-schema writes it as models"),
    ] {
        let run = home.run(line);
        assert!(run.stdout.contains(&format!("attention: {OF_USERS}\nattention: {OF_POSTS}\n")), "{run:?}");
        assert!(run.stderr.contains(hint), "{run:?}");
    }
    home.is_unchanged_since(&before);
    home.run("db_migrate --allow-data-loss").succeeds();
    assert!(!home.dump().contains("anyone") && !home.dump().contains("LIKE"), "{}", home.dump());
    // No model mentions it, and no migration made it from models.
    assert!(home.dump().contains("posts_body_idx"), "{}", home.dump());
    home.run("db_upgrade --check").succeeds();
    home.run("db_downgrade").succeeds();
    assert!(home.dump().contains("anyone") && home.dump().contains("ON UPDATE CASCADE"), "{}", home.dump());
}

#[test]
fn an_index_of_the_committed_migrations_is_dropped_when_the_models_lose_it() {
    let home = Home::created();
    home.add_committed(|name| name < "007");
    home.run("db_upgrade").succeeds_with_warning();
    let plan = home.run("db_migrate --dry-run").succeeds();
    assert!(plan.contains("  drops index posts_user_id_timestamp_idx (user_id, timestamp)\n"), "{plan}");
}
