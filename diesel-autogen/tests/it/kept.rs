//! Side tables: an upgrade keeps what it drops or converts, and the downgrade restores it exactly.

use crate::support::{Scratch, Value, listening, taken};
use diesel::connection::SimpleConnection as _;
use diesel_autogen::schema::{
    Action, Check, Column, DefaultValue, ForeignKey, Index, IndexColumn, Schema, Table, Type,
};
use diesel_autogen::{PlanOptions, Target};

const TEXT: Type = Type::Text { max_length: None };

fn table(name: &str) -> Table {
    Table::new(name, ["id"]).column(Column::new("id", Type::Integer))
}

fn all_types() -> [Type; 12] {
    [
        Type::SmallInt,
        Type::Integer,
        Type::BigInt,
        Type::Float,
        Type::Double,
        TEXT,
        Type::Text { max_length: Some(3) },
        Type::Binary,
        Type::Bool,
        Type::Date,
        Type::Time,
        Type::Timestamp,
    ]
}

/// Values that SQLite stores in a column of any type.
const VALUES: [&str; 30] = [
    "NULL",
    "0",
    "1",
    "-1",
    "2",
    "32768",
    "2147483648",
    "9223372036854775807",
    "-9223372036854775808",
    "0.0",
    "-0.0",
    "1.0",
    "1.5",
    "1e300",
    "9e999",
    "9223372036854775808.0",
    "''",
    "'007'",
    "' 7'",
    "'1e3'",
    "'n/a'",
    "'it''s ü 👋'",
    "'2012-02-29'",
    "'12:00:00'",
    "'2012-02-29 12:00:00.5'",
    "'now'",
    "x''",
    "x'00ff'",
    "x'373030'",
    "CAST(zeroblob(3000) AS TEXT)",
];

fn typed(scratch: &Scratch) -> Vec<Value> {
    scratch.query("SELECT id || typeof(v) || hex(v) || quote(v) FROM t ORDER BY id")
}

#[test]
fn restores_any_value_after_any_type_change() {
    let values: Vec<_> = VALUES.iter().enumerate().map(|(at, value)| format!("({at}, {value})")).collect();
    let insert = format!("INSERT INTO t (id, v) VALUES {}", values.join(", "));
    for from in all_types() {
        let scratch = Scratch::new();
        scratch.migrate(&Schema::new([table("t").column(Column::new("v", from.clone()).nullable())]));
        scratch.execute(&insert);
        let before = typed(&scratch);
        for to in all_types() {
            if scratch.migrate(&Schema::new([table("t").column(Column::new("v", to.clone()).nullable())])) {
                scratch.downgrade();
                assert_eq!(typed(&scratch), before, "{from} → {to}");
                std::fs::remove_dir_all(scratch.path().join("migrations/sqlite/002_migration")).unwrap();
            }
        }
        scratch.migrate(&Schema::new([table("t")]));
        scratch.downgrade();
        assert_eq!(typed(&scratch), before, "{from} dropped");
    }
}

/// A table whose column `v` the second migration has dropped.
fn dropped(column: Column) -> Scratch {
    let scratch = Scratch::new();
    let keeper = Column::new("k", Type::Integer).nullable();
    scratch.migrate(&Schema::new([table("t").column(keeper.clone()).column(column)]));
    scratch.execute("INSERT INTO t (id, v) VALUES (1, 'a'), (2, 'b'), (3, 'c')");
    scratch.migrate(&Schema::new([table("t").column(keeper)]));
    scratch
}

#[test]
fn added_and_deleted_rows_stay_added_and_deleted() {
    let scratch = dropped(Column::new("v", TEXT).nullable().default(DefaultValue::Text("new".into())));
    scratch.execute("DELETE FROM t WHERE id = 2; INSERT INTO t (id) VALUES (9); UPDATE t SET k = 5 WHERE id = 1");
    scratch.downgrade();
    let rows = scratch.query("SELECT id || ' ' || coalesce(k, '') || ' ' || v FROM t ORDER BY id");
    assert_eq!(rows, [Some("1 5 a".into()), Some("3  c".into()), Some("9  new".into())]);
    assert_eq!(scratch.query("SELECT name FROM sqlite_master WHERE name LIKE '%kept%'"), []);
}

#[test]
fn a_reused_key_gets_no_values_of_the_deleted_row() {
    for key in ["3", "(SELECT max(id) + 1 FROM t)"] {
        let scratch = dropped(Column::new("v", TEXT).nullable());
        scratch.execute(&format!("DELETE FROM t WHERE id = 3; INSERT INTO t (id) VALUES ({key})"));
        scratch.downgrade();
        assert_eq!(scratch.query("SELECT v FROM t ORDER BY id"), [Some("a".into()), Some("b".into()), None]);
        assert_eq!(scratch.query("SELECT name FROM sqlite_master WHERE name LIKE '%kept%'"), []);
    }
}

#[test]
fn a_row_that_replaces_others_gets_none_of_their_values() {
    let scratch = dropped(Column::new("v", TEXT).nullable());
    scratch.execute("CREATE UNIQUE INDEX one_k ON t (k); UPDATE t SET k = id");
    // REPLACE deletes row 3, and fires no trigger for it.
    scratch.execute(
        "REPLACE INTO t (id, k) VALUES (9, 3); INSERT INTO t (id, k) VALUES (3, 4); REPLACE INTO t (id) VALUES (2)",
    );
    scratch.execute("DROP INDEX one_k");
    scratch.downgrade();
    let rows = scratch.query("SELECT id || ' ' || coalesce(v, 'none') FROM t ORDER BY id");
    assert_eq!(rows, ["1 a", "2 none", "3 none", "9 none"].map(|row| Some(row.to_owned())));
}

#[test]
fn values_follow_a_changed_key() {
    let scratch = dropped(Column::new("v", TEXT).nullable());
    scratch.execute(
        "UPDATE t SET id = 4 WHERE id = 3; UPDATE t SET id = 3 WHERE id = 2; UPDATE t SET id = 2 WHERE id = 4",
    );
    scratch.execute("UPDATE OR IGNORE t SET id = id + 10 WHERE id = 1; UPDATE t SET k = 1");
    scratch.downgrade();
    let rows = scratch.query("SELECT id || ' ' || v FROM t ORDER BY id");
    assert_eq!(rows, ["2 c", "3 b", "11 a"].map(|row| Some(row.to_owned())));
    assert_eq!(scratch.query("SELECT name FROM sqlite_master WHERE name LIKE '%kept%'"), []);
}

#[test]
fn references_to_a_deleted_row_do_not_return_to_a_reused_key() {
    let people = || table("people");
    let key = ForeignKey::new(["person"], "people", ["id"]).on_delete(Action::Cascade);
    let letters = table("letters").column(Column::new("person", Type::Integer)).foreign_key(key.clone());
    let notes = table("notes").column(Column::new("k", Type::Integer).nullable());
    let with_person = notes.clone().column(Column::new("person", Type::Integer).nullable()).foreign_key(key);
    for drops_at_once in [true, false] {
        let scratch = Scratch::new();
        scratch.migrate(&Schema::new([people(), letters.clone(), with_person.clone()]));
        scratch.execute(
            "INSERT INTO people VALUES (1), (2); INSERT INTO letters VALUES (1, 1), (2, 2);
             INSERT INTO notes (id, person) VALUES (1, 1), (2, 2)",
        );
        let mut downgrades = 1;
        if !drops_at_once {
            scratch.migrate(&Schema::new([people(), with_person.clone()]));
            downgrades = 2;
        }
        scratch.migrate(&Schema::new([people(), notes.clone()]));
        scratch.execute("DELETE FROM people WHERE id = 2; INSERT INTO people DEFAULT VALUES");
        assert_eq!(scratch.query("SELECT max(id) FROM people"), [Some("2".into())]);
        (0..downgrades).for_each(|_| scratch.downgrade());
        assert_eq!(scratch.query("SELECT person FROM letters"), [Some("1".into())]);
        assert_eq!(scratch.query("SELECT person FROM notes ORDER BY id"), [Some("1".into()), None]);
        assert_eq!(scratch.query("SELECT name FROM sqlite_master WHERE name LIKE '%kept%'"), []);
        scratch.project.upgrade(Target::Latest).unwrap();
        scratch.project.purge_kept(None).unwrap();
        assert_eq!(scratch.query("SELECT name FROM sqlite_master WHERE name LIKE '%kept%'"), []);
    }
}

#[test]
fn a_side_table_stays_true_after_a_rebuild_and_a_purge() {
    let scratch = dropped(Column::new("v", TEXT).nullable());
    scratch.migrate(&Schema::new([table("t").column(Column::new("k", TEXT).nullable())]));
    scratch.execute("DELETE FROM t WHERE id = 3; INSERT INTO t (id) VALUES (3)");
    scratch.downgrade();
    scratch.downgrade();
    assert_eq!(scratch.query("SELECT v FROM t ORDER BY id"), [Some("a".into()), Some("b".into()), None]);
    scratch.project.upgrade(Target::Latest).unwrap();
    scratch.project.purge_kept(None).unwrap();
    scratch.execute("DELETE FROM t WHERE id = 1");
    scratch.downgrade();
    scratch.downgrade();
    assert_eq!(scratch.query("SELECT v FROM t ORDER BY id"), [None, None]);
}

#[test]
fn a_new_key_needs_a_purge_first() {
    let scratch = dropped(Column::new("v", TEXT).nullable());
    scratch.execute("UPDATE t SET k = id");
    let columns = ["id", "k"].map(|name| Column::new(name, Type::Integer));
    let models = Schema::new([columns.into_iter().fold(Table::new("t", ["k"]), Table::column)]);
    let said = "the values that migration 002 keeps of t refer to a key that changes: purge them first";
    let error = scratch.project.plan(&models, &PlanOptions::default()).unwrap_err().to_string();
    assert_eq!(error, said);
    let plan = scratch.project.plan(&models, &with!(PlanOptions { no_rehearsal: true })).unwrap().unwrap();
    assert_eq!(scratch.project.apply(&plan).unwrap_err().to_string(), said);
    scratch.project.purge_kept(None).unwrap();
    assert!(scratch.migrate(&models));
}

#[test]
fn restores_values_of_a_table_that_is_dropped_later() {
    let scratch = dropped(Column::new("v", TEXT).nullable());
    scratch.migrate(&Schema::new([]));
    scratch.downgrade();
    scratch.downgrade();
    assert_eq!(scratch.query("SELECT v FROM t ORDER BY id"), ["a", "b", "c"].map(|value| Some(value.into())));
}

#[test]
fn a_purge_leaves_tables_of_the_application() {
    let scratch = dropped(Column::new("v", TEXT).nullable());
    scratch.execute("CREATE TABLE _kept_2019_orders (id); CREATE TABLE _kept_002_other (id)");
    let purged = scratch.project.purge_kept(None).unwrap();
    assert_eq!(purged, [("_kept_002_t".to_owned(), 3)]);
}

#[test]
fn a_change_of_letter_case_is_a_newer_value() {
    let scratch = Scratch::new();
    let name = Column::new("name", TEXT);
    scratch.migrate(&Schema::new([table("t").column(name.clone().nullable())]));
    scratch.execute(
        "DROP TABLE t; CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY, name TEXT COLLATE NOCASE);
         INSERT INTO t VALUES (1, NULL), (2, NULL)",
    );
    let wishes = with!(PlanOptions { fills: vec!["t.name=anon".into()] });
    let plan = scratch.project.plan(&Schema::new([table("t").column(name)]), &wishes).unwrap().unwrap();
    scratch.project.apply(&plan.accept_losses()).unwrap();
    scratch.execute("UPDATE t SET name = 'ANON' WHERE id = 2");
    scratch.downgrade();
    assert_eq!(scratch.query("SELECT name FROM t ORDER BY id"), [None, Some("ANON".into())]);
}

#[test]
fn restores_a_not_null_column_with_a_value_for_new_rows() {
    let scratch = dropped(Column::new("v", TEXT));
    scratch.execute("INSERT INTO t (id) VALUES (9)");
    scratch.downgrade();
    assert_eq!(scratch.query("SELECT group_concat(quote(v)) FROM t"), [Some("'a','b','c',''".into())]);
}

#[test]
fn restores_a_unique_column_with_values_for_new_rows() {
    let scratch = Scratch::new();
    let unique = table("t").column(Column::new("v", TEXT)).index(Index::new("t", [IndexColumn::asc("v")], true));
    scratch.migrate(&Schema::new([unique]));
    scratch.execute("INSERT INTO t (id, v) VALUES (1, 'a'), (2, 'b')");
    scratch.migrate(&Schema::new([table("t")]));
    scratch.execute("INSERT INTO t (id) VALUES (8), (9)");
    scratch.downgrade();
    assert_eq!(scratch.query("SELECT group_concat(v) FROM t"), [Some("a,b,8,9".into())]);
}

#[test]
fn a_value_changed_after_the_upgrade_stays() {
    let scratch = Scratch::new();
    let with = |ty: Type| Schema::new([table("t").column(Column::new("v", ty).nullable())]);
    scratch.migrate(&with(TEXT));
    scratch.execute("INSERT INTO t (id, v) VALUES (1, '007'), (2, '008'), (3, NULL)");
    scratch.migrate(&with(Type::Integer));
    scratch.execute("UPDATE t SET v = 80 WHERE id = 2; UPDATE t SET v = 3 WHERE id = 3");
    scratch.downgrade();
    let rows = scratch.query("SELECT quote(v) FROM t ORDER BY id");
    assert_eq!(rows, [Some("'007'".into()), Some("'80'".into()), Some("'3'".into())]);
}

#[test]
fn a_downgrade_after_a_purge_warns_of_the_loss() {
    let scratch = dropped(Column::new("v", TEXT).default(DefaultValue::Text("new".into())));
    let project = scratch.project.clone();
    assert_eq!(project.purge_kept(Some(2.into())).unwrap(), []);
    assert_eq!(project.purge_kept(Some(3.into())).unwrap(), [("_kept_002_t".to_owned(), 3)]);
    assert_eq!(project.purge_kept(None).unwrap(), []);
    let (migrator, events) = listening(&project, with!(Settings { backups: 0 }));
    migrator.downgrade(Target::Previous).unwrap();
    assert_eq!(scratch.query("SELECT group_concat(v) FROM t"), [Some("new,new,new".into())]);
    assert_eq!(taken(&events), ["the values that 002_migration kept of t were purged: they are not restored"]);
}

#[test]
fn a_purge_removes_the_values_from_the_file() {
    let scratch = Scratch::new();
    scratch.migrate(&Schema::new([table("t").column(Column::new("v", TEXT).nullable())]));
    scratch.execute("INSERT INTO t (v) VALUES ('a very private word')");
    scratch.migrate(&Schema::new([table("t")]));
    std::fs::remove_dir_all(scratch.path().join("backups")).unwrap();
    scratch.project.purge_kept(None).unwrap();
    let bytes = std::fs::read(scratch.path().join("app.db")).unwrap();
    let found = bytes.windows(19).filter(|window| *window == b"a very private word").count();
    assert_eq!(found, 0);
}

#[test]
fn a_purge_removes_the_values_from_the_journal() {
    for mode in ["DELETE", "WAL"] {
        let scratch = dropped(Column::new("v", TEXT).nullable());
        scratch.execute("UPDATE _kept_002_t SET v = 'a very private word'");
        // The journal stays while another process has the database open.
        let mut other = scratch.connect();
        other.batch_execute(&format!("PRAGMA journal_mode = {mode}; SELECT * FROM t")).unwrap();
        scratch.execute("UPDATE t SET k = 1");
        let is_there = || {
            let files =
                ["app.db", "app.db-wal"].map(|name| std::fs::read(scratch.path().join(name)).unwrap_or_default());
            files.iter().any(|bytes| bytes.windows(19).any(|window| window == b"a very private word"))
        };
        assert!(is_there(), "{mode}");
        let base = scratch.path().to_owned();
        let (project, events) = listening(&scratch.project, with!(Settings { base: base }));
        if mode == "WAL" {
            other.batch_execute("BEGIN; SELECT * FROM t").unwrap();
            project.purge_kept(None).unwrap();
            let said = "another process has app.db open: the purged values stay in its files until it is closed";
            assert_eq!(taken(&events), [said]);
            other.batch_execute("COMMIT").unwrap();
            scratch.downgrade();
            scratch.project.upgrade(Target::Latest).unwrap();
            scratch.execute("UPDATE _kept_002_t SET v = 'a very private word'");
        }
        project.purge_kept(None).unwrap();
        assert!(!is_there(), "{mode}");
    }
}

#[test]
fn restores_a_dropped_table() {
    let scratch = Scratch::new();
    let posts = table("posts")
        .column(Column::new("body", TEXT).nullable())
        .column(Column::new("user_id", Type::Integer).nullable())
        .foreign_key(ForeignKey::new(["user_id"], "users", ["id"]).on_delete(Action::Cascade));
    scratch.migrate(&Schema::new([table("users"), posts]));
    scratch.execute(
        "INSERT INTO users VALUES (1), (2); INSERT INTO posts VALUES (1, x'00', 1), (2, 'b', 2), (3, 3.5, NULL)",
    );
    scratch.migrate(&Schema::new([table("users")]));
    // A parent that is deleted meanwhile deletes its rows, as ON DELETE CASCADE says.
    scratch.execute("DELETE FROM users WHERE id = 2");
    scratch.downgrade();
    let rows = scratch.query("SELECT id || quote(body) || quote(user_id) FROM posts ORDER BY id");
    assert_eq!(rows, [Some("1X'00'1".into()), Some("3'3.5'NULL".into())]);
}

#[test]
fn restores_a_foreign_key_where_its_parent_exists() {
    let scratch = Scratch::new();
    let posts = |has_user: bool| {
        let posts = table("posts").column(Column::new("body", TEXT).nullable());
        let user = Column::new("user_id", Type::Integer).nullable();
        let key = ForeignKey::new(["user_id"], "users", ["id"]);
        Schema::new([table("users"), if has_user { posts.column(user).foreign_key(key) } else { posts }])
    };
    scratch.migrate(&posts(true));
    scratch.execute("INSERT INTO users VALUES (1), (2); INSERT INTO posts (id, user_id) VALUES (1, 1), (2, 2)");
    scratch.migrate(&posts(false));
    scratch.execute("DELETE FROM users WHERE id = 2");
    scratch.downgrade();
    let rows = scratch.query("SELECT quote(user_id) FROM posts ORDER BY id");
    assert_eq!(rows, [Some("1".into()), Some("NULL".into())]);
}

#[test]
fn a_restored_check_refuses_rows_that_violate_it() {
    let scratch = Scratch::new();
    let plain = table("t").column(Column::new("v", Type::Integer).nullable());
    scratch.migrate(&Schema::new([plain.clone().check(Check::new("v > 0"))]));
    scratch.execute("INSERT INTO t (v) VALUES (1), (2)");
    scratch.migrate(&Schema::new([plain]));
    scratch.execute("INSERT INTO t (v) VALUES (-1)");
    let error = scratch.project.downgrade(Target::Previous).unwrap_err().to_string();
    assert!(error.contains("CHECK constraint failed: v > 0") && error.contains("nothing was changed"), "{error}");
    scratch.execute("DELETE FROM t WHERE v < 0");
    scratch.downgrade();
    assert_eq!(scratch.query("SELECT group_concat(v) FROM t"), [Some("1,2".into())]);
}

#[test]
fn keeps_nothing_with_no_keep() {
    let scratch = Scratch::new();
    scratch.migrate(&Schema::new([table("t").column(Column::new("v", TEXT).nullable())]));
    scratch.execute("INSERT INTO t (v) VALUES ('a')");
    let wishes = with!(PlanOptions { no_keep: true });
    let plan = scratch.project.plan(&Schema::new([table("t")]), &wishes).unwrap().unwrap();
    scratch.project.apply(&plan.accept_losses()).unwrap();
    assert_eq!(scratch.query("SELECT name FROM sqlite_master WHERE name LIKE '%kept%'"), []);
    scratch.downgrade();
    assert_eq!(scratch.query("SELECT quote(v) FROM t"), [Some("NULL".into())]);
}

#[test]
fn restores_by_a_key_whose_type_changed() {
    let scratch = Scratch::new();
    let models = |ty: Type, column: bool| {
        let table = Table::new("t", ["id"]).column(Column::new("id", ty));
        Schema::new([if column { table.column(Column::new("v", TEXT).nullable()) } else { table }])
    };
    scratch.migrate(&models(Type::Integer, true));
    scratch.execute("INSERT INTO t VALUES (1, 'a')");
    scratch.migrate(&models(TEXT, false));
    scratch.downgrade();
    assert_eq!(scratch.query("SELECT CAST(id AS TEXT) FROM t"), [Some("1".into())]);
}

#[test]
fn restores_a_not_null_reference_whose_row_is_gone() {
    let scratch = Scratch::new();
    let users = Table::new("users", ["id"]).column(Column::new("id", Type::Integer));
    let posts = |columns: &[&str]| {
        let columns = columns.iter().map(|name| Column::new(name, Type::Integer));
        columns.fold(Table::new("posts", ["id"]).column(Column::new("id", Type::Integer)), Table::column)
    };
    let key = ForeignKey::new(["user_id"], "users", ["id"]);
    scratch.migrate(&Schema::new([users.clone(), posts(&["user_id"]).foreign_key(key)]));
    scratch.execute("INSERT INTO users VALUES (1), (2); INSERT INTO posts VALUES (1, 1), (2, 2)");
    scratch.migrate(&Schema::new([users, posts(&[])]));
    scratch.execute("DELETE FROM users WHERE id = 2");
    let (project, events) = crate::support::listening(&scratch.project, with!(Settings { backups: 0 }));
    project.downgrade(Target::Previous).unwrap();
    assert_eq!(
        crate::support::taken(&events),
        ["1 row already referred to a missing row of another table before the downgrade, such as posts with rowid 2, \
          to users"]
    );
    assert_eq!(scratch.joined("SELECT id || ' ' || user_id FROM posts ORDER BY id"), "1 1 2 2");
}

#[test]
fn restores_references_within_a_table() {
    let with_boss = || {
        let boss = ForeignKey::new(["boss"], "people", ["id"]);
        table("people").column(Column::new("boss", Type::Integer).nullable()).foreign_key(boss)
    };
    let scratch = Scratch::new();
    scratch.migrate(&Schema::new([with_boss()]));
    scratch.execute("INSERT INTO people VALUES (1, NULL), (2, 1), (3, 2), (4, 4)");
    scratch.migrate(&Schema::new([table("people")]));
    scratch.execute("DELETE FROM people WHERE id = 2");
    scratch.downgrade();
    let rows = scratch.query("SELECT id || ' ' || quote(boss) FROM people ORDER BY id");
    assert_eq!(rows, ["1 NULL", "3 NULL", "4 4"].map(|row| Some(row.to_owned())));
}

#[test]
fn the_comparison_ignores_side_tables() {
    let scratch = dropped(Column::new("v", TEXT).nullable());
    let other = Scratch::new();
    other.migrate(&Schema::new([table("t").column(Column::new("k", Type::Integer).nullable())]));
    assert_eq!(diesel_autogen::diff(&scratch.introspect(), &other.introspect()), []);
    assert_eq!(diesel_autogen::diff(&other.introspect(), &scratch.introspect()), []);
}

#[test]
fn restores_a_null_that_a_random_default_filled() {
    let number = Column::new("id", Type::Integer);
    let name = Column::new("id", TEXT);
    for column in [number, name] {
        let table = || Table::new("t", ["id"]).column(column.clone());
        let scratch = Scratch::new();
        scratch.migrate(&Schema::new([table().column(Column::new("v", Type::BigInt).nullable())]));
        scratch.execute("INSERT INTO t (id, v) VALUES (1, NULL), (2, 7), (3, NULL), (4, NULL)");
        let random = Column::new("v", Type::BigInt).default(DefaultValue::Sql("abs(random() % 1000000) + 8".into()));
        scratch.migrate(&Schema::new([table().column(random)]));
        assert_eq!(scratch.query("SELECT group_concat(min(v, 8)) FROM t"), [Some("8,7,8,8".to_owned())]);
        scratch.execute("UPDATE t SET v = 5 WHERE id = 4");
        scratch.downgrade();
        let values = scratch.query("SELECT id || coalesce(v, ' was NULL') FROM t");
        assert_eq!(values, ["1 was NULL", "27", "3 was NULL", "45"].map(|value| Some(value.to_owned())), "{column:?}");
    }
}
