//! SQLite's grammar: texts that a careless edit would misread. The fuzz target found each of them.

use diesel::connection::SimpleConnection as _;
use diesel_autogen::schema::{Column, Index, IndexColumn, Schema, Table, Type};
use diesel_autogen::{Error, Sql};

use crate::support::Scratch;

const INTEGER: Type = Type::Integer;

struct Trap(Scratch);

impl Trap {
    /// A database in which the side tables of version 1 are known.
    fn of(script: &str) -> Self {
        let scratch = Scratch::new();
        scratch.execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('001')");
        scratch.execute(script);
        Self(scratch)
    }

    fn introspect(&self) -> Schema {
        self.0.introspect()
    }

    fn compare(&self, target: &Schema) -> Result<Sql, Error> {
        let options = with!(RenderOptions { keep: Some("001".into()) });
        Ok(self.0.project.compare(&self.introspect(), target, &options)?.1)
    }

    fn run(&self, sql: &str) {
        self.0.execute(sql);
    }

    /// Changes the table t as models would, there and back. Returns the query's results before, between and after.
    fn change(&self, edit: impl Fn(&mut Table), query: &str) -> Result<[Vec<Option<String>>; 3], Error> {
        let (start, mut models) = (self.introspect(), self.0.models());
        edit(models.tables.iter_mut().find(|table| table.name == "t").unwrap());
        let migration = self.compare(&models)?;
        let before = self.query(query);
        self.0.connect().batch_execute(&migration.up)?;
        assert_eq!(self.0.project.differences(&models)?, []);
        let between = self.query(query);
        self.run(&migration.down);
        assert_eq!(diesel_autogen::diff(&self.introspect(), &start), []);
        Ok([before, between, self.query(query)])
    }

    fn query(&self, query: &str) -> Vec<Option<String>> {
        self.0.query(query)
    }
}

fn texts(texts: &[&str]) -> Vec<Option<String>> {
    texts.iter().map(|text| Some((*text).to_owned())).collect()
}

#[test]
fn a_null_key_does_not_become_a_rowid() {
    let trap = Trap::of("CREATE TABLE t (a TEXT PRIMARY KEY); INSERT INTO t VALUES ('7'), (NULL)");
    let edit = |table: &mut Table| table.columns[0] = Column::new("a", INTEGER);
    let error = trap.change(edit, "SELECT quote(a) FROM t").unwrap_err().to_string();
    assert!(error.contains("datatype mismatch"), "{error}");
    assert_eq!(trap.query("SELECT quote(a) FROM t"), texts(&["'7'", "NULL"]));

    let trap = Trap::of("CREATE TABLE t (a INTEGER, b); INSERT INTO t VALUES (7, 1)");
    let edit = |table: &mut Table| table.primary_key = vec!["a".into()];
    let found = trap.change(edit, "SELECT quote(a) FROM t").unwrap();
    assert_eq!(found, [texts(&["7"]), texts(&["7"]), texts(&["7"])]);
}

#[test]
fn refuses_to_drop_a_column_that_is_used_in_double_quotes() {
    let users = [
        ("CREATE TABLE t (a INT, b INT, CHECK (\"b\" <> 'x'))", "a CHECK or a generated column"),
        ("CREATE TABLE t (a INT, b INT, c AS (\"b\" || 'x'))", "a CHECK or a generated column"),
        ("CREATE TABLE t (a INT, b INT); CREATE INDEX i ON t (a) WHERE \"b\" > 1", "i"),
        ("CREATE TABLE t (a INT, b INT); CREATE VIEW v AS SELECT \"b\" FROM t", "v"),
        (
            "CREATE TABLE t (a INT, b INT); CREATE TABLE log (x);
             CREATE TRIGGER g AFTER DELETE ON log BEGIN INSERT INTO log SELECT \"b\" FROM t; END",
            "g",
        ),
    ];
    for (script, user) in users {
        let edit = |table: &mut Table| table.columns.retain(|column| column.name != "b");
        let error = Trap::of(script).change(edit, "SELECT a FROM t").unwrap_err().to_string();
        let expected = format!(
            "cannot write a migration for t: it drops b, and {user} names it in double quotes: drop or change that first"
        );
        assert_eq!(error, expected, "{script}");
    }
    // A text that is no column's name, or names another table's column, does not matter.
    let trap = Trap::of(
        "CREATE TABLE t (a INT DEFAULT \"z\", b INT, CHECK (a <> \"x\")); INSERT INTO t VALUES (1, 2);
         CREATE VIEW v AS SELECT o.\"b\" FROM (SELECT 1 AS b) o, t",
    );
    let edit = |table: &mut Table| table.columns.retain(|column| column.name != "b");
    let found = trap.change(edit, "SELECT quote(a) FROM t").unwrap();
    assert_eq!(found, [texts(&["1"]), texts(&["1"]), texts(&["1"])]);
}

#[test]
fn keeps_rows_when_every_column_is_replaced() {
    let trap = Trap::of("CREATE TABLE t (a INT PRIMARY KEY, b TEXT); INSERT INTO t VALUES (1, 'x'), (2, 'y')");
    let edit = |table: &mut Table| {
        table.columns = vec![Column::new("c", INTEGER).nullable()];
        table.primary_key.clear();
    };
    let found = trap.change(edit, "SELECT CAST(count(*) AS TEXT) FROM t").unwrap();
    assert_eq!(found, [texts(&["2"]), texts(&["2"]), texts(&["2"])]);
}

#[test]
fn drops_a_unique_that_is_declared_twice() {
    let trap =
        Trap::of("CREATE TABLE t (a INT UNIQUE NOT NULL UNIQUE, b INT, UNIQUE (A)); INSERT INTO t VALUES (1, 2)");
    let found = trap.change(|table| table.indexes.clear(), "SELECT quote(a) FROM t").unwrap();
    assert_eq!(found, [texts(&["1"]), texts(&["1"]), texts(&["1"])]);
}

#[test]
fn drops_a_constraint_without_a_comma() {
    let trap = Trap::of(
        "CREATE TABLE other (id INTEGER PRIMARY KEY);
         CREATE TABLE t (a INT, FOREIGN KEY (a) REFERENCES other UNIQUE (a)); INSERT INTO t VALUES (NULL)",
    );
    let found = trap.change(|table| table.foreign_keys.clear(), "SELECT quote(a) FROM t").unwrap();
    assert_eq!(found, [texts(&["NULL"]), texts(&["NULL"]), texts(&["NULL"])]);
}

#[test]
fn restores_a_column_that_became_generated() {
    let trap = Trap::of("CREATE TABLE t (id INTEGER PRIMARY KEY, a INT); INSERT INTO t VALUES (1, 7), (2, NULL)");
    let target = Trap::of("CREATE TABLE t (id INTEGER PRIMARY KEY, a INT AS (id * 2))");
    let target = target.introspect();
    let migration = trap.compare(&target).unwrap();
    trap.run(&migration.up);
    assert_eq!(trap.query("SELECT quote(a) FROM t"), texts(&["2", "4"]));
    trap.run(&migration.down);
    assert_eq!(trap.query("SELECT quote(a) FROM t"), texts(&["7", "NULL"]));
}

#[test]
fn keeps_a_former_rowid_column_when_the_key_changes() {
    let trap = Trap::of("CREATE TABLE t (a INTEGER PRIMARY KEY UNIQUE, b TEXT); INSERT INTO t VALUES (7, 'x')");
    let edit = |table: &mut Table| {
        table.columns[1].nullable = false;
        table.primary_key = vec!["b".into()];
    };
    let found = trap.change(edit, "SELECT a || b FROM t").unwrap();
    assert_eq!(found, [texts(&["7x"]), texts(&["7x"]), texts(&["7x"])]);
}

#[test]
fn a_bare_word_as_a_default_is_a_text() {
    let trap =
        Trap::of("CREATE TABLE t (a TEXT DEFAULT now, b INT PRIMARY KEY NOT NULL); INSERT INTO t VALUES (NULL, 1)");
    let found = trap.change(|table| table.columns[0].nullable = false, "SELECT quote(a) FROM t").unwrap();
    assert_eq!(found, [texts(&["NULL"]), texts(&["'now'"]), texts(&["NULL"])]);
}

#[test]
fn restores_a_table_with_a_generated_foreign_key() {
    let trap = Trap::of(
        "CREATE TABLE other (id INTEGER PRIMARY KEY); INSERT INTO other VALUES (3);
         CREATE TABLE t (a TEXT, b INT AS (length(a)) REFERENCES other); INSERT INTO t VALUES ('abc')",
    );
    let start = trap.introspect();
    let mut target = start.clone();
    target.tables.retain(|table| table.name == "other");
    let migration = trap.compare(&target).unwrap();
    trap.run(&migration.up);
    trap.run(&migration.down);
    assert_eq!(trap.query("SELECT a || b FROM t"), texts(&["abc3"]));
}

#[test]
fn the_last_of_two_collations_counts() {
    let trap = Trap::of("CREATE TABLE t (a TEXT COLLATE BINARY COLLATE NOCASE); INSERT INTO t VALUES ('x')");
    let edit = |table: &mut Table| table.indexes.push(Index::new("t", [IndexColumn::asc("a")], true));
    let found = trap.change(edit, "SELECT count(*) FROM pragma_index_list('t')").unwrap();
    assert_eq!(found, [texts(&["0"]), texts(&["1"]), texts(&["0"])]);
}

#[test]
fn an_edit_does_not_join_two_words() {
    let trap = Trap::of("CREATE TABLE t (a INT, `b`UNIQUE, c INT DEFAULT'1'NOT NULL); INSERT INTO t VALUES (1, 2, 3)");
    let edit = |table: &mut Table| {
        table.columns[1].nullable = false;
        table.columns[2].default = None;
    };
    let found = trap.change(edit, "SELECT a || b || c FROM t").unwrap();
    assert_eq!(found, [texts(&["123"]), texts(&["123"]), texts(&["123"])]);
}

#[test]
fn a_unique_of_the_primary_key_is_no_difference() {
    let trap = Trap::of("CREATE TABLE t (a INT UNIQUE, b INT, PRIMARY KEY (a, b)); INSERT INTO t VALUES (1, 2)");
    let edit = |table: &mut Table| {
        table.columns.truncate(1);
        table.primary_key.truncate(1);
    };
    let found = trap.change(edit, "SELECT a FROM t").unwrap();
    assert_eq!(found, [texts(&["1"]), texts(&["1"]), texts(&["1"])]);
}

#[test]
fn deferrable_may_stand_apart_from_its_reference() {
    let trap = Trap::of(
        "CREATE TABLE t (a INT NOT DEFERRABLE, b INT PRIMARY KEY REFERENCES t NOT NULL DEFERRABLE INITIALLY DEFERRED);
         INSERT INTO t VALUES (1, 2)",
    );
    let found = trap.change(|table| table.columns[0].nullable = false, "SELECT a || b FROM t").unwrap();
    assert_eq!(found, [texts(&["12"]), texts(&["12"]), texts(&["12"])]);
}

#[test]
fn generated_without_always_is_part_of_the_type() {
    let trap = Trap::of(
        "CREATE TABLE t (a GENERATED TEXT, b VARS GENERATED, c TEXT GENERATED ALWAYS AS (a || b));
         INSERT INTO t VALUES ('x', 'y')",
    );
    let found = trap.change(|table| table.columns[0].nullable = false, "SELECT a || b || c FROM t").unwrap();
    assert_eq!(found, [texts(&["xyxy"]), texts(&["xyxy"]), texts(&["xyxy"])]);
}

#[test]
fn renames_a_self_reference_in_single_quotes() {
    let trap = Trap::of("CREATE TABLE t (a INTEGER PRIMARY KEY, b INT REFERENCES 't'); INSERT INTO t VALUES (1, 1)");
    let mut models = trap.0.models();
    models.tables[0].name = "people".into();
    models.tables[0].renamed_from = Some("t".into());
    models.tables[0].foreign_keys[0].table = "people".into();
    let migration = trap.compare(&models).unwrap();
    trap.run(&migration.up);
    trap.run(&migration.down);
    assert_eq!(trap.query("SELECT a || b FROM t"), texts(&["11"]));
}

#[test]
fn drops_a_key_that_names_a_column_twice() {
    let trap = Trap::of(
        "CREATE TABLE t (a INT UNIQUE, b INT NOT NULL, PRIMARY KEY (b, b), UNIQUE (b, b)); INSERT INTO t VALUES (1, 2)",
    );
    let edit = |table: &mut Table| {
        table.columns.truncate(1);
        table.primary_key.clear();
    };
    let found = trap.change(edit, "SELECT a FROM t").unwrap();
    assert_eq!(found, [texts(&["1"]), texts(&["1"]), texts(&["1"])]);
}

#[test]
fn a_key_may_become_a_generated_column() {
    let trap = Trap::of(
        "CREATE TABLE t (a INT NOT NULL, b TEXT, PRIMARY KEY (a)) WITHOUT ROWID; INSERT INTO t VALUES (1, 'x')",
    );
    let other = Trap::of("CREATE TABLE t (a INT AS (length(b)), b TEXT PRIMARY KEY NOT NULL) WITHOUT ROWID");
    let end = other.introspect();
    let migration = trap.compare(&end).unwrap();
    trap.run(&migration.up);
    assert_eq!(trap.query("SELECT a || b FROM t"), texts(&["1x"]));
    assert_eq!(diesel_autogen::diff(&trap.introspect(), &end), []);
}

#[test]
fn a_check_may_name_a_later_new_column() {
    let trap = Trap::of("CREATE TABLE t (a INT); INSERT INTO t VALUES (1)");
    let other = Trap::of("CREATE TABLE t (a INT, b INT CHECK (b < t.c), c INT)");
    let migration = trap.compare(&other.introspect()).unwrap();
    trap.run(&migration.up);
    assert!(trap.0.connect().batch_execute("UPDATE t SET b = 2, c = 1").is_err(), "{}", migration.up);
    trap.run(&migration.down);
    assert_eq!(trap.query("SELECT a FROM t"), texts(&["1"]));
}
