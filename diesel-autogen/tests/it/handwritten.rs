//! Handwritten schemas: the SQL leads there and back, loses no row, and the plan names every change.

use crate::support::{Scratch, Value};
use diesel_autogen::{Error, PlanOptions, RenderOptions, Schema, Sql};

fn database(script: &str) -> Scratch {
    let scratch = Scratch::new();
    scratch.execute(&format!("PRAGMA foreign_keys = OFF; {script}"));
    scratch
}

/// The plan, one line for each change, and its SQL.
fn compare(from: &str, to: &str) -> Result<(String, Sql), Error> {
    let from = database(from);
    let (changes, sql) =
        from.project.compare(&from.introspect(), &database(to).introspect(), &RenderOptions::default())?;
    let plan: Vec<_> = changes.iter().map(ToString::to_string).collect();
    Ok((plan.join("\n"), sql))
}

/// Migrates from one schema to the other and back with foreign keys on, and asserts that each step leads to its schema.
/// Returns the query's results before, between and after, and the plan.
fn there_and_back(from: &str, rows: &str, to: &str, query: &str) -> ([Vec<Value>; 3], String) {
    let (plan, sql) = compare(from, to).unwrap_or_else(|error| panic!("{error}"));
    let (target, database) = (database(to).introspect(), database(&format!("{from}; {rows}")));
    let start = database.introspect();
    let before = database.query(query);
    database.execute(&sql.up);
    assert_eq!(diesel_autogen::diff(&database.introspect(), &target), [], "{}", sql.up);
    let between = database.query(query);
    database.execute(&sql.down);
    assert_eq!(diesel_autogen::diff(&database.introspect(), &start), [], "{}", sql.down);
    ([before, between, database.query(query)], plan)
}

/// Asserts that the query returns the same before, between and after. Returns the plan.
fn nothing_changes(from: &str, rows: &str, to: &str, query: &str) -> String {
    let ([before, between, after], plan) = there_and_back(from, rows, to, query);
    assert!(!before.is_empty(), "{query} finds nothing");
    assert_eq!((&between, &after), (&before, &before));
    plan
}

#[test]
fn dropping_a_parent_keeps_the_rows_of_its_child() {
    let child = "CREATE TABLE child (parent_id INTEGER REFERENCES parent ON DELETE CASCADE);";
    let plan = nothing_changes(
        &format!("{child} CREATE TABLE parent (id INTEGER PRIMARY KEY)"),
        "INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1)",
        child,
        "SELECT CAST(parent_id AS TEXT) FROM child",
    );
    assert_eq!(plan, "drops table parent");
}

#[test]
fn drops_a_table_whose_rows_refer_to_each_other() {
    let node = "CREATE TABLE node (id INTEGER PRIMARY KEY, next INTEGER REFERENCES node ON DELETE RESTRICT);";
    let other = "CREATE TABLE other (a TEXT);";
    there_and_back(
        &format!("{node} {other}"),
        "INSERT INTO node VALUES (1, NULL), (2, 1)",
        other,
        "SELECT name FROM sqlite_master WHERE name = 'node'",
    );
}

#[test]
fn leaves_tables_with_the_names_of_temporary_ones() {
    let tables = |ty: &str| {
        format!(
            "CREATE TABLE x (a {ty}); CREATE TABLE _new_x (a {ty}); CREATE INDEX _new_x_ ON x (a);
             CREATE TABLE _guard (name {ty}, rows_before {ty}); CREATE TABLE _keys (is_on {ty});"
        )
    };
    nothing_changes(
        &tables("VARCHAR(9)"),
        "INSERT INTO x VALUES ('x'); INSERT INTO _new_x VALUES ('new'); INSERT INTO _guard VALUES ('x', 7);
         INSERT INTO _keys VALUES ('on')",
        &tables("TEXT"),
        "SELECT x.a || n.a || name || rows_before || is_on FROM x, _new_x n, _guard, _keys",
    );
}

#[test]
fn keeps_names_in_any_quotes_and_scripts() {
    let tables = |ty: &str| {
        format!(
            "CREATE TABLE \"my \"\"größe\"\"\" ('a b' {ty}, [select] {ty}, `c\"d` {ty}, \"e'f\" {ty}, key {ty});
             CREATE TABLE \"a_b\" (x {ty}); CREATE TABLE axb (x {ty}); CREATE TABLE \"a%b\" (x {ty});"
        )
    };
    nothing_changes(
        &tables("TEXT"),
        "INSERT INTO \"my \"\"größe\"\"\" VALUES ('1', '2', '3', '4', '5'); INSERT INTO a_b VALUES ('_');
         INSERT INTO axb VALUES ('x'); INSERT INTO \"a%b\" VALUES ('%')",
        &tables("VARCHAR(9)"),
        "SELECT \"a b\" || \"select\" || \"c\"\"d\" || \"e'f\" || key || a.x || b.x || c.x
         FROM \"my \"\"größe\"\"\", a_b a, axb b, \"a%b\" c",
    );
}

#[test]
fn ignores_the_spelling_of_names() {
    let (plan, sql) = compare(
        "CREATE TABLE Users ('Name' text, b int); CREATE INDEX I ON Users (b)",
        "CREATE TABLE users (name TEXT, [B] INT); CREATE INDEX i ON users (B ASC) -- by b",
    )
    .unwrap();
    assert_eq!((plan.as_str(), sql.up.trim()), ("", ""));
}

#[test]
fn keeps_the_rowid_with_and_without_an_integer_key() {
    let numbers = "SELECT CAST(rowid AS TEXT) || b FROM t ORDER BY b";
    let shown = "CREATE TABLE t (id INTEGER PRIMARY KEY, b TEXT)";
    let hidden = "CREATE TABLE t (b TEXT)";
    nothing_changes(hidden, "INSERT INTO t (rowid, b) VALUES (-10, 'a'), (7, 'b')", shown, numbers);
    nothing_changes(shown, "INSERT INTO t VALUES (-10, 'a'), (7, 'b')", hidden, numbers);
    nothing_changes(
        shown,
        "INSERT INTO t VALUES (-10, 'a'), (7, 'b')",
        "CREATE TABLE t (id INT PRIMARY KEY, b TEXT)",
        numbers,
    );
}

#[test]
fn a_descending_integer_key_is_not_the_rowid() {
    let table = |ty: &str| format!("CREATE TABLE t (id INTEGER PRIMARY KEY DESC, b {ty})");
    let plan = nothing_changes(
        &table("TEXT"),
        "INSERT INTO t (rowid, id, b) VALUES (50, 5, 'a'), (70, NULL, 'b')",
        &table("VARCHAR(9)"),
        "SELECT rowid || ' ' || coalesce(id, '-') || b FROM t ORDER BY rowid",
    );
    assert_eq!(plan, "changes table t:\n  changes b from Text to VarChar(9)");
}

#[test]
fn a_name_may_move_from_one_kind_of_object_to_another() {
    let rows = "INSERT INTO t VALUES ('a')";
    for (from, to) in [
        ("CREATE TABLE t (a); CREATE INDEX x ON t (a)", "CREATE TABLE t (a); CREATE TABLE x (a)"),
        ("CREATE TABLE t (a); CREATE TABLE x (a)", "CREATE TABLE t (a); CREATE VIEW x AS SELECT a FROM t"),
        ("CREATE TABLE t (a); CREATE VIEW x AS SELECT a FROM t", "CREATE TABLE t (a); CREATE INDEX x ON t (a)"),
        (
            "CREATE TABLE t (a); CREATE TABLE u (a); CREATE INDEX x ON t (a)",
            "CREATE TABLE t (a); CREATE TABLE u (a); CREATE INDEX x ON u (a)",
        ),
    ] {
        nothing_changes(from, rows, to, "SELECT a FROM t");
    }
}

#[test]
fn keeps_two_indexes_on_the_same_columns() {
    let table =
        |ty: &str| format!("CREATE TABLE t (a {ty}); CREATE INDEX i ON t (a); CREATE INDEX j ON t (a) -- twice");
    nothing_changes(&table("TEXT"), "", &table("VARCHAR(9)"), "SELECT name FROM sqlite_master WHERE type = 'index'");
}

#[test]
fn an_index_follows_the_collation_of_its_column() {
    nothing_changes(
        "CREATE TABLE t (a TEXT); CREATE INDEX i ON t (a)",
        "",
        "CREATE TABLE t (a TEXT COLLATE NOCASE); CREATE INDEX i ON t (a COLLATE NOCASE)",
        "SELECT name FROM sqlite_master WHERE type = 'index'",
    );
}

#[test]
fn a_trailing_comment_does_not_hide_the_next_statement() {
    let objects = "CREATE INDEX i ON t (a) -- by a
        ; CREATE TRIGGER tr AFTER INSERT ON t BEGIN SELECT ';', CASE WHEN 1 THEN 'END;' END; END -- why
        ; CREATE VIEW v AS SELECT a FROM t /* never closed";
    let (_, sql) = compare("CREATE TABLE t (a)", &format!("CREATE TABLE t (a); {objects}")).unwrap();
    insta::assert_snapshot!(sql.up, @r#"
    SAVEPOINT migration;
    CREATE TEMP TABLE _guard (done INTEGER CONSTRAINT "a statement of this file failed" CHECK (done));

    CREATE INDEX i ON t (a) -- by a
    ;
    CREATE VIEW v AS SELECT a FROM t;
    CREATE TRIGGER tr AFTER INSERT ON t BEGIN SELECT ';', CASE WHEN 1 THEN 'END;' END; END;

    -- Undo everything where a statement failed.
    INSERT OR ROLLBACK INTO temp._guard SELECT 0 WHERE (SELECT count(*) FROM sqlite_master WHERE type || ' ' || name IN ('index i', 'trigger tr', 'view v')) <> 3;
    DROP TABLE temp._guard;
    RELEASE migration;
    "#);
    let plan = there_and_back("CREATE TABLE t (a)", "", &format!("CREATE TABLE t (a); {objects}"), "SELECT 'a'").1;
    assert_eq!(plan, "changes table t:\n  adds index i (a)\ncreates trigger tr on t\ncreates view v");
}

#[test]
fn a_changed_view_keeps_its_triggers_and_its_readers() {
    let database = |columns: &str| {
        format!(
            "CREATE TABLE t (a TEXT, b TEXT); CREATE VIEW v AS SELECT {columns} FROM t;
             CREATE VIEW reader AS SELECT a FROM v;
             CREATE TRIGGER tr INSTEAD OF INSERT ON v BEGIN INSERT INTO t (a) VALUES (new.a); END"
        )
    };
    let names = "SELECT name FROM sqlite_master ORDER BY name";
    let plan = nothing_changes(&database("a"), "INSERT INTO v VALUES ('x')", &database("a, b"), names);
    assert_eq!(plan, "drops view v\ncreates view v");
    there_and_back("CREATE TABLE t (a TEXT, b TEXT)", "", &database("a"), names);
}

#[test]
fn keeps_triggers_and_indexes_of_any_name() {
    let table = |ty: &str| {
        format!(
            "CREATE TABLE t (a {ty}); CREATE INDEX __diesel_i ON t (lower(a));
             CREATE TRIGGER _kept_tr AFTER INSERT ON t BEGIN SELECT 1; END"
        )
    };
    let names = "SELECT name FROM sqlite_master WHERE type IN ('index', 'trigger') ORDER BY name";
    nothing_changes(&table("TEXT"), "", &table("VARCHAR(9)"), names);
}

#[test]
fn leaves_a_trigger_that_only_quotes_a_text() {
    let trigger = "CREATE TRIGGER tr AFTER INSERT ON u BEGIN SELECT CASE WHEN 1 THEN \"a;b\" END; END";
    let database = |columns: &str| format!("CREATE TABLE t ({columns}); CREATE TABLE u (a); {trigger}");
    let text = "SELECT sql FROM sqlite_master WHERE name = 'tr'";
    nothing_changes(&database("a, b"), "INSERT INTO t VALUES (1, 2)", &database("a"), text);
}

#[test]
fn the_plan_lists_generated_columns_and_attributes() {
    let plan = nothing_changes(
        "CREATE TABLE t (a TEXT, b INTEGER, c INTEGER, CHECK (b > 0))",
        "INSERT INTO t VALUES ('a', 1, 2)",
        "CREATE TABLE t (a TEXT COLLATE NOCASE, b INTEGER, c INTEGER AS (b + 1), d INTEGER, CHECK (b > 0)) STRICT",
        "SELECT a || b || c FROM t",
    );
    insta::assert_snapshot!(plan, @r"
    changes table t:
      makes c a generated column
      adds d: Integer, may be NULL
      rewrites `a TEXT` as `a TEXT COLLATE NOCASE`
      adds `STRICT`
    ");
}

#[test]
fn refuses_only_new_foreign_key_mismatches() {
    let parent = "CREATE TABLE parent (name TEXT); ";
    let from = format!("{parent} CREATE TABLE t (a TEXT, p TEXT REFERENCES parent (name))");
    let to = format!("{parent} CREATE TABLE t (a VARCHAR(9), p TEXT REFERENCES parent (name))");
    nothing_changes(&from, "INSERT INTO t VALUES ('a', NULL)", &to, "SELECT a FROM t");
    there_and_back(&from, "", &format!("{parent} CREATE TABLE t (a TEXT, p TEXT)"), "SELECT a FROM t");

    let start = database(&format!("{parent} CREATE TABLE t (a TEXT, p TEXT)"));
    let models = database(&from).models();
    start.execute("INSERT INTO t VALUES ('a', NULL)");
    let error = start.project.plan(&models, &PlanOptions::default()).unwrap_err().to_string();
    assert!(error.contains("foreign key mismatch - \"t\" referencing \"parent\""), "{error}");
}

#[test]
fn keeps_a_value_that_is_not_a_date() {
    let table = |ty: &str| format!("CREATE TABLE t (id INTEGER PRIMARY KEY, at {ty})");
    let rows = "INSERT INTO t (at) VALUES ('2012-02-29 12:30:00.5'), ('now'), (5), (NULL), ('12:00'), ('2012-13-45 ?')";
    let query = "SELECT at FROM t ORDER BY id";
    let ([_, between, after], _) = there_and_back(&table("TIMESTAMP"), rows, &table("DATE"), query);
    let texts = |first: &str| {
        [Some(first), Some("now"), Some("5"), None, Some("12:00"), Some("2012-13-45 ?")]
            .map(|value| value.map(str::to_owned))
    };
    assert_eq!(between, texts("2012-02-29"));
    assert_eq!(after, texts("2012-02-29 00:00:00"));
}

#[test]
fn an_added_default_has_one_type_in_old_and_new_rows() {
    let (from, to) = ("CREATE TABLE t (a)", "CREATE TABLE t (a, b TEXT DEFAULT TRUE)");
    let database = database(from);
    database.execute("INSERT INTO t VALUES ('old')");
    database.execute(&compare(from, to).unwrap().1.up);
    database.execute("INSERT INTO t (a) VALUES ('new')");
    assert_eq!(database.query("SELECT DISTINCT typeof(b) FROM t"), [Some("text".into())]);
}

/// A project with a handwritten database, and the models to migrate it to.
fn project(from: &str, rows: &str, to: &str) -> (Scratch, Schema) {
    (database(&format!("{from}; {rows}")), database(to).models())
}

/// Asserts that the downgrade restores everything that the query returned.
fn all_is_back(from: &str, rows: &str, to: &str, query: &str) {
    let (scratch, models) = project(from, rows, to);
    let before = scratch.query(query);
    assert!(scratch.migrate(&models));
    scratch.downgrade();
    assert_eq!(scratch.query(query), before);
}

#[test]
fn restores_the_autoincrement_counter_of_a_dropped_table() {
    let other = "CREATE TABLE other (id INTEGER PRIMARY KEY NOT NULL);";
    all_is_back(
        &format!(
            "{other} CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, b TEXT);
             CREATE TABLE \"it's\" (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL);"
        ),
        "INSERT INTO a VALUES (7, 'x'), (2, 'y'); DELETE FROM a WHERE id = 7;
         INSERT INTO \"it's\" VALUES (9); DELETE FROM \"it's\"",
        other,
        "SELECT name || seq FROM sqlite_sequence ORDER BY name",
    );
}

#[test]
fn restores_a_dropped_table_whose_key_is_null() {
    let other = "CREATE TABLE other (id INTEGER PRIMARY KEY NOT NULL);";
    all_is_back(
        &format!("{other} CREATE TABLE t (name TEXT PRIMARY KEY, b INTEGER)"),
        "INSERT INTO t (rowid, name, b) VALUES (-4, 'x', 1), (7, NULL, 2), (9, NULL, 3)",
        other,
        "SELECT rowid || coalesce(name, '-') || b FROM t ORDER BY rowid",
    );
}

#[test]
fn restores_by_the_rest_of_a_composite_key() {
    all_is_back(
        "CREATE TABLE t (a TEXT NOT NULL, b INTEGER NOT NULL, PRIMARY KEY (a, b)) WITHOUT ROWID",
        "INSERT INTO t VALUES ('x', 1), ('y', 2)",
        "CREATE TABLE t (a TEXT NOT NULL PRIMARY KEY)",
        "SELECT a || b FROM t ORDER BY a",
    );
}

#[test]
fn restores_columns_with_the_names_of_side_table_columns() {
    all_is_back(
        "CREATE TABLE t (id INTEGER PRIMARY KEY NOT NULL, x INTEGER, new_x INTEGER, _row INTEGER, rowid INTEGER)",
        "INSERT INTO t VALUES (1, 2, 3, 4, 5), (7, 'x', 9, 10, 11)",
        "CREATE TABLE t (id INTEGER PRIMARY KEY NOT NULL, x TEXT, new_x TEXT)",
        "SELECT id || x || new_x || _row || rowid || typeof(x) FROM t ORDER BY id",
    );
}

#[test]
fn restores_the_storage_class_of_a_value() {
    all_is_back(
        "CREATE TABLE t (id INTEGER PRIMARY KEY NOT NULL, a BLOB, b BINARY(16), c TIMESTAMP)",
        "INSERT INTO t VALUES (1, 'text', 'text', '2012-02-29'), (2, x'00ff', 7, 3.5), (3, NULL, x'', 'now')",
        "CREATE TABLE t (id INTEGER PRIMARY KEY NOT NULL, a TEXT, b TEXT, c DATE)",
        "SELECT quote(a) || quote(b) || quote(c) FROM t ORDER BY id",
    );
}

#[test]
fn restores_a_dropped_primary_key() {
    let (scratch, models) = project(
        "CREATE TABLE t (id INTEGER PRIMARY KEY NOT NULL, a TEXT)",
        "INSERT INTO t VALUES (4, 'a'), (9, 'b')",
        "CREATE TABLE t (a TEXT)",
    );
    scratch.migrate(&models);
    scratch.downgrade();
    let rows = scratch.query("SELECT id || a FROM t ORDER BY id");
    assert_eq!(rows, [Some("4a".into()), Some("9b".into())]);
}
