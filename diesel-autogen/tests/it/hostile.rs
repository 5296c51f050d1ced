//! Schemas that are hard on a generator of SQL: every change of one column or table leads there and back, in the library and
//! in Diesel's harness, and restores every row.

use diesel_autogen::schema::{Column, Schema, Type};
use diesel_autogen::{LossKind, PlanOptions, Target};
use diesel_migrations::{FileBasedMigrations, MigrationHarness as _};

use crate::support::Scratch;

/// Each with its rows.
pub const SCHEMAS: [&str; 13] = [
    r#"CREATE TABLE "a b" ("select" INTEGER PRIMARY KEY, "it's" TEXT, "a""b" INT, "größe" TEXT, ";--" TEXT, "[x]" TEXT);
       INSERT INTO "a b" VALUES (1, 'x', 2, 'ü', ';', '-'), (2, NULL, NULL, NULL, NULL, NULL);
       CREATE INDEX "i-1" ON "a b" ("it's", "größe"); CREATE VIEW "v w" AS SELECT "select" AS "order" FROM "a b";
       CREATE TRIGGER "t;t" AFTER DELETE ON "a b" BEGIN UPDATE "a b" SET ";--" = 'x;' WHERE 0; END;"#,
    "CREATE TABLE users (id INTEGER PRIMARY KEY, v TEXT, w INT); CREATE TABLE _new_users (id INTEGER PRIMARY KEY, v TEXT);
     CREATE TABLE _guard (id INTEGER PRIMARY KEY, v TEXT); CREATE TABLE _keys (id INTEGER PRIMARY KEY, v TEXT);
     CREATE TABLE _probe (id INTEGER PRIMARY KEY, v TEXT); CREATE TABLE _zeros (id INTEGER PRIMARY KEY, v TEXT);
     CREATE TABLE before (id INTEGER PRIMARY KEY, v TEXT); CREATE TABLE \"main\" (id INTEGER PRIMARY KEY, v TEXT);
     CREATE TABLE \"temp\" (id INTEGER PRIMARY KEY, v TEXT);
     INSERT INTO users VALUES (1, '01', 2); INSERT INTO _new_users VALUES (1, '1'); INSERT INTO _guard VALUES (1, '1');
     INSERT INTO _keys VALUES (1, '1'); INSERT INTO _probe VALUES (1, '1'); INSERT INTO before VALUES (1, '1');
     INSERT INTO _zeros VALUES (1, '1'); INSERT INTO \"main\" VALUES (1, '1'); INSERT INTO \"temp\" VALUES (1, '1')",
    "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, rowid TEXT, _rowid_ TEXT, oid TEXT, new_v TEXT, old TEXT, v TEXT);
     INSERT INTO t VALUES ('a', 'b', 'c', 'd', 'e', 'f', 'g'), ('B', NULL, '', x'00', 1, 2.5, ' 7')",
    "CREATE TABLE t (a TEXT COLLATE NOCASE NOT NULL, b INT NOT NULL, v TEXT, w BLOB, PRIMARY KEY (a, b DESC)) WITHOUT ROWID;
     CREATE TABLE c (id INTEGER PRIMARY KEY, a TEXT, b INT, v, FOREIGN KEY (a, b) REFERENCES t ON DELETE CASCADE ON UPDATE CASCADE);
     INSERT INTO t VALUES ('a', 1, '007', x'00'), ('A', 2, NULL, 'b'), ('é', 3, '', NULL);
     INSERT INTO c VALUES (1, 'A', 1, 1), (2, 'a', 2, 2), (3, NULL, 3, '3'), (4, 'é', 3, NULL)",
    "CREATE TABLE t (name TEXT PRIMARY KEY, v INT, w TEXT); INSERT INTO t VALUES ('a', 1, 'x'), (NULL, 2, 'y'), (NULL, 3, NULL);
     CREATE TABLE c (t TEXT REFERENCES t DEFERRABLE INITIALLY DEFERRED, v TEXT); INSERT INTO c VALUES ('a', 'x'), ('a', 'x'), (NULL, NULL)",
    "CREATE TABLE a (id INTEGER PRIMARY KEY, b INT REFERENCES b DEFERRABLE INITIALLY DEFERRED, v TEXT);
     CREATE TABLE b (id INTEGER PRIMARY KEY, a INT REFERENCES a ON DELETE SET NULL, v TEXT);
     CREATE TABLE n (id INTEGER PRIMARY KEY, up INT REFERENCES n ON DELETE CASCADE, v TEXT);
     INSERT INTO a VALUES (1, 1, 'x'), (2, NULL, NULL); INSERT INTO b VALUES (1, 2, 'x'), (2, 1, ''), (3, NULL, '');
     INSERT INTO n VALUES (1, 1, 'a'), (2, 1, 'b'), (3, 2, NULL)",
    "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a INT, b TEXT, g INT AS (a * 2) STORED, h TEXT AS (b || '!'), c TEXT);
     CREATE UNIQUE INDEX by_g ON t (g) WHERE a > 0; CREATE INDEX by_h ON t (lower(h), c DESC);
     INSERT INTO t (id, a, b, c) VALUES (1, 5, 'x', NULL), (7, NULL, NULL, 'c'), (9, 6, '6', '6'); DELETE FROM t WHERE id = 9",
    "CREATE TABLE t (id INTEGER PRIMARY KEY, a INT NOT NULL DEFAULT 5 CHECK (a > 0), b VARCHAR(9) UNIQUE ON CONFLICT REPLACE,
         c DECIMAL(5, 2), d, CONSTRAINT \"a b\" CHECK (length(b) < 9 OR a), UNIQUE (a, c) ON CONFLICT IGNORE);
     INSERT INTO t VALUES (1, 1, 'x', 1.5, 1), (2, 2, NULL, '2.50', '1'), (3, 3, 'y', 'abc', x'41')",
    "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b INT); INSERT INTO t VALUES (-5, 'a', 1), (0, 'b', 2), (9223372036854775807, 'c', NULL);
     CREATE VIEW v AS SELECT id, a FROM t; CREATE VIEW vv AS SELECT * FROM v WHERE id > 0;
     CREATE TRIGGER v_insert INSTEAD OF INSERT ON v BEGIN INSERT INTO t (a) VALUES (new.a); END;
     CREATE TRIGGER t_insert AFTER INSERT ON t BEGIN UPDATE t SET b = 0 WHERE id = new.id; END;
     CREATE TRIGGER t_update AFTER UPDATE OF a ON t WHEN new.a IS NOT old.a BEGIN SELECT RAISE(ABORT, 'no; never'); END;
     CREATE TRIGGER t_delete BEFORE DELETE ON t BEGIN SELECT RAISE(ABORT, 'no'); END",
    "CREATE TABLE t (a INT, b TEXT, c); CREATE TABLE empty (id INTEGER PRIMARY KEY, v TEXT, w INT NOT NULL);
     INSERT INTO t VALUES (1, 'a', NULL), (1, 'a', NULL), (NULL, NULL, NULL), (NULL, NULL, NULL)",
    "CREATE TABLE t (id INT PRIMARY KEY NOT NULL, v TEXT, w REAL) STRICT, WITHOUT ROWID; INSERT INTO t VALUES (1, 'a', 1), (2, NULL, 2.5);
     CREATE TABLE s (id INTEGER PRIMARY KEY, v ANY, w BLOB) STRICT; INSERT INTO s VALUES (1, '007', x'01'), (2, 7, NULL), (3, 7.0, x'')",
    "CREATE TABLE t (id INTEGER PRIMARY KEY, title TEXT NOT NULL, body TEXT);
     CREATE VIRTUAL TABLE search USING fts5 (title, body, content = 't', content_rowid = 'id');
     CREATE TRIGGER t_insert AFTER INSERT ON t BEGIN INSERT INTO search (rowid, title, body) VALUES (new.id, new.title, new.body); END;
     CREATE TRIGGER t_delete AFTER DELETE ON t BEGIN
         INSERT INTO search (search, rowid, title, body) VALUES ('delete', old.id, old.title, old.body); END;
     CREATE VIRTUAL TABLE places USING rtree (id, x0, x1); INSERT INTO places VALUES (1, 2, 3);
     INSERT INTO t VALUES (3, 'a word', NULL), (1, 'another', 'word'); INSERT INTO search (search) VALUES ('integrity-check')",
    "CREATE TABLE 'quoted' ([id] INTEGER NOT NULL PRIMARY KEY /* the key */, `v` TEXT -- a text, with a comma
         , w INT DEFAULT (1 + 2), x TEXT DEFAULT 'it''s; --', y INT REFERENCES \"quoted\" (id) -- last
     ); INSERT INTO quoted VALUES (1, 'a', 1, 'b', NULL), (2, 'b', 2, NULL, 1)",
];

/// Every text and row. A rename writes names in other quotes.
fn contents(scratch: &Scratch) -> Vec<String> {
    let texts = "SELECT sql FROM sqlite_master WHERE sql NOT NULL AND tbl_name NOT LIKE '\\_\\_%' ESCAPE '\\'";
    let texts = scratch.query(texts).into_iter().flatten();
    let mut contents: Vec<_> = texts.map(|text| text.replace(['"', '\'', '`', '[', ']'], "")).collect();
    for table in scratch.introspect().tables {
        let columns: Vec<_> = table.columns.iter().map(|column| column.name.replace('"', "\"\"")).collect();
        let name = format!("\"{}\"", table.name.replace('"', "\"\""));
        contents.push(format!("{name} {:?}", scratch.values(&name, &columns)));
    }
    contents.sort();
    contents
}

/// All models that differ in one place.
fn changed(models: &Schema) -> Vec<(String, Schema)> {
    let mut all = Vec::new();
    let mut push = |what: String, edit: &dyn Fn(&mut Schema)| {
        let mut changed = models.clone();
        edit(&mut changed);
        all.push((what, changed));
    };
    for (at, table) in models.tables.iter().enumerate() {
        let name = &table.name;
        push(format!("drop table {name}"), &|schema| drop(schema.tables.remove(at)));
        let new = || Column::new("new one", Type::Text { max_length: Some(5) });
        push(format!("add to {name}"), &|schema| schema.tables[at].columns.push(new().nullable()));
        push(format!("add NOT NULL to {name}"), &|schema| {
            let default = diesel_autogen::schema::DefaultValue::Text("it's".into());
            schema.tables[at].columns.push(new().default(default));
        });
        push(format!("rename {name}"), &|schema| rename_table(schema, at));
        push(format!("drop the keys of {name}"), &|schema| schema.tables[at].foreign_keys.clear());
        for (index, column) in table.columns.iter().enumerate() {
            push(format!("drop {name}.{}", column.name), &|schema| {
                let table = &mut schema.tables[at];
                let column = table.columns.remove(index).name;
                table.foreign_keys.retain(|key| !key.columns.contains(&column));
                table.indexes.retain(|index| index.columns.iter().all(|other| other.name != column));
                table.primary_key.retain(|other| *other != column);
            });
            push(format!("rename {name}.{}", column.name), &|schema| rename_column(schema, at, index));
            for ty in [Type::Integer, Type::Binary] {
                push(format!("{name}.{} {ty}", column.name), &|schema| {
                    schema.tables[at].columns[index].ty = ty.clone();
                });
            }
            push(format!("{name}.{} nullable", column.name), &|schema| {
                let column = &mut schema.tables[at].columns[index];
                column.nullable = !column.nullable;
            });
        }
    }
    all
}

const NEW_NAME: &str = "it's \"new\"";

fn rename_table(schema: &mut Schema, at: usize) {
    let old = std::mem::replace(&mut schema.tables[at].name, NEW_NAME.into());
    for key in schema.tables.iter_mut().flat_map(|table| &mut table.foreign_keys).filter(|key| key.table == old) {
        key.table = NEW_NAME.into();
    }
    schema.tables[at].renamed_from = Some(old);
}

fn rename_column(schema: &mut Schema, at: usize, index: usize) {
    let table = &mut schema.tables[at];
    let (name, old) = (table.name.clone(), table.columns[index].name.clone());
    table.columns[index].name = NEW_NAME.into();
    table.columns[index].renamed_from = Some(old.clone());
    let renamed = |name: &mut String| {
        if *name == old {
            *name = NEW_NAME.into();
        }
    };
    table.primary_key.iter_mut().for_each(renamed);
    table.indexes.iter_mut().flat_map(|index| &mut index.columns).for_each(|column| renamed(&mut column.name));
    table.foreign_keys.iter_mut().flat_map(|key| &mut key.columns).for_each(renamed);
    let keys = schema.tables.iter_mut().flat_map(|table| &mut table.foreign_keys);
    keys.filter(|key| key.table == name).flat_map(|key| &mut key.references).for_each(renamed);
}

/// Applies and reverts a migration to these models, in the library and in the harness. Returns what is wrong.
fn there_and_back(scratch: &Scratch, models: &Schema) -> Result<(), String> {
    let before = contents(scratch);
    let same = |step: &str, expected: &[String]| {
        let now = contents(scratch);
        let differs = now
            .iter()
            .filter(|line| !expected.contains(line))
            .chain(expected.iter().filter(|line| !now.contains(line)));
        let differs: Vec<_> = differs.cloned().collect();
        if differs.is_empty() { Ok(()) } else { Err(format!("{step}: {}", differs.join("\n   "))) }
    };
    let plan = scratch.project.plan(models, &PlanOptions::default());
    let plan = plan.map_err(|error| format!("refused: {error}"));
    let plan = match plan {
        Ok(Some(plan)) => plan.accept_losses(),
        Ok(None) => return Ok(()),
        Err(error) => return same("after a refusal", &before).and(Err(error)),
    };
    if let Err(error) = scratch.project.apply(&plan) {
        return same("after a refusal", &before).and(Err(format!("refused to apply: {error}")));
    }
    let after = contents(scratch);
    let said = |step: &'static str| move |error: String| format!("{step}: {error}");
    scratch.project.downgrade(Target::Previous).map_err(|error| said("down")(error.to_string()))?;
    if plan.losses.iter().any(|loss| loss.kind == LossKind::Lost) {
        // No key identifies the rows, and the plan said so.
        return Ok(());
    }
    same("down", &before)?;
    let source = || FileBasedMigrations::from_path(scratch.path().join("migrations/sqlite")).unwrap();
    scratch.connect().run_pending_migrations(source()).map_err(|error| said("harness up")(error.to_string()))?;
    same("harness up", &after)?;
    scratch.connect().revert_last_migration(source()).map_err(|error| said("harness down")(error.to_string()))?;
    same("harness down", &before)?;
    scratch.project.rehearse(Target::Latest).map_err(|error| said("rehearse")(error.to_string()))?;
    scratch.project.upgrade(Target::Latest).map_err(|error| said("again")(error.to_string()))?;
    same("again", &after)?;
    scratch.project.purge_kept(None).map(drop).map_err(|error| said("purge")(error.to_string()))
}

#[test]
fn every_change_leads_there_and_back() {
    let mut wrong = Vec::new();
    for (at, schema) in SCHEMAS.into_iter().enumerate() {
        for (what, models) in changed(&Scratch::of(schema).models()) {
            let result = there_and_back(&Scratch::of(schema), &models);
            // What the rows or the rest of the schema do not allow is refused, and changes nothing.
            let error = result.err().filter(|error| !error.starts_with("refused"));
            wrong.extend(error.map(|error| format!("{at}: {what}: {error}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_encoding_and_pages_of_its_own() {
    let scratch = Scratch::new();
    std::fs::remove_file(scratch.path().join("app.db")).unwrap();
    scratch.execute(
        "PRAGMA encoding = 'UTF-16le'; PRAGMA page_size = 512; PRAGMA auto_vacuum = FULL;
         CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT); PRAGMA user_version = 7;
         INSERT INTO t VALUES (1, 'ä', '007'), (2, 'ß', 'x')",
    );
    scratch.project.baseline(0).unwrap();
    let mut models = scratch.models();
    models.tables[0].columns[1].ty = Type::Integer;
    models.tables[0].columns.remove(2);
    assert_eq!(there_and_back(&scratch, &models), Ok(()));
    let kept = "SELECT user_version || encoding FROM pragma_user_version, pragma_encoding";
    assert_eq!(scratch.joined(kept), "7UTF-16le");
}
