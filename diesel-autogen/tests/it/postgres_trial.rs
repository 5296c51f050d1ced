//! PostgreSQL: what tries scripts neither locks the application's tables nor moves a sequence.

use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel_autogen::schema::{Column, DefaultValue, Type};
use diesel_autogen::{PlanOptions, Target};

use crate::postgres::{Server, as_models, script};
use crate::support::{Events, listening, taken};

const POSTS: &str = "CREATE TABLE posts (id SERIAL PRIMARY KEY, body TEXT NOT NULL); ";
const SETVAL: &str = "SELECT setval('posts_id_seq', coalesce(max(id), 1)) FROM posts; ";

/// A migrator whose database has three posts from a first migration and is at the second, and what it reports.
fn started(database: &Server, first: &str, up: &str, down: &str) -> (diesel_autogen::Migrator, Events) {
    database.write("001_first", &script(&format!("{POSTS}{first}"), "DROP TABLE posts"));
    database.write("002_second", &script(up, down));
    let migrator = database.migrator();
    migrator.init().unwrap();
    migrator.upgrade(Target::Version("001".into())).unwrap();
    database.execute("INSERT INTO posts (body) VALUES ('a'), ('b'), ('c')");
    migrator.upgrade(Target::Latest).unwrap();
    // Nothing waits for the readers of these tests.
    let settings = with!(Settings { per_database_folders: true, backups: 0, wait: Duration::from_millis(50) });
    listening(&migrator, settings)
}

/// Scripts around a column that the downgrade drops, in a schema with more than tables.
const CASES: [(&str, &str, &str, &str); 9] = [
    ("a sequence", "", "ALTER TABLE posts ADD tag TEXT DEFAULT 'x'", "ALTER TABLE posts DROP tag"),
    (
        "an enum",
        "",
        "CREATE TYPE mood AS ENUM ('sad', 'it''s'); ALTER TABLE posts ADD tag mood DEFAULT 'sad'",
        "ALTER TABLE posts DROP tag; DROP TYPE mood",
    ),
    (
        "a domain",
        "",
        "CREATE DOMAIN short AS VARCHAR(9) COLLATE \"C\" DEFAULT 'x' NOT NULL CONSTRAINT filled CHECK (VALUE <> ''); \
         ALTER TABLE posts ADD tag short",
        "ALTER TABLE posts DROP tag; DROP DOMAIN short",
    ),
    (
        "a function and a trigger",
        "CREATE TABLE log (what TEXT); CREATE FUNCTION note() RETURNS TRIGGER LANGUAGE plpgsql AS \
         'BEGIN INSERT INTO log VALUES (NEW.body); RETURN NEW; END'; \
         CREATE TRIGGER noted AFTER UPDATE ON posts FOR EACH ROW EXECUTE FUNCTION note();",
        "ALTER TABLE posts ADD tag TEXT DEFAULT 'x'; CREATE FUNCTION length_of(posts) RETURNS INTEGER LANGUAGE sql AS \
         'SELECT length($1.tag)'",
        "DROP FUNCTION length_of(posts); ALTER TABLE posts DROP tag; DROP TRIGGER noted ON posts; DROP FUNCTION note()",
    ),
    (
        "a view",
        "CREATE VIEW bodies AS SELECT body FROM posts;",
        "ALTER TABLE posts ADD tag TEXT DEFAULT 'x'; CREATE VIEW tags AS SELECT tag FROM posts",
        "DROP VIEW tags; ALTER TABLE posts DROP tag",
    ),
    (
        "an extension",
        "CREATE EXTENSION citext;",
        "ALTER TABLE posts ADD tag CITEXT DEFAULT 'x'",
        "ALTER TABLE posts DROP tag",
    ),
    (
        "a sequence of its own",
        "CREATE SEQUENCE codes START 7; ALTER TABLE posts ADD code BIGINT DEFAULT nextval('codes');",
        "ALTER TABLE posts ADD tag TEXT DEFAULT 'x'",
        "SELECT setval('codes', 1); ALTER TABLE posts DROP tag",
    ),
    (
        "a renamed table",
        "CREATE TABLE notes (id SERIAL PRIMARY KEY); ALTER TABLE notes RENAME TO remarks; \
         INSERT INTO remarks DEFAULT VALUES; INSERT INTO remarks DEFAULT VALUES;",
        "ALTER TABLE posts ADD tag TEXT DEFAULT 'x'",
        "SELECT setval('notes_id_seq', 1, FALSE); ALTER TABLE posts DROP tag",
    ),
    (
        "keys and indexes",
        "CREATE TABLE likes (post_id INTEGER REFERENCES posts ON DELETE CASCADE DEFERRABLE, n INTEGER CHECK (n > 0)); \
         CREATE INDEX part ON likes (post_id) WHERE n > 1; CREATE UNIQUE INDEX other ON likes (lower(n::TEXT));",
        "ALTER TABLE posts ADD tag TEXT DEFAULT 'x'; CREATE INDEX tags ON posts (tag)",
        "ALTER TABLE posts DROP tag",
    ),
];

/// Every sequence with its state.
fn sequences(database: &Server) -> Option<String> {
    database.query(
        "SELECT string_agg(concat_ws(' ', sequencename, last_value), ', ' ORDER BY sequencename) FROM pg_sequences \
         WHERE schemaname = 'public'",
    )
}

#[test]
fn counts_downgrade_losses_beside_the_application() {
    for (name, first, up, down) in CASES {
        let Some(database) = Server::new() else { return };
        let (migrator, events) = started(&database, first, up, &format!("{SETVAL}{down}"));
        let before = sequences(&database);
        let mut reader = database.connect();
        reader.batch_execute("BEGIN; SELECT * FROM posts").unwrap();
        let losses = migrator.downgrade_losses(Target::Previous).unwrap();
        let losses: Vec<_> = losses.iter().map(ToString::to_string).collect();
        assert!(losses.len() == 1 && losses[0].contains("3 rows"), "{name}: {losses:?} {:?}", taken(&events));
        assert_eq!((taken(&events), sequences(&database)), (vec![], before), "{name}");
        reader.batch_execute("COMMIT").unwrap();
        migrator.downgrade(Target::Previous).unwrap();
    }
}

#[test]
fn plans_beside_the_application() {
    for (name, first, up, _) in CASES {
        let Some(database) = Server::new() else { return };
        let (migrator, events) = started(&database, first, up, "SELECT 1");
        let mut models = as_models(migrator.introspect().unwrap());
        let posts = models.tables.iter_mut().find(|table| table.name == "posts").unwrap();
        posts.columns[1].name = "text".into();
        let mut reader = database.connect();
        reader.batch_execute("BEGIN; SELECT * FROM posts").unwrap();
        let options =
            with!(PlanOptions { renames: vec!["posts.body=text".into()], no_rehearsal: true, allow_data_loss: true });
        let plan = migrator
            .plan(&models, &options)
            .unwrap_or_else(|error| panic!("{name}: {error} {:?}", taken(&events)))
            .unwrap();
        assert!(plan.to_string().contains("renames posts.body to text"), "{name}: {plan}");
        assert_eq!(taken(&events), [""; 0], "{name}");
    }
}

#[test]
fn kept_values_are_part_of_the_copy() {
    let Some(database) = Server::new() else { return };
    let (migrator, events) = started(&database, "", "ALTER TABLE posts ADD tag TEXT DEFAULT 'x'", "SELECT 1");
    let mut models = as_models(migrator.introspect().unwrap());
    models.tables[0].columns.pop();
    let note = Column::new("note", Type::Text { max_length: None }).default(DefaultValue::Text("n".into()));
    models.tables[0].columns.push(note);
    let plan = migrator.plan(&models, &PlanOptions::default()).unwrap().unwrap().accept_losses();
    migrator.apply(&plan).unwrap();
    taken(&events);
    let mut reader = database.connect();
    reader.batch_execute("BEGIN; SELECT * FROM posts, _kept_003_posts").unwrap();
    for target in [Target::Previous, Target::Version("001".into())] {
        let losses = migrator.downgrade_losses(target).unwrap();
        assert_eq!((losses.len(), taken(&events)), (1, vec![]), "{losses:?}");
    }
}

#[test]
fn scripts_that_need_the_database_itself_change_nothing() {
    let cases = [
        ("names the schema", "SELECT setval('public.posts_id_seq', 1); ALTER TABLE public.posts DROP tag"),
        (
            "hides the schema",
            "SET search_path = pg_catalog, public; SELECT setval('posts_id_seq', 1); ALTER TABLE posts DROP tag",
        ),
        ("needs an extension", "SELECT setval('posts_id_seq', 1); ALTER TABLE posts DROP tag; DROP EXTENSION citext"),
    ];
    for (name, down) in cases {
        let Some(database) = Server::new() else { return };
        let up = "CREATE EXTENSION citext; ALTER TABLE posts ADD tag CITEXT DEFAULT 'x'";
        let (migrator, events) = started(&database, "", up, down);
        let before = (sequences(&database), database.rows());
        let losses = migrator.downgrade_losses(Target::Previous).unwrap();
        assert_eq!(losses.len(), 1, "{name}: {losses:?}");
        assert_eq!((sequences(&database), database.rows()), before, "{name}");
        let said = taken(&events);
        assert!(said.len() == 1 && said[0].contains("locked"), "{name}: {said:?}");
    }
}

#[test]
fn a_rehearsal_moves_no_sequence() {
    let Some(database) = Server::new() else { return };
    let (migrator, _) = started(&database, "", "SELECT 1", "SELECT 1");
    let up = "SELECT setval('posts_id_seq', 1); ALTER TABLE posts ADD tag TEXT";
    database.write("003_third", &script(up, "SELECT setval('public.posts_id_seq', 2); ALTER TABLE posts DROP tag"));
    let before = sequences(&database);
    migrator.rehearse(Target::Latest).unwrap();
    migrator.check(&as_models(migrator.introspect().unwrap())).unwrap_err();
    assert_eq!(sequences(&database), before);
}
