//! What an upgrade drops or converts comes back with the downgrade, whatever the application did to the rows meanwhile.

use diesel_autogen::{PlanOptions, RenderOptions, Schema, Target};

use crate::support::{Scratch, cycle};

#[test]
fn side_tables_follow_the_rows() {
    let table = |column: &str| format!("CREATE TABLE t (id INTEGER PRIMARY KEY NOT NULL, k INTEGER UNIQUE{column})");
    let rows = "INSERT INTO t VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c')";
    for (between, expected) in [
        ("", "1a 2b 3c"),
        ("DELETE FROM t WHERE id = 3; INSERT INTO t (id) VALUES (3)", "1a 2b 3?"),
        ("REPLACE INTO t (id, k) VALUES (9, 3); REPLACE INTO t (id) VALUES (2)", "1a 2? 9?"),
        ("INSERT INTO t (id, k) VALUES (3, 7) ON CONFLICT DO UPDATE SET id = 8", "1a 2b 8c"),
        ("UPDATE t SET id = 4 WHERE id = 3; UPDATE t SET id = 3 WHERE id = 2", "1a 3b 4c"),
        (
            "ALTER TABLE t RENAME TO s; ALTER TABLE s RENAME COLUMN id TO n; DELETE FROM s WHERE n = 1;
             UPDATE s SET n = 7 WHERE n = 2; ALTER TABLE s RENAME COLUMN n TO id; ALTER TABLE s RENAME TO t",
            "3c 7b",
        ),
        ("DROP TABLE _kept_001_t", "1? 2? 3?"),
    ] {
        let query = "SELECT id || coalesce(v, '?') FROM t ORDER BY id";
        assert_eq!(cycle(&table(", v TEXT"), rows, &table(""), between, query), expected, "{between}");
    }
}

#[test]
fn composite_keys_find_the_rows() {
    let table = |column: &str| {
        let key = "a TEXT COLLATE NOCASE NOT NULL, b INT NOT NULL";
        format!("CREATE TABLE t ({key}, k{column}, PRIMARY KEY (a, b)) WITHOUT ROWID")
    };
    let rows = "INSERT INTO t VALUES ('x', 1, 0, 'a'), ('y', 2, 0, 'b'), ('z', 3, 0, 'c')";
    let between = "UPDATE t SET a = 'X' WHERE b = 1; DELETE FROM t WHERE a = 'Y'; UPDATE t SET b = 9 WHERE a = 'z'";
    assert_eq!(cycle(&table(", v"), rows, &table(""), between, "SELECT a || b || v FROM t ORDER BY b"), "X1a z9c");
}

#[test]
fn restores_a_column_that_becomes_generated() {
    let table = |column: &str| format!("CREATE TABLE t (id INTEGER PRIMARY KEY, {column})");
    let rows = "INSERT INTO t VALUES (1, 7), (2, NULL), (3, 'x')";
    for (plain, generated, new) in [
        ("a INT", "a INT AS (id * 2)", "8"),
        ("a INT UNIQUE", "a INT UNIQUE AS (id * 2) STORED", "8"),
        ("a", "a TEXT GENERATED ALWAYS AS (id || 'x') VIRTUAL", "X'3478'"),
    ] {
        let insert = "INSERT INTO t (id) VALUES (4)";
        let found = cycle(&table(plain), rows, &table(generated), insert, "SELECT quote(a) FROM t ORDER BY id");
        assert_eq!(found, format!("7 NULL 'x' {new}"), "{generated}");
    }
    let rows = "INSERT INTO t (id) VALUES (1), (2)";
    assert_eq!(cycle(&table("a INT AS (id * 2)"), rows, &table("a INT"), "", "SELECT quote(a) FROM t"), "2 4");
}

#[test]
fn any_outside_strict_keeps_the_old_values() {
    let table = |option: &str| format!("CREATE TABLE t (id INTEGER PRIMARY KEY, a ANY, b TEXT) {option}");
    let rows =
        "INSERT INTO t VALUES (1, '007', '007'), (2, 7.0, NULL), (3, x'00', 'b'), (4, NULL, 'b'), (5, ' 8', 'b')";
    let found = cycle(&table("STRICT"), rows, &table(""), "", "SELECT quote(a) || '|' || quote(b) FROM t");
    assert_eq!(found, "'007'|'007' 7.0|NULL X'00'|'b' NULL|'b' ' 8'|'b'");
    let (from, to) = (Scratch::of(&format!("{}; {rows}", table("STRICT"))), Scratch::of(&table("")).introspect());
    let (changes, _) = from.project.compare(&from.introspect(), &to, &RenderOptions::default()).unwrap();
    assert!(changes[0].to_string().contains("changes how a is stored"), "{}", changes[0]);
}

#[test]
fn similar_names_are_told_apart() {
    let names = ["super_users", "users", "001_users", "kept_001_users"];
    let table = |name| {
        format!(
            "CREATE TABLE \"{name}\" (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO \"{name}\" VALUES (1, '{name}');"
        )
    };
    let scratch = Scratch::of(&names.map(table).concat());
    let mut models = scratch.models();
    for name in names {
        let table = models.tables.iter_mut().find(|table| table.name == name).unwrap();
        table.columns.retain(|column| column.name != "v");
        assert!(scratch.migrate(&models), "{name}");
    }
    scratch.project.downgrade(Target::version(0)).unwrap();
    scratch.project.rehearse(Target::Latest).unwrap();
    scratch.project.upgrade(Target::Latest).unwrap();
    let purged = scratch.project.purge_kept(Some(2.into())).unwrap();
    assert_eq!(purged, [("_kept_001_super_users".to_owned(), 1)]);
    scratch.project.downgrade(Target::version(0)).unwrap();
    for name in names {
        let kept = if name == "super_users" { "NULL" } else { name };
        assert_eq!(scratch.joined(&format!("SELECT v FROM \"{name}\"")), kept);
    }
}

#[test]
fn tables_of_the_application_are_no_side_tables() {
    let own = "CREATE TABLE _kept_letters (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO _kept_letters VALUES (1, 'a');
        CREATE TABLE _kept_001_x (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO _kept_001_x VALUES (1, 'b');
        CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'c');";
    let all = ["_kept_letters", "_kept_001_x", "t"];
    let values = "SELECT v FROM _kept_letters UNION ALL SELECT v FROM _kept_001_x UNION ALL SELECT v FROM t";
    let scratch = Scratch::new();
    scratch.write("001_a", own);
    let tables = || scratch.introspect().tables.into_iter().map(|table| table.name).collect::<Vec<_>>();
    assert_eq!(tables(), all);
    let mut models = scratch.models();
    models.tables.iter_mut().for_each(|table| table.columns.retain(|column| column.name == "id"));
    assert!(scratch.migrate(&models));
    assert_eq!(tables().len(), 3);
    assert!(scratch.project.plan(&models, &PlanOptions::default()).unwrap().is_none());
    scratch.downgrade();
    assert_eq!(scratch.joined(values), "a b c");
    scratch.project.upgrade(Target::Latest).unwrap();
    let purged: Vec<_> = scratch.project.purge_kept(None).unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(purged, ["_kept_002__kept_001_x", "_kept_002__kept_letters", "_kept_002_t"]);
    assert_eq!(tables().len(), 3);
    // What the models cannot declare stays.
    scratch.migrate(&Schema::new([]));
    assert_eq!(tables().iter().filter(|name| name.starts_with("_kept_")).count(), 2);
    assert_eq!(tables().len(), 2);
    scratch.downgrade();
    assert_eq!(tables().len(), 3);
}

#[test]
fn a_unique_that_names_a_column_twice_keeps_nothing() {
    let scratch = Scratch::new();
    scratch.write("001_a", "CREATE TABLE t (code TEXT NOT NULL, v TEXT, UNIQUE (code, code));");
    scratch.execute("INSERT INTO t VALUES ('a', 'b')");
    let mut models = scratch.models();
    models.tables[0].columns.retain(|column| column.name != "v");
    assert!(scratch.migrate(&models));
    scratch.downgrade();
    assert_eq!(scratch.query("SELECT code || quote(v) FROM t"), [Some("aNULL".into())]);
}
