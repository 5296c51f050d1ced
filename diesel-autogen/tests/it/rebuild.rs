//! Rebuilds: what must not be lost, with rows in the tables, up and down, by this library's runner and by Diesel's.

use crate::support::Scratch;
use diesel::connection::SimpleConnection;
use diesel_autogen::PlanOptions;
use diesel_autogen::Target;
use diesel_autogen::schema::{Column, DefaultValue, Schema, Type};
use diesel_migrations::{FileBasedMigrations, MigrationHarness};

/// A handwritten database, with everything that no pragma shows.
const BY_HAND: &str = "
    CREATE TABLE users (
        id INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice
        nickname VARCHAR(64) NOT NULL COLLATE NOCASE /* John is john */ UNIQUE ON CONFLICT IGNORE,
        score TEXT,
        shout TEXT GENERATED ALWAYS AS (upper(nickname)) STORED,
        CONSTRAINT has_name CHECK (users.nickname <> '')
    );
    CREATE TABLE posts (
        id INTEGER PRIMARY KEY,
        body TEXT NOT NULL,
        user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
    );
    CREATE TABLE notes (what TEXT);
    CREATE TABLE strict (name TEXT PRIMARY KEY NOT NULL, size INTEGER) STRICT, WITHOUT ROWID;
    CREATE INDEX posts_user ON posts (user_id);
    CREATE INDEX recent ON users (score) WHERE id > 1;
    CREATE UNIQUE INDEX lower_name ON users (lower(nickname), score);
    CREATE INDEX sorted ON users (nickname COLLATE BINARY DESC);
    CREATE VIEW authors AS SELECT u.nickname, p.body FROM users u JOIN posts p ON p.user_id = u.id;
    CREATE TRIGGER note_user AFTER DELETE ON users BEGIN INSERT INTO notes VALUES (old.nickname); END;
    CREATE TRIGGER note_post AFTER INSERT ON posts BEGIN
        UPDATE users SET score = coalesce(score, '0') WHERE id = new.user_id;
    END;
    CREATE TRIGGER write_author INSTEAD OF INSERT ON authors BEGIN SELECT 1; END;
    INSERT INTO users (nickname, score) VALUES ('john', '007'), ('susan', 'n/a'), ('gone', NULL);
    DELETE FROM users WHERE nickname = 'gone';
    DELETE FROM notes;
    INSERT INTO posts (body, user_id) VALUES ('my first post!', 1), ('another', 2);
    INSERT INTO notes (rowid, what) VALUES (7, 'seven'), (3, 'three');
    INSERT INTO strict VALUES ('a', 1), ('b', NULL);
";

fn scratch(sql: &str) -> Scratch {
    let scratch = Scratch::new();
    scratch.execute(sql);
    scratch
}

/// The models that the database agrees with.
fn models(scratch: &Scratch) -> Schema {
    let mut schema = scratch.introspect();
    schema.objects = None;
    for table in &mut schema.tables {
        (table.stored, table.clauses) = (None, None);
        table.columns.retain(|column| !column.generated);
    }
    assert!(diesel_autogen::diff(&scratch.introspect(), &schema).is_empty());
    schema
}

fn column<'a>(schema: &'a mut Schema, table: &str, name: &str) -> &'a mut Column {
    let table = schema.tables.iter_mut().find(|other| other.name == table).unwrap();
    table.columns.iter_mut().find(|column| column.name == name).unwrap()
}

/// The whole database as text: the rows of every table, and the SQL of every object.
fn dump(scratch: &Scratch) -> Vec<String> {
    let mut lines: Vec<String> = scratch
        .query(
            "SELECT type || ' ' || name || ': ' || coalesce(replace(replace(sql, '\"', ''), 'users.nick', 'nick'), '') FROM sqlite_master
             WHERE name NOT LIKE '%schema_migrations%' ORDER BY type, name",
        )
        .into_iter()
        .flatten()
        .collect();
    for table in ["users", "posts", "notes", "strict", "sqlite_sequence"] {
        let columns = format!("SELECT group_concat('quote(' || name || ')', '||') FROM pragma_table_xinfo('{table}')");
        let columns = scratch.query(&columns).remove(0).unwrap();
        let rows = scratch.query(&format!("SELECT {columns} FROM {table}"));
        lines.extend(rows.into_iter().flatten().map(|row| format!("{table}: {row}")));
    }
    lines
}

/// Changes a column of each table, so that all of them are rebuilt.
fn change_all(schema: &mut Schema) {
    column(schema, "users", "score").ty = Type::Integer;
    column(schema, "posts", "body").ty = Type::Text { max_length: Some(140) };
    let what = column(schema, "notes", "what");
    (what.nullable, what.default) = (false, Some(DefaultValue::Text("?".into())));
    column(schema, "strict", "size").default = Some(DefaultValue::Number("1".into()));
}

#[test]
fn keeps_every_row_and_object_up_and_down() {
    let scratch = scratch(BY_HAND);
    let before = dump(&scratch);
    let mut target = models(&scratch);
    change_all(&mut target);
    assert!(scratch.migrate(&target));

    assert_eq!(scratch.query("SELECT quote(score) FROM users ORDER BY id"), [Some("7".into()), Some("'n/a'".into())]);
    let rowids = scratch.query("SELECT rowid || what FROM notes ORDER BY rowid");
    assert_eq!(rowids, [Some("3three".into()), Some("7seven".into())]);
    assert_eq!(scratch.query("SELECT CAST(seq AS TEXT) FROM sqlite_sequence WHERE name = 'users'"), [Some("3".into())]);
    let text = scratch.query("SELECT sql FROM sqlite_master WHERE name = 'users'").remove(0).unwrap();
    insta::assert_snapshot!(text, @r#"
    CREATE TABLE "users" (
            id INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice
            nickname VARCHAR(64) NOT NULL COLLATE NOCASE /* John is john */ UNIQUE ON CONFLICT IGNORE,
            score INTEGER,
            shout TEXT GENERATED ALWAYS AS (upper(nickname)) STORED,
            CONSTRAINT has_name CHECK (nickname <> '')
        )
    "#);
    // The cascade, the triggers, the view, the collation and the generated column still work.
    scratch.execute("INSERT INTO users (nickname) VALUES ('JOHN'); DELETE FROM users WHERE nickname = 'JoHn';");
    assert_eq!(scratch.query("SELECT what FROM notes WHERE what = 'john'"), [Some("john".into())]);
    assert_eq!(scratch.query("SELECT body FROM authors"), [Some("another".into())]);
    assert_eq!(scratch.query("SELECT shout FROM users"), [Some("SUSAN".into())]);

    let scratch = self::scratch(BY_HAND);
    scratch.migrate(&target);
    scratch.downgrade();
    assert_eq!(dump(&scratch), before);
}

#[test]
fn diesels_runner_loses_nothing_with_foreign_keys_on() {
    let scratch = scratch(BY_HAND);
    let before = dump(&scratch);
    let mut target = models(&scratch);
    change_all(&mut target);
    scratch.migrate(&target);
    let after = dump(&scratch);
    scratch.downgrade();

    let mut connection = scratch.connect();
    connection.batch_execute("PRAGMA foreign_keys = ON").unwrap();
    let source = || FileBasedMigrations::from_path(scratch.path().join("migrations/sqlite")).unwrap();
    connection.run_pending_migrations(source()).unwrap();
    assert_eq!(dump(&scratch), after);
    connection.revert_last_migration(source()).unwrap();
    assert_eq!(dump(&scratch), before);
}

/// Runs a script as the `sqlite3` shell does: an error does not stop it. Returns the errors.
fn run_like_the_shell(scratch: &Scratch, begin: &str, script: &str) -> Vec<String> {
    let mut connection = scratch.connect();
    connection.batch_execute(begin).unwrap();
    let mut errors = Vec::new();
    let mut statement = String::new();
    for line in script.lines() {
        statement += line;
        statement.push('\n');
        let is_trigger = statement.trim_start().starts_with("CREATE TRIGGER");
        if if is_trigger { line.trim_end().ends_with("END;") } else { line.trim_end().ends_with(';') } {
            errors.extend(connection.batch_execute(&statement).err().map(|error| error.to_string()));
            statement.clear();
        }
    }
    let _ = connection.batch_execute("COMMIT");
    errors
}

#[test]
fn a_shell_that_continues_after_an_error_commits_no_loss() {
    // A row that the new table refuses: the copy fails, and the shell goes on to DROP TABLE.
    let scratch = scratch(BY_HAND);
    let mut target = models(&scratch);
    column(&mut target, "users", "score").nullable = false;
    let plan = scratch.project.plan(&target, &PlanOptions::default()).unwrap().unwrap();
    scratch.execute("UPDATE users SET score = NULL");
    let before = dump(&scratch);
    let errors = run_like_the_shell(&scratch, "PRAGMA foreign_keys = ON", &plan.sql.up);
    assert!(errors[0].contains("NOT NULL constraint failed: _new_users.score"), "{errors:?}");
    assert!(errors.iter().any(|error| error.contains("a statement of this file failed")), "{errors:?}");
    assert_eq!(dump(&scratch), before);
}

#[test]
fn refuses_a_transaction_with_foreign_keys_on() {
    let scratch = scratch(BY_HAND);
    let mut target = models(&scratch);
    change_all(&mut target);
    let plan = scratch.project.plan(&target, &PlanOptions::default()).unwrap().unwrap();
    let posts = || scratch.query("SELECT body FROM posts ORDER BY id");
    let before = posts();
    let errors = run_like_the_shell(&scratch, "PRAGMA foreign_keys = ON; BEGIN", &plan.sql.up);
    assert!(errors[0].contains("foreign keys must be off"), "{errors:?}");
    assert_eq!(posts(), before);
}

#[test]
fn creates_and_drops_tables_that_refer_to_each_other() {
    let scratch = Scratch::new();
    let both = self::scratch(
        "CREATE TABLE a (id INTEGER PRIMARY KEY, b_id INTEGER REFERENCES b (id) ON DELETE CASCADE);
         CREATE TABLE b (id INTEGER PRIMARY KEY, a_id INTEGER REFERENCES a (id) ON DELETE CASCADE);
         CREATE TABLE c (id INTEGER PRIMARY KEY, a_id INTEGER REFERENCES a (id), self INTEGER REFERENCES c (id));",
    );
    let models = models(&both);
    scratch.migrate(&models);
    scratch.execute(
        "PRAGMA foreign_keys = OFF; INSERT INTO a VALUES (1, 1); INSERT INTO b VALUES (1, 1);
         INSERT INTO c VALUES (1, 1, 1);",
    );
    scratch.migrate(&Schema::new([]));
    assert!(scratch.introspect().tables.is_empty());
    scratch.downgrade();
    assert_eq!(scratch.query("SELECT a.id || b.id || c.id || self FROM a, b, c"), [Some("1111".into())]);
    scratch.project.downgrade(Target::version(0)).unwrap();
    assert!(scratch.introspect().tables.is_empty());
}

#[test]
fn refuses_to_break_a_view() {
    let scratch = scratch(BY_HAND);
    let mut target = models(&scratch);
    let users = target.tables.iter_mut().find(|table| table.name == "posts").unwrap();
    users.columns.retain(|column| column.name != "body");
    let error = scratch.project.plan(&target, &PlanOptions::default()).unwrap_err().to_string();
    assert!(error.contains("authors") && error.contains("body"), "{error}");
}

#[test]
fn refuses_only_new_dangling_references() {
    let scratch = scratch(BY_HAND);
    scratch.execute("PRAGMA foreign_keys = OFF; INSERT INTO posts (body, user_id) VALUES ('old orphan', 99)");
    let mut target = models(&scratch);
    change_all(&mut target);
    scratch.migrate(&target);
    let mut target = models(&scratch);
    let notes = target.tables.iter_mut().find(|table| table.name == "notes").unwrap();
    notes.foreign_keys.push(diesel_autogen::schema::ForeignKey::new(["what"], "strict", ["name"]));
    let error = scratch.project.plan(&target, &PlanOptions::default()).unwrap_err().to_string();
    assert!(error.contains("such as notes with rowid 3, to strict"), "{error}");
    let wishes = with!(PlanOptions { no_rehearsal: true });
    let plan = scratch.project.plan(&target, &wishes).unwrap().unwrap();
    let error = scratch.project.apply(&plan).unwrap_err().to_string();
    assert!(error.contains("such as notes with rowid 3, to strict"), "{error}");
    assert!(!scratch.path().join("migrations/sqlite/002_migration").exists());
}

#[test]
fn an_old_dangling_reference_does_not_stop_a_rename() {
    let scratch = Scratch::new();
    scratch.write("001_a", "CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER REFERENCES a (id));");
    scratch.execute("PRAGMA foreign_keys = OFF; INSERT INTO b VALUES (1, 99)");
    scratch.write("002_b", "ALTER TABLE b RENAME TO c;");
    scratch.write("003_a", "ALTER TABLE a RENAME TO d; ALTER TABLE c ADD COLUMN e TEXT;");
    scratch.write("004_columns", "ALTER TABLE c RENAME COLUMN e TO f; ALTER TABLE c RENAME TO g;");
    scratch.write("005_back", "ALTER TABLE g RENAME TO c;");
    scratch.script("006_orphan", "INSERT INTO c (id, a) VALUES (2, 98);");
    let said = scratch.project.upgrade(Target::Latest).unwrap_err().to_string();
    assert!(said.contains("such as c with rowid 2, to d"), "{said}");
}

/// Runs a plan with its rehearsal, reverts it and applies it again.
fn there_and_back(scratch: &Scratch, models: &Schema) {
    assert!(scratch.migrate(models));
    scratch.downgrade();
    scratch.project.upgrade(Target::Latest).unwrap();
    assert!(scratch.project.differences(models).unwrap().is_empty());
}

#[test]
fn mends_a_foreign_key_to_a_misspelt_parent() {
    let scratch = Scratch::new();
    scratch.write(
        "001_a",
        "CREATE TABLE users (id INTEGER PRIMARY KEY NOT NULL);
         CREATE TABLE posts (id INTEGER PRIMARY KEY NOT NULL, user_id INTEGER REFERENCES usres (id));",
    );
    scratch.execute("PRAGMA foreign_keys = OFF; INSERT INTO users VALUES (1); INSERT INTO posts VALUES (1, 1)");
    let mut models = scratch.models();
    let posts = models.tables.iter_mut().find(|table| table.name == "posts").unwrap();
    posts.foreign_keys[0].table = "users".into();
    there_and_back(&scratch, &models);
    assert_eq!(scratch.query("SELECT parent FROM pragma_foreign_key_check"), []);
}

#[test]
fn creates_a_parent_that_was_missing() {
    let scratch = Scratch::new();
    scratch
        .write("001_a", "CREATE TABLE posts (id INTEGER PRIMARY KEY NOT NULL, user_id INTEGER REFERENCES users (id));");
    scratch.execute("PRAGMA foreign_keys = OFF; INSERT INTO posts VALUES (1, 1)");
    let mut models = scratch.models();
    models.tables.push(diesel_autogen::schema::Table::new("users", ["id"]).column(Column::new("id", Type::Integer)));
    there_and_back(&scratch, &models);
    assert_eq!(scratch.query("SELECT user_id || '' FROM posts"), [Some("1".into())]);
}

#[test]
fn the_rehearsal_tolerates_what_dangled_before_up() {
    let scratch = Scratch::new();
    scratch.write(
        "001_a",
        "CREATE TABLE a (id INTEGER PRIMARY KEY NOT NULL); CREATE TABLE b (id INTEGER PRIMARY KEY NOT NULL);
         CREATE TABLE c (id INTEGER PRIMARY KEY NOT NULL, p INTEGER REFERENCES a (id));",
    );
    scratch.execute(
        "PRAGMA foreign_keys = OFF; INSERT INTO a VALUES (1); INSERT INTO b VALUES (1), (99);
         INSERT INTO c VALUES (1, 1), (2, 99)",
    );
    let mut models = scratch.models();
    let c = models.tables.iter_mut().find(|table| table.name == "c").unwrap();
    c.foreign_keys[0].table = "b".into();
    assert!(scratch.migrate(&models));
    assert_eq!(scratch.query("SELECT parent FROM pragma_foreign_key_check"), []);
    let rehearsal = {
        scratch.execute("PRAGMA foreign_keys = OFF; UPDATE c SET p = 1 WHERE id = 2");
        scratch.downgrade();
        scratch.execute("PRAGMA foreign_keys = OFF; UPDATE c SET p = 99 WHERE id = 2");
        scratch.project.rehearse(Target::Latest).unwrap()
    };
    assert!(rehearsal.migrations[0].not_restored.is_empty(), "{rehearsal}");
}

#[test]
fn a_default_of_now_follows_the_type_of_its_column() {
    let scratch = Scratch::new();
    let table = |ty| {
        let at = Column::new("at", ty).default(DefaultValue::Now);
        Schema::new([diesel_autogen::schema::Table::new("t", ["id"])
            .column(Column::new("id", Type::Integer))
            .column(at)])
    };
    scratch.migrate(&table(Type::Timestamp));
    scratch.migrate(&table(Type::Date));
    scratch.execute("INSERT INTO t (id) VALUES (1)");
    assert_eq!(scratch.query("SELECT length(at) || '' FROM t"), [Some("10".into())]);
    assert!(diesel_autogen::diff(&scratch.introspect(), &table(Type::Date)).is_empty());
}

#[test]
fn a_unique_of_the_table_stays_one_when_the_models_declare_it() {
    let scratch = scratch("CREATE TABLE t (id INTEGER PRIMARY KEY NOT NULL, a TEXT NOT NULL UNIQUE, b TEXT)");
    let mut models = models(&scratch);
    let by_a = || [diesel_autogen::schema::IndexColumn::asc("a")];
    models.tables[0].indexes = vec![diesel_autogen::schema::Index::new("t", by_a(), true)];
    column(&mut models, "t", "b").nullable = false;
    let before = scratch.introspect();
    assert!(scratch.migrate(&models));
    assert_eq!(scratch.joined("SELECT name FROM sqlite_master WHERE tbl_name = 't'"), "t sqlite_autoindex_t_1");
    assert_eq!(scratch.project.differences(&models).unwrap(), []);
    scratch.downgrade();
    assert_eq!(diesel_autogen::diff(&scratch.introspect(), &before), []);
    // With an index of the same column, either is enough.
    std::fs::remove_dir_all(scratch.path().join("migrations/sqlite/001_migration")).unwrap();
    scratch.execute("CREATE UNIQUE INDEX by_a ON t (a)");
    assert!(scratch.migrate(&models));
    assert_eq!(scratch.project.differences(&models).unwrap(), []);
    scratch.downgrade();
    assert_eq!(scratch.joined("SELECT name FROM sqlite_master WHERE tbl_name = 't'"), "t sqlite_autoindex_t_1 by_a");
}
