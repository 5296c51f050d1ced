//! PostgreSQL: runs, side tables, drift and objects, on the server that `TEST_POSTGRES_URL` names.

use std::collections::BTreeMap;
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::sql_types::{Nullable, Text};
use diesel::{Connection as _, PgConnection, RunQueryDsl as _};
use diesel_autogen::schema::{
    Action, Check, Column, DefaultValue, ForeignKey, Index, IndexColumn, Schema, Table, Type,
};
use diesel_autogen::{DatabaseErrorKind, Error, Migrator, PlanOptions, RenderOptions, Sql, Target, diff};
use tempfile::TempDir;
use test_support::TestDatabase;

use crate::support::{listening, taken};

/// A database of its own, and a migrations folder.
pub struct Server {
    pub database: TestDatabase,
    pub folder: TempDir,
}

impl Server {
    pub fn new() -> Option<Self> {
        Some(Self { database: TestDatabase::new()?, folder: tempfile::tempdir().unwrap() })
    }

    /// A database with these tables, which a generated migration made, with rows, and the models that `change` makes of
    /// the tables.
    pub fn changed(tables: &str, rows: &str, change: &str) -> Option<(Self, Schema)> {
        let (database, other) = (Self::new()?, Self::new()?);
        database.write("001_first", &script(&format!("-- Generated from the models.\n{tables}"), "SELECT 1"));
        let migrator = database.migrator();
        migrator.init().unwrap();
        migrator.upgrade(Target::Latest).unwrap();
        database.execute(rows);
        other.execute(&format!("{tables} {change}"));
        Some((database, as_models(other.migrator().introspect().unwrap())))
    }

    pub fn connect(&self) -> PgConnection {
        self.database.connect()
    }

    pub fn execute(&self, text: &str) {
        // An empty query is an error.
        self.connect().batch_execute(&format!("{text}; SELECT 1")).unwrap_or_else(|error| panic!("{error} in {text}"));
    }

    pub fn query(&self, query: &str) -> Option<String> {
        sql::<Nullable<Text>>(query).get_result(&mut self.connect()).unwrap()
    }

    pub fn migrator(&self) -> Migrator {
        self.migrator_with("")
    }

    /// A migrator whose URL ends in this query.
    pub fn migrator_with(&self, query: &str) -> Migrator {
        let settings = with!(Settings { per_database_folders: true, backups: 0 });
        let url = format!("{}{query}", self.database.url());
        Migrator::new(&url, self.folder.path()).unwrap().with(settings)
    }

    pub fn write(&self, name: &str, sql: &Sql) {
        sql.write(&self.folder.path().join("postgresql").join(name)).unwrap();
    }

    pub fn remove(&self, name: &str) {
        std::fs::remove_dir_all(self.folder.path().join("postgresql").join(name)).unwrap();
    }

    /// Removes the folder of the newest migration.
    pub fn remove_last(&self) {
        let folders = std::fs::read_dir(self.folder.path().join("postgresql")).unwrap();
        let newest = folders.map(|folder| folder.unwrap().path()).max().unwrap();
        std::fs::remove_dir_all(newest).unwrap();
    }

    /// The rows of every table, each column with its name.
    pub fn rows(&self) -> BTreeMap<String, Vec<String>> {
        let mut connection = self.connect();
        let query =
            "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE '\\_\\_%'";
        let tables: Vec<String> = sql::<Text>(query).load(&mut connection).unwrap();
        let rows = |table: String| {
            let query = format!(
                "SELECT string_agg(key || '=' || coalesce(value, 'NULL'), ' ' ORDER BY key) FROM \"{table}\" row, \
                 jsonb_each_text(to_jsonb(row)) GROUP BY row.ctid ORDER BY 1"
            );
            let rows: Vec<String> = sql::<Text>(&query).load(&mut connection).unwrap();
            (table, rows)
        };
        tables.into_iter().map(rows).collect()
    }
}

/// The text that a query finds in the database of that URL.
pub fn asked(url: &str, query: &str) -> String {
    sql::<Text>(query).get_result(&mut PgConnection::establish(url).unwrap()).unwrap()
}

/// A handwritten migration.
pub fn script(up: &str, down: &str) -> Sql {
    Sql { up: up.into(), down: down.into(), own_transaction: false }
}

/// The schema as code declares it.
pub fn as_models(mut schema: Schema) -> Schema {
    schema.objects = None;
    for table in &mut schema.tables {
        (table.clauses, table.primary_key_name) = (None, None);
        table.indexes.iter_mut().for_each(|index| index.stored = None);
        table.columns.iter_mut().for_each(|column| column.identity = false);
        table.foreign_keys.iter_mut().for_each(|key| key.name = None);
        table.checks.iter_mut().for_each(|check| check.name = None);
    }
    schema
}

/// A migrator whose database has these tables, from its first migration, and these rows.
fn started(database: &Server, tables: &str, rows: &str) -> Migrator {
    database.write("001_first", &script(tables, "SELECT 1"));
    let migrator = database.migrator();
    migrator.init().unwrap();
    migrator.upgrade(Target::Latest).unwrap();
    database.execute(rows);
    migrator
}

#[test]
fn unhandled_objects_are_left_alone_when_equal_and_refused_by_name() {
    let objects = [
        ("policy p on t", "CREATE POLICY p ON t USING (id > 1)", "CREATE POLICY p ON t USING (id > 2)"),
        (
            "function f(i integer)",
            "CREATE FUNCTION f(i INTEGER) RETURNS INTEGER LANGUAGE sql AS 'SELECT 1'",
            "CREATE FUNCTION f(i INTEGER) RETURNS INTEGER LANGUAGE sql AS 'SELECT 2'",
        ),
        ("domain d", "CREATE DOMAIN d AS TEXT CHECK (VALUE <> '')", "CREATE DOMAIN d AS TEXT NOT NULL"),
        ("enum e", "CREATE TYPE e AS ENUM ('a')", "CREATE TYPE e AS ENUM ('a', 'b')"),
        ("sequence s", "CREATE SEQUENCE s", "CREATE SEQUENCE s INCREMENT 2"),
        ("materialized view m", "CREATE MATERIALIZED VIEW m AS SELECT 1", "CREATE MATERIALIZED VIEW m AS SELECT 2"),
        (
            "partition p1",
            "CREATE TABLE p (i INTEGER) PARTITION BY LIST (i); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)",
            "CREATE TABLE p (i INTEGER) PARTITION BY LIST (i); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (2)",
        ),
        ("rule r on t", "CREATE RULE r AS ON DELETE TO t DO INSTEAD NOTHING", ""),
        ("extension citext", "CREATE EXTENSION citext", ""),
    ];
    let (table, more) =
        ("CREATE TABLE t (id INTEGER PRIMARY KEY);", "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT);");
    for (name, one, other) in objects {
        let (Some(from), Some(same), Some(differs)) = (Server::new(), Server::new(), Server::new()) else { return };
        from.execute(&format!("{table} {one}"));
        same.execute(&format!("{more} {one}"));
        differs.execute(&format!("{table} {other}"));
        let migrator = from.migrator();
        let start = migrator.introspect().unwrap();
        let options = RenderOptions::default();
        let (changes, _) = migrator.compare(&start, &same.migrator().introspect().unwrap(), &options).unwrap();
        assert_eq!(changes.len(), 1, "{name}: {changes:?}");
        let error = migrator.compare(&start, &differs.migrator().introspect().unwrap(), &options).unwrap_err();
        assert!(error.to_string().contains(name), "{name}: {error}");
        let (changes, _) = migrator.compare(&start, &as_models(start.clone()), &options).unwrap();
        assert!(changes.is_empty(), "{name}: {changes:?}");
    }
}

#[test]
fn objects_that_use_a_column_are_in_its_way() {
    let table = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT);";
    let objects = [
        ("view v", "CREATE VIEW v AS SELECT a FROM t"),
        ("index i on t", "CREATE INDEX i ON t (b) WHERE a = 'x'"),
        ("policy p on t", "CREATE POLICY p ON t USING (a = 'x')"),
        ("EXCLUDE USING btree (a WITH =, b WITH =)", "ALTER TABLE t ADD EXCLUDE (a WITH =, b WITH =)"),
    ];
    for (name, object) in objects {
        let Some(database) = Server::new() else { return };
        database.execute(&format!("{table} {object}"));
        let migrator = database.migrator();
        let start = migrator.introspect().unwrap();
        let mut models = as_models(start.clone());
        models.tables[0].columns.remove(1);
        let error = migrator.compare(&start, &models, &RenderOptions::default()).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
}

#[test]
fn a_failing_statement_is_named_and_undoes_all() {
    let Some(database) = Server::new() else { return };
    let migrator = started(&database, "CREATE TABLE t (id INTEGER PRIMARY KEY);", "INSERT INTO t VALUES (1), (2)");
    let attempt = |up: &str| {
        database.write("002_second", &script(up, ""));
        let error = migrator.upgrade(Target::Latest).unwrap_err().to_string();
        assert_eq!(database.query("SELECT count(*)::text FROM t").as_deref(), Some("2"));
        assert_eq!(migrator.version().unwrap(), 1);
        error
    };
    let error = attempt("DELETE FROM t; -- all;\nINSERT INTO t VALUES (1);\nINSERT INTO t VALUES (1);");
    assert!(
        error.contains("Key (id)=(1) already exists") && error.ends_with("in: INSERT INTO t VALUES (1)"),
        "{error}"
    );
    let error = attempt("DELETE FROM t; COMMIT;");
    assert!(error.contains("would end the transaction"), "{error}");
    let error = attempt("DO $$BEGIN EXECUTE 'DELETE ' || 'FROM ' || chr(116); END$$;");
    assert!(error.contains("table t, which no statement names, would keep 0 of 2 rows"), "{error}");
}

#[test]
fn dropping_with_cascade_loses_no_key_or_view_unsaid() {
    let Some(database) = Server::new() else { return };
    let tables = "CREATE TABLE u (id INTEGER PRIMARY KEY); CREATE TABLE t (id INTEGER PRIMARY KEY, u_id INTEGER REFERENCES u); \
                  CREATE VIEW v AS SELECT id FROM u;";
    let migrator = started(&database, tables, "");
    let attempt = |up: &str| {
        database.write("002_second", &script(up, "SELECT 1"));
        migrator.upgrade(Target::Latest).map(drop).map_err(|error| error.to_string())
    };
    let error = attempt("DROP TABLE u CASCADE").unwrap_err();
    assert!(error.contains("the foreign key t_u_id_fkey on t would be lost"), "{error}");
    let error = attempt("ALTER TABLE t DROP COLUMN u_id; DROP TABLE u CASCADE").unwrap_err();
    assert!(error.contains("the view v on v would be lost"), "{error}");
    attempt("ALTER TABLE t DROP COLUMN u_id; DROP VIEW v; DROP TABLE u").unwrap();
}

#[test]
fn the_walk_of_the_tutorial() {
    let Some(database) = Server::new() else { return };
    let migrator = database.migrator();
    migrator.init().unwrap();
    assert_eq!(migrator.version().unwrap(), 0);
    let text = |name: &str| Column::new(name, Type::Text { max_length: Some(64) });
    let users = Table::new("users", ["id"]).column(Column::new("id", Type::Integer)).column(text("nickname"));
    let posts = Table::new("posts", ["id"])
        .column(Column::new("id", Type::Integer))
        .column(Column::new("created", Type::Timestamp).default(DefaultValue::Now))
        .column(Column::new("user_id", Type::Integer))
        .foreign_key(ForeignKey::new(["user_id"], "users", ["id"]).on_delete(Action::Cascade))
        .index(Index::new("posts", [IndexColumn::asc("user_id")], false));
    let about = users.clone().column(text("about_me").nullable()).check(Check::new("about_me <> ''"));
    let steps = [vec![users.clone()], vec![users, posts.clone()], vec![about, posts]].map(Schema::new);
    for (number, models) in (1..).zip(&steps) {
        let plan = migrator.plan(models, &PlanOptions::default()).unwrap().unwrap();
        migrator.apply(&plan).unwrap();
        assert_eq!(migrator.version().unwrap(), number);
        migrator.check(models).unwrap();
        assert!(migrator.plan(models, &PlanOptions::default()).unwrap().is_none());
        database.execute("INSERT INTO users (nickname) VALUES ('susan')");
    }
    database.execute("INSERT INTO posts (user_id) VALUES (1); UPDATE users SET about_me = 'me' WHERE id = 2");
    for version in [2, 1, 0] {
        migrator.downgrade(Target::Previous).unwrap();
        assert_eq!(migrator.version().unwrap(), version);
    }
    assert!(migrator.introspect().unwrap().tables.is_empty());
    migrator.upgrade(Target::Latest).unwrap();
    migrator.check(&steps[2]).unwrap();
}

#[test]
fn a_missing_database_is_created() {
    let Some(database) = Server::new() else { return };
    let url = format!("{}_new%20one?application_name=a%2Fb", database.database.url());
    let migrator = Migrator::new(&url, database.folder.path()).unwrap();
    assert!(matches!(migrator.version(), Err(Error::NoDatabase { .. })));
    assert!(migrator.init().unwrap().is_new);
    assert_eq!(migrator.version().unwrap(), 0);
    let name = format!("{}_new one", database.database.url().rsplit('/').next().unwrap());
    database.connect().batch_execute(&format!("DROP DATABASE \"{name}\"")).unwrap();
}

#[test]
fn purged_values_come_back_as_defaults() {
    let Some(database) = Server::new() else { return };
    let migrator = started(
        &database,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL, b INTEGER); CREATE TABLE gone (id INTEGER PRIMARY KEY);",
        "INSERT INTO t VALUES (1, 'a', 2); INSERT INTO gone VALUES (1)",
    );
    let start = migrator.introspect().unwrap();
    let mut models = as_models(start.clone());
    models.tables.pop();
    models.tables[0].columns.truncate(1);
    let plan = migrator.plan(&models, &PlanOptions::default()).unwrap().unwrap().accept_losses();
    assert_eq!(plan.losses.len(), 3, "{plan}");
    migrator.apply(&plan).unwrap();
    let purged = migrator.purge_kept(None).unwrap();
    assert_eq!(purged, [("_kept_002_gone".to_owned(), 1), ("_kept_002_t".to_owned(), 1)]);
    migrator.downgrade(Target::Previous).unwrap();
    assert!(diff(&migrator.introspect().unwrap(), &start).is_empty());
    assert_eq!(database.query("SELECT concat(id, a, b) FROM t").as_deref(), Some("1"));
}

#[test]
fn a_table_whose_older_values_are_kept_can_be_dropped() {
    let Some(database) = Server::new() else { return };
    let migrator =
        started(&database, "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT);", "INSERT INTO t VALUES (1, 'a')");
    let mut models = as_models(migrator.introspect().unwrap());
    models.tables[0].columns.truncate(1);
    for models in [models, Schema::default()] {
        let plan = migrator.plan(&models, &PlanOptions::default()).unwrap().unwrap().accept_losses();
        migrator.apply(&plan).unwrap();
    }
    migrator.downgrade(Target::version(1)).unwrap();
    assert_eq!(database.query("SELECT concat(id, a) FROM t").as_deref(), Some("1a"));
}

#[test]
fn a_rehearsal_reports_the_rows_that_a_migration_changes() {
    let Some(database) = Server::new() else { return };
    let migrator = started(
        &database,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT);",
        "INSERT INTO t VALUES (1, 'a'), (2, 'b')",
    );
    let up = "UPDATE t SET a = upper(a); DELETE FROM t WHERE id = 2; INSERT INTO t VALUES (3, 'c');";
    database.write("002_second", &script(up, "DELETE FROM t WHERE id = 3"));
    let rehearsal = migrator.rehearse(Target::Latest).unwrap().to_string();
    assert!(rehearsal.contains("t.a changed in 1 row, such as id = '1', from 'a' to 'A'"), "{rehearsal}");
    assert!(rehearsal.contains("1 row of t missing, such as id = '2'"), "{rehearsal}");
    assert_eq!(database.query("SELECT string_agg(a, '' ORDER BY id) FROM t").as_deref(), Some("ab"));
}

#[test]
fn of_two_upgrades_at_once_one_waits() {
    let Some(database) = Server::new() else { return };
    let migrator = started(&database, "CREATE TABLE t (id INTEGER PRIMARY KEY);", "");
    let up = "CREATE TABLE u (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1);";
    database.write("002_second", &script(up, ""));
    let upgrade = || database.migrator().upgrade(Target::Latest).unwrap().len();
    let steps: usize = std::thread::scope(|scope| {
        let threads = [scope.spawn(upgrade), scope.spawn(upgrade)];
        threads.map(|thread| thread.join().unwrap()).iter().sum()
    });
    assert_eq!(steps, 1);
    assert_eq!(migrator.version().unwrap(), 2);
}

#[test]
fn upgrades_at_once_apply_each_migration_once() {
    let Some(database) = Server::new() else { return };
    let migrator = started(&database, "CREATE TABLE t (id INTEGER PRIMARY KEY);", "");
    database.write("002_second", &script("CREATE TABLE a (id INTEGER PRIMARY KEY)", "DROP TABLE a"));
    let upgrade = || migrator.upgrade(Target::Latest).unwrap().len();
    let steps: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(upgrade)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!((steps, migrator.version().unwrap().to_string().as_str()), (1, "2"));
}

#[test]
fn a_killed_upgrade_leaves_what_was_there() {
    let Some(database) = Server::new() else { return };
    let migrator = started(&database, "CREATE TABLE t (id INTEGER PRIMARY KEY);", "INSERT INTO t VALUES (1)");
    let up = "CREATE TABLE a (id INTEGER PRIMARY KEY); DELETE FROM t; ALTER TABLE t ADD COLUMN a TEXT";
    database.write("002_second", &script(up, "SELECT 1"));
    let start = migrator.introspect().unwrap();
    let mut reader = database.connect();
    reader.batch_execute("BEGIN; SELECT * FROM t").unwrap();
    let waiting = "FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    std::thread::scope(|scope| {
        let upgrade = scope.spawn(|| migrator.upgrade(Target::Latest));
        let is_waiting = format!("SELECT max(pid)::text {waiting}");
        test_support::wait_until("the upgrade waits for the reader", || database.query(&is_waiting).is_some());
        let (impatient, events) = listening(&migrator, with!(Settings { wait: Duration::from_millis(10), backups: 0 }));
        let error = impatient.upgrade(Target::Latest).unwrap_err();
        assert!(matches!(error, Error::Database { kind: DatabaseErrorKind::Locked, .. }), "{error}");
        assert_eq!(taken(&events), ["another process is using the database; waiting up to 0 s"]);
        database.execute(&format!("SELECT pg_terminate_backend(pid) {waiting}"));
        upgrade.join().unwrap().unwrap_err();
    });
    assert_eq!((migrator.version().unwrap().to_string().as_str(), migrator.introspect().unwrap()), ("1", start));
    assert_eq!(database.query("SELECT count(*)::text FROM t").as_deref(), Some("1"));
    drop(reader);
    assert_eq!(migrator.upgrade(Target::Latest).unwrap().len(), 1);
}

#[test]
fn a_database_that_drifted_is_reported() {
    let Some(database) = Server::new() else { return };
    let objects = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); CREATE VIEW v AS SELECT a FROM t;";
    let migrator = started(&database, objects, "");
    let models = as_models(migrator.introspect().unwrap());
    migrator.check(&models).unwrap();
    let drift = |change: &str| {
        database.execute(change);
        let error = migrator.check(&models).unwrap_err();
        assert!(matches!(error, Error::Drift { .. }), "{error}");
        error.to_string()
    };
    assert!(drift("DROP VIEW v").contains("view v"));
    assert!(drift("ALTER TABLE t ADD COLUMN b TEXT").contains('b'));
    // The same tables without a history.
    database.execute("DROP TABLE __diesel_schema_migrations, __migrate_checksums");
    assert!(matches!(migrator.init(), Err(Error::NotControlled { has_tables: true, .. })));
    assert!(matches!(migrator.baseline(1), Err(Error::Drift { .. })));
    database.execute("ALTER TABLE t DROP COLUMN b; CREATE VIEW v AS SELECT a FROM t");
    assert_eq!(migrator.baseline(1).unwrap().version, 1);
    migrator.check(&models).unwrap();
}

#[test]
fn losses_are_counted_and_need_consent() {
    let Some(database) = Server::new() else { return };
    let rows = "INSERT INTO t VALUES (1, 'x', 'seven', 'long'), (2, NULL, '8', 'ab'), (3, 'z', NULL, NULL)";
    let tables = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT, c TEXT);";
    let migrator = started(&database, tables, rows);
    let mut models = as_models(migrator.introspect().unwrap());
    models.tables[0].columns.remove(1);
    models.tables[0].columns[1].ty = Type::Integer;
    models.tables[0].columns[2].ty = Type::Text { max_length: Some(3) };
    let plan = migrator.plan(&models, &PlanOptions::default()).unwrap().unwrap();
    assert_eq!(plan.losses.iter().map(|loss| loss.count).collect::<Vec<_>>(), [1, 1, 2], "{plan}");
    assert!(plan.to_string().contains("'seven'"), "{plan}");
    assert!(matches!(migrator.apply(&plan), Err(Error::Consent(_))));
    let plan = plan.accept_losses();
    database.execute("UPDATE t SET b = 'eight' WHERE id = 2");
    assert!(matches!(migrator.apply(&plan), Err(Error::Consent(_))));
    database.execute("UPDATE t SET b = '8' WHERE id = 2");
    migrator.apply(&plan).unwrap();
    migrator.downgrade(Target::Previous).unwrap();
    let values = "SELECT string_agg(concat_ws(',', id, a, b, c), ' ' ORDER BY id) FROM t";
    assert_eq!(database.query(values).as_deref(), Some("1,x,seven,long 2,8,ab 3,z"));
}

#[test]
fn names_of_models_are_kept() {
    let Some(database) = Server::new() else { return };
    let migrator = started(
        &database,
        "CREATE TABLE u (id INTEGER PRIMARY KEY); CREATE TABLE t (id INTEGER PRIMARY KEY, u_id INTEGER)",
        "",
    );
    let mut models = as_models(migrator.introspect().unwrap());
    let key = ForeignKey::new(["u_id"], "u", ["id"]).on_delete(Action::SetNull).on_update(Action::Cascade);
    models.tables[1].foreign_keys.push(key);
    models.tables[1].checks = vec![Check::new("id > 0"), Check::new("u_id > 0").named("positive")];
    migrator.apply(&migrator.plan(&models, &PlanOptions::default()).unwrap().unwrap()).unwrap();
    let query = "SELECT string_agg(conname || ' ' || pg_get_constraintdef(oid), '; ' ORDER BY conname) \
        FROM pg_constraint WHERE conrelid = 't'::regclass AND contype IN ('c', 'f')";
    let constraints = "positive CHECK ((u_id > 0)); t_check CHECK ((id > 0)); \
        t_u_id_fkey FOREIGN KEY (u_id) REFERENCES u(id) ON UPDATE CASCADE ON DELETE SET NULL";
    assert_eq!(database.query(query).as_deref(), Some(constraints));
    migrator.downgrade(Target::Previous).unwrap();
    assert_eq!(database.query(query), None);
}

#[test]
fn renames_are_followed_by_indexes_and_side_tables() {
    let Some(database) = Server::new() else { return };
    let tables = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT); CREATE INDEX t_b_idx ON t (b);
        CREATE TABLE c (id INTEGER PRIMARY KEY, t_id INTEGER REFERENCES t (id))";
    let rows = "INSERT INTO t VALUES (1, 'a', 'b'), (2, 'c', 'd'); INSERT INTO c VALUES (1, 1)";
    let migrator = started(&database, tables, rows);
    let start = migrator.introspect().unwrap();
    let mut models = as_models(start.clone());
    models.tables[0].columns.remove(1);
    let mut renamed = models.clone();
    renamed.tables[0] = models.tables[0].clone().renamed_from("t");
    "people".clone_into(&mut renamed.tables[0].name);
    renamed.tables[0].columns[1].renamed_from = Some("b".into());
    "name".clone_into(&mut renamed.tables[0].columns[1].name);
    "name".clone_into(&mut renamed.tables[0].indexes[0].columns[0].name);
    "people".clone_into(&mut renamed.tables[1].foreign_keys[0].table);
    for models in [&models, &renamed] {
        let plan = migrator.plan(models, &PlanOptions::default()).unwrap().unwrap().accept_losses();
        migrator.apply(&plan).unwrap();
        migrator.check(models).unwrap();
    }
    database.execute("DELETE FROM people WHERE id = 2; UPDATE c SET t_id = NULL; UPDATE people SET id = 11");
    migrator.downgrade(Target::version(1)).unwrap();
    assert!(diff(&migrator.introspect().unwrap(), &start).is_empty());
    assert_eq!(database.query("SELECT string_agg(concat(id, a, b), ',') FROM t").as_deref(), Some("11ab"));
}

#[test]
fn a_foreign_key_is_not_restored_over_rows_that_dangle() {
    let Some(database) = Server::new() else { return };
    let tables = "CREATE TABLE p (id INTEGER PRIMARY KEY);
        CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p (id))";
    let migrator = started(&database, tables, "INSERT INTO p VALUES (1); INSERT INTO c VALUES (1, 1)");
    let mut models = as_models(migrator.introspect().unwrap());
    models.tables[1].foreign_keys.clear();
    migrator.apply(&migrator.plan(&models, &PlanOptions::default()).unwrap().unwrap().accept_losses()).unwrap();
    database.execute("INSERT INTO c VALUES (2, 99)");
    let error = migrator.downgrade(Target::Previous).unwrap_err().to_string();
    assert!(error.contains("002_migration failed, nothing was changed"), "{error}");
    assert!(error.contains("Key (p)=(99) is not present in table \"p\""), "{error}");
    assert_eq!(migrator.version().unwrap(), 2);
}

#[test]
fn a_statement_ends_at_a_semicolon_outside_of_texts() {
    let Some(database) = Server::new() else { return };
    let migrator = started(&database, "CREATE TABLE t (a TEXT, \"b;c\" TEXT); -- ;\n -- nothing\n ;", "");
    let up = "-- a; b\nINSERT INTO t VALUES (';', E'it\\';'), ($$;$$, $x$ ; $$ $x$); /* ; /* ; */ ; */\n\nINSERT INTO t\n\
              VALUES ('it''s;') -- end;\n;;CREATE FUNCTION f(INTEGER) RETURNS INTEGER LANGUAGE SQL BEGIN ATOMIC \
              SELECT CASE WHEN $1 > 0 THEN 1 END; SELECT 2; END; DO $$BEGIN PERFORM 1; END$$; \
              PREPARE p AS SELECT 1; DEALLOCATE p; SAVEPOINT a; ROLLBACK TO SAVEPOINT a; ROLLBACK TO a;";
    let attempt = |last: &str| {
        database.write("002_second", &script(&format!("{up}{last}"), "SELECT 1"));
        migrator.upgrade(Target::Latest).unwrap_err().to_string()
    };
    assert!(attempt("SELECT ';' FROM nowhere; SELECT 1").ends_with("in: SELECT ';' FROM nowhere"));
    for last in ["commit", "BEGIN", "START TRANSACTION", "ROLLBACK", "/* a */ abort", "END", "PREPARE TRANSACTION 'a'"]
    {
        assert!(attempt(last).contains("would end the transaction"), "{last}");
    }
    assert_eq!(database.query("SELECT count(*)::text FROM t").as_deref(), Some("0"));
}

#[test]
fn a_table_is_named_by_a_word_and_in_a_body() {
    let Some(database) = Server::new() else { return };
    let tables = "CREATE TABLE \"Users\" (id INTEGER PRIMARY KEY);
        CREATE TABLE super_users (id INTEGER REFERENCES \"Users\" ON DELETE CASCADE);
        CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN DELETE FROM \"Users\"; RETURN NULL; END$$;
        CREATE TRIGGER t AFTER DELETE ON super_users FOR EACH STATEMENT EXECUTE FUNCTION f();";
    let migrator = started(&database, tables, "INSERT INTO \"Users\" VALUES (1)");
    let attempt = |up: &str| {
        database.write("002_second", &script(up, "SELECT 1"));
        migrator.upgrade(Target::Latest).map(drop).map_err(|error| error.to_string())
    };
    let error = attempt("DELETE FROM super_users -- Users").unwrap_err();
    assert!(error.contains("table Users, which no statement names, would keep 0 of 1"), "{error}");
    attempt("DO $$BEGIN DELETE FROM super_users; DELETE FROM \"Users\"; END$$").unwrap();
}

#[test]
fn names_that_differ_in_capital_letters_are_refused() {
    for (tables, said) in [
        ("CREATE TABLE \"Users\" (id INT); CREATE TABLE users (id INT);", "for users: there is Users too"),
        ("CREATE TABLE t (a INT, \"A\" INT);", "for A: there is a too"),
        (
            "CREATE TABLE t (a INT, b INT); CREATE INDEX i ON t (a); CREATE INDEX \"I\" ON t (b);",
            "for I: there is i too",
        ),
    ] {
        let Some(database) = Server::new() else { return };
        let migrator = started(&database, tables, "SELECT 1");
        let errors = [
            migrator.print_schema().unwrap_err(),
            migrator.plan(&Schema::new([]), &PlanOptions::default()).unwrap_err(),
        ];
        assert!(errors.iter().all(|error| error.to_string().contains(said)), "{errors:?}");
    }
}

#[test]
fn a_line_break_in_a_name_ends_no_comment() {
    let Some(database) = Server::new() else { return };
    let tables = "CREATE TABLE \"t\nSELECT 1/0; --\" (id INT PRIMARY KEY, v TEXT); CREATE TABLE \"u\rSELECT 1/0; --\" (id INT PRIMARY KEY);";
    let migrator = started(&database, tables, "INSERT INTO \"t\nSELECT 1/0; --\" VALUES (1, 'kept')");
    let mut models = Schema::new(migrator.introspect().unwrap().tables.into_iter().take(1));
    models.tables[0].columns.truncate(1);
    let plan = migrator.plan(&models, &PlanOptions::default()).unwrap().unwrap();
    migrator.apply(&plan.accept_losses()).unwrap();
    migrator.downgrade(Target::Previous).unwrap();
    assert_eq!(database.query("SELECT v FROM \"t\nSELECT 1/0; --\"").as_deref(), Some("kept"));
}
