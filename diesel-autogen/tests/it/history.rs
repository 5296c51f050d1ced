//! The history: an applied migration that was edited, is missing, or was added below the version is named.

use diesel_autogen::{Error, Migrations, Migrator, Target, Version};
use std::fs;

use crate::support::Scratch;
use diesel_autogen::schema::{Column, Schema, Table, Type};

/// A project at version 2, with a third migration pending.
fn at_version_2() -> Scratch {
    let scratch = Scratch::new();
    for (name, table) in [("001_a", "a"), ("002_b", "b")] {
        write(&scratch, name, &format!("CREATE TABLE {table} (id INTEGER PRIMARY KEY);\n"));
    }
    scratch.project.upgrade(Target::Latest).unwrap();
    write(&scratch, "003_c", "CREATE TABLE c (id INTEGER PRIMARY KEY);\n");
    scratch
}

fn write(scratch: &Scratch, name: &str, up: &str) {
    let folder = scratch.path().join("migrations/sqlite").join(name);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("up.sql"), up).unwrap();
    let table = name.rsplit('_').next().unwrap();
    fs::write(folder.join("down.sql"), format!("DROP TABLE {table};")).unwrap();
}

/// Asserts that every operation fails with this error.
#[track_caller]
fn assert_refused(scratch: &Scratch, said: &str) {
    let (project, models) = (&scratch.project, Schema::new([]));
    let errors = [
        project.upgrade(Target::Latest).unwrap_err(),
        project.downgrade(Target::Previous).unwrap_err(),
        project.plan(&models, &diesel_autogen::PlanOptions::default()).unwrap_err(),
        project.check(&models).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.to_string(), said);
    }
    assert_eq!(project.version().unwrap(), 2);
}

const EDITED: &str = "migration 001_a was edited after it was applied";

#[test]
fn names_an_edited_migration_until_it_is_accepted() {
    let scratch = at_version_2();
    write(&scratch, "001_a", "CREATE TABLE a (id INTEGER PRIMARY KEY, size INTEGER);\n");
    assert_refused(&scratch, EDITED);
    assert_eq!(scratch.project.status().unwrap().edited, ["001_a"]);
    scratch.project.accept_edited(1).unwrap();
    assert_eq!(scratch.project.upgrade(Target::Latest).unwrap().len(), 1);
    write(&scratch, "001_a", "CREATE TABLE a (id INTEGER PRIMARY KEY);\n");
    assert_eq!(scratch.project.upgrade(Target::Latest).unwrap_err().to_string(), EDITED);
}

#[test]
fn ignores_line_endings() {
    let scratch = at_version_2();
    write(&scratch, "001_a", "CREATE TABLE a (id INTEGER PRIMARY KEY);\r\n");
    assert_eq!(scratch.project.upgrade(Target::Latest).unwrap().len(), 1);
    write(&scratch, "001_a", "CREATE TABLE a (id INTEGER PRIMARY KEY);\n\n");
    assert_eq!(scratch.project.upgrade(Target::Latest).unwrap_err().to_string(), EDITED);
}

#[test]
fn allows_an_edited_down_sql() {
    let scratch = at_version_2();
    fs::write(scratch.path().join("migrations/sqlite/002_b/down.sql"), "DROP TABLE b; -- mended").unwrap();
    scratch.project.downgrade(Target::Previous).unwrap();
    assert_eq!(scratch.project.version().unwrap(), 1);
}

#[test]
fn allows_an_edit_of_a_reverted_migration() {
    let scratch = at_version_2();
    scratch.project.downgrade(Target::Previous).unwrap();
    write(&scratch, "002_b", "CREATE TABLE b (id INTEGER PRIMARY KEY, more TEXT);");
    scratch.project.upgrade(Target::Latest).unwrap();
    assert_eq!(scratch.project.status().unwrap().edited, [""; 0]);
}

#[test]
fn names_a_missing_migration() {
    let scratch = at_version_2();
    fs::remove_dir_all(scratch.path().join("migrations/sqlite/001_a")).unwrap();
    assert_refused(&scratch, "the database has applied 001, which is not among these migrations (the newest is 3)");
}

#[test]
fn names_an_unapplied_migration_below_the_version() {
    let scratch = Scratch::new();
    write(&scratch, "002_b", "CREATE TABLE b (id INTEGER PRIMARY KEY);");
    scratch.project.upgrade(Target::Latest).unwrap();
    write(&scratch, "001_late", "CREATE TABLE late (id INTEGER PRIMARY KEY);");
    assert_refused(
        &scratch,
        "migration 001_late was never applied, though the database is already at version 2: give it a version that comes later as text",
    );
}

#[test]
fn refuses_to_accept_an_unapplied_migration() {
    let scratch = at_version_2();
    for number in [0, 3, 7] {
        let error = scratch.project.accept_edited(number).unwrap_err().to_string();
        assert_eq!(error, format!("migration {number} is not applied: the database is at version 2"));
    }
    // To accept a migration that was not edited changes nothing.
    scratch.project.accept_edited(2).unwrap();
    assert_eq!(scratch.project.upgrade(Target::Latest).unwrap().len(), 1);
}

#[test]
fn takes_over_what_the_diesel_command_line_applied() {
    let scratch = at_version_2();
    scratch.execute(
        "DROP TABLE __migrate_checksums; CREATE TABLE c (id INTEGER PRIMARY KEY);
         INSERT INTO __diesel_schema_migrations (version) VALUES ('003')",
    );
    assert_eq!(scratch.project.upgrade(Target::Latest).unwrap(), []);
    write(&scratch, "003_c", "CREATE TABLE c (id INTEGER);");
    assert!(scratch.project.upgrade(Target::Latest).unwrap_err().to_string().contains("003_c was edited"));
}

#[test]
fn names_tables_that_were_changed_by_hand() {
    let scratch = Scratch::new();
    let table = Table::new("a", ["id"]).column(Column::new("id", Type::Integer));
    let models = Schema::new([table]);
    scratch.migrate(&models);
    scratch.project.check(&models).unwrap();
    scratch.execute("ALTER TABLE a ADD COLUMN stray INTEGER");
    let error = scratch.project.check(&models).unwrap_err().to_string();
    assert!(error.starts_with("app.db differs from the models; a migration between them "), "{error}");
    assert!(error.contains("stray"), "{error}");
}

#[test]
fn names_triggers_and_views_that_were_changed_by_hand() {
    let models = Schema::new([Table::new("a", ["id"]).column(Column::new("id", Type::Integer))]);
    let scratch = Scratch::new();
    scratch.migrate(&models);
    let counted = "CREATE TRIGGER counted AFTER INSERT ON a BEGIN SELECT 1; END";
    scratch.write(
        "002_objects",
        &format!("{counted}; CREATE VIEW b AS SELECT * FROM a; CREATE VIRTUAL TABLE c USING fts5 (d);"),
    );
    scratch.project.check(&models).unwrap();
    for (change, said) in [
        ("DROP TRIGGER counted", "creates trigger counted on a"),
        ("DROP VIEW b; CREATE VIEW b AS SELECT 1", "drops view b; and creates view b"),
        ("DROP TABLE c", "creates virtual table c"),
        ("CREATE VIEW e AS SELECT 1", "drops view e"),
    ] {
        scratch.execute(&format!("SAVEPOINT here; {change}; RELEASE here"));
        let error = scratch.project.check(&models).unwrap_err().to_string();
        assert_eq!(error, format!("app.db differs from what its migrations make; a migration between them {said}"));
        scratch.execute(&format!(
            "DROP TRIGGER IF EXISTS counted; {counted}; DROP VIEW b; CREATE VIEW b AS SELECT * FROM a;
             CREATE VIRTUAL TABLE IF NOT EXISTS c USING fts5 (d); DROP VIEW IF EXISTS e"
        ));
    }
}

#[test]
fn a_row_lost_from_an_unnamed_table_undoes_the_run() {
    let scratch = at_version_2();
    scratch.execute(
        "INSERT INTO a VALUES (1), (2); INSERT INTO b VALUES (1);
         CREATE TRIGGER sly AFTER DELETE ON b BEGIN DELETE FROM a WHERE id = old.id; END;",
    );
    write(&scratch, "003_c", "DELETE FROM b;");
    let error = scratch.project.upgrade(Target::Latest).unwrap_err().to_string();
    assert_eq!(
        error,
        "003_c would damage the data, nothing was changed: table a would hold 1 of its 2 rows though the \
         migration does not name it"
    );
    assert_eq!(scratch.query("SELECT CAST(count(*) AS TEXT) FROM a"), [Some("2".into())]);
    write(&scratch, "003_c", "DELETE FROM b; -- A is only in a comment\n");
    scratch.project.upgrade(Target::Latest).unwrap_err();
    write(&scratch, "003_c", "DELETE FROM b; DELETE FROM \"A\" WHERE id = 1;");
    scratch.project.upgrade(Target::Latest).unwrap();
}

#[test]
fn without_the_check_a_row_may_be_lost() {
    let scratch = at_version_2();
    scratch.execute(
        "INSERT INTO a VALUES (1); INSERT INTO b VALUES (1);
         CREATE TRIGGER sly AFTER DELETE ON b BEGIN DELETE FROM a; END;",
    );
    write(&scratch, "003_c", "DELETE FROM b;");
    let settings = with!(Settings { verify: false });
    scratch.project.clone().with(settings).upgrade(Target::Latest).unwrap();
    assert_eq!(scratch.query("SELECT CAST(count(*) AS TEXT) FROM a"), [Some("0".into())]);
}

#[test]
fn a_target_is_a_number_a_version_or_a_name() {
    let names = ["00000000000000_setup", "2018-01-14-171611_a", "2026-11-25-065007-0000_b", "2026-12-01-000000_c"];
    for (targets, left) in [
        (["00000000000000", "00000000000000_setup", "00000000-000000"], "00000000000000"),
        (["20180114171611", "2018-01-14-171611", "2018-01-14-171611_a"], "20180114171611"),
        (["202611250650070000", "2026-11-25-065007-0000", "2026-11-25-065007-0000_b"], "202611250650070000"),
        (["0", "0", "0"], "0"),
    ] {
        for target in targets {
            let scratch = Scratch::new();
            for name in names {
                write(&scratch, name, "CREATE TABLE IF NOT EXISTS t (id INTEGER);");
                fs::write(scratch.path().join("migrations/sqlite").join(name).join("down.sql"), "").unwrap();
            }
            scratch.project.upgrade(Target::Latest).unwrap();
            let steps = scratch.project.downgrade(Target::version(target)).unwrap();
            assert_eq!(steps.last().unwrap().version.to_string(), left, "{target}");
            assert_eq!(scratch.project.version().unwrap().to_string(), left, "{target}");
        }
    }
    let scratch = at_version_2();
    for target in ["1", "01", "001", "001_a", "001_whatever"] {
        assert_eq!(scratch.project.revertible(Target::version(target)).unwrap()[0].version, 1, "{target}");
    }
    for target in ["4", "2018", "x"] {
        let error = scratch.project.upgrade(Target::version(target)).unwrap_err().to_string();
        assert_eq!(error, format!("no migration has the version {target}: they go up to 3"));
    }
}

#[test]
fn a_target_in_the_other_direction_is_refused() {
    let scratch = at_version_2();
    assert_eq!(
        scratch.project.downgrade(Target::Latest).unwrap_err().to_string(),
        "the database is at version 2: 3 is an upgrade"
    );
    assert_eq!(
        scratch.project.upgrade(Target::Previous).unwrap_err().to_string(),
        "the database is at version 2: 1 is a downgrade"
    );
    scratch.project.upgrade(Target::Latest).unwrap();
    assert_eq!(scratch.project.downgrade(Target::Latest).unwrap(), []);
    assert_eq!(scratch.project.version().unwrap(), 3);
}

#[test]
fn the_next_name_is_in_the_style_of_the_newest() {
    let next = |names: &[&str]| {
        let scratch = Scratch::new();
        for name in names {
            scratch.script(name, "");
        }
        let folder = scratch.project.write_empty("Add me")?;
        Ok::<_, Error>(folder.replace("migrations/sqlite/", ""))
    };
    for (names, expected) in [
        (vec![], "001_add_me"),
        (vec!["001_a", "002_b"], "003_add_me"),
        (vec!["0009_a"], "0010_add_me"),
        (vec!["01_a", "02_b"], "03_add_me"),
        (vec!["1_a"], "2_add_me"),
        // A migration from the future, or of this second.
        (vec!["2199-01-01-000000-0000_a"], "2199-01-01-000000-0001_add_me"),
        (vec!["2199-01-01-000000-0009_a"], "2199-01-01-000000-000a_add_me"),
        (vec!["21990101000000_a"], "2199-01-01-000000-0000_add_me"),
    ] {
        assert_eq!(next(&names).unwrap(), expected);
    }
    for newest in ["00000000000000_diesel_initial_setup", "20151219180527_a", "2018-01-14-171611_a", "20180114_a"] {
        let (before, name) =
            (chrono::Utc::now().format("%Y-%m-%d-%H%M%S-0000_add_me").to_string(), next(&[newest]).unwrap());
        assert!(name >= before && name.ends_with("-0000_add_me"), "{name} after {newest}");
        assert!(Version::of_folder(&name) > Version::of_folder(newest));
    }
    for newest in ["9_a", "99_a", "999_a", "99999999999999_a", "2199-01-01-000000-ffff_a"] {
        let error = next(&[newest]).unwrap_err().to_string();
        assert!(error.contains("Diesel sorts versions as text"), "{error}");
    }
}

#[test]
fn refuses_two_migrations_that_one_version_may_mean() {
    for [first, second] in [["001_a", "001_b"], ["001_a", "1_b"], ["2018-01-14-171611_a", "20180114171611_b"]] {
        let error =
            Migrations::embedded([&*format!("{first}/up.sql"), &*format!("{second}/up.sql")].map(|path| (path, "")));
        assert_eq!(error.unwrap_err().to_string(), format!("{second}: {first} has the same number: rename one"));
    }
}

#[test]
fn finds_the_migrations_where_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("migrations");
    let up = |name: &str| {
        fs::create_dir_all(root.join(name)).unwrap();
        fs::write(root.join(name).join("up.sql"), "CREATE TABLE a (id INTEGER);").unwrap();
    };
    let url = diesel_autogen::DatabaseUrl::parse("app.db", folder.path()).unwrap();
    let migrator = |per_database_folders| {
        let settings = with!(Settings { base: folder.path().to_owned(), per_database_folders: per_database_folders });
        Migrator::with_url(url.clone(), &root).with(settings)
    };
    let names = |migrator: &Migrator| -> Vec<_> {
        migrator.migrations().unwrap().iter().map(|migration| migration.name.clone()).collect()
    };
    // An empty folder is what the settings ask for.
    migrator(false).init().unwrap();
    assert_eq!(fs::read_dir(&root).unwrap().count(), 0);
    up("001_flat");
    for wants_own in [false, true] {
        assert_eq!(names(&migrator(wants_own)), ["001_flat"]);
    }
    fs::remove_dir_all(&root).unwrap();
    migrator(true).init().unwrap();
    assert!(root.join("sqlite").is_dir());
    up("sqlite/001_own");
    for wants_own in [false, true] {
        assert_eq!(names(&migrator(wants_own)), ["001_own"]);
    }
    up("001_flat");
    let error = migrator(false).migrations().unwrap_err().to_string();
    let said = "migrations/001_flat: beside it are folders for each kind of database; move it into one of them";
    assert_eq!(error, said);
    // One for the other kind of database counts too.
    fs::remove_dir_all(&root).unwrap();
    up("postgresql/001_other");
    migrator(false).init().unwrap();
    assert_eq!(names(&migrator(false)), [""; 0]);
    // Projects give the folders other names too.
    for (other, own) in [("postgres", "sqlite3"), ("pg", "sqlite3"), ("mysql", "sqlite")] {
        fs::remove_dir_all(&root).unwrap();
        up(&format!("{other}/001_other"));
        up(&format!("{own}/001_own"));
        for wants_own in [false, true] {
            assert_eq!(names(&migrator(wants_own)), ["001_own"], "{other}, {own}");
        }
    }
}

#[test]
fn upgrades_checksums_of_earlier_releases() {
    let scratch = at_version_2();
    // These had no time.
    scratch.execute("UPDATE __migrate_checksums SET checksum = substr(checksum, 1, 64)");
    assert_eq!(scratch.project.status().unwrap().edited, [""; 0]);
    write(&scratch, "001_a", "SELECT 1;");
    assert_eq!(scratch.project.status().unwrap().edited, ["001_a"]);
}
