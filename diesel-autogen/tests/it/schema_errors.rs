//! The compile errors of `schema!`, one file for each kind. Correct declarations are in `schema_macro.rs`: a case
//! that compiles would make trybuild build every dependency again.

#[test]
fn wrong_declarations_are_compile_errors() {
    trybuild::TestCases::new().compile_fail("tests/schema_errors/*.rs");
}
