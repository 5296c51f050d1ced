//! A scratch project: a SQLite file and a migrations folder, both removed at the end.

use std::fmt::Write as _;

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::{Connection as _, RunQueryDsl, SqliteConnection};
use diesel_autogen::schema::{Column, Schema, Table, Type};
use diesel_autogen::{DatabaseUrl, Migrator, PlanOptions, Sql, Target};
use tempfile::TempDir;

/// A value as SQLite quotes it, its storage class included.
pub type Value = Option<String>;

pub struct Scratch {
    folder: TempDir,
    pub project: Migrator,
}

impl Scratch {
    /// An empty database at version 0.
    pub fn new() -> Self {
        // In memory where the system has a folder for that: a disk would take most of the time.
        let memory = std::path::Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let url = DatabaseUrl::parse("app.db", folder.path()).unwrap();
        let settings = with!(Settings { base: folder.path().to_owned(), per_database_folders: true });
        let project = Migrator::with_url(url, folder.path().join("migrations")).with(settings);
        project.init().unwrap();
        Self { folder, project }
    }

    pub fn path(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub fn connect(&self) -> SqliteConnection {
        SqliteConnection::establish(self.folder.path().join("app.db").to_str().unwrap()).unwrap()
    }

    /// Runs SQL as an application would, with foreign keys on.
    pub fn execute(&self, sql: &str) {
        self.connect().batch_execute(sql).unwrap_or_else(|error| panic!("{error} in {sql}"));
    }

    /// The rows of a query of one text column.
    pub fn query(&self, query: &str) -> Vec<Value> {
        sql::<Nullable<Text>>(query).load(&mut self.connect()).unwrap_or_else(|error| panic!("{error} in {query}"))
    }

    /// The rows of a query of one text column, with a space between two.
    pub fn joined(&self, query: &str) -> String {
        let rows = self.query(query).into_iter();
        rows.map(|row| row.unwrap_or_else(|| "NULL".into())).collect::<Vec<_>>().join(" ")
    }

    /// Plans, writes and applies a migration to these models. Returns whether there was a difference.
    pub fn migrate(&self, models: &Schema) -> bool {
        let Some(plan) = self.project.plan(models, &PlanOptions::default()).unwrap() else { return false };
        let plan = plan.accept_losses();
        if let Err(error) = self.project.apply(&plan) {
            panic!("{error}\n{}", plan.sql.up);
        }
        true
    }

    /// A project whose database was made by hand.
    pub fn of(script: &str) -> Self {
        let scratch = Self::new();
        scratch.execute(&format!("PRAGMA foreign_keys = OFF; {script}"));
        scratch
    }

    /// Writes a migration from this database to one like `target`, which may hold what models cannot declare.
    pub fn generate(&self, name: &str, target: &Schema) -> Sql {
        let options = with!(RenderOptions { keep: name.split('_').next().map(str::to_owned) });
        let (_, sql) = self.project.compare(&self.introspect(), target, &options).unwrap();
        sql.write(&self.path().join("migrations/sqlite").join(name)).unwrap();
        sql
    }

    /// Adds a handwritten migration.
    pub fn script(&self, name: &str, up: &str) {
        let folder = self.folder.path().join("migrations").join("sqlite").join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("up.sql"), up).unwrap();
    }

    /// Adds a handwritten migration and applies it.
    pub fn write(&self, name: &str, up: &str) {
        self.script(name, up);
        self.project.upgrade(Target::Latest).unwrap_or_else(|error| panic!("{error} in {up}"));
    }

    pub fn downgrade(&self) {
        let sql = self.project.revertible(Target::Previous).unwrap();
        if let Err(error) = self.project.downgrade(Target::Previous) {
            panic!("{error}\n{}", sql[0].sql);
        }
    }

    pub fn introspect(&self) -> Schema {
        self.project.introspect().unwrap()
    }

    /// The schema as models declare it, which the database agrees with.
    pub fn models(&self) -> Schema {
        let mut models = self.introspect();
        models.objects = None;
        for table in &mut models.tables {
            (table.stored, table.clauses) = (None, None);
        }
        models
    }

    /// Inserts `rows` rows into every table. No two are equal in a column that could be unique.
    pub fn fill(&self, schema: &Schema, rows: i64) {
        let mut script = String::from("PRAGMA foreign_keys = OFF; BEGIN;");
        for table in &schema.tables {
            for row in 1..=rows {
                let names: Vec<_> = table.columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
                let values: Vec<_> = table.columns.iter().map(|column| value(column, row)).collect();
                let (names, values) = (names.join(", "), values.join(", "));
                write!(script, "INSERT INTO {} ({names}) VALUES ({values});", table.name).unwrap();
            }
        }
        self.execute(&(script + "COMMIT;"));
        assert_eq!(self.query("SELECT \"table\" FROM pragma_foreign_key_check"), []);
    }

    /// Runs a statement that may fail.
    pub fn attempt(&self, sql: &str) {
        let _ = self.connect().batch_execute(sql);
    }

    /// Inserts one row, which refers to no other row.
    pub fn fill_one(&self, table: &Table, row: i64) {
        let columns: Vec<_> = table.columns.iter().filter(|column| !column.name.starts_with('f')).collect();
        let names: Vec<_> = columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
        let values: Vec<_> = columns.iter().map(|column| value(column, row)).collect();
        self.execute(&format!("INSERT INTO {} ({}) VALUES ({})", table.name, names.join(", "), values.join(", ")));
    }

    /// The values of a column, each with its row's id.
    pub fn column(&self, table: &str, column: &str) -> Vec<(i64, Value)> {
        let query = format!("SELECT id, quote(\"{column}\") FROM {table}");
        sql::<(BigInt, Nullable<Text>)>(&query).load(&mut self.connect()).unwrap()
    }

    /// A value as a column stores it.
    pub fn stored(&self, table: &Table, column: &Column, value: &str) -> Value {
        let (table, column) = (&table.name, &column.name);
        let mut connection = self.connect();
        connection.batch_execute(&format!("BEGIN; UPDATE {table} SET {column} = {value}")).unwrap();
        let stored = sql::<Nullable<Text>>(&format!("SELECT quote({column}) FROM {table}")).get_result(&mut connection);
        connection.batch_execute("ROLLBACK").unwrap();
        stored.unwrap()
    }

    /// The rows of a table, sorted.
    pub fn values(&self, table: &str, columns: &[String]) -> Vec<Vec<Value>> {
        let quoted: Vec<_> = columns.iter().map(|column| format!("quote(\"{column}\")")).collect();
        let query = format!("SELECT {} FROM {table}", [vec!["''".to_owned()], quoted].concat().join(" || '|' || "));
        let mut rows: Vec<_> = self.query(&query).into_iter().map(|row| vec![row]).collect();
        rows.sort();
        rows
    }

    /// The rowid of every row.
    pub fn row_numbers(&self, tables: &[(String, Vec<String>)]) -> Vec<Vec<i64>> {
        let load = |table: &str| {
            let has_none = "SELECT name FROM pragma_table_list WHERE wr AND name = ";
            if !self.query(&format!("{has_none}'{table}'")).is_empty() {
                return Vec::new();
            }
            let query = format!("SELECT rowid FROM {table} ORDER BY rowid");
            sql::<BigInt>(&query).load(&mut self.connect()).unwrap()
        };
        tables.iter().map(|(table, _)| load(table)).collect()
    }

    /// Adds handwritten views, triggers and indexes to the tables, and returns their texts.
    pub fn decorate<'a>(&self, tables: impl Iterator<Item = &'a str>) -> Vec<Value> {
        for table in tables {
            self.execute(&format!(
                "CREATE VIEW view_{table} AS SELECT id, k AS amount FROM {table} -- by hand
                 ;
                 CREATE TRIGGER trigger_{table} AFTER DELETE ON {table} BEGIN
                     INSERT INTO log (what) VALUES ('deleted ' || old.id);
                 END;
                 CREATE TRIGGER other_{table} AFTER INSERT ON log BEGIN
                     UPDATE {table} SET k = k WHERE id = -1;
                 END;
                 CREATE INDEX partial_{table} ON {table} (k) WHERE id > 1;
                 CREATE INDEX expression_{table} ON {table} (abs(id), k COLLATE NOCASE);"
            ));
        }
        self.objects()
    }

    /// The texts of all views, triggers and handwritten indexes, except the triggers of side tables.
    pub fn objects(&self) -> Vec<Value> {
        self.query(
            "SELECT sql FROM sqlite_master WHERE name NOT LIKE '\\_kept\\_%' ESCAPE '\\' AND (
                 type IN ('view', 'trigger') OR name LIKE 'partial\\_%' ESCAPE '\\'
                 OR name LIKE 'expression\\_%' ESCAPE '\\') ORDER BY name",
        )
    }
}

fn value(column: &Column, row: i64) -> String {
    if column.nullable && row % 3 == 0 {
        return "NULL".into();
    }
    literal(&column.ty, row)
}

/// A value of that type, made of the row's number.
pub fn literal(ty: &Type, row: i64) -> String {
    match ty {
        Type::Float | Type::Double => format!("{row}.5"),
        Type::Text { .. } => format!("'{row} it''s ü'"),
        Type::Binary => format!("x'00{row:02x}ff'"),
        Type::Bool => (row % 2).to_string(),
        Type::Date => format!("'2012-02-{row:02}'"),
        Type::Time => format!("'12:00:{row:02}'"),
        Type::Timestamp => format!("'2012-02-29 12:00:{row:02}.5'"),
        _ => row.to_string(),
    }
}

/// The number of cases of a property: the given number, or `PROPTEST_CASES`.
pub fn cases(default: u32) -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(default)
}

/// The events that a migrator reported, as a person reads them.
pub type Events = std::sync::Arc<std::sync::Mutex<Vec<String>>>;

/// The migrator with these settings, and what it reports from now on, except its progress.
pub fn listening(migrator: &Migrator, settings: diesel_autogen::Settings) -> (Migrator, Events) {
    let events = Events::default();
    let heard = events.clone();
    let settings = settings.on_event(move |event| {
        if !matches!(event, diesel_autogen::Event::Started(_) | diesel_autogen::Event::Finished) {
            heard.lock().unwrap().push(event.to_string());
        }
    });
    (migrator.clone().with(settings), events)
}

/// Takes what was reported so far.
pub fn taken(events: &Events) -> Vec<String> {
    std::mem::take(&mut *events.lock().unwrap())
}

/// Generates a migration, rehearses and applies it, runs what the application does, reverts it, and returns the rows that
/// the query finds, with a space between two. Each way must lead to its schema.
pub fn cycle(from: &str, rows: &str, to: &str, between: &str, query: &str) -> String {
    let (scratch, target) = (Scratch::of(&format!("{from}; {rows}")), Scratch::of(to).introspect());
    let start = scratch.introspect();
    let sql = scratch.generate("001_migration", &target);
    let rehearsal = scratch.project.rehearse(Target::Latest).unwrap_or_else(|error| panic!("{error} in {}", sql.up));
    assert_eq!(rehearsal.migrations[0].not_restored, [], "{} {}", sql.up, sql.down);
    scratch.project.upgrade(Target::Latest).unwrap_or_else(|error| panic!("{error} in {}", sql.up));
    assert_eq!(diesel_autogen::diff(&scratch.introspect(), &target), [], "{}", sql.up);
    scratch.execute(between);
    scratch.downgrade();
    assert_eq!(diesel_autogen::diff(&scratch.introspect(), &start), [], "{}", sql.down);
    assert_eq!(scratch.query("SELECT name FROM sqlite_master WHERE name LIKE '%kept%' OR name LIKE '%guard%'"), []);
    scratch.joined(query)
}
