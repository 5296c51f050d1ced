//! Collations, functions and modules that only the application has: what needs none of them still works, and an error
//! names what is missing.

use diesel::connection::SimpleConnection as _;
use diesel::{SqliteConnection, define_sql_function};
use diesel_autogen::{Migrator, PlanOptions, RenderOptions, Target};

use crate::support::{Scratch, listening, taken};

define_sql_function! {
    /// The application's function.
    fn slug(text: diesel::sql_types::Nullable<diesel::sql_types::Text>) -> diesel::sql_types::Text;
}

const PLAIN: &str = "CREATE TABLE plain (id INTEGER PRIMARY KEY, a TEXT, b TEXT)";
const ROWS: &str = "INSERT INTO plain VALUES (1, '1', 'x'), (2, '2', NULL)";

/// Each table with what is missing in the library's connections.
const TABLES: [(&str, &str); 6] = [
    (
        "CREATE TABLE places (id INTEGER PRIMARY KEY, name TEXT COLLATE LOCALIZED UNIQUE, title TEXT);
         INSERT INTO places VALUES (1, 'Ä', 'T'), (2, 'b', NULL);",
        "no such collation sequence: LOCALIZED",
    ),
    (
        "CREATE TABLE places (name TEXT COLLATE LOCALIZED NOT NULL PRIMARY KEY, title TEXT) WITHOUT ROWID;
         INSERT INTO places VALUES ('Ä', 'T');
         CREATE TABLE visits (place TEXT REFERENCES places (name)); INSERT INTO visits VALUES ('ä')",
        "no such collation sequence: LOCALIZED",
    ),
    (
        "CREATE TABLE places (id INTEGER PRIMARY KEY, name TEXT, title TEXT);
         CREATE INDEX by_name ON places (name COLLATE LOCALIZED); INSERT INTO places VALUES (1, 'Ä', 'T');",
        "no such collation sequence: LOCALIZED",
    ),
    (
        "CREATE TABLE places (id INTEGER PRIMARY KEY, name TEXT, title TEXT);
         CREATE INDEX by_slug ON places (slug(title)); INSERT INTO places VALUES (1, 'Ä', 'T');",
        "slug",
    ),
    (
        "CREATE TABLE places (id INTEGER PRIMARY KEY, name TEXT CHECK (slug(name) <> ''), title TEXT);
         INSERT INTO places VALUES (1, 'Ä', 'T');",
        "slug",
    ),
    (
        "CREATE TABLE places (id INTEGER PRIMARY KEY, name TEXT, title TEXT, s TEXT AS (slug(title)));
         INSERT INTO places VALUES (1, 'Ä', 'T'); CREATE VIEW slugs AS SELECT slug(title) AS s FROM places;",
        "slug",
    ),
];

const MODULE: &str = "PRAGMA writable_schema = ON; INSERT INTO sqlite_master (type, name, tbl_name, rootpage, sql)
    VALUES ('table', 'shapes', 'shapes', 0, 'CREATE VIRTUAL TABLE shapes USING spatial (shape)');
    PRAGMA writable_schema = OFF;";

fn application(scratch: &Scratch) -> SqliteConnection {
    let mut connection = scratch.connect();
    let lower = |a: &str, b: &str| a.to_lowercase().cmp(&b.to_lowercase());
    connection.register_collation("LOCALIZED", lower).unwrap();
    slug_utils::register_impl(&mut connection, |text: Option<String>| text.unwrap_or_default().to_lowercase()).unwrap();
    connection
}

fn database(tables: &str) -> Scratch {
    let scratch = Scratch::new();
    application(&scratch).batch_execute(&format!("{PLAIN}; {ROWS}; {tables}")).unwrap();
    scratch
}

/// Every kind of table, and a virtual table of an extension.
fn databases() -> impl Iterator<Item = (Scratch, String)> {
    TABLES.into_iter().map(|(table, _)| table).chain([MODULE]).map(|tables| (database(tables), tables.to_owned()))
}

#[test]
fn an_upgrade_beside_such_tables_succeeds() {
    for (scratch, what) in databases() {
        let with_backups = with!(Settings { backups: 3 });
        let (project, _) = listening(&scratch.project, with_backups);
        scratch.script("001_a", "CREATE TABLE more (id INT); UPDATE plain SET b = a;");
        let down = scratch.path().join("migrations/sqlite/001_a/down.sql");
        std::fs::write(down, "DROP TABLE more;").unwrap();
        let run = |project: &Migrator| -> Result<(), diesel_autogen::Error> {
            project.rehearse(Target::Latest)?;
            assert_eq!(project.upgrade(Target::Latest)?.len(), 1);
            project.status()?;
            project.introspect()?;
            project.downgrade(Target::Previous)?;
            project.upgrade(Target::Latest)?;
            project.purge_kept(None)?;
            project.baseline(1).map(drop)
        };
        run(&project).unwrap_or_else(|error| panic!("{error}: {what}"));
        assert_eq!(project.version().unwrap(), 1);
    }
}

#[test]
fn rehearses_without_rows_beside_such_tables() {
    for (scratch, what) in databases() {
        let project = scratch.project.clone().with(with!(Settings { rehearsal_limit: 0 }));
        scratch.script("001_a", "ALTER TABLE plain ADD COLUMN c INT; UPDATE plain SET b = a;");
        project.rehearse(Target::Latest).unwrap_or_else(|error| panic!("{error}: {what}"));
    }
}

#[test]
fn plans_and_checks_beside_such_tables() {
    for (scratch, what) in databases() {
        let mut models = scratch.models();
        let table = models.tables.iter_mut().find(|table| table.name == "plain").unwrap();
        table.columns.retain(|column| column.name != "b");
        table.columns[1].ty = diesel_autogen::schema::Type::Integer;
        let plan = scratch.project.plan(&models, &PlanOptions::default());
        if let (Err(error), true) = (&plan, what.contains("(name COLLATE LOCALIZED)")) {
            // SQLite renames no table while an index names a collation that it does not know.
            assert!(error.to_string().contains("no such collation sequence: LOCALIZED"), "{error}");
            continue;
        }
        let plan = plan.unwrap_or_else(|error| panic!("{error}: {what}")).unwrap().accept_losses();
        scratch.project.apply(&plan).unwrap_or_else(|error| panic!("{error}: {what}"));
        scratch.project.check(&models).unwrap_or_else(|error| panic!("{error}: {what}"));
        scratch.downgrade();
        assert_eq!(scratch.joined("SELECT quote(a) || quote(b) FROM plain"), "'1''x' '2'NULL");
    }
}

#[test]
fn the_comparison_leaves_such_tables_alone() {
    for (scratch, what) in databases() {
        let (from, mut to) = (scratch.introspect(), scratch.introspect());
        let options = RenderOptions::default();
        let compare =
            |to: &_| scratch.project.compare(&from, to, &options).unwrap_or_else(|error| panic!("{error}: {what}"));
        assert_eq!(compare(&to).0, []);
        to.tables.retain(|table| table.name != "plain");
        to.tables.extend(Scratch::of(&PLAIN.replace("a TEXT", "a INT")).introspect().tables);
        assert_eq!(compare(&to).0.len(), 1);
    }
}

#[test]
fn a_change_of_such_a_table_names_what_is_missing() {
    for (tables, missing) in TABLES {
        let from = database(tables);
        for (title, is_simple) in
            [("title INT", false), ("title TEXT, more INT", true), ("title TEXT DEFAULT 1", false)]
        {
            let statements = tables.split(';').filter(|statement| !statement.contains("INSERT"));
            let to = database(&statements.collect::<Vec<_>>().join(";").replace("title TEXT", title));
            let compared = from.project.compare(&from.introspect(), &to.introspect(), &RenderOptions::default());
            match compared {
                Ok(_) => assert!(is_simple, "{title}: {tables}"),
                Err(error) => assert!(error.to_string().contains(missing), "{error}: {tables}"),
            }
        }
        let error =
            from.project.compare(&from.introspect(), &Scratch::of(PLAIN).introspect(), &RenderOptions::default());
        assert!(error.as_ref().err().is_none_or(|error| error.to_string().contains(missing)), "{error:?}: {tables}");
        let mut models = from.models();
        let places = models.tables.iter_mut().find(|table| table.name == "places").unwrap();
        places.columns.iter_mut().find(|column| column.name == "title").unwrap().ty =
            diesel_autogen::schema::Type::Integer;
        let error = from.project.plan(&models, &PlanOptions::default()).unwrap_err();
        assert!(error.to_string().contains(missing), "{error}: {tables}");
    }
}

#[test]
fn a_backup_copies_the_pages_and_says_why() {
    for (tables, missing) in TABLES {
        let scratch = database(tables);
        let (project, events) = listening(&scratch.project, with!(Settings { backups: 3 }));
        scratch.script("001_a", "DELETE FROM plain WHERE id = 1;");
        project.upgrade(Target::Latest).unwrap();
        let events = taken(&events);
        let by_pages = events.iter().any(|event| event.contains(missing));
        assert!(
            by_pages || !tables.contains("INDEX") && !tables.contains("UNIQUE") && !tables.contains("WITHOUT"),
            "{events:?}: {tables}"
        );
        let backup = std::fs::read_dir(scratch.path().join("backups")).unwrap().next().unwrap().unwrap().path();
        assert_eq!(project.restore(&backup).unwrap(), 0);
        assert_eq!(scratch.joined("SELECT count(*) || '' FROM plain"), "2");
    }
}
