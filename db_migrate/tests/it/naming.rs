//! `db_migrate -m TEXT` names the folder of the migration.

use test_support::{Home, last_lines};

#[track_caller]
fn assert_named(message: &str, name: &str) {
    let home = Home::created();
    let said = home.run_words(&["db_migrate", "-m", message]).succeeds();
    let saved = format!("New migration saved as migrations/sqlite/{name}");
    assert_eq!(last_lines(&said, 2), [saved.as_str(), "Current database version: 1"]);
    assert_eq!(home.migrations(), [name]);
    home.run("db_downgrade").succeeds();
    home.run("db_upgrade").succeeds();
}

#[test]
fn joins_words_with_underscores() {
    assert_named("add about me", "001_add_about_me");
    assert_named("  Add   About-Me!\n", "001_add_about_me");
}

#[test]
fn does_not_leave_the_folder() {
    assert_named("../../x", "001_x");
    assert_named("/etc/passwd", "001_etc_passwd");
    assert_named("a\\..\\b", "001_a_b");
}

#[test]
fn shortens_a_long_message() {
    let long = "long ".repeat(1000);
    assert_named(&long, &format!("001{}", "_long".repeat(12)));
    assert_named(&"日".repeat(1000), &format!("001_{}", "日".repeat(60)));
}

#[test]
fn keeps_letters_of_every_language() {
    assert_named("Überschrift für Ärger", "001_überschrift_für_ärger");
    assert_named("私について", "001_私について");
}

#[test]
fn refuses_a_message_without_letter_or_digit() {
    let home = Home::created();
    for (message, shown) in [("", r#""""#), ("///", r#""///""#), ("..", r#""..""#), ("\n", r#""\n""#), ("🎉", "\"🎉\"")]
    {
        assert_eq!(
            home.refuses_words(&["db_migrate", "-m", message]),
            format!("the message {shown}: it holds no letter or digit to name the migration by")
        );
    }
}

#[test]
fn the_next_number_is_as_wide_as_the_last() {
    let home = Home::created();
    home.add_migration("0009_tags", "CREATE TABLE tags (id INTEGER PRIMARY KEY);", None);
    home.run("db_upgrade").succeeds_with_warning();
    let said = home.run("db_migrate --allow-data-loss").succeeds();
    assert_eq!(last_lines(&said, 2)[0], "New migration saved as migrations/sqlite/0010_migration");
}

#[test]
fn refuses_a_number_that_needs_another_digit() {
    let home = Home::created();
    home.add_migration("999_tags", "CREATE TABLE tags (id INTEGER PRIMARY KEY);", None);
    home.run("db_upgrade").succeeds_with_warning();
    let said = home.refuses("db_migrate");
    assert!(said.contains("migration 1000: Diesel sorts versions as text, so it would come before 999"), "{said}");
}
