//! PostgreSQL: each kind of change with rows, up and down, on the server that `TEST_POSTGRES_URL` names.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::sql_types::{Nullable, Text};
use diesel::{PgConnection, RunQueryDsl as _};
use migrate::schema::{Action, Check, Column, DefaultValue, ForeignKey, Index, IndexColumn, Schema, Table, Type};
use migrate::{Error, Fill, Migrator, PlanOptions, Rename, RenderOptions, Sql, Target, diff};
use tempfile::TempDir;
use test_support::TestDatabase;

/// A database of its own, and a migrations folder.
struct Server {
    database: TestDatabase,
    folder: TempDir,
}

impl Server {
    fn new() -> Option<Self> {
        Some(Self { database: TestDatabase::new()?, folder: tempfile::tempdir().unwrap() })
    }

    fn connect(&self) -> PgConnection {
        self.database.connect()
    }

    fn execute(&self, text: &str) {
        // An empty query is an error.
        self.connect().batch_execute(&format!("{text}; SELECT 1")).unwrap_or_else(|error| panic!("{error} in {text}"));
    }

    fn query(&self, query: &str) -> Option<String> {
        sql::<Nullable<Text>>(query).get_result(&mut self.connect()).unwrap()
    }

    fn migrator(&self) -> Migrator {
        Migrator::new(self.database.url(), self.folder.path()).unwrap()
    }

    fn write(&self, name: &str, sql: &Sql) {
        sql.write(&self.folder.path().join("postgresql").join(name)).unwrap();
    }

    /// The rows of every table, each column with its name.
    fn rows(&self) -> BTreeMap<String, Vec<String>> {
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

/// Two schemas, and the rows of the first.
struct Case {
    name: &'static str,
    from: &'static str,
    rows: &'static str,
    to: &'static str,
    options: RenderOptions,
    /// What users do between upgrade and downgrade, and a query that is `ok` after that.
    between: Option<(&'static str, &'static str)>,
}

fn case(name: &'static str, from: &'static str, rows: &'static str, to: &'static str) -> Case {
    let options = RenderOptions { keep: Some("002".into()), ..RenderOptions::default() };
    Case { name, from, rows, to, options, between: None }
}

impl Case {
    fn between(mut self, statements: &'static str, query: &'static str) -> Self {
        self.between = Some((statements, query));
        self
    }

    fn fill(mut self, table: &str, column: &str, value: &str) -> Self {
        self.options.fills.push(Fill { table: table.into(), column: column.into(), value: value.into() });
        self
    }

    fn rename(mut self, rename: Rename) -> Self {
        self.options.renames.push(rename);
        self
    }

    /// What goes wrong, if anything; the SQL is added to `golden`.
    fn problem(&self, is_from_code: bool, golden: &mut String) -> Option<String> {
        let (database, other) = (Server::new()?, Server::new()?);
        let migrator = database.migrator();
        let first = Sql { up: self.from.into(), down: String::new(), own_transaction: false };
        database.write("001_first", &first);
        migrator.init().unwrap();
        migrator.upgrade(Target::Latest).unwrap();
        database.execute(self.rows);
        other.execute(self.to);
        let (from, mut to) = (migrator.introspect().unwrap(), other.migrator().introspect().unwrap());
        if is_from_code {
            to = as_models(to);
        }
        let compared = migrator.compare(&from, &to, &self.options);
        let (changes, sql) = match compared {
            Ok(compared) => compared,
            Err(error) => return Some(format!("{}: {error}", self.name)),
        };
        let _ = writeln!(golden, "=== {}\n{}--- down\n{}", self.name, sql.up, sql.down);
        database.write("002_second", &sql);
        let failed = |what: &str| Some(format!("{}: {what}\n{}--- down\n{}", self.name, sql.up, sql.down));
        if changes.is_empty() {
            return failed("no changes");
        }
        let before = database.rows();
        match migrator.rehearse(Target::Latest) {
            Ok(rehearsal) if rehearsal.migrations[0].not_restored.is_empty() => {}
            other => return failed(&format!("rehearsal: {other:?}")),
        }
        for _ in 0..2 {
            if let Err(error) = migrator.upgrade(Target::Latest) {
                return failed(&error.to_string());
            }
            let differences = migrator.differences(&to).unwrap();
            if !is_from_code && !differences.is_empty() {
                return failed(&format!("after up: {differences:?}"));
            }
            if let Some((statements, _)) = self.between {
                database.execute(statements);
            }
            if let Err(error) = migrator.downgrade(Target::Previous) {
                return failed(&error.to_string());
            }
            let differences = diff(&migrator.introspect().unwrap(), &from);
            if !differences.is_empty() {
                return failed(&format!("after down: {differences:?}"));
            }
            match self.between {
                None if database.rows() != before => return failed(&format!("{before:?}\n{:?}", database.rows())),
                Some((_, query)) => {
                    let is_ok = database.query(query).as_deref() == Some("ok");
                    return if is_ok { None } else { failed(&format!("{:?}", database.rows())) };
                }
                None => {}
            }
        }
        None
    }
}

/// The schema as code declares it.
fn as_models(mut schema: Schema) -> Schema {
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

const USERS: &str = "CREATE TABLE users (id INTEGER GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, name VARCHAR(64) NOT NULL, age TEXT, about_me VARCHAR(140) DEFAULT 'x');";
const ROWS: &str = "INSERT INTO users (name, age, about_me) VALUES ('susan', '7', 'hi'), ('john', 'abc', NULL), ('ann', NULL, 'it''s');";

fn cases() -> Vec<Case> {
    vec![
        case("create_table", USERS, ROWS, "CREATE TABLE users (id INTEGER GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, name VARCHAR(64) NOT NULL, age TEXT, about_me VARCHAR(140) DEFAULT 'x');
            CREATE TABLE posts (id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, body TEXT NOT NULL, user_id INTEGER REFERENCES users (id) ON DELETE CASCADE, t TIMESTAMP NOT NULL DEFAULT (now() AT TIME ZONE 'utc'), d DATE DEFAULT '2020-01-01', b BOOLEAN DEFAULT true, n INTEGER DEFAULT -1, f DOUBLE PRECISION DEFAULT 2.5, CHECK (n < 5), CHECK (f > 0)); CREATE INDEX posts_body_idx ON posts (body DESC, user_id);
            CREATE TABLE follows (a INTEGER NOT NULL REFERENCES users, b INTEGER NOT NULL REFERENCES users, PRIMARY KEY (a, b), UNIQUE (b, a));"),
        case("drop_tables", "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL); CREATE TABLE posts (id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, body TEXT, user_id INTEGER REFERENCES users (id), reply_to BIGINT REFERENCES posts (id)); CREATE TABLE likes (post_id BIGINT NOT NULL REFERENCES posts, user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE, PRIMARY KEY (post_id, user_id)); CREATE INDEX likes_x ON likes (user_id);",
            "INSERT INTO users VALUES (1, 'a'), (2, 'b'); INSERT INTO posts (body, user_id, reply_to) VALUES ('x', 1, NULL), ('y', 2, 1); INSERT INTO likes VALUES (1, 2), (2, 1);",
            "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL);"),
        case("drop_tables_parent_deleted", "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL); CREATE TABLE posts (id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, body TEXT, user_id INTEGER REFERENCES users (id), reply_to BIGINT REFERENCES posts (id)); CREATE TABLE likes (post_id BIGINT NOT NULL REFERENCES posts, user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE, PRIMARY KEY (post_id, user_id)); CREATE TABLE notes (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users ON DELETE SET NULL)",
            "INSERT INTO users VALUES (1, 'a'), (2, 'b'); INSERT INTO posts (body, user_id, reply_to) VALUES ('x', 1, NULL), ('y', 2, 1); INSERT INTO likes VALUES (1, 2), (2, 1); INSERT INTO notes VALUES (1, 1), (2, 2);",
            "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL);")
            .between("DELETE FROM users WHERE id = 2; UPDATE users SET id = 11 WHERE id = 1", "SELECT CASE WHEN (SELECT string_agg(body || user_id, ',') FROM posts) = 'x11' AND (SELECT count(*) FROM likes) = 0 AND (SELECT string_agg(concat(id, ':', user_id), ',' ORDER BY id) FROM notes) = '1:11,2:' THEN 'ok' ELSE 'no' END"),
        case("drop_circle", "CREATE TABLE a (id INTEGER PRIMARY KEY, b_id INTEGER); CREATE TABLE b (id INTEGER PRIMARY KEY, a_id INTEGER REFERENCES a); ALTER TABLE a ADD FOREIGN KEY (b_id) REFERENCES b; CREATE TABLE c (id INTEGER PRIMARY KEY)", "INSERT INTO a VALUES (1, NULL); INSERT INTO b VALUES (1, 1); UPDATE a SET b_id = 1", "CREATE TABLE c (id INTEGER PRIMARY KEY)"),
        case("add_column", USERS, ROWS, "CREATE TABLE users (id INTEGER GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, name VARCHAR(64) NOT NULL, age TEXT, about_me VARCHAR(140) DEFAULT 'x', email TEXT, n INTEGER NOT NULL DEFAULT 3, z TEXT NOT NULL, \"order\" INTEGER)").fill("users", "z", "'none'"),
        case("drop_column", USERS, ROWS, "CREATE TABLE users (id INTEGER GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, about_me VARCHAR(140) DEFAULT 'x')"),
        case("drop_column_changed", USERS, ROWS, "CREATE TABLE users (id INTEGER GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, about_me VARCHAR(140) DEFAULT 'x')")
            .between("DELETE FROM users WHERE id = 1; INSERT INTO users (about_me) VALUES ('new'); UPDATE users SET id = 20 WHERE id = 2", "SELECT CASE WHEN (SELECT string_agg(concat(id, name, age), ',' ORDER BY id) FROM users) = '3ann,4,20johnabc' THEN 'ok' ELSE 'no' END"),
        case("text_to_int", USERS, ROWS, "CREATE TABLE users (id INTEGER GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, name VARCHAR(64) NOT NULL, age INTEGER, about_me VARCHAR(140) DEFAULT 'x')"),
        case("text_to_int_changed", USERS, ROWS, "CREATE TABLE users (id INTEGER GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, name VARCHAR(64) NOT NULL, age INTEGER, about_me VARCHAR(140) DEFAULT 'x')")
            .between("UPDATE users SET age = 9 WHERE id = 2; INSERT INTO users (name, age) VALUES ('new', 5)", "SELECT CASE WHEN (SELECT string_agg(concat(id, name, age), ',' ORDER BY id) FROM users) = '1susan7,2john9,3ann,4new5' THEN 'ok' ELSE 'no' END"),
        case("text_to_int_not_null", "CREATE TABLE t (id SERIAL PRIMARY KEY, a TEXT NOT NULL DEFAULT '5', b TEXT)", "INSERT INTO t (a, b) VALUES ('x', NULL), ('007', '3'), ('99999999999', 'y')", "CREATE TABLE t (id SERIAL PRIMARY KEY, a INTEGER NOT NULL DEFAULT 5, b INTEGER NOT NULL DEFAULT 0)"),
        case("shorter_longer", "CREATE TABLE t (id INTEGER PRIMARY KEY, a VARCHAR(10), b VARCHAR(3) NOT NULL DEFAULT 'z', c TEXT)", "INSERT INTO t VALUES (1, '1234567890', 'abc', 'long text'), (2, 'x', 'y', NULL)", "CREATE TABLE t (id INTEGER PRIMARY KEY, a VARCHAR(5), b TEXT NOT NULL DEFAULT 'z', c VARCHAR(4))"),
        case("numbers", "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b BIGINT, c DOUBLE PRECISION, d SMALLINT DEFAULT 1, e TIMESTAMP, f BOOLEAN DEFAULT true, g TEXT, h BYTEA, i TEXT)", "INSERT INTO t VALUES (1, 5, 99999999999, 1.5, 2, '2020-01-01 10:00', true, '2020-01-02', '\\x6162', 'true'), (2, NULL, 1, 2, NULL, NULL, false, NULL, NULL, 'x')", "CREATE TABLE t (id BIGINT PRIMARY KEY, a BIGINT, b INTEGER, c INTEGER, d INTEGER DEFAULT 1, e DATE, f INTEGER DEFAULT 1, g DATE, h TEXT, i BOOLEAN)"),
        case("numbers_back", "CREATE TABLE t (id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, a BIGINT, b INTEGER NOT NULL, c INTEGER, d INTEGER DEFAULT 1, e DATE, f INTEGER DEFAULT 1, g DATE, h TEXT, i BOOLEAN)", "INSERT INTO t VALUES (1, 1, 2, 3, 4, '2020-01-01', 1, '2020-01-01', 'abc', true), (2, 1000000000000, 2, 3, 4, '2020-01-01', 7, '2020-01-01', 'abc', true)", "CREATE TABLE t (id INTEGER GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, a INTEGER, b BIGINT NOT NULL, c DOUBLE PRECISION, d SMALLINT DEFAULT 1, e TIMESTAMP, f BOOLEAN DEFAULT true, g TEXT, h BYTEA, i TEXT)"),
        case("not_null_fill", USERS, ROWS, "CREATE TABLE users (id INTEGER GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, name VARCHAR(64), age TEXT NOT NULL, about_me VARCHAR(140) NOT NULL DEFAULT 'x')").fill("users", "age", "'?'"),
        case("defaults", USERS, ROWS, "CREATE TABLE users (id INTEGER GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, name VARCHAR(64) NOT NULL DEFAULT 'it''s', age TEXT DEFAULT '5', about_me VARCHAR(140))"),
        case("keys", "CREATE TABLE t (a INTEGER NOT NULL, b INTEGER NOT NULL, c TEXT, PRIMARY KEY (a), UNIQUE (b))", "INSERT INTO t VALUES (1, 2, 'x')", "CREATE TABLE t (a INTEGER NOT NULL, b INTEGER NOT NULL, c TEXT, PRIMARY KEY (a, b))"),
        case("key_new_name", "CREATE TABLE t (a INTEGER NOT NULL, b INTEGER NOT NULL UNIQUE, c TEXT NOT NULL, CONSTRAINT mykey PRIMARY KEY (a)); CREATE TABLE u (id INTEGER PRIMARY KEY, a INTEGER REFERENCES t (a))", "INSERT INTO t VALUES (1, 2, 'x'); INSERT INTO u VALUES (1, 1)", "CREATE TABLE t (a INTEGER NOT NULL UNIQUE, b INTEGER NOT NULL PRIMARY KEY); CREATE TABLE u (id INTEGER PRIMARY KEY, a INTEGER REFERENCES t (a))"),
        case("indexes", USERS, ROWS, "CREATE TABLE users (id INTEGER GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, name VARCHAR(64) NOT NULL UNIQUE, age TEXT, about_me VARCHAR(140) DEFAULT 'x'); CREATE INDEX users_age_idx ON users (age, name DESC); CREATE INDEX users_low ON users (lower(name)) WHERE age IS NOT NULL"),
        case("indexes_gone", "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT UNIQUE, b TEXT); CREATE INDEX i1 ON t (b); CREATE UNIQUE INDEX i2 ON t (a, b); CREATE INDEX i3 ON t (lower(b))", "INSERT INTO t VALUES (1, 'a', 'b')", "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT); CREATE INDEX i1 ON t (b DESC)"),
        case("foreign_keys", "CREATE TABLE u (id INTEGER PRIMARY KEY, k TEXT UNIQUE); CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b TEXT CONSTRAINT odd REFERENCES u (k), c INTEGER REFERENCES u)", "INSERT INTO u VALUES (1, 'k'); INSERT INTO t VALUES (1, 1, 'k', 1)", "CREATE TABLE u (id INTEGER PRIMARY KEY, k TEXT UNIQUE); CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER REFERENCES u ON DELETE SET NULL ON UPDATE CASCADE, b TEXT, c INTEGER REFERENCES u ON DELETE CASCADE)"),
        case("foreign_key_with_parent", "CREATE TABLE u (id INTEGER PRIMARY KEY, code TEXT UNIQUE); CREATE TABLE p (id INTEGER PRIMARY KEY, code TEXT REFERENCES u (code))", "INSERT INTO u VALUES (1, 'k'); INSERT INTO p VALUES (1, 'k')", "CREATE TABLE u (id INTEGER PRIMARY KEY); CREATE TABLE p (id INTEGER PRIMARY KEY)"),
        case("foreign_key_parent_deleted", "CREATE TABLE u (id INTEGER PRIMARY KEY); CREATE TABLE p (id INTEGER PRIMARY KEY, u_id INTEGER REFERENCES u)", "INSERT INTO u VALUES (1), (2); INSERT INTO p VALUES (1, 1), (2, 2)", "CREATE TABLE u (id INTEGER PRIMARY KEY); CREATE TABLE p (id INTEGER PRIMARY KEY)")
            .between("DELETE FROM u WHERE id = 2", "SELECT CASE WHEN (SELECT string_agg(concat(id, ':', u_id), ',' ORDER BY id) FROM p) = '1:1,2:' THEN 'ok' ELSE 'no' END"),
        case("key_type", "CREATE TABLE u (id INTEGER PRIMARY KEY); CREATE TABLE p (id INTEGER PRIMARY KEY, u_id INTEGER REFERENCES u, x TEXT)", "INSERT INTO u VALUES (1); INSERT INTO p VALUES (1, 1, 'x')", "CREATE TABLE u (id BIGINT PRIMARY KEY); CREATE TABLE p (id BIGINT PRIMARY KEY, u_id BIGINT REFERENCES u)"),
        case("key_type_text", "CREATE TABLE u (id TEXT PRIMARY KEY); CREATE TABLE p (id INTEGER PRIMARY KEY, u_id TEXT REFERENCES u ON DELETE CASCADE)", "INSERT INTO u VALUES ('1'); INSERT INTO p VALUES (1, '1')", "CREATE TABLE u (id INTEGER PRIMARY KEY); CREATE TABLE p (id INTEGER PRIMARY KEY, u_id INTEGER REFERENCES u ON DELETE CASCADE)"),
        case("checks", "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER CHECK (a > 0), b TEXT, CONSTRAINT named CHECK (length(b) < 10))", "INSERT INTO t VALUES (1, 5, 'x')", "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER CHECK (a >= 0), b TEXT CHECK (b IN ('x', 'y')))"),
        case("rename", "CREATE TABLE users (id SERIAL PRIMARY KEY, nick TEXT UNIQUE, x INTEGER); CREATE INDEX users_x_idx ON users (x); CREATE TABLE posts (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users)", "INSERT INTO users (nick, x) VALUES ('a', 1); INSERT INTO posts VALUES (1, 1)", "CREATE TABLE people (id SERIAL PRIMARY KEY, nickname TEXT UNIQUE, y INTEGER NOT NULL DEFAULT 1); CREATE INDEX users_x_idx ON people (y); CREATE TABLE posts (id INTEGER PRIMARY KEY, person_id INTEGER REFERENCES people); CREATE TABLE users (id INTEGER PRIMARY KEY, nick TEXT UNIQUE)")
            .rename(Rename::Table { from: "users".into(), to: "people".into() }).rename(Rename::Column { table: "people".into(), from: "nick".into(), to: "nickname".into() }).rename(Rename::Column { table: "people".into(), from: "x".into(), to: "y".into() }).rename(Rename::Column { table: "posts".into(), from: "user_id".into(), to: "person_id".into() }),
        case("objects", "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.a := 'z;'; RETURN NEW; END$$; CREATE TRIGGER tr BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f(); CREATE VIEW v AS SELECT id FROM t", "INSERT INTO t VALUES (1, 'a')", "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT NOT NULL); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.a := 'z;'; RETURN NEW; END$$; CREATE TRIGGER tr BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f(); CREATE TRIGGER tr2 AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f(); CREATE VIEW v AS SELECT id, a FROM t; CREATE VIEW w AS SELECT * FROM v").fill("t", "b", "'q'"),
        case("odd_types", "CREATE TYPE mood AS ENUM ('a', 'b'); CREATE TABLE t (id UUID PRIMARY KEY DEFAULT gen_random_uuid(), m mood NOT NULL DEFAULT 'a', n NUMERIC(10, 2), j JSONB, a TEXT[] NOT NULL DEFAULT '{}', z TIMESTAMPTZ DEFAULT now())", "INSERT INTO t (n, j) VALUES (1.5, '{}'), (NULL, '[1]')", "CREATE TYPE mood AS ENUM ('a', 'b'); CREATE TABLE t (id UUID PRIMARY KEY DEFAULT gen_random_uuid(), m mood, n NUMERIC(12, 3) NOT NULL DEFAULT 0, a TEXT[] NOT NULL DEFAULT '{}', z TIMESTAMPTZ NOT NULL DEFAULT now(), k INTEGER[])"),
        case(
            "odd_names",
            "CREATE TABLE \"Order\" (\"select\" SERIAL PRIMARY KEY, \"a b\" TEXT, \"It's\" TEXT);
             CREATE TABLE \"user\" (id INTEGER PRIMARY KEY, \"Order\" INTEGER REFERENCES \"Order\", x TEXT);
             CREATE TABLE a_table_with_a_name_as_long_as_postgresql_allows_for_any_object (id INTEGER PRIMARY KEY, x TEXT UNIQUE);",
            "INSERT INTO \"Order\" (\"a b\", \"It's\") VALUES ('1', 'x'); INSERT INTO \"user\" VALUES (1, 1, 'x');
             INSERT INTO a_table_with_a_name_as_long_as_postgresql_allows_for_any_object VALUES (1, 'x')",
            "CREATE TABLE \"Order\" (\"select\" SERIAL PRIMARY KEY, \"a b\" INTEGER, \"C\" TEXT UNIQUE);
             CREATE INDEX \"I\" ON \"Order\" (\"C\", \"a b\");
             CREATE TABLE a_table_with_a_name_as_long_as_postgresql_allows_for_any_object (id INTEGER PRIMARY KEY, y TEXT UNIQUE);",
        ),
        case("clauses", "CREATE TABLE u (id INTEGER PRIMARY KEY); CREATE TABLE t (id INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a TEXT COLLATE \"C\" DEFAULT 'x', g INTEGER GENERATED ALWAYS AS (1 + 1) STORED, u_id INTEGER REFERENCES u DEFERRABLE INITIALLY DEFERRED, now1 TIMESTAMP DEFAULT now(), v VARCHAR, UNIQUE (a) INCLUDE (u_id), EXCLUDE (a WITH =)) WITH (fillfactor=70)", "INSERT INTO u VALUES (1); INSERT INTO t (a, u_id) VALUES ('a', 1), ('b', NULL)", "CREATE TABLE u (id INTEGER PRIMARY KEY)"),
    ]
}

fn problems(is_from_code: bool) -> Vec<String> {
    let only = std::env::var("ONLY").ok();
    let mut cases = cases();
    cases.retain(|case| only.as_ref().is_none_or(|only| only == case.name));
    // Code cannot declare views, triggers and indexes on expressions.
    cases.retain(|case| !is_from_code || !case.name.starts_with("objects") && !case.name.starts_with("indexes"));
    let mut golden = String::new();
    let problems = cases.iter().filter_map(|case| case.problem(is_from_code, &mut golden)).collect();
    if let Ok(file) = std::env::var("GOLDEN") {
        std::fs::write(format!("{file}.{is_from_code}.sql"), golden).unwrap();
    }
    problems
}

#[test]
fn changes_between_databases_are_made_and_reverted() {
    let problems = problems(false);
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
}

#[test]
fn changes_to_models_are_made_and_reverted() {
    let problems = problems(true);
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
}

/// A migrator whose database has these tables, from its first migration, and these rows.
fn started(database: &Server, tables: &str, rows: &str) -> Migrator {
    database.write("001_first", &Sql { up: tables.into(), down: "SELECT 1".into(), own_transaction: false });
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
        ("for t: to drop t.a", "ALTER TABLE t ADD EXCLUDE (a WITH =, b WITH =)"),
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
        database.write("002_second", &Sql { up: up.into(), down: String::new(), own_transaction: false });
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
        database.write("002_second", &Sql { up: up.into(), down: "SELECT 1".into(), own_transaction: false });
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
    let url = format!("{}_new", database.database.url());
    let migrator = Migrator::new(&url, database.folder.path()).unwrap();
    assert!(matches!(migrator.version(), Err(Error::NoDatabase { .. })));
    assert!(migrator.init().unwrap().is_new);
    assert_eq!(migrator.version().unwrap(), 0);
    database.connect().batch_execute(&format!("DROP DATABASE {}", url.rsplit('/').next().unwrap())).unwrap();
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
    migrator.downgrade(Target::Version(1)).unwrap();
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
    database
        .write("002_second", &Sql { up: up.into(), down: "DELETE FROM t WHERE id = 3".into(), own_transaction: false });
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
    database.write("002_second", &Sql { up: up.into(), down: String::new(), own_transaction: false });
    let upgrade = || database.migrator().upgrade(Target::Latest).unwrap().len();
    let steps: usize = std::thread::scope(|scope| {
        let threads = [scope.spawn(upgrade), scope.spawn(upgrade)];
        threads.map(|thread| thread.join().unwrap()).iter().sum()
    });
    assert_eq!(steps, 1);
    assert_eq!(migrator.version().unwrap(), 2);
}
