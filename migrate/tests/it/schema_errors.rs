//! What `schema!` says about wrong declarations, one file a kind of error. Right ones are in `schema_macro.rs`: a
//! passing case here would make trybuild compile every dependency once more.

#[test]
fn a_wrong_declaration_is_a_compile_error_that_points_at_it() {
    trybuild::TestCases::new().compile_fail("tests/schema_errors/*.rs");
}
