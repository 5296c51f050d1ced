//! What a database has and the models do not mention: an index stays, and a protection is dropped with consent only.

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use diesel_autogen::schema::{
    Action, Check, Column, DefaultValue, ForeignKey, Index, IndexColumn, Schema, Table, Type,
};
use diesel_autogen::{ConsentError, DatabaseUrl, Error, LossKind, Migrator, Plan, PlanOptions, Settings, Target};
use tempfile::TempDir;
use test_support::TestDatabase;

use crate::support::{listening, taken};

/// A database at version 0, and its migrations folder.
struct Project {
    migrator: Migrator,
    folder: TempDir,
    database: Option<TestDatabase>,
}

impl Project {
    fn new(database: Option<TestDatabase>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = database.as_ref().map_or("app.db", TestDatabase::url);
        let url = DatabaseUrl::parse(url, folder.path()).unwrap();
        let migrator = Migrator::with_url(url, folder.path().join("migrations"));
        migrator.init().unwrap();
        Self { migrator, folder, database }
    }

    /// Creates these tables by a migration written by hand.
    fn with(&self, tables: &str) {
        self.write("001_tables", tables, "");
    }

    /// Adds a migration written by hand and applies it.
    fn write(&self, name: &str, up: &str, down: &str) {
        let folder = self.folder.path().join("migrations").join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("up.sql"), up).unwrap();
        std::fs::write(folder.join("down.sql"), format!("{down}\nSELECT 1;")).unwrap();
        self.migrator.upgrade(Target::Latest).unwrap();
    }

    /// Runs SQL that is in no migration.
    fn execute(&self, sql: &str) {
        let done = if let Some(database) = &self.database {
            database.connect().batch_execute(sql)
        } else {
            let file = self.folder.path().join("app.db");
            SqliteConnection::establish(file.to_str().unwrap()).unwrap().batch_execute(sql)
        };
        done.unwrap_or_else(|error| panic!("{error} in {sql}"));
    }

    fn plan(&self, models: &Schema) -> Option<Plan> {
        self.migrator.plan(models, &PlanOptions::default()).unwrap()
    }

    /// Migrates to these models, with every consent.
    fn migrate(&self, models: &Schema) {
        self.migrator.apply(&self.plan(models).unwrap().accept_losses()).unwrap();
    }

    /// The database as models that mention all of it.
    fn models(&self) -> Schema {
        let mut models = self.migrator.introspect().unwrap();
        models.objects = None;
        for table in &mut models.tables {
            (table.stored, table.clauses, table.primary_key_name) = (None, None, None);
            table.indexes.iter_mut().for_each(|index| index.stored = None);
            table.columns.iter_mut().for_each(|column| column.identity = false);
        }
        models
    }

    fn refusal(&self, plan: &Plan) -> String {
        let before = self.migrator.introspect().unwrap();
        let error = self.migrator.apply(plan).unwrap_err();
        assert!(matches!(error, Error::Consent(ConsentError::Unmentioned(_))), "{error}");
        assert_eq!(self.migrator.introspect().unwrap(), before);
        error.to_string()
    }
}

/// Each test on both databases.
macro_rules! on_both {
    ($($test:ident)*) => {
        mod sqlite {
            $(#[test] fn $test() { super::$test(&super::Project::new(None)); })*
        }
        mod postgresql {
            $(#[test] fn $test() {
                let Some(database) = test_support::TestDatabase::new() else { return };
                super::$test(&super::Project::new(Some(database)));
            })*
        }
    };
}

on_both! {
    drops_no_protection_without_consent
    models_that_mention_all_need_nothing
    an_unmentioned_index_stays
    an_index_that_the_models_lost_is_dropped
    an_index_stays_where_the_migrations_cannot_be_tried
    an_index_stays_when_its_column_or_table_is_renamed
    what_replaces_or_strengthens_needs_no_consent
    what_goes_with_a_column_or_table_needs_no_consent
    an_empty_table_needs_consent
    check_finds_an_index_that_no_migration_made
    counts_what_is_in_many_tables
    a_foreign_key_that_schema_cannot_declare_stays
    a_check_names_a_dropped_column_outside_its_texts_only
}

const TABLES: &str = "
    CREATE TABLE teams (id INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    CREATE TABLE users (
        id INTEGER NOT NULL PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        active INTEGER NOT NULL DEFAULT 1,
        note TEXT NOT NULL DEFAULT 'none',
        age INTEGER NOT NULL CONSTRAINT adults CHECK (age > 17),
        team_id INTEGER NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
        lead_id INTEGER REFERENCES users (id)
    );
    CREATE INDEX users_age_idx ON users (age);
    CREATE UNIQUE INDEX one_note ON users (note, age);
    CREATE INDEX seniors ON users (age) WHERE age > 70;
    CREATE VIEW names AS SELECT name FROM users;";

/// As Diesel's `table!` and `joinable!` say them.
fn silent(mut models: Schema) -> Schema {
    for table in &mut models.tables {
        (table.indexes, table.checks) = (Vec::new(), Vec::new());
        table.columns.iter_mut().for_each(|column| column.default = None);
        table.foreign_keys.retain(|key| key.table == "teams");
        table.foreign_keys.iter_mut().for_each(|key| key.on_delete = Action::NoAction);
    }
    models
}

fn drops_no_protection_without_consent(project: &Project) {
    project.with(TABLES);
    let plan = project.plan(&silent(project.models())).unwrap();
    let [teams, users] = plan.losses.as_slice() else { panic!("{plan}") };
    assert_eq!(teams.text, "drops from teams what the models do not mention: UNIQUE (name)");
    assert_eq!((users.count, &users.kind), (7, &LossKind::Unmentioned));
    for item in [
        "drops from users what the models do not mention: the defaults of active (1), note ('none'); ",
        "; UNIQUE (name)",
        "; unique index one_note (note, age)",
        "; check adults (age > 17)",
        "; on delete cascade of foreign key (team_id) to teams",
        "; foreign key (lead_id) to users (id)",
    ] {
        assert!(users.text.contains(item), "{}", users.text);
    }
    assert_eq!(project.refusal(&plan), format!("this migration {}; {}", teams.text, users.text));
    let before = project.migrator.introspect().unwrap();
    project.migrator.apply(&plan.accept_losses()).unwrap();
    assert_eq!(project.plan(&silent(project.models())), None);
    // What was added by the upgrade is no protection.
    assert_eq!(project.migrator.downgrade_losses(Target::Previous).unwrap(), []);
    project.migrator.downgrade(Target::Previous).unwrap();
    assert_eq!(diesel_autogen::diff(&project.migrator.introspect().unwrap(), &before), []);
}

fn models_that_mention_all_need_nothing(project: &Project) {
    project.with(TABLES);
    let mut models = project.models();
    assert_eq!(project.plan(&models), None);
    models.tables[0].columns.push(Column::new("motto", Type::Text { max_length: None }).nullable());
    project.migrator.apply(&project.plan(&models).unwrap()).unwrap();
    assert_eq!(project.plan(&models), None);
}

fn an_unmentioned_index_stays(project: &Project) {
    project.with(TABLES);
    let objects = || {
        let mut objects = project.migrator.introspect().unwrap().objects.unwrap();
        objects.sort_by(|a, b| a.name.cmp(&b.name));
        objects
    };
    let before = objects();
    let mut models = project.models();
    models.tables[1].indexes.retain(|index| index.unique);
    assert_eq!(project.plan(&models), None);
    assert_eq!(project.migrator.differences(&models).unwrap(), []);
    project.migrator.check(&models).unwrap();
    // SQLite rebuilds the table for this.
    models.tables[1].checks[0] = Check::new("age > 20").named("adults");
    let plan = project.plan(&models).unwrap();
    assert!(!plan.to_string().contains("index"), "{plan}");
    project.migrator.apply(&plan).unwrap();
    let after = project.migrator.introspect().unwrap();
    assert!(after.tables[1].indexes.iter().any(|index| index.name == "users_age_idx"), "{after:?}");
    assert_eq!(objects(), before);
    // The rebuild wrote the index into a generated migration: it did not make it.
    assert_eq!(project.plan(&models), None);
    // The same index, declared in another form.
    models.tables[1].indexes.push(Index::new("users", [IndexColumn::desc("age")], false));
    let plan = project.plan(&models).unwrap();
    assert!(plan.to_string().contains("drops index users_age_idx (age)"), "{plan}");
}

fn indexed() -> Table {
    let text = Type::Text { max_length: None };
    let table = Table::new("t", ["id"]).column(Column::new("id", Type::Integer)).column(Column::new("a", text));
    table.column(Column::new("b", Type::Integer))
}

fn an_index_that_the_models_lost_is_dropped(project: &Project) {
    let made = || Index::new("t", [IndexColumn::asc("a")], false);
    project.migrate(&Schema::new([indexed().index(made())]));
    project.write("002_by_hand", "CREATE INDEX by_hand ON t (b);", "DROP INDEX by_hand;");
    let plan = project.plan(&Schema::new([indexed()])).unwrap();
    assert_eq!(plan.to_string(), "changes table t:\n  drops index t_a_idx (a)");
    project.migrator.apply(&plan).unwrap();
    assert_eq!(project.plan(&Schema::new([indexed()])), None);
    // An index of that name which is made by hand afterwards is another.
    project.write("004_again", "CREATE INDEX t_a_idx ON t (a);", "DROP INDEX t_a_idx;");
    assert_eq!(project.plan(&Schema::new([indexed()])), None);
    // A UNIQUE is a protection, though the models made it.
    project.migrate(&Schema::new([indexed().index(Index::new("t", [IndexColumn::asc("b")], true))]));
    let plan = project.plan(&Schema::new([indexed()])).unwrap();
    assert_eq!(
        project.refusal(&plan),
        "this migration drops from t what the models do not mention: unique index t_b_key (b)"
    );
}

fn an_index_stays_where_the_migrations_cannot_be_tried(project: &Project) {
    project.migrate(&Schema::new([indexed().index(Index::new("t", [IndexColumn::asc("a")], false))]));
    project.execute("INSERT INTO t (id, a, b) VALUES (1, 'x', 2);");
    project.write("002_needs_rows", "INSERT INTO t (id, a, b) SELECT 7, 'y', max(b) FROM t;", "");
    let (migrator, events) = listening(&project.migrator, Settings::default());
    assert_eq!(migrator.plan(&Schema::new([indexed()]), &PlanOptions::default()).unwrap(), None);
    let [event] = &taken(&events)[..] else { panic!("one event") };
    assert!(event.starts_with("what the models do not mention is kept"), "{event}");
    assert!(event.contains("002_needs_rows"), "{event}");
}

fn an_index_stays_when_its_column_or_table_is_renamed(project: &Project) {
    project.migrate(&Schema::new([indexed()]));
    project.write("002_by_hand", "CREATE INDEX by_hand ON t (a, b);", "DROP INDEX by_hand;");
    let mut models = Schema::new([indexed().renamed_from("t")]);
    "people".clone_into(&mut models.tables[0].name);
    models.tables[0].columns[1] = Column::new("name", Type::Text { max_length: None }).renamed_from("a");
    let plan = project.plan(&models).unwrap();
    assert_eq!(plan.to_string(), "renames table t to people\nrenames people.a to name");
    project.migrator.apply(&plan).unwrap();
    let after = project.migrator.introspect().unwrap();
    assert_eq!(after.tables[0].indexes[0].to_string(), "index by_hand (name, b)");
    assert_eq!(project.plan(&models), None);
}

/// A table `u`, and `t` that refers to it.
fn pair(edit: impl FnOnce(Table) -> Table) -> Schema {
    Schema::new([Table::new("u", ["id"]).column(Column::new("id", Type::Integer)), edit(indexed())])
}

fn key(on_delete: Action) -> ForeignKey {
    ForeignKey::new(["b"], "u", ["id"]).on_delete(on_delete)
}

fn number(value: &str) -> Column {
    Column::new("b", Type::Integer).default(DefaultValue::Number(value.into()))
}

fn unique(columns: &[&str]) -> Index {
    Index::new("t", columns.iter().map(|name| IndexColumn::asc(name)), true)
}

fn with_default(mut table: Table, column: Column) -> Table {
    table.columns[2] = column;
    table
}

fn what_replaces_or_strengthens_needs_no_consent(project: &Project) {
    let named = |text: &str| Check::new(text).named("limit_b");
    let cases = [
        (pair(|t| t.foreign_key(key(Action::NoAction))), pair(|t| t.foreign_key(key(Action::Cascade))), ""),
        (pair(|t| t.foreign_key(key(Action::Cascade))), pair(|t| t.foreign_key(key(Action::Restrict))), ""),
        (
            pair(|t| t.foreign_key(key(Action::Restrict))),
            pair(|t| t.foreign_key(key(Action::NoAction))),
            "on delete restrict of foreign key (b) to u",
        ),
        (
            pair(|t| t.foreign_key(key(Action::NoAction).on_update(Action::Cascade))),
            pair(|t| t.foreign_key(key(Action::NoAction))),
            "on update cascade of foreign key (b) to u",
        ),
        (pair(|t| with_default(t, number("1"))), pair(|t| with_default(t, number("2"))), ""),
        (pair(|t| t.index(unique(&["a", "b"]))), pair(|t| t.index(unique(&["b"]))), ""),
        (pair(|t| t.index(unique(&["b"]))), pair(|t| t.index(unique(&["a", "b"]))), "unique index t_b_key (b)"),
        (pair(|t| t.check(named("b > 1"))), pair(|t| t.check(named("b > 2"))), ""),
        (pair(|t| t.check(named("b > 1"))), pair(|t| t.check(Check::new("b > 2"))), "check limit_b (b > 1)"),
        (
            pair(|t| t),
            pair(|mut t| {
                t.columns[2].nullable = true;
                t
            }),
            "",
        ),
    ];
    for (from, to, lost) in cases {
        if let Some(plan) = project.plan(&from) {
            project.migrator.apply(&plan.accept_losses()).unwrap();
        }
        let plan = project.plan(&to).unwrap();
        let texts: Vec<_> = plan.losses.iter().map(|loss| loss.text.as_str()).collect();
        let expected = format!("drops from t what the models do not mention: {lost}");
        assert_eq!(texts, if lost.is_empty() { vec![] } else { vec![expected.as_str()] }, "{plan}");
    }
}

fn what_goes_with_a_column_or_table_needs_no_consent(project: &Project) {
    let full = |table: Table| {
        let table = with_default(table, number("1")).index(unique(&["a", "b"])).check(Check::new("b > 0"));
        table.foreign_key(key(Action::Cascade))
    };
    project.migrate(&pair(full));
    let mut narrow = pair(|table| table);
    narrow.tables[1].columns.pop();
    assert_eq!(project.plan(&narrow).unwrap().losses, []);
    assert_eq!(project.plan(&Schema::default()).unwrap().losses, []);
    let mut alone = pair(full);
    alone.tables.remove(0);
    alone.tables[0].foreign_keys.clear();
    assert_eq!(project.plan(&alone).unwrap().losses, []);
}

fn an_empty_table_needs_consent(project: &Project) {
    project.migrate(&Schema::new([indexed()]));
    project.write("002_by_hand", "CREATE TABLE letters (id INTEGER NOT NULL PRIMARY KEY);", "DROP TABLE letters;");
    let plan = project.plan(&Schema::new([indexed()])).unwrap();
    assert_eq!(project.refusal(&plan), "this migration drops table letters, which the models do not mention");
    // A table that the models made and lost is empty: nothing is lost.
    let mut models = project.models();
    models.tables.retain(|table| table.name == "letters");
    project.migrator.apply(&project.plan(&models).unwrap()).unwrap();
    // With rows it is a loss of these, also when they came after the plan.
    project.write("004_row", "INSERT INTO letters VALUES (1);", "DELETE FROM letters;");
    let plan = project.plan(&Schema::default()).unwrap();
    let texts: Vec<_> = plan.losses.iter().map(|loss| loss.text.as_str()).collect();
    assert_eq!(texts, ["drops table letters: it holds 1 row"]);
}

fn check_finds_an_index_that_no_migration_made(project: &Project) {
    project.migrate(&Schema::new([indexed()]));
    project.write("002_by_hand", "CREATE INDEX by_hand ON t (a);", "DROP INDEX by_hand;");
    let models = Schema::new([indexed()]);
    project.migrator.check(&models).unwrap();
    let drift = |sql: &str| {
        project.execute(sql);
        project.migrator.check(&models).unwrap_err().to_string()
    };
    let said = drift("CREATE INDEX in_a_hurry ON t (b)");
    assert!(
        said.ends_with(
            "what its migrations make; a migration between them changes table t: drops index in_a_hurry (b)"
        ),
        "{said}"
    );
    assert_eq!(project.plan(&models), None);
    let said = drift("DROP INDEX in_a_hurry; DROP INDEX by_hand");
    assert!(said.ends_with("changes table t: adds index by_hand (a)"), "{said}");
}

fn a_foreign_key_that_schema_cannot_declare_stays(project: &Project) {
    let mut tables = String::from(
        "CREATE TABLE p (id INTEGER NOT NULL PRIMARY KEY);
         CREATE TABLE repeated (id INTEGER NOT NULL PRIMARY KEY, p INTEGER REFERENCES p (id), FOREIGN KEY (p) REFERENCES p (id));
         CREATE TABLE beside (id INTEGER NOT NULL PRIMARY KEY, p INTEGER REFERENCES p (id) ON DELETE CASCADE,
             FOREIGN KEY (p) REFERENCES p (id) ON DELETE SET NULL);
         CREATE TABLE action (id INTEGER NOT NULL PRIMARY KEY, p INTEGER NOT NULL REFERENCES p (id) ON DELETE SET NULL);",
    );
    if project.database.is_none() {
        tables += "CREATE TABLE kinds (id INTEGER NOT NULL PRIMARY KEY, p TEXT REFERENCES p (id));
             CREATE TABLE other (id INTEGER NOT NULL PRIMARY KEY, p INTEGER REFERENCES gone (id));";
    }
    project.with(&tables);
    let before = project.migrator.introspect().unwrap();
    // As `schema!` declares what is printed.
    let mut models = project.models();
    models.tables.iter_mut().for_each(|table| match table.name.as_str() {
        "repeated" | "beside" => table.foreign_keys.truncate(1),
        _ => table.foreign_keys.clear(),
    });
    let printed = project.migrator.print_schema().unwrap();
    assert_eq!(
        printed.matches("// Only in the database: foreign key (p)").count(),
        before.tables.len() - 1,
        "{printed}"
    );
    assert_eq!(project.plan(&models), None);
    project.migrator.check(&models).unwrap();
    // SQLite rebuilds the tables for this.
    models.tables.iter_mut().for_each(|table| table.checks.push(Check::new("id > 0")));
    project.migrator.apply(&project.plan(&models).unwrap()).unwrap();
    let keys = |schema: Schema| -> Vec<_> { schema.tables.into_iter().map(|table| table.foreign_keys).collect() };
    let after = keys(project.migrator.introspect().unwrap());
    assert_eq!(after, keys(before));
    // A key in place of one that is declared replaces both; without it both need consent.
    let beside = models.tables.iter().position(|table| table.name == "beside").unwrap();
    let mut other = models.clone();
    other.tables[beside].foreign_keys[0].on_delete = Action::Restrict;
    let plan = project.plan(&other).unwrap().to_string();
    assert_eq!((plan.matches("drops foreign key").count(), plan.matches("adds foreign key").count()), (2, 1), "{plan}");
    models.tables[beside].foreign_keys.clear();
    let refusal = project.refusal(&project.plan(&models).unwrap());
    assert_eq!(refusal.matches("foreign key (p) to p (id)").count(), 2, "{refusal}");
}

fn counts_what_is_in_many_tables(project: &Project) {
    let table = |n| format!("CREATE TABLE t{n} (id INTEGER NOT NULL PRIMARY KEY, a TEXT NOT NULL DEFAULT 'x' UNIQUE);");
    project.with(&(1..=4).map(table).collect::<String>());
    let plan = project.plan(&silent(project.models())).unwrap();
    assert_eq!(
        project.refusal(&plan),
        "this migration drops 8 defaults, constraints and tables that the models do not mention, in 4 tables"
    );
    // One line for a person; the plan above lists all of it.
    let said = project.migrator.check(&silent(project.models())).unwrap_err().to_string();
    assert!(said.contains("table t3") && said.ends_with("; and makes 1 more change"), "{said}");
    assert!(
        plan.to_string()
            .ends_with("\nattention: drops from t4 what the models do not mention: the default of a ('x'); UNIQUE (a)"),
        "{plan}"
    );
}

fn a_check_names_a_dropped_column_outside_its_texts_only(project: &Project) {
    let checks = [
        ("status IN ('draft', 'sent')", true),
        ("status <> 'it''s sent' AND status <> 'sent'", true),
        ("status <> '\"sent\"'", true),
        ("sent > 1", false),
        ("status = 'draft' OR sent > 1", false),
        ("\"two words\" <> 'status'", false),
        ("status <> '' AND \"two words\" <> ''", false),
    ];
    for (at, (check, is_listed)) in checks.into_iter().enumerate() {
        let (table, version) = (format!("mails{at}"), format!("{:03}_mails", at + 1));
        let columns = "id INTEGER NOT NULL PRIMARY KEY, status TEXT NOT NULL, sent INTEGER, \"two words\" TEXT";
        project.write(&version, &format!("CREATE TABLE {table} ({columns}, CHECK ({check}));"), "");
        let mut models = project.models();
        let own = models.tables.iter_mut().find(|own| own.name == table).unwrap();
        own.columns.retain(|column| column.name != "sent" && column.name != "two words");
        own.checks.clear();
        let losses = project.plan(&models).unwrap().losses;
        let listed = losses.iter().filter(|loss| loss.kind == LossKind::Unmentioned).count();
        assert_eq!(listed, usize::from(is_listed), "{check}: {losses:?}");
    }
}
