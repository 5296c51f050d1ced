//! All commands as subcommands of one binary, which reads its own settings.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use test_support::{Home, Run, Terminal, last_lines};

/// Runs the binary without the settings of the home folder in its environment.
#[track_caller]
fn run_in(home: &Home, folder: &str, line: &str, variables: &[(&str, &str)]) -> Run {
    let words: Vec<_> = line.split_whitespace().collect();
    let mut command = home.command(&words);
    command.env_remove("DATABASE_URL").env_remove("MIGRATIONS_DIR").envs(variables.iter().copied());
    Run::new(words[0], command.current_dir(home.path(folder)).output().unwrap())
}

/// Migration 001 is edited, 002 applied, 003 pending, and 004 is applied and unknown.
fn with_each_state() -> Home {
    let home = Home::with_history();
    home.add_migration("004_gone", "CREATE VIEW gone AS SELECT 1;", Some("DROP VIEW gone;"));
    home.run("tutorial upgrade").succeeds();
    fs::remove_dir_all(home.path("migrations/sqlite/004_gone")).unwrap();
    home.add_migration("003_\"quoted\"", "", None);
    let up = home.path("migrations/sqlite/001_migration/up.sql");
    fs::write(&up, fs::read_to_string(&up).unwrap() + "-- edited\n").unwrap();
    home
}

#[test]
fn walks_from_init_to_check() {
    let home = Home::new();
    let said = home.run("tutorial init").succeeds();
    assert_eq!(said, "app.db is now under version control\nCurrent database version: 0\n");
    let said = home.run_words(&["tutorial", "migrate", "-m", "first tables"]).succeeds();
    assert_eq!(
        last_lines(&said, 2),
        ["New migration saved as migrations/001_first_tables", "Current database version: 1"]
    );
    home.run("tutorial check").succeeds();
    home.run("tutorial downgrade").succeeds();
    assert_eq!(
        home.run("tutorial check").fails(),
        "the database is at version 0, and a migration is pending: 001_first_tables; run tutorial upgrade first"
    );
    let said = home.run("tutorial upgrade").succeeds();
    assert_eq!(said, "Upgraded to 1: 001_first_tables\nCurrent database version: 1\n");
    assert_eq!(home.run("tutorial check").succeeds(), "The models and the database agree\n");
}

#[test]
fn check_fails_on_a_difference() {
    let home = Home::with_history();
    home.run("tutorial upgrade").succeeds();
    home.execute("DROP INDEX posts_timestamp_idx");
    let said = home.refuses("tutorial check");
    assert!(said.contains("adds index posts_timestamp_idx"), "{said}");
    let said = home.refuses("tutorial migrate --check");
    assert_eq!(said, "the models and the database differ; run tutorial migrate");
}

#[test]
fn messages_name_subcommands_of_the_binary() {
    let home = Home::new();
    for line in ["tutorial status", "tutorial migrate", "tutorial upgrade", "tutorial downgrade", "tutorial check"] {
        let said = home.refuses(line);
        assert_eq!(said, "app.db does not exist; run tutorial init first, or check DATABASE_URL", "{line}");
    }
    home.execute("CREATE TABLE a (id INTEGER PRIMARY KEY)");
    let said = home.refuses("tutorial init");
    assert!(said.contains("; run tutorial init --stamp N, "), "{said}");
    assert!(home.run("tutorial migrate --help").succeeds().contains("first, with tutorial upgrade"));
    let home = with_each_state();
    fs::remove_dir_all(home.path("migrations/sqlite/003_\"quoted\"")).unwrap();
    home.execute("DELETE FROM __diesel_schema_migrations WHERE version = '004'");
    assert!(home.refuses("tutorial upgrade").ends_with("with tutorial upgrade --accept-edited 1"));
}

#[test]
fn status_lists_each_migration() {
    let home = with_each_state();
    let before = home.contents();
    let said = home.run("tutorial status").succeeds();
    assert_eq!(
        said,
        "\
app.db is at version 4
  001_migration  applied, and edited since
  002_migration  applied
  003_\"quoted\"   pending
  004            applied, and not among these migrations
"
    );
    home.is_unchanged_since(&before);
    let said = Home::created().run("tutorial status").succeeds();
    assert_eq!(said, "app.db is at version 0; there are no migrations\n");
}

#[test]
fn status_prints_json() {
    let said = with_each_state().run("tutorial status --json").succeeds();
    assert_eq!(
        said,
        r#"{"database":"app.db","version":"004","migrations":[{"version":"001","name":"001_migration","state":"edited"},"#
            .to_owned()
            + r#"{"version":"002","name":"002_migration","state":"applied"},"#
            + r#"{"version":"003","name":"003_\"quoted\"","state":"pending"},"#
            + r#"{"version":"004","name":null,"state":"unknown"}]}"# + "\n"
    );
}

#[test]
fn status_is_colored_on_a_terminal() {
    let home = Home::with_history();
    home.run("tutorial upgrade --to 1").succeeds();
    let said = |line: &str| Terminal::start(&home, line).ends().1;
    let said_in_color = said("tutorial status");
    assert!(said_in_color.contains("001_migration  \u{1b}[32mapplied\u{1b}[0m\n"), "{said_in_color:?}");
    assert!(said_in_color.contains("002_migration  \u{1b}[33mpending\u{1b}[0m\n"), "{said_in_color:?}");
    assert!(!said("tutorial status --json").contains('\u{1b}'));
}

#[test]
fn print_schema_writes_the_models() {
    let home = Home::with_history();
    home.run("tutorial upgrade").succeeds();
    let said = home.run("tutorial print-schema").succeeds();
    assert!(said.contains("schema! {") && said.contains("#[references(users, on_delete = cascade)]"), "{said}");
    assert_eq!(said, home.run("db_migrate --print-schema").succeeds());
}

#[test]
fn new_writes_a_migration_to_be_completed() {
    let home = Home::with_history();
    let said = home.run_words(&["tutorial", "new", "Add a view!"]).succeeds();
    assert_eq!(
        said,
        "New migration saved as migrations/sqlite/003_add_a_view\n\
         Write its up.sql and down.sql, then run tutorial upgrade\n"
    );
    assert_eq!(home.migrations(), ["001_migration", "002_migration", "003_add_a_view"]);
    // The example in the comments is SQL of the form that it shows.
    for file in ["up.sql", "down.sql"] {
        let file = home.path(&format!("migrations/sqlite/003_add_a_view/{file}"));
        let text = fs::read_to_string(&file).unwrap();
        let statements: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("--     ")).collect();
        assert_eq!(statements.len(), 1, "{text}");
        fs::write(&file, statements[0].replace("title", "body")).unwrap();
    }
    home.run("tutorial upgrade").succeeds();
    assert!(home.dump().contains("newest_posts"));
    home.run("tutorial downgrade").succeeds();
    assert!(!home.dump().contains("newest_posts"));

    let said = home.refuses_words(&["tutorial", "new", "!"]);
    assert!(said.contains("no letter or digit"), "{said}");
}

#[test]
fn new_needs_no_database() {
    let home = Home::new();
    home.run("tutorial new first").succeeds();
    assert!(home.path("migrations/001_first/up.sql").exists());
    assert!(!home.path("app.db").exists());
}

#[test]
fn reads_the_env_file_at_or_above_the_folder() {
    let home = Home::new();
    home.write(".env", "\u{feff}DATABASE_URL=sqlite:blog.db\nMIGRATIONS_DIR='db/steps'\n");
    fs::create_dir_all(home.path("src/bin")).unwrap();
    let said = run_in(&home, "src/bin", "tutorial init", &[]).succeeds();
    assert!(said.starts_with("blog.db is now"), "{said}");
    assert!(home.path("blog.db").exists() && home.path("db/steps").is_dir());

    // The environment overrides the file, and an option overrides both.
    run_in(&home, "", "tutorial init", &[("DATABASE_URL", "other.db"), ("MIGRATIONS_DIR", "others")]).succeeds();
    assert!(home.path("other.db").exists() && home.path("others").is_dir());
    let line = "tutorial init --database-url third.db --migrations-dir thirds";
    run_in(&home, "src", line, &[("DATABASE_URL", "other.db")]).succeeds();
    assert!(home.path("src/third.db").exists() && home.path("src/thirds").is_dir());
}

#[test]
fn a_folder_named_env_is_no_env_file() {
    let home = Home::new();
    fs::create_dir_all(home.path("src/.env")).unwrap();
    run_in(&home, "src", "tutorial init", &[("DATABASE_URL", "blog.db")]).succeeds();
    assert!(home.path("src/blog.db").exists());
}

#[test]
fn names_a_missing_or_wrong_setting() {
    let home = Home::new();
    let said = run_in(&home, "", "tutorial status", &[]).fails();
    assert!(said.starts_with("no database is named: set DATABASE_URL, "), "{said}");
    let said = run_in(&home, "", "tutorial status", &[("DATABASE_URL", "")]).fails();
    assert_eq!(said, "DATABASE_URL is empty: give it a value, or remove it");
    let said = run_in(&home, "", "tutorial status", &[("DATABASE_URL", "a.db"), ("MIGRATIONS_DIR", "")]).fails();
    assert_eq!(said, "MIGRATIONS_DIR is empty: give it a value, or remove it");
}

#[test]
fn never_prints_a_password() {
    let home = Home::new();
    for url in [
        "mysql://root:secret@localhost/blog",
        "postgres://root:secret@127.0.0.1:1/blog",
        "sqlite:postgres://root:secret@127.0.0.1:1/blog",
        "host=h password=secret",
    ] {
        for command in ["init", "migrate", "upgrade", "downgrade", "check", "status", "status --json"] {
            let run = run_in(&home, "", &format!("tutorial {command}"), &[("DATABASE_URL", url)]);
            assert!(!run.stdout.contains("secret") && !run.fails().contains("secret"), "{url}");
        }
        let run = home.run_words(&["tutorial", "status", "--database-url", url]);
        assert!(!run.fails().contains("secret"), "{url}");
    }
    home.write(".env", "A=1\nDATABASE_URL=postgres://root:sec ret@h/b\n");
    let said = run_in(&home, "", "tutorial status", &[]).fails();
    assert!(said.contains(".env: what follows A is not NAME=value; ") && !said.contains("ret@"), "{said}");
    let help = home.with_database_url("postgres://root:secret@h/b").run("tutorial --help").succeeds();
    assert!(!help.contains("secret"), "{help}");
}

#[test]
fn names_wrong_arguments_and_exits_with_2() {
    let home = Home::new();
    let wrong = [
        ("tutorial", "Usage: tutorial"),
        ("tutorial frobnicate", "'frobnicate'"),
        ("tutorial init --frobnicate", "'--frobnicate'"),
        ("tutorial upgrade --to x", "'x' for '--to <N>'"),
        ("tutorial new", "<NAME>"),
        ("tutorial completions", "<SHELL>"),
        ("tutorial completions dos", "[possible values: bash"),
        ("tutorial status --backups many", "'many' for '--backups <N>'"),
    ];
    for (line, named) in wrong {
        let run = home.run(line);
        assert_eq!((run.status, run.stdout.as_str()), (Some(2), ""), "{run:?}");
        assert!(run.stderr.contains(named), "{run:?}");
    }
    assert!(home.contents().is_empty());
}

#[test]
fn help_leaves_no_placeholder() {
    let home = Home::new();
    let commands = ["init", "migrate", "upgrade", "downgrade", "check", "print-schema", "status", "new", "completions"];
    for line in commands.map(|command| format!("tutorial {command} --help")).iter().chain([&"tutorial --help".into()]) {
        let help = home.run(line).succeeds();
        assert!(help.contains("Usage: tutorial") && !help.contains(['{', '}']), "{help}");
        assert!(!help.contains("db_"), "{help}");
    }
    let version = home.run("tutorial --version").succeeds();
    assert_eq!(version, format!("diesel-autogen {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn completions_are_a_script_of_the_shell() {
    let home = Home::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = run_in(&home, "", &format!("tutorial completions {shell}"), &[]).succeeds();
        assert!(script.contains("tutorial") && script.contains("downgrade"), "{script}");
    }
    home.write("complete.bash", home.run("tutorial completions bash").succeeds());
    let ask = "source complete.bash; COMP_WORDS=(tutorial st); COMP_CWORD=1; _tutorial tutorial st tutorial; \
               echo \"${COMPREPLY[@]}\"";
    let output = Command::new("bash").args(["-c", ask]).current_dir(home.path("")).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "status\n");
}

#[test]
fn completions_need_a_name_that_a_shell_can_complete() {
    let home = Home::new();
    home.run("tutorial completions bash").succeeds(); // builds the binary where it is missing
    let test = std::env::current_exe().unwrap();
    let binary = test.ancestors().nth(2).unwrap().join("tutorial");
    let complete = |name: &str| {
        let mut command = Command::new(&binary);
        command.arg0(name).args(["completions", "bash"]).env("SCRIPT", "tutorial").current_dir(home.path(""));
        Run::new(name, command.output().unwrap())
    };
    assert!(complete("/usr/bin/blog-v1.2").succeeds().contains(" blog-v1.2\n"));
    assert!(complete("my \"db\"").fails().starts_with("a shell cannot complete a program of the name"));
}

#[test]
fn keeps_as_many_backups_as_it_is_told() {
    let home = Home::with_history();
    home.run("tutorial upgrade").succeeds();
    home.execute("INSERT INTO users (nickname, email) VALUES ('susan', 'susan@example.com')");
    home.run("tutorial downgrade --backups 0").succeeds();
    assert!(home.backups().is_empty());
    home.run("tutorial upgrade --backups 1").succeeds_with_warning();
    assert_eq!(home.backups().len(), 1);
}
