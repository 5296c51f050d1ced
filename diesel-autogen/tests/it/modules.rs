//! The modules of the library form one pipeline, and only those below `database` know an engine.

use std::fs;
use std::path::Path;

use test_support::modules::{cycles, imports_of_crate};

#[test]
fn there_is_no_import_cycle() {
    let imports = imports_of_crate(env!("CARGO_MANIFEST_DIR"), "diesel_autogen");
    assert!(imports["diesel_autogen::migrator"].contains("diesel_autogen::diff"), "{imports:#?}");
    assert!(
        imports["diesel_autogen::rehearsal"].contains("diesel_autogen::database::driver"),
        "a re-export is resolved: {imports:#?}"
    );
    let cycles = cycles(&imports);
    assert!(cycles.is_empty(), "modules in a cycle, and what they import: {cycles:#?}");
}

#[test]
fn engines_are_named_below_database_only() {
    let words = ["SqliteConnection", "PgConnection", "PRAGMA", "pragma_", "sqlite_master", "sqlite_schema", "pg_"];
    let mut found = Vec::new();
    each_file(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut |path, text| {
        let is_below = path.components().any(|component| component.as_os_str() == "database");
        found.extend(
            words.iter().filter(|word| !is_below && text.contains(**word)).map(|word| (path.to_owned(), *word)),
        );
    });
    assert_eq!(found, []);
}

#[test]
fn one_place_chooses_the_kind_of_database() {
    let mut places = Vec::new();
    each_file(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut |path, text| {
        if text.contains("Box::new(sqlite::") || text.contains("Box::new(postgres::") {
            places.push(path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().display().to_string());
        }
    });
    assert_eq!(places, ["src/database/mod.rs"]);
}

fn each_file(folder: &Path, visit: &mut dyn FnMut(&Path, &str)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            each_file(&path, visit);
        } else {
            visit(&path, &fs::read_to_string(&path).unwrap());
        }
    }
}
