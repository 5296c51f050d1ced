//! `db_migrate` asks on a terminal for what it cannot know. Without an answer it writes nothing.
#![cfg(target_os = "linux")]

use test_support::{Home, Terminal};

/// A database at version 1 with rows, whose table `posts` differs from the models.
fn home_with_posts(posts: &str, rows: &str) -> Home {
    let home = Home::created();
    let up = format!(
        "CREATE TABLE users (id INTEGER NOT NULL PRIMARY KEY, nickname VARCHAR(64) NOT NULL, email VARCHAR(120) NOT NULL);
         CREATE UNIQUE INDEX users_nickname_key ON users (nickname);
         CREATE UNIQUE INDEX users_email_key ON users (email);
         CREATE TABLE {posts};"
    );
    home.add_migration("001_tables", &up, Some("DROP TABLE users;"));
    home.run("db_upgrade").succeeds_with_warning();
    home.execute(&format!("INSERT INTO users VALUES (1, 'john', 'john@email.com'); {rows}"));
    home
}

/// Posts with a column `text`, where the models have `body`.
fn home_with_texts() -> Home {
    home_with_posts(
        "posts (id INTEGER NOT NULL PRIMARY KEY, text VARCHAR(140) NOT NULL, timestamp TIMESTAMP NOT NULL,
             user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE)",
        "INSERT INTO posts VALUES (1, 'one', '2030-01-01 00:00:00', 1), (2, 'two', '2030-01-01 00:00:00', 1)",
    )
}

/// Three posts without an author, which the models have.
fn home_without_authors() -> Home {
    home_with_posts(
        "posts (id INTEGER NOT NULL PRIMARY KEY, body VARCHAR(140) NOT NULL, timestamp TIMESTAMP NOT NULL)",
        "INSERT INTO posts VALUES (1, 'one', '2030-01-01 00:00:00'), (2, 'two', '2030-01-01 00:00:00'),
             (3, 'three', '2030-01-01 00:00:00')",
    )
}

const NEED: &str = "adds posts.user_id NOT NULL without a default: 3 rows need a value. Value for posts.user_id (an \
                    integer): ";

#[test]
fn asks_until_the_value_is_valid() {
    let home = home_without_authors();
    let mut terminal = Terminal::start(&home, "db_migrate");
    terminal.shows(NEED).types("one");
    terminal.shows("\"one\" is no Integer for posts.user_id. Value for posts.user_id (an integer): ").types("1");
    let (status, said) = terminal.shows("New migration saved as migrations/sqlite/002_migration").ends();
    assert_eq!((status, said.trim()), (Some(0), "Current database version: 2"));
    assert!(home.dump().contains("3, 'three', '2030-01-01 00:00:00', 1"), "{}", home.dump());
}

#[test]
fn an_empty_line_stops_and_writes_nothing() {
    let home = home_without_authors();
    let before = home.contents();
    let mut terminal = Terminal::start(&home, "db_migrate");
    terminal.shows(NEED).types("");
    let (status, said) = terminal.shows("db_migrate: this migration needs values: ").ends();
    assert_eq!(status, Some(1));
    assert!(
        said.starts_with("adds posts.user_id NOT NULL without a default: 3 rows need a value; run again with --fill"),
        "{said}"
    );
    home.is_unchanged_since(&before);
}

#[test]
fn check_and_dry_run_ask_nothing() {
    let home = home_without_authors();
    for (line, status) in [("db_migrate --check", Some(1)), ("db_migrate --dry-run", Some(0))] {
        let (ended, said) = Terminal::start(&home, line).ends();
        assert_eq!(ended, status, "{said}");
        assert!(!said.contains("Value for"), "{said}");
    }
}

const SIMILAR: &str =
    "drops posts.text and adds posts.body, which are similar. Is posts.text renamed to posts.body? [y/N] ";

#[test]
fn a_yes_turns_a_drop_and_an_add_into_a_rename() {
    let home = home_with_texts();
    let mut terminal = Terminal::start(&home, "db_migrate");
    terminal.shows(SIMILAR).types("perhaps").shows(SIMILAR.split(". ").nth(1).unwrap()).types("y");
    let (status, _) = terminal.shows("renames posts.text to body").shows("New migration saved as").ends();
    assert_eq!(status, Some(0));
    assert!(home.dump().contains("1, 'one', '2030-01-01 00:00:00', 1"), "{}", home.dump());
    assert!(home.dump().contains("body") && !home.dump().contains("_kept_"), "{}", home.dump());
}

#[test]
fn a_no_asks_again_before_values_are_lost() {
    let home = home_with_texts();
    let before = home.contents();
    for (last, status) in [("n", 1), ("y", 0)] {
        home.is_unchanged_since(&before);
        let mut terminal = Terminal::start(&home, "db_migrate");
        terminal.shows(SIMILAR).types("n");
        terminal.shows("Value for posts.body (a text of at most 140 characters): ").types("none yet");
        terminal.shows("attention: drops posts.text: 2 of 2 rows hold a value, kept in _kept_002_posts");
        terminal.shows("Values are moved to _kept_002_posts until db_upgrade --purge-kept. Go on? [y/N] ");
        let (ended, said) = terminal.types(last).ends();
        assert_eq!(ended, Some(status));
        assert_eq!(said.contains("db_migrate: nothing was changed: not confirmed"), last == "n", "{said}");
    }
    assert!(home.dump().contains("1, '2030-01-01 00:00:00', 1, 'none yet'"), "{}", home.dump());
    home.run("db_downgrade --allow-data-loss").succeeds();
    assert!(home.dump().contains("'one'") && home.dump().contains("'two'"), "{}", home.dump());
}

#[test]
fn asks_before_what_the_models_do_not_mention_is_dropped() {
    let home = home_with_posts(
        "posts (id INTEGER NOT NULL PRIMARY KEY, body VARCHAR(140) NOT NULL DEFAULT '', timestamp TIMESTAMP NOT NULL,
             user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE)",
        "",
    );
    let before = home.contents();
    for (answer, status) in [("n", 1), ("y", 0)] {
        home.is_unchanged_since(&before);
        let mut terminal = Terminal::start(&home, "db_migrate");
        terminal.shows("attention: drops from posts what the models do not mention: the default of body ('')");
        terminal.shows("would be dropped; db_migrate --print-schema writes it as models. Go on? [y/N] ");
        assert_eq!(terminal.types(answer).ends().0, Some(status));
    }
    assert!(!home.dump().contains("DEFAULT ''"), "{}", home.dump());
}

#[test]
fn the_end_of_the_input_writes_nothing() {
    let home = home_with_texts();
    let before = home.contents();
    let mut terminal = Terminal::start(&home, "db_migrate");
    let (status, said) = terminal.shows(SIMILAR).ends();
    assert_eq!(status, Some(1));
    assert!(said.contains("this migration may be a rename: drops posts.text and adds posts.body"), "{said}");
    home.is_unchanged_since(&before);
}

#[test]
fn asks_about_each_candidate() {
    let home = home_with_texts();
    home.execute("ALTER TABLE posts ADD COLUMN title VARCHAR(140)");
    let mut terminal = Terminal::start(&home, "db_migrate --allow-data-loss");
    assert_eq!(terminal.shows("Value for posts.body").types("").ends().0, Some(1), "it is answered by the argument");
    let mut terminal = Terminal::start(&home, "db_migrate");
    terminal.shows("Is posts.text renamed to posts.body?").types("n");
    terminal.shows("Is posts.title renamed to posts.body?").types("n");
    terminal.shows("Value for posts.body").types("");
    assert_eq!(terminal.ends().0, Some(1));
    let mut terminal = Terminal::start(&home, "db_migrate");
    terminal.shows("Is posts.text renamed to posts.body?").types("y");
    // A column without values is dropped without a question.
    assert_eq!(terminal.shows("renames posts.text to body").ends().0, Some(0));
    assert!(home.dump().contains("1, 'one', '2030-01-01 00:00:00', 1"), "{}", home.dump());
}

#[test]
fn asks_about_a_renamed_table() {
    let home = home_with_posts(
        "articles (id INTEGER NOT NULL PRIMARY KEY, body VARCHAR(140) NOT NULL, timestamp TIMESTAMP NOT NULL,
             user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE)",
        "INSERT INTO articles VALUES (1, 'one', '2030-01-01 00:00:00', 1)",
    );
    let said = home.refuses("db_migrate");
    assert!(said.contains("the rename articles=posts would keep the values; pass it as --rename, or pass"), "{said}");
    let mut terminal = Terminal::start(&home, "db_migrate");
    terminal.shows("Is articles renamed to posts? [y/N] ").types("yes");
    assert_eq!(terminal.shows("renames table articles to posts").ends().0, Some(0));
    assert_eq!(home.tables(), ["posts", "users"]);
    assert!(home.dump().contains("1, 'one', '2030-01-01 00:00:00', 1"), "{}", home.dump());
}

#[test]
fn rows_written_during_a_question_are_not_lost() {
    let home = home_with_texts();
    home.execute("ALTER TABLE users ADD COLUMN about_me TEXT; UPDATE users SET about_me = 'me'");
    let mut terminal = Terminal::start(&home, "db_migrate --no-keep --rename posts.text=body");
    terminal.shows("These values would be lost. Go on? [y/N] ");
    home.execute("INSERT INTO users VALUES (2, 'susan', 's@email.com', 'Susan')");
    let before = home.dump();
    let (status, said) = terminal.types("y").ends();
    assert_eq!(status, Some(1));
    assert!(
        said.contains("since the plan was made, and more would be lost: drops users.about_me: 2 of 2 rows"),
        "{said}"
    );
    assert_eq!((home.dump(), home.migrations()), (before, vec!["001_tables".to_owned()]));
}
