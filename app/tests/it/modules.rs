//! The modules of the crate have no import cycle.

use test_support::modules::{cycles, imports_of_crate};

#[test]
fn there_is_no_import_cycle() {
    let imports = imports_of_crate(env!("CARGO_MANIFEST_DIR"), "app");
    assert!(imports["app::site::pages::home"].contains("app::site::links"), "{imports:#?}");
    assert!(imports["app::site::templates"].contains("app::models::user"), "a re-export is resolved: {imports:#?}");
    let cycles = cycles(&imports);
    assert!(cycles.is_empty(), "modules in a cycle, and what they import: {cycles:#?}");
}
